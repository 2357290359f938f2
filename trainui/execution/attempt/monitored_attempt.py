"""The monitor's state of a running attempt."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainui.domain.records import AttemptRecord
from trainui.execution.attempt.orphan import Orphan


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
    identity: Mapping[str, str] | None = None
    """The variables that identify its processes, once they were needed."""
    asked_to_stop_at: float | None = None
    """Time at which its supervisor was asked to stop. All times here are monotonic."""
    orphan: Orphan | None = None
    """Set once its supervisor was found dead."""
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
    def directory(self) -> Path:
        """The attempt's directory."""
        return Path(self.attempt.directory)
