"""Monitors attempts from launch to end, including those of an earlier worker.

The running attempts are always derived from the store and the attempts' directories, never from
memory alone. So a new worker recovers with the same code: it launches an attempt that was claimed
but not launched, adopts one that is alive, and records one that ended meanwhile. Nothing is
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
from dataclasses import dataclass, field
from pathlib import Path

from trainui import wakeup
from trainui.domain.records import AttemptRecord, HostView
from trainui.domain.states import Status
from trainui.errors import ReplacedError, StoreError, TrainuiError
from trainui.execution.attempt import record_outcome, stage_directory, transient_errors
from trainui.execution.attempt.context import AttemptContext, identity_of
from trainui.execution.attempt.launch import GpuGoneError, launch, prevent_start, subject_of
from trainui.execution.attempt.orphan import Orphan
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.starting_point import CheckpointsExhaustedError
from trainui.execution.planner.slots import host
from trainui.metrics.reader import process as reader
from trainui.store.db import outage
from trainui.store.db.engine import Store
from trainui.store.runs import attempt_rows, attempts, stages
from trainui.supervisor import journal, process
from trainui.supervisor.fork_server import ForkServer
from trainui.supervisor.process import LaunchState, Probe, ProbeState, SupervisorLivesError
from trainui.supervisor.protocol import IDENTITY, ExitReason, JournalError

logger = logging.getLogger(__name__)

HANDS = 16
"""Pool threads that launch, end and record attempts; they mostly wait."""

AGAIN_AFTER = 1.0
"""Seconds until a failed step is retried, e.g. if the store is locked."""

UNSEEN_AFTER = 5.0
"""Seconds until an attempt that cannot be inspected is probed again."""

EXAMINE_EVERY = 5.0
"""Seconds between two checks whether a running attempt is suspended by a signal."""

UNSEEN_PATIENCE = 30.0
"""Seconds until a cancelled attempt that cannot be inspected is recorded as cancelled."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds after the stage's grace period until a supervisor that was asked to stop is killed; it
normally gives up earlier by itself."""


@dataclass(slots=True)
class MonitoredAttempt:
    """An attempt that is recorded as running."""

    attempt: AttemptRecord
    done: threading.Event = field(default_factory=threading.Event)
    """Set when its end is recorded, or this worker is stopping."""
    without_records: Exception | None = None
    """Why its directory could not be created; then nothing was ever started."""
    in_hand: bool = False
    """True while a pool thread works on it."""
    asked_to_stop_at: float | None = None
    """Time at which its supervisor was asked to stop. All times here are monotonic."""
    lone: Orphan | None = None
    """Set once its supervisor was found dead."""
    warned: str | None = None
    """The recorded warning (cannot be inspected, suspended); empty: not known."""
    examined_at: float = -math.inf
    """Time of the last check whether it is suspended."""
    given_up_at: float | None = None
    """Time at which it was found cancelled while it could not be inspected."""
    due: float = 0.0
    """Time of the next probe; later after an error."""

    @property
    def directory(self) -> Path:
        """The attempt's directory."""
        return Path(self.attempt.directory)


