"""The monitor's state of a running attempt, and the rules for an orphan."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.model.records import LOCAL, AttemptRecord
from trainui.plugin.records import StageJob
from trainui.supervisor import journal, orphans
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import NEVER


class Orphan:
    """An attempt whose supervisor is dead and whose processes live, as this worker first saw it.

    It is judged by the supervisor's rules: the time limits, and that no process outlives the main
    process for long.
    """

    def __init__(self, context: AttemptContext, now: float) -> None:
        """Start watching an orphan."""
        self._directory = Path(context.attempt.directory)
        self._definition = context.stage.definition
        self._sizes = journal.log_sizes(self._directory)
        self._grown_at = now

    def due(self, now: float) -> ExitReason | None:
        """Return why it has to be ended now; None if it may keep running.

        `exited` means that its main process has ended and others are left. A silence that began
        under the supervisor counts from this worker's first check.
        """
        pids = journal.readable_pids(self._directory)
        if pids is None:
            return None  # its records were removed or cannot be read, so nothing is known
        if not orphans.is_leader_alive(pids):
            return ExitReason.EXITED
        if orphans.age(pids) >= (self._definition.timeout or NEVER):
            return ExitReason.TIMEOUT
        if (sizes := journal.log_sizes(self._directory)) != self._sizes:
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
