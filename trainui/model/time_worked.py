"""Time worked: how long the attempts of a run ran, without the pauses in which none did.

Everything that says how long a run or a stage took means this. A run's is the union of its
attempts' intervals. A stage's is their sum (`StageRecord.worked_until`), since they never overlap,
and so a clock that was set back between two of them cannot make it shorter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class TimeWorked(NamedTuple):
    """The time worked by a run, with an interval that may not have ended yet."""

    ended: int = 0
    """Microseconds of the intervals that have ended."""
    since: int | None = None
    """Start of the interval in which an attempt is running; None: none is."""

    def until(self, now: int) -> int:
        """Return the microseconds worked until now."""
        return self.ended + (0 if self.since is None else max(now - self.since, 0))

    def stopped_at(self, moment: int) -> TimeWorked:
        """Return it with the running interval ended at a moment."""
        return TimeWorked(self.until(moment))


def union(intervals: Iterable[tuple[int, int | None]]) -> TimeWorked:
    """Return the time covered by intervals; an end of None is that of a running attempt.

    An interval that ends before it starts, since the clock was set back meanwhile, has no length.
    """
    ended, covered, since = 0, 0, None
    for start, end in sorted(intervals, key=lambda one: one[0]):
        if end is None:
            since = max(start, covered)
            break  # it covers all that follows
        if end > covered:
            ended += max(end - max(start, covered), 0)
            covered = end
    return TimeWorked(ended, since)
