"""Following attempts from their launch to their end, those of an earlier worker too.

The rule that lives here: what runs is found by looking at the store and at the attempts'
directories, never remembered only. So a worker that has just started recovers by the same looks
by which it follows: an attempt that was claimed and not launched is launched, one that lives is
adopted, one that ended meanwhile is recorded. Nothing is ever guessed.
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
"""Threads that launch, end and record; each waits most of its time."""

AGAIN_AFTER = 1.0
"""Seconds after which what failed is tried again, such as when the store is locked."""

UNSEEN_AFTER = 5.0
"""The same for an attempt that cannot be looked at."""

EXAMINE_EVERY = 5.0
"""Seconds between two looks whether a running attempt is stopped by a signal."""

UNSEEN_PATIENCE = 30.0
"""Seconds for which a cancelled attempt that cannot be looked at may still come to sight."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds besides the grace of its stage after which a supervisor that was told to stop is killed:
it gives up by itself before."""


@dataclass(slots=True)
class MonitoredAttempt:
    """An attempt that runs, as far as the store knows."""

    attempt: AttemptRecord
    done: threading.Event = field(default_factory=threading.Event)
    """Set when its end is on record, or this worker is about to leave."""
    without_records: Exception | None = None
    """Why its directory could not be made; so nothing of it was ever started."""
    in_hand: bool = False
    """Another thread does something about it just now."""
    asked_to_stop_at: float | None = None
    """When its supervisor was told to stop, on the monotonic clock as all times here."""
    lone: Orphan | None = None
    """Since its supervisor was seen to be dead."""
    warned: str | None = None
    """What is on record of it: that it cannot be looked at, or is stopped; empty: not known."""
    examined_at: float = -math.inf
    """When it was last seen whether it is stopped."""
    given_up_at: float | None = None
    """When a person cancelled it though it cannot be looked at."""
    due: float = 0.0
    """When it is looked at again: later where something went wrong."""

    @property
    def directory(self) -> Path:
        """The attempt's directory."""
        return Path(self.attempt.directory)


class AttemptMonitor:
    """Follows all running attempts of this host."""

    def __init__(
        self, store: Store, stopping: threading.Event, here: HostView | None = None
    ) -> None:
        """Make a follower.

        Args:
            store: what is on record.
            stopping: set when this worker is about to leave.
            here: whose attempts are followed, where other hosts follow theirs; None: all.
        """
        self._store = store
        self._here = here
        self._nursery = ForkServer(without=IDENTITY)
        self._stopping = stopping
        self._lock = threading.Lock()
        self._known: dict[int, MonitoredAttempt] = {}
        self._taking: set[str] = set()
        """Messages that are about to be claimed: their attempts are launched by who takes them."""
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="follow")

    def take(self, run_id: str, stage_name: str, celery_task_id: str) -> MonitoredAttempt | None:
        """Claim the attempt of a message and launch it; None where it is not to be had."""
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
        """Make the directory of a message's attempt, and claim the attempt only then."""
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
        """Look at all running attempts, and begin to do what is due.

        Args:
            changed: whether the store changed since the last look.
        """
        if changed:
            self._compare_with_store()
        for followed in self._at_rest():
            try:
                self._tend(followed)
            except (JournalError, OSError) as error:
                self._tend_unseen(followed, f"it cannot be looked at: {error}")
            except StoreError:
                raise  # it is the same for the others
            except Exception as error:  # one must not keep the others from being looked at
                self._put_off(followed, error)
        self._nursery.prepare()

    def on_record(self, followed: MonitoredAttempt) -> AttemptRecord | None:
        """Return an attempt as it is on record by now; None: its run is deleted."""
        with self._store.read() as connection:
            return attempts.find(connection, followed.attempt.id)

    def leave(self) -> None:
        """Let all go who wait for an attempt; what runs goes on."""
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
        """Look at an attempt; None where its processes cannot be seen from this host."""
        if followed.without_records is not None:
            return Probe(ProbeState.NONE)
        attempt, found = followed.attempt, process.probe(followed.directory)
        if found.state in (ProbeState.RUNNING, ProbeState.ENDED):
            return found
        if attempt.host != host() and not journal.is_of_this_boot(followed.directory):
            return None  # the machine may also have got another name: then its boot is ours
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
            logger.warning("the supervisor of %s does not stop it: killed", followed.directory)
            process.kill_supervisor(followed.directory)

    def _tend_orphan(self, followed: MonitoredAttempt) -> None:
        now = time.monotonic()
        if followed.attempt.pid is None:
            self._note_start(followed)
        if followed.lone is None:
            logger.warning(
                "no supervisor of %s is found; its process is watched", followed.directory
            )
            followed.lone = Orphan(subject_of(self._store, followed.attempt.id), now)
        if followed.attempt.cancel_requested_at is not None:
            due: ExitReason | None = ExitReason.STOPPED
        else:
            due = followed.lone.due(now)
        if due is not None:
            self._hand_over(followed, lambda one: self._end_lone(one, due))

    def _tend_unseen(self, followed: MonitoredAttempt, why: str) -> None:
        """Say why an attempt cannot be looked at; close its record if a person asks for it."""
        attempt, now = followed.attempt, time.monotonic()
        followed.due = now + UNSEEN_AFTER
        if attempt.cancel_requested_at is None:
            self._note(followed, f"{why}; `trainui cancel` closes its record")
        elif followed.given_up_at is None:
            followed.given_up_at = now
        elif now - followed.given_up_at >= UNSEEN_PATIENCE:
            self._hand_over(followed, lambda one: self._close(one, why))

    def _examine(self, followed: MonitoredAttempt, found: Probe) -> None:
        """Say that an attempt is stopped by a signal, or take back what was said."""
        now = time.monotonic()
        if found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN):
            return  # what is wrong with its launch or its end is still so, until that is done
        if followed.warned is None and now - followed.examined_at < EXAMINE_EVERY:
            return
        followed.examined_at = now
        self._note(followed, process.find_stopped(followed.directory))

    def _note(self, followed: MonitoredAttempt, warning: str | None) -> None:
        """Record what hinders an attempt, or take that back; what is on record is not written."""
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
        """Try again later what went wrong with an attempt, and say so."""
        followed.due = time.monotonic() + AGAIN_AFTER
        if isinstance(error, StoreError):
            outage.log.failed(error)
            return
        if not isinstance(error, TrainuiError | OSError):
            logger.warning("%s: tried again", followed.directory, exc_info=error)
        with suppress(TrainuiError):  # the store is locked, or its run was deleted
            words = record_outcome.masked(self._store, followed.attempt, f"tried again: {error}")
            self._note(followed, words)

    def _hand_over(
        self, followed: MonitoredAttempt, what: Callable[[MonitoredAttempt], None]
    ) -> None:
        """Do something that takes time, in another thread."""
        followed.in_hand = True
        try:
            self._hands.submit(self._do, followed, what)
        except RuntimeError:  # we are leaving
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
        """Tell whether the loop is to look again: what ended meanwhile, what may start now."""
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
            return  # it has ended meanwhile; or the next worker launches it
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
            raise  # no fault of the stage: the next worker, or this one, launches it later
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
        """Record that nothing was started, unless something was: the next look finds it."""
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
        """Let an attempt go whose end is on record."""
        with self._lock:
            self._known.pop(followed.attempt.id, None)
        followed.done.set()
