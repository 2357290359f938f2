"""The cadence of an attempt (the usual gap between its outputs), and the rule for a stall.

Activity means that one of its logs grew or that metrics of it were read. The attempt is stalled
if it has been silent for longer than each of: a minute, ten times the median of its last hundred
gaps, and twice the longest of them. The last condition allows for occasional evaluations. With
fewer than six activities the usual gap is that of its stored points, if there are enough; else
there is no cadence yet, and no stall.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable

LEAST_SILENCE = 60.0
"""Seconds: a shorter silence is never a stall."""

OF_MEDIAN, OF_LONGEST = 10.0, 2.0

GAPS = 100
"""Number of gaps kept, so that the cadence is that of the current phase of the training."""

LEAST_GAPS = 5


class StallRule:
    """The cadence of one attempt and its limit; all times are seconds on one monotonic clock."""

    def __init__(
        self,
        times: Iterable[float],
        *,
        least_silence: float = LEAST_SILENCE,
        of_median: float = OF_MEDIAN,
        of_longest: float = OF_LONGEST,
    ) -> None:
        """Start with the known activity.

        Args:
            times: of the known activity.
            least_silence: seconds; a shorter silence is not a stall.
            of_median: a stall is longer than the median gap times this factor.
            of_longest: and longer than the longest gap times this factor.
        """
        self._of_median, self._of_longest = of_median, of_longest
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._least_silence = least_silence
        self._last = float("-inf")
        for time in times:
            self.note(time)

    def note(self, time: float) -> None:
        """Record activity at a time."""
        if self._last < time and self._last > float("-inf"):
            self._gaps.append(time - self._last)
        self._last = max(self._last, time)

    def assume(self, gap: float) -> None:
        """Take a gap as the usual one, besides those that are known."""
        self._gaps.extend([gap] * LEAST_GAPS)

    def silence(self, now: float) -> float:
        """Return the seconds since the last activity."""
        return now - self._last

    @property
    def is_known(self) -> bool:
        """True if there was enough activity to know the usual gap."""
        return len(self._gaps) >= LEAST_GAPS

    @property
    def patience(self) -> float:
        """Seconds of silence after which the attempt counts as stalled."""
        if not self.is_known:
            return float("inf")
        usual = self._of_median * statistics.median(self._gaps)
        return max(self._least_silence, usual, self._of_longest * max(self._gaps))

    def is_stalled(self, now: float) -> bool:
        """Return True if the silence is longer than `patience`."""
        return self.silence(now) > self.patience
