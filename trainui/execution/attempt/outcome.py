"""Decides how an ended attempt is recorded: `completed` or not, with the error message.

Exit code 0 alone proves nothing: some trainers exit with 0 on SIGTERM without saving anything.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainui import formatting, system
from trainui.errors import NotPlainFileError
from trainui.execution.attempt import log_ends
from trainui.execution.attempt.log_ends import ErrorLine, SlowPatternError
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.pipeline.masking import Masker
from trainui.record import dataclass
from trainui.resume import outputs
from trainui.store.runs.attempts import Outcome
from trainui.supervisor.protocol import Exit, ExitReason

RESULT_FILE = "result.json"
"""File in the attempt's directory with the result from `call_task`."""

LOST = "ended while its supervisor was not running, so how it ended is unknown"
RECORDS_REMOVED = (
    "how it ended is unknown: its records in {directory} were removed while it ran; a stage may "
    "clear its own directory, but not the rest of its run's"
)
UNREADABLE = "and none of its processes is left; its records cannot be read: {problem}"
STOPPED_FROM_OUTSIDE = (
    "its supervisor got a stop signal although the stage was not cancelled: from another program, "
    "at the time limit of its job, or because the machine was shut down"
)
AT_LIMIT = "stopped shortly before the time limit of its job"
OUT_OF_MEMORY = "killed by the kernel: out of memory"
CANCELLED = "cancelled"
BUDGET_USED = "stopped early: budget"
FROM_A_SHELL = 126
"""The lowest exit code by which a shell reports a command that was not run, or was killed."""

LONGEST_QUOTE = 200
"""Characters of a log line that are quoted in the first line of an error."""

_MEMORY_ERROR = re.compile(
    r".*(CUDA|HIP|XPU) out of memory.*|.*CUDA error: out of memory.*|.*CUDA_ERROR_OUT_OF_MEMORY.*"
    r"|.*RESOURCE_?EXHAUSTED.*([Mm]emory|OOM|alloc).*|.*ResourceExhaustedError.*OOM.*"
    r"|.*(cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED).*"
)
"""GPU out-of-memory messages of PyTorch, JAX and TensorFlow, each on one line."""

CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
"""Signals of a crash; the log may contain the cause."""


@dataclass(frozen=True, slots=True)
class LostSupervisor:
    """Facts that the worker knows about an attempt whose supervisor died."""

    seen_alive: bool = False
    """True if this worker saw its process alive, so it ended just now."""
    ended_for: ExitReason | None = None
    """Why this worker ended it; None if it ended by itself or was cancelled."""
    records_removed: bool = False
    """True if its records were removed; its supervisor may have been alive until the end."""
    executor_says: str = ""
    """What its executor says about its end."""


def of_exit(
    attempt: AttemptRecord,
    definition: StageDefinition,
    found: Exit,
    masker: Masker,
    executor_says: str = "",
) -> Outcome:
    """Decide how an attempt ended, with the secrets in what is quoted masked.

    A cancel request in the attempt's record counts. `executor_says` is about its end.
    `record_outcome` handles starts that were postponed.
    """
    result, problem = _judge(attempt, definition, found, masker)
    status, reason = Status.COMPLETED if problem is None else Status.FAILED, None
    if _was_stopped(attempt, found, completed=problem is None):
        status, problem, reason = _stopped(attempt, definition)
        result = None
    elif found.reason in (ExitReason.STOPPED, ExitReason.LIMIT):
        from_outside = executor_says or STOPPED_FROM_OUTSIDE
        words = AT_LIMIT if found.reason == ExitReason.LIMIT else from_outside
        status, problem, result = Status.INTERRUPTED, words, None
    elif found.reason == ExitReason.BUDGET:
        result, _ = _task_result(definition, Path(attempt.directory), masker)
        status, problem, reason = _stopped_early(attempt, definition, BUDGET_USED)
    never_ran = found.reason == ExitReason.START_FAILED
    return Outcome(
        status,
        completed_at=found.completed_at,
        started_at=None if never_ran else found.started_at,
        exit_code=found.exit_code,
        signal=found.signal,
        error=problem,
        reason=reason,
        result=result,
    )


