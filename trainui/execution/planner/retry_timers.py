"""Retry delays that are robust against changes of the wall clock.

The due time in the database is wall-clock time. If the clock was set back, the delay itself
counts, measured on the monotonic clock from when this worker first saw it.
"""

from __future__ import annotations

import time

from trainui import clock
from trainui.domain.records import StageRecord
from trainui.store.runs.launching import LONGEST_PAUSE

MOST = 10_000
"""Number of delays kept. If it is exceeded, the timers are cleared and delays start again."""


class RetryTimers:
    """The retry delays that this worker has seen."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], float] = {}

    def left(self, stage: StageRecord) -> float:
        """Return the seconds until a stage may start; 0 if it may start now."""
        if stage.not_before is None:
            return 0.0
        left = (stage.not_before - clock.now()) / clock.SECOND
        now, key = time.monotonic(), (stage.id, stage.not_before)
        if key not in self._due:
            if len(self._due) >= MOST:
                self._due.clear()
            self._due[key] = now + min(left, _longest(stage, stage.not_before))
        return max(min(left, self._due[key] - now), 0.0)

    def not_before(self, stage: StageRecord) -> int | None:
        """Return the time at which a stage may start, on the current wall clock; None: now."""
        left = self.left(stage)
        return clock.now() + int(left * clock.SECOND) if left else None


def _longest(stage: StageRecord, not_before: int) -> float:
    """Return the full delay in seconds: after the end of an attempt, or after a requeue."""
    if stage.completed_at is None:
        return LONGEST_PAUSE
    return (not_before - stage.completed_at) / clock.SECOND
