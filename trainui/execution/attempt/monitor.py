"""Monitors attempts from launch to end, including those of an earlier worker.

The running attempts are always derived from the store and the attempts' directories, never from
memory alone. So a new worker recovers with the same code: it launches an attempt that was claimed
but not launched, adopts one that is alive, and records one that ended meanwhile. Nothing is
guessed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from trainui import clock, wakeup
from trainui.domain.records import AttemptRecord, HostView
from trainui.domain.states import Status
from trainui.errors import StoreError, TrainuiError
from trainui.execution.attempt import outcome, record_outcome, stage_directory
from trainui.execution.attempt.context import identity_of
from trainui.execution.attempt.launch import context_of
from trainui.execution.attempt.launcher import Launcher, record_start
from trainui.execution.attempt.monitored_attempt import MonitoredAttempt
from trainui.execution.attempt.orphan import Orphan
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.planner.slots import host
from trainui.store.db import outage
from trainui.store.db.engine import Store
from trainui.store.runs import attempt_rows, attempts, stage_requests, stages
from trainui.supervisor import journal, orphans, process
from trainui.supervisor.fork_server import ForkServer
from trainui.supervisor.process import Probe, ProbeState, SupervisorLivesError
from trainui.supervisor.protocol import IDENTITY, ExitReason, JournalError

logger = logging.getLogger(__name__)

POOL_THREADS = 16
"""Pool threads that launch, end and record attempts; they mostly wait."""

AGAIN_AFTER = 1.0
"""Seconds until a failed step is retried, e.g. if the store is locked."""

INVISIBLE_AFTER = 5.0
"""Seconds until an attempt that cannot be inspected is probed again."""

SUSPENSION_EVERY = 5.0
"""Seconds between two checks whether a running attempt is suspended by a signal."""

INVISIBLE_PATIENCE = 30.0
"""Seconds until a cancelled attempt that cannot be inspected is recorded as cancelled."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds after the stage's grace period until a supervisor that was asked to stop is killed; it
normally gives up earlier by itself."""


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
        self._fork_server = fork_server or ForkServer(without=IDENTITY)
        self._launcher = Launcher(store, self._fork_server, stopping)
        self._stopping = stopping
        self._lock = threading.Lock()
        self._known: dict[int, MonitoredAttempt] = {}
        self._claiming: set[str] = set()
        """Messages being claimed; the claiming thread launches their attempts."""
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="follow")

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
        if stage_directory.forgotten(directory):
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

    def look(self, *, changed: bool) -> None:
        """Probe all running attempts, and start the steps that are due.

        `changed` says that the store changed since the last call.
        """
        if changed:
            self._compare_with_store()
        for monitored in self._due():
            try:
                self._poll(monitored)
            except (JournalError, OSError) as error:
                self._poll_invisible(monitored, f"it cannot be inspected: {error}")
            except StoreError:
                raise  # the others would fail as well
            except Exception as error:  # one attempt must not block the others
                self._schedule_retry(monitored, error)
        self._fork_server.prepare()

    def read_record(self, monitored: MonitoredAttempt) -> AttemptRecord | None:
        """Return an attempt's current record; None if its run was deleted."""
        with self._store.read() as connection:
            return attempts.find(connection, monitored.attempt.id)

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
            found = attempt_rows.in_state(connection, Status.RUNNING, here=self._here)
        running = {attempt.id: attempt for attempt in found}
        with self._lock:
            for attempt in running.values():
                if attempt.celery_task_id is None:
                    continue  # of an external run
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

    def _poll(self, monitored: MonitoredAttempt) -> None:
        found = self._probe(monitored)
        if found is None:
            self._poll_invisible(
                monitored,
                f"it runs on {monitored.attempt.host}, which cannot be seen from {host()}",
            )
            return
        self._check_suspended(monitored, found)
        match found.state:
            case ProbeState.NONE:
                self._run_in_pool(monitored, self._launcher.launch)
            case ProbeState.RUNNING:
                self._poll_running(monitored)
            case ProbeState.ORPHAN:
                self._poll_orphan(monitored)
            case ProbeState.ENDED | ProbeState.LOST:
                self._run_in_pool(monitored, lambda one: self._record(one, found))

    def _probe(self, monitored: MonitoredAttempt) -> Probe | None:
        """Probe an attempt; None if its processes are not visible from this host."""
        if monitored.directory_error is not None:
            return Probe(ProbeState.NONE)
        attempt, found = monitored.attempt, process.probe(monitored.directory)
        if found.state in (ProbeState.RUNNING, ProbeState.ENDED):
            return found
        if attempt.host != host() and not journal.is_of_this_boot(monitored.directory):
            return None  # if this machine was only renamed, the boot id is still ours
        if found.state == ProbeState.REMOVED:
            identity = identity_of(context_of(self._store, attempt.id))
            lives = bool(orphans.processes_of(identity))
            return Probe(ProbeState.ORPHAN if lives else ProbeState.LOST)
        return found

    def _poll_running(self, monitored: MonitoredAttempt) -> None:
        attempt, now = monitored.attempt, time.monotonic()
        if attempt.pid is None:
            record_start(self._store, monitored)
        if attempt.cancel_requested_at is None:
            return
        if monitored.asked_to_stop_at is None:
            if process.request_stop(monitored.directory):
                monitored.asked_to_stop_at = now
            return
        grace = context_of(self._store, attempt.id).stage.definition.grace
        if now - monitored.asked_to_stop_at > grace + SUPERVISOR_PATIENCE:
            logger.warning("killed the supervisor of %s: it did not stop", monitored.directory)
            process.kill_supervisor(monitored.directory)

    def _poll_orphan(self, monitored: MonitoredAttempt) -> None:
        now = time.monotonic()
        if monitored.attempt.pid is None:
            record_start(self._store, monitored)
        if monitored.orphan is None:
            logger.warning(
                "the supervisor of %s is dead; the worker watches the orphan", monitored.directory
            )
            monitored.orphan = Orphan(context_of(self._store, monitored.attempt.id), now)
        if monitored.attempt.cancel_requested_at is not None:
            due: ExitReason | None = ExitReason.STOPPED
        else:
            due = monitored.orphan.due(now)
        if due is not None:
            self._run_in_pool(monitored, lambda one: self._end_orphan(one, due))

    def _poll_invisible(self, monitored: MonitoredAttempt, why: str) -> None:
        """Record why an attempt cannot be inspected; record its end if it was cancelled."""
        attempt, now = monitored.attempt, time.monotonic()
        monitored.due = now + INVISIBLE_AFTER
        if attempt.cancel_requested_at is None:
            self._set_warning(monitored, f"{why}; `trainui cancel` marks it as cancelled")
        elif monitored.cancel_seen_at is None:
            monitored.cancel_seen_at = now
        elif now - monitored.cancel_seen_at >= INVISIBLE_PATIENCE:
            self._run_in_pool(monitored, lambda one: self._record_invisible(one, why))

    def _check_suspended(self, monitored: MonitoredAttempt, found: Probe) -> None:
        """Record that an attempt is suspended by a signal, or clear that warning."""
        now = time.monotonic()
        if found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN):
            return  # a warning about its launch or end stays until that step succeeds
        if monitored.warning is None and now - monitored.suspension_checked_at < SUSPENSION_EVERY:
            return
        monitored.suspension_checked_at = now
        self._set_warning(monitored, process.find_stopped(monitored.directory))

    def _set_warning(self, monitored: MonitoredAttempt, warning: str | None) -> None:
        """Record or clear an attempt's warning; an unchanged one is not written."""
        if warning == monitored.warning:
            return
        is_stopping = monitored.attempt.cancel_requested_at is not None
        words = warning or (stage_requests.STOPPING if is_stopping else None)
        with self._store.write() as connection:
            stages.warn(connection, monitored.attempt.stage_id, words)
        if warning:
            logger.warning("attempt %d: %s", monitored.attempt.id, warning)
        monitored.warning = warning

    def _record_invisible(self, monitored: MonitoredAttempt, why: str) -> None:
        with suppress(SupervisorLivesError, OSError):
            Orphan(context_of(self._store, monitored.attempt.id), 0.0).end(ExitReason.STOPPED)
        ended = outcome.unseen(monitored.attempt, why, completed_at=clock.now())
        record_outcome.record(self._store, monitored.attempt, ended)
        self._forget(monitored)

    def _schedule_retry(self, monitored: MonitoredAttempt, error: Exception) -> None:
        """Schedule a retry after an error with an attempt, and record a warning."""
        monitored.due = time.monotonic() + AGAIN_AFTER
        if isinstance(error, StoreError):
            outage.log.failed(error)
            return
        if not isinstance(error, TrainuiError | OSError):
            logger.warning("%s: will retry", monitored.directory, exc_info=error)
        with suppress(TrainuiError):  # the store is locked, or its run was deleted
            words = record_outcome.masked(self._store, monitored.attempt, f"will retry: {error}")
            self._set_warning(monitored, words)

    def _run_in_pool(
        self, monitored: MonitoredAttempt, what: Callable[[MonitoredAttempt], None]
    ) -> None:
        """Run a slow step in the thread pool."""
        monitored.is_busy = True
        try:
            self._pool.submit(self._run_step, monitored, what)
        except RuntimeError:  # the pool is shut down
            monitored.is_busy = False

    def _run_step(
        self, monitored: MonitoredAttempt, what: Callable[[MonitoredAttempt], None]
    ) -> None:
        try:
            what(monitored)
        except Exception as error:
            self._schedule_retry(monitored, error)
        finally:
            monitored.is_busy = False
            if self._needs_a_pass(monitored):
                wakeup.ring()

    def _needs_a_pass(self, monitored: MonitoredAttempt) -> bool:
        """Return True if the loop has to run at once: an end to record, or slots to grant."""
        if monitored.attempt.cancel_requested_at is not None:
            return True
        try:
            return process.probe(monitored.directory).state != ProbeState.RUNNING
        except (JournalError, OSError):
            return True

    def _end_orphan(self, monitored: MonitoredAttempt, why: ExitReason) -> None:
        if monitored.orphan is not None:
            left = monitored.orphan.end(why)
            self._record_loss(monitored, LostSupervisor(seen_alive=True, ended_for=why, left=left))

    def _record(self, monitored: MonitoredAttempt, found: Probe) -> None:
        if found.exit is None:
            self._record_loss(monitored, LostSupervisor(seen_alive=monitored.orphan is not None))
        elif record_outcome.record_exit(self._store, monitored.attempt, found.exit, self._stopping):
            self._forget(monitored)

    def _record_loss(self, monitored: MonitoredAttempt, loss: LostSupervisor) -> None:
        if record_outcome.record_loss(self._store, monitored.attempt, self._stopping, loss):
            self._forget(monitored)

    def _forget(self, monitored: MonitoredAttempt) -> None:
        """Stop monitoring an attempt after its end is recorded."""
        with self._lock:
            self._known.pop(monitored.attempt.id, None)
        monitored.done.set()


def _error_of(step: Callable[[Path], None], directory: Path) -> Exception | None:
    try:
        step(directory)
    except (OSError, TrainuiError) as error:
        return error
    return None
