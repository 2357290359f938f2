"""Ends every process of a stage's earlier attempts before a new attempt starts.

A trainer whose launcher died keeps writing checkpoints; two trainers of one stage would corrupt
each other's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from trainui.errors import TrainuiError
from trainui.execution.attempt.executors import Executors, job_of
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.plugin.records import ExecutorBackend, JobState, StageJob

POLL_EVERY = 0.05
SUPERVISOR_PATIENCE = 20.0
"""Seconds that a supervisor gets after the stage's grace period; it normally ends earlier."""


class PreviousAttemptLivesError(TrainuiError):
    """A process of an earlier attempt does not end, so no new attempt may start."""


def end_all(earlier: Iterable[AttemptContext], executors: Executors) -> None:
    """End everything of earlier attempts, whose end is recorded.

    Raises:
        PreviousAttemptLivesError: something of one cannot be ended.
    """
    for one in earlier:
        _end(one, executors.of(one.attempt), job_of(one))


def _end(one: AttemptContext, executor: ExecutorBackend, job: StageJob) -> None:
    found = executor.probe(job)
    if found.state in (JobState.GONE, JobState.NONE, JobState.UNREADABLE):
        return
    executor.stop(job)
    give_up_at = time.monotonic() + job.grace + SUPERVISOR_PATIENCE
    while left := executor.prove_gone(job):
        if time.monotonic() > give_up_at:
            raise PreviousAttemptLivesError(
                f"attempt {one.attempt.number} still runs: {', '.join(left)} cannot be ended; no "
                "new attempt may start while it is alive: end it or restart the machine, then "
                "resume"
            )
        time.sleep(POLL_EVERY)
