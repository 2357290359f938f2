"""Record of our broker's last start, so that the status can report an unexpected restart.

A restart is reported for some minutes if the previous broker ended without a stop request.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui.execution.broker import server_process
from trainui.execution.processes import desired_state, locks
from trainui.paths import Home, write_private
from trainui.system import plain_files

REPORTED_FOR = 600
"""Seconds for which a restart is reported."""


@dataclass(frozen=True, slots=True)
class BrokerStart:
    """The last start of our broker."""

    at: int
    """Nanoseconds since 1970."""
    withdrawn: int
    """Timestamp of the last stop request; unchanged as long as nobody asked the broker to stop."""
    again: bool
    """True if the previous broker ended without a stop request."""
    kept: bool
    """True if the previous broker's data was found."""

    def __str__(self) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(self.at / 1e9))
        kept = "nothing was lost" if self.kept else "its messages were lost and are sent again"
        return f"broker died and was restarted at {when}: {kept}"


def note(home: Home, *, kept: bool) -> None:
    """Record a start of our broker; `kept` says that it found the data of the previous one."""
    before, withdrawn = _read(home), desired_state.withdrawn_at(home)
    again = before is not None and before.withdrawn == withdrawn
    start = BrokerStart(time.time_ns(), withdrawn, again, kept)
    write_private(_file(home), json.dumps(asdict(start)))


def recent(home: Home) -> str:
    """Return a message about an unexpected restart in the last minutes; empty if there was none."""
    start = _read(home)
    if start is None or not start.again:
        return ""
    age = (time.time_ns() - start.at) / 1e9
    return str(start) if 0 <= age < REPORTED_FOR else ""


def is_gone(home: Home) -> bool:
    """Return True if our broker died without a stop request and was not restarted yet."""
    start = _read(home)
    wanted = start is not None and start.withdrawn == desired_state.withdrawn_at(home)
    return wanted and not locks.is_held(server_process.lock_path(home))


def _read(home: Home) -> BrokerStart | None:
    try:
        return BrokerStart(**json.loads(plain_files.read_text(_file(home))))
    except (OSError, ValueError, TypeError):
        return None


def _file(home: Home) -> Path:
    return home.worker / "broker.json"
