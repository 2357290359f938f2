"""Prepares a stage's directory for its next attempt: nothing of earlier ones runs in it.

A trainer whose launcher died keeps writing checkpoints; two trainers of one stage would corrupt
each other's. So every process of an earlier attempt is ended first. Then the directory is kept, or
renamed to start with an empty one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from trainui import paths
from trainui.errors import TrainuiError, UnfitEnvironmentError
from trainui.execution.attempt.executors import Executors, job_of
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.model.records import AttemptRecord, StageRecord
from trainui.plugin.records import ExecutorBackend, JobState, StageJob
from trainui.resume import checkpoints, outputs
from trainui.store.db.engine import Store
from trainui.store.runs import attempts
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ProbeState

POLL_EVERY = 0.05
SUPERVISOR_PATIENCE = 20.0
"""Seconds that a supervisor gets after the stage's grace period; it normally ends earlier."""


class PreviousAttemptLivesError(TrainuiError):
    """A process of an earlier attempt does not end, so no new attempt may start."""


def end_previous(earlier: Iterable[AttemptContext], executors: Executors) -> None:
    """End everything of earlier attempts, whose end is recorded.

    Raises:
        PreviousAttemptLivesError: something of one cannot be ended.
    """
    for one in earlier:
        _end_one(one, executors.of(one.attempt), job_of(one))


def _end_one(one: AttemptContext, executor: ExecutorBackend, job: StageJob) -> None:
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


def move_away_if_fresh(store: Store, stage: StageRecord, earlier: Sequence[AttemptRecord]) -> None:
    """Rename a stage's directory to `STAGE~N` if the stage starts fresh; nothing is deleted.

    A worker may die at any point: the next one continues from there.

    Raises:
        OSError: it cannot be renamed.
    """
    with store.read() as connection:
        if not attempts.is_fresh(connection, stage.id):
            return
    for one in earlier:
        checkpoints.disown(Path(one.directory))
    moved_to = _move_away(Path(stage.directory), earlier)
    with store.write() as connection:
        attempts.record_move(connection, stage, moved_to)


def make_records(directory: Path) -> None:
    """Create the directory of an attempt before it is claimed.

    It is never created later: if it is missing then, it was removed, maybe by the stage itself.

    Raises:
        OSError: it cannot be created.
        UnfitEnvironmentError: it cannot be made private.
    """
    for above in (directory.parents[1], directory.parent):
        paths.make_private(above)
    process.create_lock(paths.make_private(directory))


def move_forgotten(directory: Path) -> None:
    """Rename the directories of attempts that ran before an older database was restored.

    So none is taken for this attempt.

    Raises:
        OSError: one cannot be renamed.
        UnfitEnvironmentError: the records of one cannot be read.
        PreviousAttemptLivesError: one still runs.
    """
    for one in outputs.forgotten(directory):
        what = f"{one} belongs to an attempt that the restored database does not contain"
        try:
            is_alive = process.probe(one).state in (ProbeState.RUNNING, ProbeState.ORPHAN)
            pids = protocol.read_pids(one) if is_alive else None
        except protocol.JournalError as error:
            raise UnfitEnvironmentError(
                f"{what}, and {error}: make sure that its process has ended, move the directory "
                "away, then resume the run"
            ) from error
        if is_alive:
            raise PreviousAttemptLivesError(
                f"{what}, and its process{f' {pids.pid}' if pids else ''} still runs: end it, then "
                "resume the run"
            )
        one.rename(next(name for name in _numbered(one) if not name.exists()))


def _numbered(directory: Path) -> Iterator[Path]:
    return (directory.with_name(f"{directory.name}~{n}") for n in itertools.count(1))


def _move_away(directory: Path, earlier: Sequence[AttemptRecord]) -> Path | None:
    """Rename a stage's directory and those of its attempts; return its new path.

    Return None if neither exists. Completes a move that an earlier worker began.
    """
    recorded = [Path(one.directory) for one in earlier]
    own = [path for path in recorded if paths.stage_directory(path) == directory]
    target = _target(directory, own)
    for path in own:
        if path.is_relative_to(paths.records_directory(directory)) and path.exists():
            path.rename(paths.make_private(paths.records_directory(target)) / path.name)
    if directory.exists() and not target.exists():
        directory.rename(target)
    return target if _is_taken(target) else None


def _target(directory: Path, records: Sequence[Path]) -> Path:
    """Return the first free name, or the last used one if a move to it was interrupted."""
    taken = list(itertools.takewhile(_is_taken, _numbered(directory)))
    if taken and _was_interrupted(directory, taken[-1], records):
        return taken[-1]
    return directory.with_name(f"{directory.name}~{len(taken) + 1}")


def _was_interrupted(directory: Path, target: Path, records: Sequence[Path]) -> bool:
    """Return True if a move began and is not on record.

    If what was moved exists in both places, an older database and its files were restored since.
    """
    if directory.exists() and target.exists():
        return False
    moved = [(path, attempts.moved(path, directory, target)) for path in records]
    return any(after.is_dir() and not before.exists() for before, after in moved)


def _is_taken(directory: Path) -> bool:
    return directory.exists() or paths.records_directory(directory).exists()
