"""An attempt's own pace, and whether it is stalled: silent for much longer than that.

The rule lives here and nowhere else. A sign of life is that one of its logs grew or that metrics
of it were read. It is stalled when it gave none for longer than a minute, than ten times the
median of the gaps between its last hundred signs, and than twice the longest of them, so that an
evaluation that comes now and then is none. An attempt that gave fewer than six has no pace yet.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable

LEAST_SILENCE = 60.0
"""Seconds: a shorter silence is never worth a look."""

OF_MEDIAN, OF_LONGEST = 10.0, 2.0

GAPS = 100
"""As many are remembered: the pace is that of the present phase, not of the first hour."""

LEAST_GAPS = 5


class Cadence:
    """The pace of one attempt; times are seconds on one clock that never goes back."""

    def __init__(
        self,
        signs: Iterable[float],
        *,
        least_silence: float = LEAST_SILENCE,
        of_median: float = OF_MEDIAN,
        of_longest: float = OF_LONGEST,
    ) -> None:
        """Begin with the signs of life that are known.

        Args:
            signs: when they were.
            least_silence: seconds; a shorter silence is none.
            of_median: a silence is so many times as long as the median of the gaps.
            of_longest: and as the longest of them.
        """
        self._of_median, self._of_longest = of_median, of_longest
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._least_silence = least_silence
        self._last = float("-inf")
        for time in signs:
            self.note(time)

    def note(self, time: float) -> None:
        """Note a sign of life."""
        if self._last < time and self._last > float("-inf"):
            self._gaps.append(time - self._last)
        self._last = max(self._last, time)

    def silence(self, now: float) -> float:
        """Tell for how long it has given no sign of life."""
        return now - self._last

    @property
    def patience(self) -> float:
        """Seconds of silence after which it counts as stalled."""
        if len(self._gaps) < LEAST_GAPS:
            return float("inf")
        usual = self._of_median * statistics.median(self._gaps)
        return max(self._least_silence, usual, self._of_longest * max(self._gaps))

    def is_stalled(self, now: float) -> bool:
        """Whether it is silent for much longer than its own pace."""
        return self.silence(now) > self.patience
