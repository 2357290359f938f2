"""Launches claimed attempts, and records a launch that failed, was cancelled or is postponed.

`MonitoredAttempt` is what the monitor knows of an attempt, `Orphan` the rules for one whose
supervisor is dead.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

from trainui import clock
from trainui.errors import ReplacedError, StoreError, TrainuiError
from trainui.execution.attempt import record_outcome
from trainui.execution.attempt.executors import Executors
from trainui.execution.attempt.launch import (
    GpuGoneError,
    UpstreamOutputError,
    context_of,
    launch,
    prevent_start,
)
from trainui.execution.attempt.prepared_process import AttemptContext, CheckpointsExhaustedError
from trainui.metrics.reader import process as reader
from trainui.model.records import LOCAL, AttemptRecord
from trainui.model.states import Status
from trainui.plugin.backends import LaunchAnswer, StageJob
from trainui.store.db.engine import Database
from trainui.store.runs import attempts
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import orphans, protocol
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import NEVER

logger = logging.getLogger(__name__)


class Orphan:
    """An attempt whose supervisor is dead and whose processes live, as this worker first saw it.

    It is judged by the supervisor's rules: the time limits, and that no process outlives the main
    process for long.
    """

    def __init__(self, context: AttemptContext, now: float) -> None:
        """Start watching an orphan."""
        self._directory = Path(context.attempt.directory)
        self._definition = context.stage.definition
        self._sizes = protocol.log_sizes(self._directory)
        self._grown_at = now

    def due(self, now: float) -> ExitReason | None:
        """Return why it has to be ended now; None if it may keep running.

        `exited` means that its main process has ended and others are left. A silence that began
        under the supervisor counts from this worker's first check.
        """
        pids = protocol.readable_pids(self._directory)
        if pids is None:
            return None  # its records were removed or cannot be read, so nothing is known
        if not orphans.is_leader_alive(pids):
            return ExitReason.EXITED
        if orphans.age(pids) >= (self._definition.budget or NEVER):
            return ExitReason.BUDGET
        if orphans.age(pids) >= (self._definition.timeout or NEVER):
            return ExitReason.TIMEOUT
        if (sizes := protocol.log_sizes(self._directory)) != self._sizes:
            self._sizes, self._grown_at = sizes, now
        if now - self._grown_at >= (self._definition.silence_timeout or NEVER):
            return ExitReason.SILENCE
        return None


@dataclass(slots=True)
class MonitoredAttempt:
    """An attempt that is recorded as running."""

    attempt: AttemptRecord
    done: threading.Event = field(default_factory=threading.Event)
    """Set when its end is recorded, or this worker is stopping."""
    directory_error: Exception | None = None
    """Why its directory could not be created; then nothing was ever started."""
    is_busy: bool = False
    """True while a pool thread works on it."""
    is_recorded: bool = False
    """True once its end is recorded."""
    job: StageJob | None = None
    """The attempt as its executor knows it, once that was needed."""
    is_adopted: bool = False
    """True if this worker launched it, or its executor was asked to take it over."""
    asked_to_stop_at: float | None = None
    """Time at which its supervisor was asked to stop. All times here are monotonic."""
    gone_because: str = ""
    """What its executor says about an end without a record."""
    orphan: Orphan | None = None
    """Set once its supervisor was found dead."""
    ended_for: ExitReason | None = None
    """Why this worker ended an orphan."""
    has_survivors: bool = False
    """True once a process of it survived SIGKILL."""
    warning: str | None = None
    """The recorded warning (unreadable records, suspended); empty: not known."""
    suspension_checked_at: float = -math.inf
    """Time of the last check whether it is suspended."""
    cancel_seen_at: float | None = None
    """Time at which it was found cancelled while it could not be inspected."""
    due: float = 0.0
    """Time of the next probe; later after an error."""

    @property
    def is_local(self) -> bool:
        """True if it runs on this machine, and not elsewhere by another executor."""
        return self.attempt.executor == LOCAL

    @property
    def directory(self) -> Path:
        """The attempt's directory."""
        return Path(self.attempt.directory)


