"""Monitors attempts from launch to end, including those of an earlier worker.

The running attempts are always derived from the store and the attempts' directories, never from
memory alone. So a new worker recovers with the same code: it launches an attempt that was claimed
but not launched, takes over one that is alive, and records one that ended meanwhile. Nothing is
guessed: the decision rests on the store, the attempt's directory and its processes.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from trainui import clock, wakeup
from trainui.errors import ReplacedError, StoreError, TrainuiError
from trainui.execution.attempt import executors, outcome, record_outcome
from trainui.execution.attempt.executors import (
    Executors,
    Orphan,
    job_of,
    make_records,
    move_forgotten,
)
from trainui.execution.attempt.launch import (
    GpuGoneError,
    UpstreamOutputError,
    launch,
    prevent_start,
)
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import (
    AttemptContext,
    CheckpointsExhaustedError,
    context_of,
)
from trainui.model.records import LOCAL, AttemptRecord, HostView
from trainui.model.states import Status
from trainui.plugin.backends import JobLook, JobState, LaunchAnswer, StageJob
from trainui.record import dataclass
from trainui.resume import outputs
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.runs import attempts, stage_requests, stages
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import protocol
from trainui.supervisor.process import SUPERVISOR_PATIENCE, ForkServer
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import LEFTOVER_GRACE

logger = logging.getLogger(__name__)

WAITING_EVERY, REASON_EVERY = 1.0, 2.0
"""Seconds between two looks at a job that waits in another program's queue, and at the reason."""

MOST_LOOKS = 250
"""Looks at such jobs in a second; more of them are looked at less often."""

EDITED = "withdrawn from the queue, since the stage was edited"
"""The error of an attempt that waited elsewhere until its stage got another definition."""

INVISIBLE_AFTER = 5.0
"""Seconds until an attempt that cannot be inspected is probed again."""

SUSPENSION_EVERY = 5.0
"""Seconds between two checks whether a running attempt is suspended by a signal."""

UNREADABLE_PATIENCE = 2.0
"""Seconds without a process until a cancelled attempt with unreadable records has ended."""

POOL_THREADS = 16
"""Pool threads that launch, end and record attempts; they mostly wait."""

AGAIN_AFTER = 1.0
"""Seconds until a failed step is retried, e.g. if the store is locked."""


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
    executor_says: str = ""
    """What its executor says about an end without a record."""
    orphan: Orphan | None = None
    """Set once its supervisor was found dead."""
    ended_for: ExitReason | None = None
    """Why this worker ended an orphan."""
    has_survivors: bool = False
    """True once a process of it survived SIGKILL."""
    warning: str | None = None
    """The recorded warning (unreadable records, suspended)."""
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
            wakeup.wake_reader()
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


Step = Callable[[MonitoredAttempt], None]
"""A slow step of an attempt, for a pool thread; it may be repeated after an error."""


