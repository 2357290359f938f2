"""Polls a running attempt: probes its processes and chooses the next step.

Nothing is guessed: the decision rests on the store, the attempt's directory and its processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from trainui import clock
from trainui.execution.attempt import outcome, record_outcome
from trainui.execution.attempt.launch import context_of
from trainui.execution.attempt.launch_recorder import LaunchRecorder, record_start
from trainui.execution.attempt.monitored_attempt import MonitoredAttempt
from trainui.execution.attempt.orphan import Orphan
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import identity_of
from trainui.execution.planner.slots import host
from trainui.store.db.engine import Store
from trainui.store.runs import stage_requests, stages
from trainui.supervisor import journal, orphans, process
from trainui.supervisor.process import Probe, ProbeState
from trainui.supervisor.protocol import Exit, ExitReason, JournalError

logger = logging.getLogger(__name__)

Step = Callable[[MonitoredAttempt], None]
"""A slow step of an attempt, for a pool thread; it may be repeated after an error."""

INVISIBLE_AFTER = 5.0
"""Seconds until an attempt that cannot be inspected is probed again."""

SUSPENSION_EVERY = 5.0
"""Seconds between two checks whether a running attempt is suspended by a signal."""

INVISIBLE_PATIENCE = 30.0
"""Seconds until a cancelled attempt of a host that cannot be seen is recorded as cancelled."""

UNREADABLE_PATIENCE = 2.0
"""Seconds without a process until a cancelled attempt with unreadable records has ended."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds after the stage's grace period until a supervisor that was asked to stop is killed; it
normally gives up earlier by itself."""


class AttemptPoller:
    """Polls running attempts of this host, in the monitor's thread."""

    def __init__(self, store: Store, launcher: LaunchRecorder, stopping: threading.Event) -> None:
        self._store = store
        self._launcher = launcher
        self._stopping = stopping

    def poll(self, monitored: MonitoredAttempt) -> Step | None:
        """Probe an attempt; return its next step, None if there is nothing to do."""
        found = self._probe(monitored)
        if found is not None:
            return self._step_after(monitored, found)
        where = f"it runs on {monitored.attempt.host}, which cannot be seen from {host()}"
        return self._poll_invisible(monitored, where)

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

    def _step_after(self, monitored: MonitoredAttempt, found: Probe) -> Step | None:
        self._check_warnings(monitored, found)
        match found.state:
            case ProbeState.NONE if monitored.attempt.pid is None:
                return self._launcher.launch
            case ProbeState.RUNNING:
                self._poll_running(monitored)
            case ProbeState.ORPHAN:
                return self._poll_orphan(monitored)
            case ProbeState.UNREADABLE:
                return self._poll_unreadable(monitored, found.problem)
            case ProbeState.NONE | ProbeState.ENDED | ProbeState.LOST | ProbeState.REMOVED:
                if found.exit is not None and self._survive(monitored, found.exit):
                    return None
                loss = LostSupervisor(seen_alive=monitored.orphan is not None)
                return partial(self._record, found=found.exit or loss)
        return None

    def _probe(self, monitored: MonitoredAttempt) -> Probe | None:
        """Probe an attempt; None if its processes are not visible from this host."""
        if monitored.directory_error is not None:
            return Probe(ProbeState.NONE)
        with suppress(JournalError, OSError):
            found = process.probe(monitored.directory)  # enough in nearly all cases
            if found.state in (ProbeState.RUNNING, ProbeState.ENDED):
                return found
        found = process.probe(monitored.directory, self._identity(monitored))
        is_known = found.state in (ProbeState.RUNNING, ProbeState.ENDED)
        if is_known or monitored.attempt.host == host():
            return found
        # if this machine was only renamed, the boot id is still ours
        is_here = bool(found.pids) or journal.is_of_this_boot(monitored.directory)
        return found if is_here else None

    def _identity(self, monitored: MonitoredAttempt) -> Mapping[str, str]:
        if monitored.identity is None:
            monitored.identity = identity_of(context_of(self._store, monitored.attempt.id))
        return monitored.identity

    def _poll_running(self, monitored: MonitoredAttempt) -> None:
        attempt, now = monitored.attempt, time.monotonic()
        if attempt.pid is None:
            record_start(self._store, monitored)
        if attempt.cancel_requested_at is None:
            return
        if monitored.asked_to_stop_at is None:
            if process.request_stop(monitored.directory, self._identity(monitored)):
                monitored.asked_to_stop_at = now
            return
        grace = context_of(self._store, attempt.id).stage.definition.grace
        if now - monitored.asked_to_stop_at > grace + SUPERVISOR_PATIENCE:
            logger.warning("killed the supervisor of %s: it did not stop", monitored.directory)
            process.kill_supervisor(monitored.directory, self._identity(monitored))

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
        return partial(self._end_orphan, orphan=monitored.orphan, why=due)

    def _survive(self, monitored: MonitoredAttempt, found: Exit) -> bool:
        """Return True if processes that survived SIGKILL live: the end is not proved."""
        if not found.left:
            return False
        living = orphans.processes_of(self._identity(monitored))
        if living:
            self._warn_of_survivors(monitored, living)
        return bool(living)

    def _warn_of_survivors(self, monitored: MonitoredAttempt, pids: Sequence[int]) -> None:
        monitored.has_survivors = True
        shown = ", ".join(map(str, pids))
        words = f"process {shown} survives SIGKILL: end it, or restart the machine"
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

    def _poll_invisible(self, monitored: MonitoredAttempt, why: str) -> Step | None:
        """Record why an attempt cannot be seen; record its end if it was cancelled."""
        attempt, now = monitored.attempt, time.monotonic()
        monitored.due = now + INVISIBLE_AFTER
        if attempt.cancel_requested_at is None:
            self.set_warning(monitored, f"{why}; `trainui cancel` marks it as cancelled")
        elif monitored.cancel_seen_at is None:
            monitored.cancel_seen_at = now
        elif now - monitored.cancel_seen_at >= INVISIBLE_PATIENCE:
            return partial(self._record_unread, why=f"although it may still be running: {why}")
        return None

    def _check_warnings(self, monitored: MonitoredAttempt, found: Probe) -> None:
        """Record that records cannot be read or that a process is suspended, or clear that."""
        now = time.monotonic()
        if found.problem:
            self.set_warning(monitored, _unreadable_words(found))
            return
        if found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN) or monitored.has_survivors:
            return  # a warning about its launch or end stays until that step succeeds
        if monitored.warning is None and now - monitored.suspension_checked_at < SUSPENSION_EVERY:
            return
        monitored.suspension_checked_at = now
        self.set_warning(monitored, process.find_stopped(monitored.directory))

    def _record(self, monitored: MonitoredAttempt, found: Exit | LostSupervisor) -> None:
        monitored.is_recorded = record_outcome.record_end(
            self._store, monitored.attempt, found, self._stopping
        )

    def _end_orphan(self, monitored: MonitoredAttempt, orphan: Orphan, why: ExitReason) -> None:
        if left := orphan.end(why):
            self._warn_of_survivors(monitored, left)
        else:
            self._record(monitored, LostSupervisor(seen_alive=True, ended_for=why))

    def _record_unread(self, monitored: MonitoredAttempt, why: str) -> None:
        """Record a cancelled attempt without its records: no process of it is visible here."""
        ended = outcome.unseen(monitored.attempt, why, completed_at=clock.now())
        record_outcome.record(self._store, monitored.attempt, ended)
        monitored.is_recorded = True


def _unreadable_words(found: Probe) -> str:
    shown = ", ".join(map(str, found.pids))
    if found.state in (ProbeState.RUNNING, ProbeState.ORPHAN):
        runs = f"process {shown} runs" if shown else "its supervisor runs"
        return f"its records cannot be read: {found.problem}; {runs}; `trainui cancel` ends it"
    return (
        f"its records cannot be read: {found.problem}; none of its processes is left; make them "
        "readable, or `trainui cancel` records its end"
    )