class LaunchRecorder:
    """Launches attempts that are recorded as running; each step may be repeated."""

    def __init__(self, store: Database, executors: Executors, stopping: threading.Event) -> None:
        self._store = store
        self._executors = executors
        self._stopping = stopping

    def launch(self, monitored: MonitoredAttempt) -> None:
        """Start an attempt's process, unless it has ended or was cancelled."""
        context = context_of(self._store, monitored.attempt.id)
        monitored.attempt = context.attempt
        if context.attempt.status != Status.RUNNING or self._stopping.is_set():
            return  # it has ended meanwhile, or the next worker launches it
        if context.attempt.cancel_requested_at is None:
            self._launch_now(monitored, context)
        elif _prevent_start(monitored, ExitReason.START_FAILED, attempts.NOT_STARTED):
            ended = attempts.not_started(context.attempt)
            record_outcome.record(self._store, context.attempt, ended)

    def _launch_now(self, monitored: MonitoredAttempt, context: AttemptContext) -> None:
        try:
            if monitored.directory_error is not None:
                raise monitored.directory_error
            result = launch(self._store, context, self._executors)
        except (ReplacedError, StoreError):
            raise  # not the stage's fault: this worker or the next one launches it later
        except Exception as error:
            if isinstance(error, GpuGoneError) or record_outcome.is_transient(error):
                self._requeue(monitored, str(error))
                return
            if not isinstance(error, TrainuiError | OSError):
                logger.exception("%s cannot be launched", monitored.directory)
            retry = not isinstance(error, CheckpointsExhaustedError | UpstreamOutputError)
            self._record_failed_launch(monitored, str(error) or repr(error), retry=retry)
            return
        if result.state == LaunchAnswer.STARTED:
            record_start(self._store, monitored)
            reader.wake()
        elif result.state == LaunchAnswer.WAITING:
            monitored.due = 0.0  # the next look shows why it waits
        elif result.state == LaunchAnswer.BROKEN and record_outcome.is_transient_errno(
            result.errno
        ):
            self._requeue(monitored, result.message)
        else:
            error_text = result.message
            if monitored.is_local:
                error_text = f"its supervisor could not be started: {result.message}"
            self._record_failed_launch(monitored, error_text, retry=True)

    def _record_failed_launch(
        self, monitored: MonitoredAttempt, error: str, *, retry: bool
    ) -> None:
        """Record a failed launch, unless the process was started after all."""
        error = record_outcome.masked(self._store, monitored.attempt, error)
        if _prevent_start(monitored, ExitReason.START_FAILED, error):
            failed = Outcome(Status.FAILED, clock.now(), error=error, retry=retry)
            record_outcome.record(self._store, monitored.attempt, failed)

    def _requeue(self, monitored: MonitoredAttempt, reason: str) -> None:
        reason = record_outcome.masked(self._store, monitored.attempt, reason)
        if _prevent_start(monitored, ExitReason.POSTPONED, reason):
            record_outcome.requeue(self._store, monitored.attempt, reason)


def _prevent_start(monitored: MonitoredAttempt, reason: ExitReason, message: str) -> bool:
    if monitored.directory_error is not None:
        return True
    return prevent_start(monitored.directory, reason, message)


def record_start(store: Database, monitored: MonitoredAttempt) -> None:
    """Record the process of a started attempt, once its supervisor has written it down."""
    pids = protocol.readable_pids(monitored.directory)
    if pids is None:
        return
    with store.write() as connection:
        attempts.mark_started(
            connection,
            monitored.attempt,
            started_at=pids.started_at,
            pid=pids.pid,
            supervisor=pids.supervisor_pid,
        )
        monitored.attempt = attempts.get(connection, monitored.attempt.id)
