"""Launches claimed attempts, and records a launch that failed, was cancelled or is postponed."""

from __future__ import annotations

import logging
import threading

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
from trainui.execution.attempt.monitored_attempt import MonitoredAttempt
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.execution.attempt.start_checkpoint import CheckpointsExhaustedError
from trainui.metrics.reader import process as reader
from trainui.model.states import Status
from trainui.plugin.records import LaunchAnswer, Launched
from trainui.store.db.engine import Store
from trainui.store.runs import attempts
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import journal
from trainui.supervisor.protocol import ExitReason

logger = logging.getLogger(__name__)


class LaunchRecorder:
    """Launches attempts that are recorded as running; each step may be repeated."""

    def __init__(self, store: Store, executors: Executors, stopping: threading.Event) -> None:
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


def _is_transient(result: Launched) -> bool:
    return record_outcome.is_transient_errno(result.errno)


def _prevent_start(monitored: MonitoredAttempt, reason: ExitReason, message: str) -> bool:
    if monitored.directory_error is not None:
        return True
    return prevent_start(monitored.directory, reason, message)


def record_start(store: Store, monitored: MonitoredAttempt) -> None:
    """Record the process of a started attempt, once its supervisor has written it down."""
    pids = journal.readable_pids(monitored.directory)
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