class AttemptPoller:
    """Polls running attempts of this host, in the monitor's thread."""

    def __init__(
        self,
        store: Database,
        launcher: LaunchRecorder,
        executors: Executors,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._executors = executors
        self._stopping = stopping
        self.waiting_every = WAITING_EVERY

    def poll(self, monitored: MonitoredAttempt) -> Step | None:
        """Look at an attempt; return its next step, None if there is nothing to do."""
        if monitored.directory_error is not None:
            return self._launcher.launch
        look = self._look(monitored)
        self._check_warnings(monitored, look)
        match look.state:
            case JobState.NONE if monitored.attempt.pid is None:
                return self._launcher.launch
            case JobState.WAITING:
                return self._poll_waiting(monitored)
            case JobState.RUNNING:
                return self._poll_running(monitored)
            case JobState.ORPHAN:
                return self._poll_orphan(monitored)
            case JobState.UNREADABLE:
                return self._poll_unreadable(monitored, look.problem)
            case JobState.UNSEEN:
                self._poll_unseen(monitored, look.problem)
            case JobState.NONE | JobState.GONE:
                monitored.executor_says = look.problem
                return self._record
        return None

    def is_running(self, monitored: MonitoredAttempt) -> bool:
        """Return True if an attempt's supervisor runs."""
        return self._look(monitored).state == JobState.RUNNING

    def set_warning(self, monitored: MonitoredAttempt, warning: str | None) -> None:
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

    def _look(self, monitored: MonitoredAttempt) -> JobLook:
        attempt, job = monitored.attempt, self._job(monitored)
        if not monitored.is_adopted:
            self._executors.of(attempt).adopt(job)
            monitored.is_adopted = True
        return self._executors.look(attempt, job)

    def _job(self, monitored: MonitoredAttempt) -> StageJob:
        if monitored.job is None:
            monitored.job = job_of(context_of(self._store, monitored.attempt.id))
        return monitored.job

    def _poll_waiting(self, monitored: MonitoredAttempt) -> Step | None:
        """Withdraw a job that waits in another program's queue, if it was cancelled or edited."""
        monitored.due = time.monotonic() + self.waiting_every
        if monitored.attempt.cancel_requested_at is not None:
            return partial(self._withdraw, why=(ExitReason.START_FAILED, attempts.NOT_STARTED))
        if monitored.attempt.definition is not None:
            return partial(self._withdraw, why=(ExitReason.POSTPONED, EDITED))
        return None

    def _withdraw(self, monitored: MonitoredAttempt, why: tuple[ExitReason, str]) -> None:
        is_prevented = prevent_start(monitored.directory, *why)
        is_cancelled = monitored.attempt.cancel_requested_at is not None
        if is_prevented or is_cancelled or protocol.read_exit(monitored.directory) is not None:
            self._executors.of(monitored.attempt).stop(self._job(monitored))
            monitored.due = 0.0

    def _poll_running(self, monitored: MonitoredAttempt) -> Step | None:
        attempt, now = monitored.attempt, time.monotonic()
        if attempt.pid is None:
            record_start(self._store, monitored)
        if attempt.cancel_requested_at is None:
            return None
        grace = self._job(monitored).grace
        if monitored.asked_to_stop_at is None:
            step: Step = self._stop
        elif now - monitored.asked_to_stop_at > grace + SUPERVISOR_PATIENCE:
            step = self._kill_supervisor
        else:
            return None
        if not monitored.is_local:
            return step  # another program's commands take their time
        step(monitored)
        return None

    def _stop(self, monitored: MonitoredAttempt) -> None:
        if self._executors.of(monitored.attempt).stop(self._job(monitored)):
            monitored.asked_to_stop_at = time.monotonic()

    def _kill_supervisor(self, monitored: MonitoredAttempt) -> None:
        logger.warning("killed the supervisor of %s: it did not stop", monitored.directory)
        self._executors.of(monitored.attempt).stop(self._job(monitored), kill=True)

    def _poll_orphan(self, monitored: MonitoredAttempt) -> Step | None:
        now = time.monotonic()
        if monitored.attempt.pid is None:
            record_start(self._store, monitored)
        if monitored.orphan is None:
            logger.warning(
                "the supervisor of %s is dead; the worker watches the orphan", monitored.directory
            )
            monitored.orphan = Orphan(context_of(self._store, monitored.attempt.id), now)
        is_cancelled = monitored.attempt.cancel_requested_at is not None
        due = ExitReason.STOPPED if is_cancelled else monitored.orphan.due(now)
        if due is None:
            return None
        return partial(self._end_orphan, why=due)

    def _warn_of_survivors(self, monitored: MonitoredAttempt, left: Sequence[str]) -> None:
        monitored.has_survivors = True
        words = f"process {', '.join(left)} survives SIGKILL: end it, or restart the machine"
        self.set_warning(monitored, words)
        monitored.due = time.monotonic() + INVISIBLE_AFTER

    def _poll_unreadable(self, monitored: MonitoredAttempt, problem: str) -> Step | None:
        """Wait for the records of an attempt without processes, or for its cancellation."""
        attempt, now = monitored.attempt, time.monotonic()
        if attempt.cancel_requested_at is None:
            monitored.due = now + INVISIBLE_AFTER
            return None
        if monitored.cancel_seen_at is None:
            monitored.cancel_seen_at = now
        if now - monitored.cancel_seen_at < UNREADABLE_PATIENCE:
            return None
        return partial(self._record_unread, why=outcome.UNREADABLE.format(problem=problem))

    def _poll_unseen(self, monitored: MonitoredAttempt, why: str) -> None:
        """Record why an attempt cannot be seen. Its end is not recorded: that would be a guess."""
        monitored.due = time.monotonic() + INVISIBLE_AFTER
        self.set_warning(monitored, executors.unseen_words(monitored.attempt, why))

    def _check_warnings(self, monitored: MonitoredAttempt, look: JobLook) -> None:
        """Record why an attempt does not proceed or cannot be read, or clear that."""
        now = time.monotonic()
        if look.state == JobState.UNSEEN or monitored.has_survivors:
            return
        if look.problem and look.state != JobState.GONE:
            self.set_warning(monitored, _unreadable_words(look))
            return
        if look.state not in (JobState.WAITING, JobState.RUNNING, JobState.ORPHAN):
            return  # a warning about its launch or end stays until that step succeeds
        pause = SUSPENSION_EVERY if monitored.warning is None else 0.0
        if look.state == JobState.WAITING:
            pause = REASON_EVERY
        if now - monitored.suspension_checked_at < pause:
            return
        monitored.suspension_checked_at = now
        why = self._executors.of(monitored.attempt).why_it_waits(self._job(monitored))
        self.set_warning(monitored, why or None)

    def _record(self, monitored: MonitoredAttempt) -> None:
        """Record the end of an attempt of which nothing is left."""
        orphan = monitored.orphan
        if monitored.attempt.pid is None and not monitored.is_local:
            record_start(self._store, monitored)  # only now are its metrics read
        found = protocol.read_exit(monitored.directory)
        loss = LostSupervisor(
            seen_alive=orphan is not None,
            ended_for=monitored.ended_for,
            executor_says=monitored.executor_says,
        )
        monitored.is_recorded = record_outcome.record_end(
            self._store, monitored.attempt, found or loss, self._stopping, monitored.executor_says
        )

    def _end_orphan(self, monitored: MonitoredAttempt, why: ExitReason) -> None:
        job = self._job(monitored)
        if why == ExitReason.EXITED:
            job = replace(job, grace=min(job.grace, LEFTOVER_GRACE))
        if left := self._executors.of(monitored.attempt).prove_gone(job):
            self._warn_of_survivors(monitored, left)
        else:
            look = self._look(monitored)
            monitored.executor_says = look.problem if look.state == JobState.GONE else ""
            monitored.ended_for = why
            self._record(monitored)

    def _record_unread(self, monitored: MonitoredAttempt, why: str) -> None:
        """Record a cancelled attempt without its records: no process of it is visible here."""
        ended = outcome.of_unseen(monitored.attempt, why, completed_at=clock.now())
        record_outcome.record(self._store, monitored.attempt, ended)
        monitored.is_recorded = True


def _unreadable_words(look: JobLook) -> str:
    shown = ", ".join(look.processes)
    if look.state in (JobState.RUNNING, JobState.ORPHAN):
        runs = f"process {shown} runs" if shown else "its supervisor runs"
        return f"its records cannot be read: {look.problem}; {runs}; `trainui cancel` ends it"
    return (
        f"its records cannot be read: {look.problem}; none of its processes is left; make them "
        "readable, or `trainui cancel` records its end"
    )


class AttemptMonitor:
    """Monitors all running attempts of this host."""

    def __init__(
        self,
        store: Database,
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
                without = _error_of(move_forgotten, directory)
        without = without or _error_of(make_records, directory)
        with self._store.write() as connection:
            attempt = attempts.claim(connection, *message)
        if attempt is None:
            return None
        return MonitoredAttempt(attempt, is_busy=True, directory_error=without)

    def poll(self, *, changed: bool, ended: bool = False) -> None:
        """Probe all running attempts, and start the steps that are due.

        `changed` says that the store changed since the last call, `ended` that an attempt ended.
        """
        if changed:
            self._compare_with_store()
            self._poller.waiting_every = max(WAITING_EVERY, len(self._known) / MOST_LOOKS)
        for monitored in self._due(ended=ended):
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
            granted = attempts.count_unclaimed(connection, executor)
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
            new = [one for one in found if one.id not in before]
            warnings = {one.id: _recorded_warning(connection, one) for one in new}
        running = {attempt.id: attempt for attempt in found}
        with self._lock:
            for attempt in running.values():
                if attempt.is_external:
                    continue
                if attempt.id in self._known:
                    known = self._known[attempt.id]
                    if known.attempt.cancel_requested_at != attempt.cancel_requested_at:
                        known.due = 0.0
                    known.attempt = attempt
                elif attempt.celery_task_id not in self._claiming:
                    warning = warnings.get(attempt.id)
                    self._known[attempt.id] = MonitoredAttempt(attempt, warning=warning)
            for attempt_id in before & self._known.keys() - running.keys():
                if not self._known[attempt_id].is_busy:
                    self._known.pop(attempt_id).done.set()

    def _due(self, *, ended: bool) -> list[MonitoredAttempt]:
        """Return the attempts to look at; those first that could start if others are stopped."""
        now = time.monotonic()
        with self._lock:
            idle = [one for one in self._known.values() if not one.is_busy]
        due = [one for one in idle if one.due <= now or (ended and one.attempt.pid is None)]
        return sorted(due, key=lambda one: one.attempt.pid is not None)

    def _schedule_retry(self, monitored: MonitoredAttempt, error: Exception) -> None:
        """Schedule a retry after an error with an attempt, and record a warning."""
        monitored.due = time.monotonic() + AGAIN_AFTER
        if isinstance(error, StoreError):
            engine.outages.failed(error)
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


def _recorded_warning(connection: Connection, attempt: AttemptRecord) -> str | None:
    """Return the warning of an earlier worker; why a stage is silent is no warning."""
    stage = stages.get(connection, attempt.stage_id)
    return stage.reason if stage.stalls_after is None else None


def _error_of(step: Callable[[Path], None], directory: Path) -> Exception | None:
    try:
        step(directory)
    except (OSError, TrainuiError) as error:
        return error
    return None
