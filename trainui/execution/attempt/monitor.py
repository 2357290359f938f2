"""Monitors attempts from launch to end, including those of an earlier worker.

The running attempts are always derived from the store and the attempts' directories, never from
memory alone. So a new worker recovers with the same code: it launches an attempt that was claimed
but not launched, takes over one that is alive, and records one that ended meanwhile. Nothing is
guessed.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from trainui import wakeup
from trainui.errors import StoreError, TrainuiError
from trainui.execution.attempt import record_outcome, stage_directory
from trainui.execution.attempt.attempt_poller import AttemptPoller, Step
from trainui.execution.attempt.executors import Executors
from trainui.execution.attempt.launch_recorder import LaunchRecorder
from trainui.execution.attempt.monitored_attempt import MonitoredAttempt
from trainui.model.records import AttemptRecord, HostView
from trainui.model.states import Status
from trainui.resume import outputs
from trainui.store.db import outage
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, stage_queue
from trainui.supervisor.fork_server import ForkServer

logger = logging.getLogger(__name__)

POOL_THREADS = 16
"""Pool threads that launch, end and record attempts; they mostly wait."""

AGAIN_AFTER = 1.0
"""Seconds until a failed step is retried, e.g. if the store is locked."""


class AttemptMonitor:
    """Monitors all running attempts of this host."""

    def __init__(
        self,
        store: Store,
        stopping: threading.Event,
        here: HostView | None = None,
        fork_server: ForkServer | None = None,
    ) -> None:
        """Create the monitor.

        `here` is this host, if other hosts share the store; None: monitor all attempts. The fork
        server may be running already.
        """
        self._store = store
        self._here = here
        self._fork_server = fork_server or ForkServer()
        self._executors = Executors(self._fork_server)
        self._launcher = LaunchRecorder(store, self._executors, stopping)
        self._poller = AttemptPoller(store, self._launcher, self._executors, stopping)
        self._stopping = stopping
        self._lock = threading.Lock()
        self._known: dict[int, MonitoredAttempt] = {}
        self._claiming: set[str] = set()
        """Messages being claimed; the claiming thread launches their attempts."""
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="attempt")

    def claim(self, run_id: str, stage_name: str, celery_task_id: str) -> MonitoredAttempt | None:
        """Claim the attempt of a message and launch it; None if it cannot be claimed."""
        with self._lock:
            if celery_task_id in self._claiming:
                return None
            self._claiming.add(celery_task_id)
        try:
            monitored = self._claim(run_id, stage_name, celery_task_id)
            if monitored is None:
                return None
            with self._lock:
                self._known[monitored.attempt.id] = monitored
            if self._stopping.is_set():
                monitored.done.set()
        finally:
            with self._lock:
                self._claiming.discard(celery_task_id)
        self._run_step(monitored, self._launcher.launch)
        return monitored

    def _claim(self, *message: str) -> MonitoredAttempt | None:
        """Create the directory of a message's attempt, then claim the attempt."""
        with self._store.read() as connection:
            directory = attempts.directory_to_make(connection, *message)
        if directory is None:
            return None
        without = None
        if outputs.forgotten(directory):
            with self._store.write() as connection:  # nobody else can claim the attempt meanwhile
                if attempts.directory_to_make(connection, *message) is None:
                    return None
                without = _error_of(stage_directory.move_forgotten, directory)
        without = without or _error_of(stage_directory.make_records, directory)
        with self._store.write() as connection:
            attempt = attempts.claim(connection, *message)
        if attempt is None:
            return None
        return MonitoredAttempt(attempt, is_busy=True, directory_error=without)

    def poll(self, *, changed: bool) -> None:
        """Probe all running attempts, and start the steps that are due.

        `changed` says that the store changed since the last call.
        """
        if changed:
            self._compare_with_store()
        for monitored in self._due():
            try:
                step = self._poller.poll(monitored)
            except StoreError:
                raise  # the others would fail as well
            except Exception as error:  # one attempt must not block the others
                self._schedule_retry(monitored, error)
                continue
            if step is not None:
                monitored.is_busy = True
                try:
                    self._pool.submit(self._run_step, monitored, step)
                except RuntimeError:  # the pool is shut down
                    monitored.is_busy = False
        self._fork_server.prepare()

    def read_record(self, monitored: MonitoredAttempt) -> AttemptRecord | None:
        """Return an attempt's current record; None if its run was deleted."""
        with self._store.read() as connection:
            return attempts.find(connection, monitored.attempt.id)

    def offer(self, executor: str) -> float:
        """Return how many more jobs an executor takes now.

        Raises:
            TrainuiError: no package has one of this name, or it fails.
        """
        found = self._executors.named(executor).offer()
        if found is None:
            return math.inf
        with self._store.read() as connection:
            granted = stage_queue.count_unclaimed(connection, executor)
        with self._lock:
            known = [one for one in self._known.values() if one.attempt.executor == executor]
            return found - granted - sum(not one.is_adopted for one in known)

    def release(self) -> None:
        """Release all waiting threads; running attempts are not affected."""
        with self._lock:
            for monitored in self._known.values():
                monitored.done.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._fork_server.close()

    def _compare_with_store(self) -> None:
        before = set(self._known)
        with self._store.read() as connection:
            found = attempts.in_state(connection, Status.RUNNING, here=self._here)
        running = {attempt.id: attempt for attempt in found}
        with self._lock:
            for attempt in running.values():
                if attempt.is_external:
                    continue
                if attempt.id in self._known:
                    self._known[attempt.id].attempt = attempt
                elif attempt.celery_task_id not in self._claiming:
                    self._known[attempt.id] = MonitoredAttempt(attempt, warning="")
            for attempt_id in before & self._known.keys() - running.keys():
                if not self._known[attempt_id].is_busy:
                    self._known.pop(attempt_id).done.set()

    def _due(self) -> list[MonitoredAttempt]:
        now = time.monotonic()
        with self._lock:
            return [one for one in self._known.values() if not one.is_busy and one.due <= now]

    def _schedule_retry(self, monitored: MonitoredAttempt, error: Exception) -> None:
        """Schedule a retry after an error with an attempt, and record a warning."""
        monitored.due = time.monotonic() + AGAIN_AFTER
        if isinstance(error, StoreError):
            outage.log.failed(error)
            return
        with suppress(TrainuiError):  # the store is locked, or its run was deleted
            words = record_outcome.masked(self._store, monitored.attempt, f"will retry: {error}")
            self._poller.set_warning(monitored, words)
        if not isinstance(error, TrainuiError | OSError):
            logger.warning("%s: will retry", monitored.directory, exc_info=error)

    def _run_step(self, monitored: MonitoredAttempt, step: Step) -> None:
        try:
            step(monitored)
        except Exception as error:
            self._schedule_retry(monitored, error)
        finally:
            if monitored.is_recorded:
                with self._lock:
                    self._known.pop(monitored.attempt.id, None)
                monitored.done.set()
            monitored.is_busy = False
            if self._needs_a_pass(monitored):
                wakeup.wake()

    def _needs_a_pass(self, monitored: MonitoredAttempt) -> bool:
        """Return True if the loop has to run at once: an end to record, or slots to grant."""
        if monitored.attempt.cancel_requested_at is not None:
            return True
        return not self._poller.is_running(monitored)


def _error_of(step: Callable[[Path], None], directory: Path) -> Exception | None:
    try:
        step(directory)
    except (OSError, TrainuiError) as error:
        return error
    return None
