"""How long a stage that is to be tried again still waits: no longer than its delay, by any clock.

The time in the database is the wall clock's. Where that was set back, the delay itself counts,
measured since this worker first saw it.
"""

from __future__ import annotations

import time

from trainui import clock
from trainui.domain.records import StageRecord
from trainui.store.runs.launching import LONGEST_PAUSE

MOST = 10_000
"""Delays that are remembered; more waiting stages are no more than their delay late again."""


class RetryTimers:
    """The delays that this worker has seen."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], float] = {}

    def left(self, stage: StageRecord) -> float:
        """Return the seconds until a stage may start; 0 where it may."""
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
        """Return when a stage may start by the clock as it is now; None: at once."""
        left = self.left(stage)
        return clock.now() + int(left * clock.SECOND) if left else None


def _longest(stage: StageRecord, not_before: int) -> float:
    """Return its whole delay: after the end of an attempt, or after it was put back unstarted."""
    if stage.completed_at is None:
        return LONGEST_PAUSE
    return (not_before - stage.completed_at) / clock.SECOND
