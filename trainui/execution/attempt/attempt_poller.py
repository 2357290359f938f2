"""Polls a running attempt: probes its processes and chooses the next step.

Nothing is guessed: the decision rests on the store, the attempt's directory and its processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
from trainui.supervisor.orphans import SupervisorLivesError
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
"""Seconds until a cancelled attempt that cannot be inspected is recorded as cancelled."""

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
        try:
            found = self._probe(monitored)
            if found is not None:
                return self._step_after(monitored, found)
        except (JournalError, OSError) as error:
            return self._poll_invisible(monitored, f"it cannot be inspected: {error}")
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
        self._check_suspended(monitored, found)
        match found.state:
            case ProbeState.NONE:
                return self._launcher.launch
            case ProbeState.RUNNING:
                self._poll_running(monitored)
            case ProbeState.ORPHAN:
                return self._poll_orphan(monitored)
            case ProbeState.ENDED | ProbeState.LOST:
                loss = LostSupervisor(seen_alive=monitored.orphan is not None)
                return partial(self._record, found=found.exit or loss)
        return None

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

    def _poll_invisible(self, monitored: MonitoredAttempt, why: str) -> Step | None:
        """Record why an attempt cannot be inspected; record its end if it was cancelled."""
        attempt, now = monitored.attempt, time.monotonic()
        monitored.due = now + INVISIBLE_AFTER
        if attempt.cancel_requested_at is None:
            self.set_warning(monitored, f"{why}; `trainui cancel` marks it as cancelled")
        elif monitored.cancel_seen_at is None:
            monitored.cancel_seen_at = now
        elif now - monitored.cancel_seen_at >= INVISIBLE_PATIENCE:
            return partial(self._record_invisible, why=why)
        return None

    def _check_suspended(self, monitored: MonitoredAttempt, found: Probe) -> None:
        """Record that an attempt is suspended by a signal, or clear that warning."""
        now = time.monotonic()
        if found.state not in (ProbeState.RUNNING, ProbeState.ORPHAN):
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
        left = orphan.end(why)
        self._record(monitored, LostSupervisor(seen_alive=True, ended_for=why, left=left))

    def _record_invisible(self, monitored: MonitoredAttempt, why: str) -> None:
        with suppress(SupervisorLivesError, OSError):
            Orphan(context_of(self._store, monitored.attempt.id), 0.0).end(ExitReason.STOPPED)
        ended = outcome.unseen(monitored.attempt, why, completed_at=clock.now())
        record_outcome.record(self._store, monitored.attempt, ended)
        monitored.is_recorded = True
