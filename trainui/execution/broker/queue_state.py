"""Record of the worker's message queue: how many wait, were discarded, or are refused, and why."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui.execution.processes import locks
from trainui.paths import Home, write_private
from trainui.system import plain_files

REPORTED_FOR = 600
"""Seconds for which discarded messages are reported."""

MANY = 50
"""Messages in the queue that are worth a word; those of stages are taken at once."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of the message queue, as the worker saw it last."""

    waiting: int = 0
    """Messages in the queue."""
    discarded: int = 0
    """Messages that were discarded since the worker started, because they are not ours."""
    discarded_at: float = 0.0
    """When the last of these was discarded, in seconds since 1970."""
    refused: str = ""
    """Why the broker refuses new messages; empty: it accepts them."""
    refused_since: float = 0.0
    """Since when, in seconds since 1970."""

    def problems(self) -> list[str]:
        """Return messages about the queue; none if all is well."""
        found = []
        if self.refused:
            found.append(
                f"the broker refuses messages since {_time(self.refused_since)}: {self.refused}; "
                "stages that were granted a slot start once it accepts them again"
            )
        if self.waiting >= MANY:
            found.append(f"{self.waiting} messages wait in the queue")
        if time.time() - self.discarded_at < REPORTED_FOR:
            found.append(
                f"{self.discarded} messages in the queue were not ours and were discarded, the "
                f"last at {_time(self.discarded_at)}: another program writes to this broker"
            )
        return found


def write(home: Home, state: QueueState) -> None:
    """Record the state."""
    write_private(_file(home), json.dumps(asdict(state)))


def read(home: Home) -> QueueState:
    """Return the state that a living worker recorded last."""
    found = plain_files.read_object(_file(home))
    if found is None or not locks.is_held(home.worker_lock):
        return QueueState()
    try:
        return QueueState(**found)
    except TypeError:
        return QueueState()  # of another version


def _time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _file(home: Home) -> Path:
    return home.worker / "queue.json"
