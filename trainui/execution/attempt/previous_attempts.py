"""Ends every process of a stage's earlier attempts before a new attempt starts.

A trainer whose launcher died keeps writing checkpoints; two trainers of one stage would corrupt
each other's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from trainui.errors import TrainuiError
from trainui.execution.attempt.prepared_process import AttemptContext, identity_of
from trainui.supervisor import orphans, process
from trainui.supervisor.process import ProbeState

POLL_EVERY = 0.05
SUPERVISOR_PATIENCE = 20.0
"""Seconds that a supervisor gets after the stage's grace period; it normally ends earlier."""


class PreviousAttemptLivesError(TrainuiError):
    """A process of an earlier attempt does not end, so no new attempt may start."""


def end_all(earlier: Iterable[AttemptContext]) -> None:
    """End every process of earlier attempts, whose end is recorded.

    Raises:
        PreviousAttemptLivesError: a process survives SIGKILL.
    """
    for one in earlier:
        if not _is_known_to_be_gone(one):
            _end(one)


def _is_known_to_be_gone(one: AttemptContext) -> bool:
    found = process.probe(Path(one.attempt.directory), identity_of(one))
    if found.exit is not None:
        return not found.exit.left
    return found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN)


def _end(one: AttemptContext) -> None:
    directory, number = Path(one.attempt.directory), one.attempt.number
    stop_signal, grace = one.stage.definition.stop_signal, one.stage.definition.grace
    process.request_stop(directory, identity_of(one))
    give_up_at = time.monotonic() + grace + SUPERVISOR_PATIENCE
    while not _is_known_to_be_gone(one):
        try:
            left = orphans.kill_orphans(directory, stop_signal, grace, identity_of(one))
        except orphans.SupervisorLivesError as error:
            if time.monotonic() > give_up_at:
                raise PreviousAttemptLivesError(
                    f"the supervisor of attempt {number} does not exit; kill it, then resume"
                ) from error
            time.sleep(POLL_EVERY)
            continue
        if left:
            pids = ", ".join(map(str, left))
            raise PreviousAttemptLivesError(
                f"process {pids} of attempt {number} survives SIGKILL; no new attempt may start "
                "while it is alive: end it or restart the machine, then resume"
            )
        return