def of_lost(
    attempt: AttemptRecord,
    definition: StageDefinition,
    loss: LostSupervisor,
    *,
    started_at: int | None,
    completed_at: int,
) -> Outcome:
    """Return the outcome of an attempt whose supervisor died before recording the end."""
    removed = RECORDS_REMOVED.format(directory=attempt.directory)
    problem = loss.executor_says or (removed if loss.records_removed else LOST)
    ended: tuple[Status, str | None, str | None] = Status.INTERRUPTED, problem, None
    if attempt.cancel_requested_at is not None:
        ended = _stopped(attempt, definition)
    elif loss.ended_for == ExitReason.BUDGET:
        ended = _stopped_early(attempt, definition, BUDGET_USED)
    elif (overdue := _overdue(definition, loss.ended_for)) is not None:
        ended = Status.FAILED, overdue, None
    status, error, reason = ended
    # `completed_at` may be a file's modification time, some milliseconds before the start.
    ended_at = max(completed_at, started_at or 0)
    return Outcome(status, completed_at=ended_at, started_at=started_at, error=error, reason=reason)


def of_unseen(attempt: AttemptRecord, reason: str, *, completed_at: int) -> Outcome:
    """Return the outcome of a cancelled attempt that cannot be inspected, for this reason."""
    error = f"{attempt.stop_words or CANCELLED}, {reason}"
    return Outcome(attempt.stop_status, completed_at=completed_at, error=error)


def _stopped(
    attempt: AttemptRecord, definition: StageDefinition
) -> tuple[Status, str | None, str | None]:
    """Return the state of an attempt that was stopped on request, its error, and its reason."""
    words = attempt.stop_words or CANCELLED
    if not attempt.stops_early:
        return attempt.stop_status, words, None
    return _stopped_early(attempt, definition, words)


def _stopped_early(
    attempt: AttemptRecord, definition: StageDefinition, words: str
) -> tuple[Status, str | None, str | None]:
    """Return the state, error and reason of an attempt that was stopped early on purpose.

    It has completed if its outputs exist: neither its exit code nor its last lines say anything,
    since it did not end by itself.
    """
    continued = attempt.checkpoint is not None
    problem = outputs.problem(definition, Path(attempt.directory), continued=continued)
    if problem is not None:
        return Status.FAILED, f"{words}; {problem}", None
    return Status.COMPLETED, None, words


def _was_stopped(attempt: AttemptRecord, found: Exit, *, completed: bool) -> bool:
    """Return True if an attempt ended because of a request.

    One to be pruned that completed before the signal has completed; if it failed, it is pruned.
    One to stop early counts as it ended by itself unless it got the signal.
    """
    asked_at = attempt.cancel_requested_at
    if asked_at is None:
        return False
    if attempt.stops_early:
        return found.signalled
    if attempt.pruning is not None:
        return found.signalled or not completed
    return found.signalled or found.completed_at > asked_at


def _judge(
    attempt: AttemptRecord, definition: StageDefinition, found: Exit, masker: Masker
) -> tuple[Any, str | None]:
    """Return the task's result, and the error message (None if it completed)."""
    directory = Path(attempt.directory)
    if (ending := _wrong_ending(definition, found)) is not None:
        ending += "; the disk was full" if found.disk_full else ""
        return None, _explained(ending, definition, found, masker, directory)
    result, problem = _task_result(definition, directory, masker)
    return result, problem or next(_missing(attempt, definition), None)


def _wrong_ending(definition: StageDefinition, found: Exit) -> str | None:
    """Return how it ended; None if it exited with 0 by itself."""
    if (overdue := _overdue(definition, found.reason)) is not None:
        return overdue
    if found.reason == ExitReason.START_FAILED:
        return found.message or "it could not be started"
    if found.signal is not None:
        if found.oom_kill and found.signal == signal.SIGKILL:
            return f"{OUT_OF_MEMORY} ({_with_peak(f'signal {found.signal:d}', found)})"
        return f"killed by signal {found.signal} ({formatting.signal_name(found.signal)})"
    if found.exit_code:
        return _wrong_code(found, found.exit_code)
    return "it got a stop signal while it was ending" if found.signalled else None


