"""Records how an attempt ended, after its metrics are read; `outcome` makes the decision.

The wait for the metrics is bounded: a stuck reader must not block the pipeline.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

from trainui import clock, paths, system, wakeup
from trainui.errors import TrainuiError
from trainui.execution import gpus
from trainui.execution.attempt import outcome as attempt_outcome
from trainui.execution.attempt.lost_attempts import last_sign_of_life
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import AttemptContext, context_of, definition_of
from trainui.execution.daemon import metrics_process
from trainui.metrics import new_best
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord
from trainui.model.states import BEST, CAUSE, CHECKPOINT, NAN, Status
from trainui.resume import checkpoints, integrity, search_results, undeclared
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, write_points
from trainui.store.read import event_feed, views
from trainui.store.runs import attempts, runs, stages
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.metrics_progress import mark_metrics_complete
from trainui.supervisor import protocol
from trainui.supervisor.protocol import Exit, ExitReason

logger = logging.getLogger(__name__)

FLUSH_PATIENCE = 30.0
"""Seconds without progress until the wait is given up."""

ABSENT_PATIENCE = 15.0
"""Seconds for which the reader may be absent: one that hangs is replaced earlier."""

UNLOCKED_FOR = 5.0
"""Seconds of these in which the store must be writable: a lock is not the reader's fault."""

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two polls, growing: usually the reader is done at once, and dependants wait."""

LOST_PATIENCE = 10.0
"""Seconds that the metrics reader gets if no supervisor recorded the end; the loss is on record
within 15. A later reader still reads the rest."""

MOST_NAN = 1000
"""The newest alerts about NaN among which an attempt's first is looked for."""

NAN_SEEN_WITHIN = 10 * clock.SECOND
"""How long before its alert a NaN may have been printed, on a busy machine."""

_NEVER_STARTED = (ExitReason.START_FAILED, ExitReason.LOCK_HELD, ExitReason.POSTPONED)

_TRANSIENT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ENOMEM}
)
"""Transient system errors at the start of an attempt: disk full, quota exceeded, file system
(re)mounted read-only, too many open files, too many processes, out of memory.

The stage is requeued with the reason and does not use up a retry, since it is not at fault.
"""


class FlushResult(Enum):
    """The result of the wait."""

    COMPLETE = auto()
    """All metrics are read."""
    NOTHING = auto()
    """It wrote no metrics, so there was no wait; that is not recorded yet."""
    GIVEN_UP = auto()
    """There was no progress for too long; an event was recorded."""
    LEFT = auto()
    """This worker is stopping; the next one waits again."""


def wait_until_read(
    store: Database,
    context: AttemptContext,
    stopping: threading.Event,
    *,
    patience: float = FLUSH_PATIENCE,
) -> FlushResult:
    """Wait until all metrics of an attempt are in the store.

    The wait is given up after `patience` seconds without progress, if the reader is absent for
    longer than it takes to replace it, or when this worker is stopping.

    Raises:
        StoreError: the store cannot be used; call again.
    """
    if _is_silent(context):
        return FlushResult.NOTHING
    attempt = context.attempt
    wakeup.wake_reader()
    pause, read, since = FIRST_PAUSE, -1, time.monotonic()
    writable_at: float | None = None
    while True:
        with store.read() as connection:
            if attempts.get(connection, attempt.id).metrics_complete:
                return FlushResult.COMPLETE
            found = point_sources.sources(connection, attempt.stage_id)
        absent = metrics_process.absence(paths.home())
        if (now_read := sum(source.offset for source in found)) != read:
            read, since, writable_at = now_read, time.monotonic(), None
        elif absent is not None and absent[0] > ABSENT_PATIENCE:
            _report_incomplete(
                store, attempt, f"the reader {absent[1]}; they are read once it is back"
            )
            return FlushResult.GIVEN_UP
        elif time.monotonic() - since > patience:
            if writable_at is None:
                store.await_writable()
                writable_at = time.monotonic()
            elif time.monotonic() - writable_at > min(UNLOCKED_FOR, patience):
                _report_incomplete(
                    store, attempt, f"the reader made no progress for {patience:g} s"
                )
                return FlushResult.GIVEN_UP
        if stopping.wait(pause):
            return FlushResult.LEFT
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _is_silent(context: AttemptContext) -> bool:
    """Return True if an attempt left nothing that could contain metrics.

    What searches for files is imported, which takes 60 ms, for a stage that printed nothing alone.
    """
    attempt, definition = context.attempt, context.stage.definition
    own = (protocol.METRICS_FILE, protocol.STDOUT_FILE, protocol.STDERR_FILE)
    found = (system.look(Path(attempt.directory) / name) for name in own)
    if any(file is not None and file.st_size for file in found):
        return False
    from trainui.metrics.discovery import stage_sources

    place = stage_sources.SearchDirectories(
        Path(attempt.directory), Path(context.stage.directory), Path(definition.workdir)
    )
    return stage_sources.is_silent(place, definition)