class AttemptMonitor:
    """Monitors all running attempts of this host."""

    def __init__(
        self, store: Store, stopping: threading.Event, here: HostView | None = None
    ) -> None:
        """Create the monitor.

        Args:
            store: the store with the attempts.
            stopping: set when this worker is stopping.
            here: this host, if other hosts share the store; None: monitor all attempts.
        """
        self._store = store
        self._here = here
        self._nursery = ForkServer(without=IDENTITY)
        self._stopping = stopping
        self._lock = threading.Lock()
        self._known: dict[int, MonitoredAttempt] = {}
        self._taking: set[str] = set()
        """Messages being claimed; the claiming thread launches their attempts."""
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="follow")

    def take(self, run_id: str, stage_name: str, celery_task_id: str) -> MonitoredAttempt | None:
        """Claim the attempt of a message and launch it; None if it cannot be claimed."""
        with self._lock:
            if celery_task_id in self._taking:
                return None
            self._taking.add(celery_task_id)
        try:
            followed = self._claim(run_id, stage_name, celery_task_id)
            if followed is None:
                return None
            with self._lock:
                self._known[followed.attempt.id] = followed
            if self._stopping.is_set():
                followed.done.set()
        finally:
            with self._lock:
                self._taking.discard(celery_task_id)
        self._do(followed, self._launch)
        return followed

    def _claim(self, *message: str) -> MonitoredAttempt | None:
        """Create the directory of a message's attempt, then claim the attempt."""
        with self._store.read() as connection:
            directory = attempts.directory_to_make(connection, *message)
        if directory is None:
            return None
        without = None
        try:
            stage_directory.make_records(directory)
        except (OSError, TrainuiError) as error:
            without = error
        with self._store.write() as connection:
            attempt = attempts.claim(connection, *message)
        return (
            None
            if attempt is None
            else MonitoredAttempt(attempt, in_hand=True, without_records=without)
        )

    def look(self, *, changed: bool) -> None:
        """Probe all running attempts, and start the steps that are due.

        Args:
            changed: True if the store changed since the last call.
        """
        if changed:
            self._compare_with_store()
        for followed in self._at_rest():
            try:
                self._tend(followed)
            except (JournalError, OSError) as error:
                self._tend_unseen(followed, f"it cannot be inspected: {error}")
            except StoreError:
                raise  # the others would fail as well
            except Exception as error:  # one attempt must not block the others
                self._put_off(followed, error)
        self._nursery.prepare()

    def on_record(self, followed: MonitoredAttempt) -> AttemptRecord | None:
        """Return an attempt's current record; None if its run was deleted."""
        with self._store.read() as connection:
            return attempts.find(connection, followed.attempt.id)

    def leave(self) -> None:
        """Release all waiting threads; running attempts are not affected."""
        with self._lock:
            for followed in self._known.values():
                followed.done.set()
        self._hands.shutdown(wait=False, cancel_futures=True)
        self._nursery.close()

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
                elif attempt.celery_task_id not in self._taking:
                    self._known[attempt.id] = MonitoredAttempt(attempt, warned="")
            for attempt_id in before & self._known.keys() - running.keys():
                if not self._known[attempt_id].in_hand:
                    self._known.pop(attempt_id).done.set()

    def _at_rest(self) -> list[MonitoredAttempt]:
        now = time.monotonic()
        with self._lock:
            return [one for one in self._known.values() if not one.in_hand and one.due <= now]

    def _tend(self, followed: MonitoredAttempt) -> None:
        found = self._probe(followed)
        if found is None:
            self._tend_unseen(
                followed, f"it runs on {followed.attempt.host}, which cannot be seen from {host()}"
            )
            return
        self._examine(followed, found)
        match found.state:
            case ProbeState.NONE:
                self._hand_over(followed, self._launch)
            case ProbeState.RUNNING:
                self._tend_running(followed)
            case ProbeState.ORPHAN:
                self._tend_orphan(followed)
            case ProbeState.ENDED | ProbeState.LOST:
                self._hand_over(followed, lambda one: self._record(one, found))

    def _probe(self, followed: MonitoredAttempt) -> Probe | None:
        """Probe an attempt; None if its processes are not visible from this host."""
        if followed.without_records is not None:
            return Probe(ProbeState.NONE)
        attempt, found = followed.attempt, process.probe(followed.directory)
        if found.state in (ProbeState.RUNNING, ProbeState.ENDED):
            return found
        if attempt.host != host() and not journal.is_of_this_boot(followed.directory):
            return None  # if this machine was only renamed, the boot id is still ours
        if found.state == ProbeState.REMOVED:
            identity = identity_of(subject_of(self._store, attempt.id))
            lives = bool(process.processes_of(identity))
            return Probe(ProbeState.ORPHAN if lives else ProbeState.LOST)
        return found

    def _tend_running(self, followed: MonitoredAttempt) -> None:
        attempt, now = followed.attempt, time.monotonic()
        if attempt.pid is None:
            self._note_start(followed)
        if attempt.cancel_requested_at is None:
            return
        if followed.asked_to_stop_at is None:
            if process.request_stop(followed.directory):
                followed.asked_to_stop_at = now
            return
        grace = subject_of(self._store, attempt.id).stage.definition.grace
        if now - followed.asked_to_stop_at > grace + SUPERVISOR_PATIENCE:
            logger.warning("killed the supervisor of %s: it did not stop", followed.directory)
            process.kill_supervisor(followed.directory)

    def _tend_orphan(self, followed: MonitoredAttempt) -> None:
        now = time.monotonic()
        if followed.attempt.pid is None:
            self._note_start(followed)
        if followed.lone is None:
            logger.warning(
                "the supervisor of %s is dead; the worker watches the orphan", followed.directory
            )
            followed.lone = Orphan(subject_of(self._store, followed.attempt.id), now)
        if followed.attempt.cancel_requested_at is not None:
            due: ExitReason | None = ExitReason.STOPPED
        else:
            due = followed.lone.due(now)
        if due is not None:
            self._hand_over(followed, lambda one: self._end_lone(one, due))

    def _tend_unseen(self, followed: MonitoredAttempt, why: str) -> None:
        """Record why an attempt cannot be inspected; record its end if it was cancelled."""
        attempt, now = followed.attempt, time.monotonic()
        followed.due = now + UNSEEN_AFTER
        if attempt.cancel_requested_at is None:
            self._note(followed, f"{why}; `trainui cancel` marks it as cancelled")
        elif followed.given_up_at is None:
            followed.given_up_at = now
        elif now - followed.given_up_at >= UNSEEN_PATIENCE:
            self._hand_over(followed, lambda one: self._close(one, why))

    def _examine(self, followed: MonitoredAttempt, found: Probe) -> None:
        """Record that an attempt is suspended by a signal, or clear that warning."""
        now = time.monotonic()
        if found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN):
            return  # a warning about its launch or end stays until that step succeeds
        if followed.warned is None and now - followed.examined_at < EXAMINE_EVERY:
            return
        followed.examined_at = now
        self._note(followed, process.find_stopped(followed.directory))

    def _note(self, followed: MonitoredAttempt, warning: str | None) -> None:
        """Record or clear an attempt's warning; an unchanged one is not written."""
        if warning == followed.warned:
            return
        is_stopping = followed.attempt.cancel_requested_at is not None
        words = warning or (stages.STOPPING if is_stopping else None)
        with self._store.write() as connection:
            stages.warn(connection, followed.attempt.stage_id, words)
        if warning:
            logger.warning("attempt %d: %s", followed.attempt.id, warning)
        followed.warned = warning

    def _close(self, followed: MonitoredAttempt, why: str) -> None:
        with suppress(SupervisorLivesError, OSError):
            Orphan(subject_of(self._store, followed.attempt.id), 0.0).end(ExitReason.STOPPED)
        record_outcome.record_unseen(self._store, followed.attempt, why)
        self._forget(followed)

    def _put_off(self, followed: MonitoredAttempt, error: Exception) -> None:
        """Schedule a retry after an error with an attempt, and record a warning."""
        followed.due = time.monotonic() + AGAIN_AFTER
        if isinstance(error, StoreError):
            outage.log.failed(error)
            return
        if not isinstance(error, TrainuiError | OSError):
            logger.warning("%s: will retry", followed.directory, exc_info=error)
        with suppress(TrainuiError):  # the store is locked, or its run was deleted
            words = record_outcome.masked(self._store, followed.attempt, f"will retry: {error}")
            self._note(followed, words)

    def _hand_over(
        self, followed: MonitoredAttempt, what: Callable[[MonitoredAttempt], None]
    ) -> None:
        """Run a slow step in the thread pool."""
        followed.in_hand = True
        try:
            self._hands.submit(self._do, followed, what)
        except RuntimeError:  # the pool is shut down
            followed.in_hand = False

    def _do(self, followed: MonitoredAttempt, what: Callable[[MonitoredAttempt], None]) -> None:
        try:
            what(followed)
        except Exception as error:
            self._put_off(followed, error)
        finally:
            followed.in_hand = False
            if self._is_news(followed):
                wakeup.ring()

    def _is_news(self, followed: MonitoredAttempt) -> bool:
        """Return True if the loop has to run at once: an end to record, or slots to grant."""
        if followed.attempt.cancel_requested_at is not None:
            return True
        try:
            return process.probe(followed.directory).state != ProbeState.RUNNING
        except (JournalError, OSError):
            return True

    def _launch(self, followed: MonitoredAttempt) -> None:
        subject = subject_of(self._store, followed.attempt.id)
        followed.attempt = subject.attempt
        if subject.attempt.status != Status.RUNNING or self._stopping.is_set():
            return  # it has ended meanwhile, or the next worker launches it
        if subject.attempt.cancel_requested_at is None:
            self._launch_now(followed, subject)
        elif self._prevent_start(followed, ExitReason.START_FAILED, attempt_rows.NOT_STARTED):
            record_outcome.record_cancelled_launch(self._store, subject.attempt)

    def _launch_now(self, followed: MonitoredAttempt, subject: AttemptContext) -> None:
        try:
            if followed.without_records is not None:
                raise followed.without_records
            result = launch(self._store, subject, self._nursery)
        except (ReplacedError, StoreError):
            raise  # not the stage's fault: this worker or the next one launches it later
        except Exception as error:
            if isinstance(error, GpuGoneError) or transient_errors.is_cause(error):
                self._put_back(followed, str(error))
                return
            if not isinstance(error, TrainuiError | OSError):
                logger.exception("%s cannot be launched", followed.directory)
            retry = not isinstance(error, CheckpointsExhaustedError)
            self._record_failed_launch(followed, str(error) or repr(error), retry=retry)
            return
        if result.state == LaunchState.STARTED:
            self._note_start(followed)
            reader.wake()
        elif result.state == LaunchState.BROKEN and transient_errors.is_number(result.errno):
            self._put_back(followed, result.message)
        else:
            error_text = f"its supervisor could not be started: {result.message}"
            self._record_failed_launch(followed, error_text, retry=True)

    def _record_failed_launch(self, followed: MonitoredAttempt, error: str, *, retry: bool) -> None:
        """Record a failed launch, unless the process was started after all."""
        error = record_outcome.masked(self._store, followed.attempt, error)
        if self._prevent_start(followed, ExitReason.START_FAILED, error):
            record_outcome.record_failed_launch(self._store, followed.attempt, error, retry=retry)

    def _put_back(self, followed: MonitoredAttempt, reason: str) -> None:
        reason = record_outcome.masked(self._store, followed.attempt, reason)
        if self._prevent_start(followed, ExitReason.POSTPONED, reason):
            record_outcome.put_back(self._store, followed.attempt, reason)

    @staticmethod
    def _prevent_start(followed: MonitoredAttempt, reason: ExitReason, message: str) -> bool:
        if followed.without_records is not None:
            return True
        return prevent_start(followed.directory, reason, message)

    def _note_start(self, followed: MonitoredAttempt) -> None:
        pids = journal.read_pids(followed.directory)
        if pids is None:
            return
        with self._store.write() as connection:
            attempts.mark_started(
                connection,
                followed.attempt,
                started_at=pids.started_at,
                pid=pids.pid,
                supervisor=pids.supervisor_pid,
            )
            followed.attempt = attempts.get(connection, followed.attempt.id)

    def _end_lone(self, followed: MonitoredAttempt, why: ExitReason) -> None:
        if followed.lone is not None:
            left = followed.lone.end(why)
            self._record_loss(followed, LostSupervisor(seen_alive=True, ended_for=why, left=left))

    def _record(self, followed: MonitoredAttempt, found: Probe) -> None:
        if found.exit is None:
            self._record_loss(followed, LostSupervisor(seen_alive=followed.lone is not None))
        elif record_outcome.record_exit(self._store, followed.attempt, found.exit, self._stopping):
            self._forget(followed)

    def _record_loss(self, followed: MonitoredAttempt, loss: LostSupervisor) -> None:
        if record_outcome.record_loss(self._store, followed.attempt, self._stopping, loss):
            self._forget(followed)

    def _forget(self, followed: MonitoredAttempt) -> None:
        """Stop monitoring an attempt after its end is recorded."""
        with self._lock:
            self._known.pop(followed.attempt.id, None)
        followed.done.set()
