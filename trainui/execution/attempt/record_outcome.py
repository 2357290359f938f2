"""Records how an attempt ended, after its metrics are flushed; `outcome` makes the decision."""

from __future__ import annotations

import errno
import logging
import threading
from dataclasses import replace
from pathlib import Path

from trainui import clock
from trainui.errors import TrainuiError
from trainui.execution import gpus
from trainui.execution.attempt import metrics_flush
from trainui.execution.attempt import outcome as attempt_outcome
from trainui.execution.attempt.launch import context_of
from trainui.execution.attempt.lost_attempts import last_sign_of_life
from trainui.execution.attempt.metrics_flush import FlushResult
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import AttemptContext, definition_of
from trainui.model.definition import StageDefinition
from trainui.model.notifications import CHECKPOINT
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.resume import checkpoints, undeclared
from trainui.search import results
from trainui.store import shell_environment
from trainui.store.db.engine import Store
from trainui.store.points import write_points
from trainui.store.runs import attempts, runs
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.metrics_progress import mark_metrics_complete
from trainui.supervisor import journal, protocol
from trainui.supervisor.protocol import Exit, ExitReason
from trainui.system import plain_files

logger = logging.getLogger(__name__)

LOST_PATIENCE = 10.0
"""Seconds that the metrics reader gets if no supervisor recorded the end; the loss is on record
within 15. A later reader still reads the rest."""

_NEVER_STARTED = (ExitReason.START_FAILED, ExitReason.LOCK_HELD, ExitReason.POSTPONED)

_TRANSIENT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ENOMEM}
)
"""Transient system errors at the start of an attempt: disk full, quota exceeded, file system
(re)mounted read-only, too many open files, too many processes, out of memory.

The stage is requeued with the reason and does not use up a retry, since it is not at fault.
"""


def record_end(
    store: Store, attempt: AttemptRecord, found: Exit | LostSupervisor, stopping: threading.Event
) -> bool:
    """Record the end of an attempt, as its supervisor reported it or after that died first.

    Returns False if this worker stopped before it was recorded; the next worker does it.
    """
    context, flushed = context_of(store, attempt.id), FlushResult.COMPLETE
    if isinstance(found, LostSupervisor):
        flushed = metrics_flush.wait_until_read(store, context, stopping, patience=LOST_PATIENCE)
    elif found.reason not in _NEVER_STARTED:
        flushed = metrics_flush.wait_until_read(store, context, stopping)
    if flushed == FlushResult.LEFT:
        return False
    if flushed != FlushResult.NOTHING:
        context = context_of(store, attempt.id)  # it may have changed meanwhile
    if context.attempt.status != Status.RUNNING:
        return True  # already recorded
    if isinstance(found, Exit) and (why := _reason_to_requeue(context.attempt, found)) is not None:
        requeue(store, context.attempt, why)
        return True
    definition = _definition(context)
    outcome = decide(context, definition, found)
    if outcome.status == Status.COMPLETED and flushed != FlushResult.GIVEN_UP:
        outcome = _with_objective(store, context, outcome)
    _end(store, context, definition, outcome, flushed)
    return True


def _reason_to_requeue(attempt: AttemptRecord, found: Exit) -> str | None:
    """Return why an attempt did not start although it is not at fault; None if it did, or is."""
    if found.reason == ExitReason.LOCK_HELD:
        taken = ", ".join(f"GPU {index}" for index in attempt.gpus) or "its slot"
        return f"{taken} cannot be locked: {found.message}"
    is_short = found.reason == ExitReason.START_FAILED and is_transient_errno(found.errno)
    return str(found.message) if is_short or found.reason == ExitReason.POSTPONED else None


def decide(
    context: AttemptContext, definition: StageDefinition, found: Exit | LostSupervisor
) -> Outcome:
    """Return how an attempt ended, as its supervisor recorded it or after that died first."""
    attempt = context.attempt
    if isinstance(found, Exit):
        masker = shell_environment.masker(Path(context.run.directory))
        return attempt_outcome.outcome(attempt, definition, found, masker)
    directory = Path(attempt.directory)
    pids = journal.readable_pids(directory)
    removed = plain_files.look(directory / protocol.LOCK_FILE) is None
    return attempt_outcome.lost(
        attempt,
        definition,
        replace(found, records_removed=removed),
        started_at=pids.started_at if pids else None,
        completed_at=clock.now() if found.seen_alive else last_sign_of_life(directory),
    )


def _with_objective(store: Store, context: AttemptContext, outcome: Outcome) -> Outcome:
    """Return the outcome of a completed attempt: a trial without a value of its metric failed.

    While points of an earlier attempt are left to be read, it is the search that decides later.
    """
    search, own = context.stage.definition.search, context.attempt.id
    if search is None or not search.asks:
        return outcome
    with store.read() as connection:
        problem = results.metric_problem(connection, context.stage.id, search.metric)
        tries = attempts.of_stage(connection, context.stage.id) if problem else []
    if problem is None or not all(one.metrics_complete or one.id == own for one in tries):
        return outcome
    return replace(outcome, status=Status.FAILED, error=problem, result=None, retry=False)


