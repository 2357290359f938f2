"""The monitor's state of a running attempt."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

from trainui.domain.records import LOCAL, AttemptRecord
from trainui.execution.attempt.orphan import Orphan
from trainui.plugin.records import StageJob
from trainui.supervisor.protocol import ExitReason


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