def _report_incomplete(store: Database, attempt: AttemptRecord, why: str) -> None:
    text = f"its metrics may be incomplete: {why}"
    with store.write() as connection:
        stage = stages.get(connection, attempt.stage_id)
        words = f"{stage.name}: {text}"
        runs.record_stage_event(connection, stage, "metrics", words, attempt=attempt.number)


def record_end(
    store: Database,
    attempt: AttemptRecord,
    found: Exit | LostSupervisor,
    stopping: threading.Event,
    executor_says: str = "",
) -> bool:
    """Record the end of an attempt, as its supervisor reported it or after that died first.

    `executor_says` is about its end. Returns False if this worker stopped before it
    was recorded; the next worker does it.
    """
    context, flushed = context_of(store, attempt.id), FlushResult.COMPLETE
    if isinstance(found, LostSupervisor):
        flushed = wait_until_read(store, context, stopping, patience=LOST_PATIENCE)
    elif found.reason not in _NEVER_STARTED:
        flushed = wait_until_read(store, context, stopping)
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
    outcome = decide(context, definition, found, executor_says)
    if isinstance(found, Exit) and found.reason == ExitReason.LIMIT:
        outcome = replace(outcome, goes_on=_has_saved(context, definition))
    if outcome.status == Status.COMPLETED and flushed != FlushResult.GIVEN_UP:
        outcome = _with_objective(store, context, outcome)
    cause = None
    if isinstance(found, Exit) and outcome.status == Status.FAILED:
        cause = _cause(store, context, definition, found, outcome.error or "")
    _end(store, context, definition, outcome, flushed, cause)
    return True


def _reason_to_requeue(attempt: AttemptRecord, found: Exit) -> str | None:
    """Return why an attempt did not start although it is not at fault; None if it did, or is."""
    if found.reason == ExitReason.LOCK_HELD:
        taken = ", ".join(f"GPU {index}" for index in attempt.gpus) or "its slot"
        return f"{taken} cannot be locked: {found.message}"
    is_short = found.reason == ExitReason.START_FAILED and is_transient_errno(found.errno)
    return str(found.message) if is_short or found.reason == ExitReason.POSTPONED else None


def decide(
    context: AttemptContext,
    definition: StageDefinition,
    found: Exit | LostSupervisor,
    executor_says: str = "",
) -> Outcome:
    """Return how an attempt ended, as its supervisor recorded it or after that died first."""
    attempt = context.attempt
    if isinstance(found, Exit):
        masker = shell_environment.masker(Path(context.run.directory))
        return attempt_outcome.of_exit(attempt, definition, found, masker, executor_says)
    directory = Path(attempt.directory)
    pids = protocol.readable_pids(directory)
    removed = system.look(directory / protocol.LOCK_FILE) is None
    return attempt_outcome.of_lost(
        attempt,
        definition,
        replace(found, records_removed=removed),
        started_at=pids.started_at if pids else None,
        completed_at=clock.now() if found.seen_alive else last_sign_of_life(directory),
    )


def _with_objective(store: Database, context: AttemptContext, outcome: Outcome) -> Outcome:
    """Return the outcome of a completed attempt: a trial without a value of its metric failed.

    While points of an earlier attempt are left to be read, it is the search that decides later.
    """
    search, own = context.stage.definition.search, context.attempt.id
    if search is None or not search.asks:
        return outcome
    with store.read() as connection:
        problem = search_results.metric_problem(connection, context.stage.id, search.metric)
        tries = views.attempts_of_stage(connection, context.stage.id) if problem else []
    if problem is None or not all(one.metrics_complete or one.id == own for one in tries):
        return outcome
    return replace(outcome, status=Status.FAILED, error=problem, result=None, retry=False)


def record(store: Database, attempt: AttemptRecord, outcome: Outcome) -> None:
    """Record the outcome of an attempt that never had a process, or that cannot be inspected.

    Secrets in its error are masked already.
    """
    with store.write() as connection:
        attempts.end(connection, attempt.id, outcome)