def _wrong_code(found: Exit, code: int) -> str:
    words = f"exit code {code}"
    if not found.oom_kill:
        if 128 < code <= 128 + signal.SIGRTMAX:  # exit code of a shell whose command was killed
            words += f" (killed by signal {code - 128}, {formatting.signal_name(code - 128)})"
        return words
    if code == 128 + signal.SIGKILL:
        return f"{OUT_OF_MEMORY} ({_with_peak(words, found)})"
    words = _with_peak(words, found)
    return f"{words}, just after the kernel killed a process of its control group: out of memory"


def _with_peak(words: str, found: Exit) -> str:
    """Add the peak memory of the attempt's largest process, if it is known."""
    size = found.max_rss_bytes
    return words if size is None else f"{words}, largest process {formatting.size(size)}"


def _overdue(definition: StageDefinition, reason: ExitReason | None) -> str | None:
    """Return which time limit it exceeded; None if it was not ended for that."""
    if reason == ExitReason.TIMEOUT:
        return f"timed out after {formatting.duration_text(definition.timeout or 0)}"
    if reason == ExitReason.SILENCE:
        return f"was silent for {formatting.duration_text(definition.silence_timeout or 0)}"
    return None


def _explained(
    ending: str, definition: StageDefinition, found: Exit, masker: Masker, directory: Path
) -> str:
    """Return the full error: how it ended, the error of the task or in the log, the log's end."""
    if definition.task is not None and found.exit_code:
        said = system.read_object(directory / RESULT_FILE)
        if said is not None and not said.get("ok", True):
            return str(said.get("error"))
    tail = log_ends.tail(directory, masker)
    if not tail or found.reason == ExitReason.START_FAILED:
        return ending
    if (shown_by := log_ends.last_match(directory, _MEMORY_ERROR, masker)) is not None:
        return f"{ending}: out of memory: {shown_by[:LONGEST_QUOTE]}\n\n{tail}"
    if not (found.exit_code or found.signal in CRASHES):
        return f"{ending}\n\n{tail}"
    line = log_ends.error_line(directory, masker, exited=0 < (found.exit_code or 0) < FROM_A_SHELL)
    ending += f": {line.text[:LONGEST_QUOTE]}" if line else ""
    return f"{ending}\n\n{_with_traceback(line, tail)}"


def _with_traceback(line: ErrorLine | None, tail: str) -> str:
    """Prepend the traceback of an error to the end of the log, unless it is already in it."""
    if line is None or not line.excerpt or line.excerpt[-1] in tail.splitlines():
        return tail
    return "\n".join([*line.excerpt[-log_ends.MOST_LINES :], "...", tail])


def _task_result(
    definition: StageDefinition, directory: Path, masker: Masker
) -> tuple[Any, str | None]:
    if definition.task is None:
        return None, None
    said = system.read_object(directory / RESULT_FILE)
    if said is None:
        return None, f"the task {definition.task} ended the process before it returned"
    return masker.value(said.get("result")), None if said.get("ok") else str(said.get("error"))


def _missing(attempt: AttemptRecord, definition: StageDefinition) -> Iterator[str]:
    """Yield why a process that exited with 0 did not complete: an output or success pattern."""
    directory = Path(attempt.directory)
    continued = attempt.checkpoint is not None
    problem = outputs.problem(definition, directory, continued=continued)
    if problem is not None:
        yield problem
    if definition.success is None:
        return
    try:
        if not log_ends.contain(directory, definition.success):
            yield f"success pattern not found in the output: {definition.success}"
    except re.error as error:
        yield f"`success` is not a valid regular expression: {error}"
    except (SlowPatternError, NotPlainFileError) as error:
        yield f"the output cannot be searched for `success`: {error}"
