"""What the worker does besides running tasks: it plans, looks after what runs, and reads metrics.

The worker calls `slots` once before it starts, then `start`, and `stop` before it leaves.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

from trainui import settings
from trainui.domain.records import Slot


def slots() -> tuple[Slot, ...]:
    """Return the places of this host, on which stages may run."""
    host = socket.gethostname()
    return tuple(Slot(host, "cpu", index) for index in range(settings.load().cpus))


def start(app: Any, stopping: threading.Event) -> None:
    """Begin, in threads of its own.

    Args:
        app: the Celery app, to send tasks with.
        stopping: set when the worker is about to leave.
    """


def stop() -> None:
    """End all of it; returns when it has ended. Harmless where nothing was started."""


def idle_seconds() -> float:
    """Tell for how many seconds no run has been active; 0 while one is."""
    return 0.0
