"""Polls a running attempt: probes its processes and chooses the next step.

Nothing is guessed: the decision rests on the store, the attempt's directory and its processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from trainui import clock
from trainui.execution.attempt import outcome, record_outcome, unseen
from trainui.execution.attempt.executors import Executors, job_of
from trainui.execution.attempt.launch import context_of, prevent_start
from trainui.execution.attempt.launch_recorder import LaunchRecorder, record_start
from trainui.execution.attempt.monitored_attempt import MonitoredAttempt, Orphan
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.plugin.records import JobLook, JobState, StageJob
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, stage_requests, stages
from trainui.supervisor import journal
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import LEFTOVER_GRACE

logger = logging.getLogger(__name__)

Step = Callable[[MonitoredAttempt], None]
"""A slow step of an attempt, for a pool thread; it may be repeated after an error."""

INVISIBLE_AFTER = 5.0
"""Seconds until an attempt that cannot be inspected is probed again."""

SUSPENSION_EVERY = 5.0
"""Seconds between two checks whether a running attempt is suspended by a signal."""

UNREADABLE_PATIENCE = 2.0
"""Seconds without a process until a cancelled attempt with unreadable records has ended."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds after the stage's grace period until a supervisor that was asked to stop is killed; it
normally gives up earlier by itself."""


class AttemptPoller:
    """Polls running attempts of this host, in the monitor's thread."""

    def __init__(
        self,
        store: Store,
        launcher: LaunchRecorder,
        executors: Executors,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._executors = executors
        self._stopping = stopping

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
                self._poll_running(monitored)
            case JobState.ORPHAN:
                return self._poll_orphan(monitored)
            case JobState.UNREADABLE:
                return self._poll_unreadable(monitored, look.problem)
            case JobState.UNSEEN:
                self._poll_unseen(monitored, look.problem)
            case JobState.NONE | JobState.GONE:
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
        """Withdraw a job that waits in another program's queue, if it was cancelled."""
        if monitored.attempt.cancel_requested_at is None:
            return None
        return self._withdraw

    def _withdraw(self, monitored: MonitoredAttempt) -> None:
        prevent_start(monitored.directory, ExitReason.START_FAILED, attempts.NOT_STARTED)
        self._executors.of(monitored.attempt).stop(self._job(monitored))

    def _poll_running(self, monitored: MonitoredAttempt) -> None:
        attempt, now = monitored.attempt, time.monotonic()
        if attempt.pid is None:
            record_start(self._store, monitored)
        if attempt.cancel_requested_at is None:
            return
        executor, job = self._executors.of(attempt), self._job(monitored)
        if monitored.asked_to_stop_at is None:
            if executor.stop(job):
                monitored.asked_to_stop_at = now
        elif now - monitored.asked_to_stop_at > job.grace + SUPERVISOR_PATIENCE:
            logger.warning("killed the supervisor of %s: it did not stop", monitored.directory)
            executor.stop(job, kill=True)

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
        self.set_warning(monitored, unseen.words(monitored.attempt, why))

    def _check_warnings(self, monitored: MonitoredAttempt, look: JobLook) -> None:
        """Record why an attempt does not proceed or cannot be read, or clear that."""
        now = time.monotonic()
        if look.state == JobState.UNSEEN or monitored.has_survivors:
            return
        if look.problem:
            self.set_warning(monitored, _unreadable_words(look))
            return
        if look.state not in (JobState.WAITING, JobState.RUNNING, JobState.ORPHAN):
            return  # a warning about its launch or end stays until that step succeeds
        if monitored.warning is None and now - monitored.suspension_checked_at < SUSPENSION_EVERY:
            return
        monitored.suspension_checked_at = now
        why = self._executors.of(monitored.attempt).why_it_waits(self._job(monitored))
        self.set_warning(monitored, why or None)

    def _record(self, monitored: MonitoredAttempt) -> None:
        """Record the end of an attempt of which nothing is left."""
        orphan = monitored.orphan
        found = journal.read_exit(monitored.directory)
        loss = LostSupervisor(seen_alive=orphan is not None, ended_for=monitored.ended_for)
        monitored.is_recorded = record_outcome.record_end(
            self._store, monitored.attempt, found or loss, self._stopping
        )

    def _end_orphan(self, monitored: MonitoredAttempt, why: ExitReason) -> None:
        job = self._job(monitored)
        if why == ExitReason.EXITED:
            job = replace(job, grace=min(job.grace, LEFTOVER_GRACE))
        if left := self._executors.of(monitored.attempt).prove_gone(job):
            self._warn_of_survivors(monitored, left)
        else:
            monitored.ended_for = why
            self._record(monitored)

    def _record_unread(self, monitored: MonitoredAttempt, why: str) -> None:
        """Record a cancelled attempt without its records: no process of it is visible here."""
        ended = outcome.unseen(monitored.attempt, why, completed_at=clock.now())
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
