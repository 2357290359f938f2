"""Before a new attempt of a stage starts, every process of the earlier ones is gone.

A trainer whose launcher died goes on writing checkpoints: two of one stage at once would spoil
each other's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord
from trainui.errors import TrainuiError
from trainui.supervisor import process
from trainui.supervisor.process import ProbeState

LOOK_EVERY = 0.05
SUPERVISOR_PATIENCE = 20.0
"""Seconds that a supervisor gets besides the grace of its stage: it gives up by itself before."""


class PredecessorLivesError(TrainuiError):
    """A process of an earlier attempt does not end, so no new attempt may start beside it."""


def end_all(earlier: Iterable[AttemptRecord], definition: StageDefinition) -> None:
    """End every process of earlier attempts.

    Args:
        earlier: attempts whose end is on record.
        definition: their stage's, for its stop signal and grace.

    Raises:
        PredecessorLivesError: a process outlives even KILL.
    """
    for attempt in earlier:
        directory = Path(attempt.directory)
        if directory.is_dir() and not _is_known_to_be_gone(directory):
            _end(directory, attempt.number, definition)


def _is_known_to_be_gone(directory: Path) -> bool:
    found = process.probe(directory)
    if found.state == ProbeState.ENDED and found.exit is not None:
        return not found.exit.left
    return found.state in (ProbeState.NONE, ProbeState.LOST)


def _end(directory: Path, number: int, definition: StageDefinition) -> None:
    process.request_stop(directory)
    give_up_at = time.monotonic() + definition.grace + SUPERVISOR_PATIENCE
    while not _is_known_to_be_gone(directory):
        try:
            left = process.kill_orphans(directory, definition.stop_signal, definition.grace)
        except process.SupervisorLivesError as error:
            if time.monotonic() > give_up_at:
                raise PredecessorLivesError(
                    f"the supervisor of attempt {number} does not end; end it, and resume"
                ) from error
            time.sleep(LOOK_EVERY)
        else:
            _raise_if_any(left, number)
            return


def _raise_if_any(left: list[int], number: int) -> None:
    if left:
        pids = ", ".join(str(pid) for pid in left)
        raise PredecessorLivesError(
            f"process {pids} of attempt {number} outlives even KILL; no new attempt may start "
            "beside it: end it or restart the machine, and resume"
        )