def requeue(store: Database, attempt: AttemptRecord, reason: str) -> None:
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
    store: Database,
    context: AttemptContext,
    definition: StageDefinition,
    outcome: Outcome,
    flushed: FlushResult,
    cause: Mapping[str, Any] | None,
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
    best = None
    if outcome.status == Status.COMPLETED:
        best = new_best.find(store, context.run, context.stage)
    with store.write() as connection:
        if tried:
            attempts.mark_checkpoint_tried(connection, attempt.id)
        if flushed == FlushResult.NOTHING:
            mark_metrics_complete(connection, attempt.id)
        if cause is not None:
            text = f"{context.stage.name}: {cause['text']}"
            runs.record_stage_event(
                connection, context.stage, CAUSE, text, attempt=attempt.number, data=cause
            )
        if best is not None:
            text = f"{context.stage.name}: {new_best.words(best)}"
            runs.record_stage_event(
                connection, context.stage, BEST, text, attempt=attempt.number, data=best
            )
        attempts.end(connection, attempt.id, outcome)
        if left is not None:
            text = f"{context.stage.name}: {left.words}"
            runs.record_stage_event(
                connection, context.stage, CHECKPOINT, text, attempt=attempt.number
            )
    name, run_id = context.stage.name, context.run.id
    logger.info("%s of run %s, attempt %d: %s", name, run_id, attempt.number, outcome.status)


def _cause(
    store: Database, context: AttemptContext, definition: StageDefinition, found: Exit, error: str
) -> dict[str, Any] | None:
    """Return why an attempt failed; None if nothing shows it, or what looks for it fails."""
    from trainui.execution.attempt import attempt_cause  # late: most attempts complete

    masker = shell_environment.masker(Path(context.run.directory))
    try:
        kept = _checkpoints_of_nan(store, context, definition)
        return attempt_cause.find(store, context, found, masker, error, kept)
    except Exception:  # a plugin's rules may raise anything; the end has to be recorded
        logger.exception("%s: its cause of failure was not looked for", context.stage.name)
        return None


def _checkpoints_of_nan(
    store: Database, context: AttemptContext, definition: StageDefinition
) -> tuple[list[str], list[str]]:
    """Return the checkpoints, newest first, and those that no attempt wrote after its first NaN.

    Both are empty if none had a NaN or infinite value: no other edit needs them.
    """
    if definition.checkpoint is None:
        return [], []
    with store.read() as connection:
        seen = event_feed.stage_alerts(connection, context.stage, (NAN,), most=MOST_NAN)
        tried = views.attempts_of_stage(connection, context.stage.id)
    first: dict[int | None, tuple[int, float | None]] = {}
    for event, data in seen:
        first.setdefault(event.attempt, (event.time, data.get("step")))
    if not first:
        return [], []
    ill = [(one, *first[one.number]) for one in tried if one.number in first]
    found = list(_complete(context, definition))
    return found, [one for one in found if not any(_is_after(Path(one), *nan) for nan in ill)]


def _is_after(checkpoint: Path, attempt: AttemptRecord, seen: int, nan_step: float | None) -> bool:
    """Return True if an attempt wrote a checkpoint after its first NaN, which was seen later.

    Shortly before it was seen, the step in the checkpoint's name decides.
    """
    at = checkpoint.stat().st_mtime_ns // 1000
    begin = max(attempt.started_at or 0, seen - NAN_SEEN_WITHIN)
    if at < begin or (attempt.completed_at is not None and at > attempt.completed_at):
        return False
    step = integrity.step_in_name(checkpoint)
    return at >= seen or step is None or nan_step is None or step >= nan_step


def _complete(context: AttemptContext, definition: StageDefinition) -> Iterable[str]:
    return checkpoints.complete(_search(context, definition))


def _with_gpus(attempt: AttemptRecord, status: Status, error: str) -> str:
    """Append the state of the attempt's GPUs to the first line of an error, which is displayed."""
    if not attempt.gpus:
        return error
    if status in (Status.CANCELLED, Status.PRUNED, Status.COMPLETED) or attempt.stops_early:
        words = gpus.await_memory(attempt.gpus)
    else:
        words = gpus.problems_of(attempt.gpus) or ""
    first, separator, rest = error.partition("\n")
    return f"{first}{'; ' if words else ''}{words}{separator}{rest}"


def masked(store: Database, attempt: AttemptRecord, error: str) -> str:
    """Return an error message with the stage's secrets masked."""
    return _masked(context_of(store, attempt.id), error)


def _masked(context: AttemptContext, error: str) -> str:
    """Mask the run's secrets, which may occur in any message about its files and commands."""
    return shell_environment.masker(Path(context.run.directory)).text(error)


def _made_no_progress(
    store: Database, context: AttemptContext, definition: StageDefinition, outcome: Outcome
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
    has_started = system.look(Path(attempt.directory) / protocol.STARTED_FILE) is not None
    return has_started and not _has_saved(context, definition)


def _has_saved(context: AttemptContext, definition: StageDefinition) -> bool:
    """Return True if an attempt wrote a complete checkpoint."""
    started = system.look(Path(context.attempt.directory) / protocol.STARTED_FILE)
    if started is None or definition.checkpoint is None:
        return False
    return checkpoints.newer_than(_search(context, definition), started.st_mtime_ns)


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