def record(store: Store, attempt: AttemptRecord, outcome: Outcome) -> None:
    """Record the outcome of an attempt that never had a process, or that cannot be inspected.

    Secrets in its error are masked already.
    """
    with store.write() as connection:
        attempts.end(connection, attempt.id, outcome)


def requeue(store: Store, attempt: AttemptRecord, reason: str) -> None:
    """Requeue a stage whose GPU, slot or system resources are unavailable; it never started."""
    with store.write() as connection:
        attempts.requeue(connection, attempt.id, reason)


def _definition(context: AttemptContext) -> StageDefinition:
    """Return the definition that the process had, or the submitted one if that fails."""
    submitted = context.stage.definition
    if not (submitted.outputs or submitted.success or submitted.checkpoint):
        return submitted  # the other fields do not matter here
    try:
        return definition_of(context, context.attempt.checkpoint)
    except TrainuiError as error:
        logger.warning("%s: using the submitted definition: %s", context.stage.name, error)
        return submitted


def _end(
    store: Store,
    context: AttemptContext,
    definition: StageDefinition,
    outcome: Outcome,
    flushed: FlushResult,
) -> None:
    attempt = context.attempt
    if outcome.error is not None:
        error = _with_gpus(attempt, outcome.status, outcome.error)
        outcome = replace(outcome, error=_masked(context, error))
    if outcome.reason is not None:
        reason = _with_gpus(attempt, outcome.status, outcome.reason)
        outcome = replace(outcome, reason=_masked(context, reason))
    if definition.checkpoint is not None:
        try:  # it did not write later ones than those that exist now
            outside = _search(context, definition).outside()
            checkpoints.note_after(outside, Path(attempt.directory))
        except OSError as error:
            logger.warning("%s: could not record its checkpoints: %s", context.stage.name, error)
    tried = _made_no_progress(store, context, definition, outcome)
    left = None
    if outcome.status not in (Status.COMPLETED, Status.PRUNED):
        left = undeclared.find(store, context.stage, [attempt])
    with store.write() as connection:
        if tried:
            attempts.mark_checkpoint_tried(connection, attempt.id)
        if flushed == FlushResult.NOTHING:
            mark_metrics_complete(connection, attempt.id)
        attempts.end(connection, attempt.id, outcome)
        if left is not None:
            text = f"{context.stage.name}: {left.words}"
            runs.record_stage_event(
                connection, context.stage, CHECKPOINT, text, attempt=attempt.number
            )
    name, run_id = context.stage.name, context.run.id
    logger.info("%s of run %s, attempt %d: %s", name, run_id, attempt.number, outcome.status)


def _with_gpus(attempt: AttemptRecord, status: Status, error: str) -> str:
    """Append the state of the attempt's GPUs to the first line of an error, which is displayed."""
    if not attempt.gpus:
        return error
    if status in (Status.CANCELLED, Status.PRUNED) or attempt.stops_early:
        words = gpus.await_memory(attempt.gpus)
    else:
        words = gpus.problems_of(attempt.gpus) or ""
    first, separator, rest = error.partition("\n")
    return f"{first}{'; ' if words else ''}{words}{separator}{rest}"


def masked(store: Store, attempt: AttemptRecord, error: str) -> str:
    """Return an error message with the stage's secrets masked."""
    return _masked(context_of(store, attempt.id), error)


def _masked(context: AttemptContext, error: str) -> str:
    """Mask the run's secrets, which may occur in any message about its files and commands."""
    return shell_environment.masker(Path(context.run.directory)).text(error)


def _made_no_progress(
    store: Store, context: AttemptContext, definition: StageDefinition, outcome: Outcome
) -> bool:
    """Return True if an attempt that continued ended before it wrote a point or a checkpoint.

    False for a cancelled attempt, which says nothing about its checkpoint.
    """
    attempt = context.attempt
    if attempt.checkpoint is None or outcome.status not in (Status.FAILED, Status.INTERRUPTED):
        return False
    with store.read() as connection:
        if write_points.names_by_source(connection, attempt.stage_id, attempt.number):
            return False
    started = plain_files.look(Path(attempt.directory) / protocol.STARTED_FILE)
    if started is None:
        return False  # it never started
    return not checkpoints.newer_than(_search(context, definition), started.st_mtime_ns)


def _search(context: AttemptContext, definition: StageDefinition) -> checkpoints.CheckpointSearch:
    attempt_dirs = [context.attempt.directory]
    return checkpoints.search(definition, context.stage.directory, attempt_dirs)


def is_transient(error: BaseException | None) -> bool:
    """Return True if an error at the start, or a cause in its chain, is transient."""
    while error is not None:
        if isinstance(error, OSError) and is_transient_errno(error.errno):
            return True
        error = error.__cause__
    return False


def is_transient_errno(number: int | None) -> bool:
    """Return True if an errno is transient."""
    return number in _TRANSIENT
