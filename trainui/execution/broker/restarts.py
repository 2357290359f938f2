"""When our broker was last started, and what had become of the one before, to be told to people.

The rule that lives here: a broker that ended with nobody telling it to is news for a while.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui import plain_files
from trainui.execution.broker import server_process
from trainui.execution.daemon import desired_state, locks
from trainui.paths import Home, write_private

TOLD_FOR = 600
"""Seconds for which a person who comes to look is told of it."""


@dataclass(frozen=True, slots=True)
class BrokerStart:
    """The last start of our broker."""

    at: int
    """Nanoseconds since 1970."""
    withdrawn: int
    """The stamp of the last wish that all ends: while it stays, nobody told the broker to end."""
    again: bool
    """The one before had ended with nobody telling it to."""
    kept: bool
    """What that one held was there."""

    def __str__(self) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(self.at / 1e9))
        kept = "nothing was lost" if self.kept else "its messages were lost and are sent again"
        return f"broker ended, started again at {when}: {kept}"


def note(home: Home, *, kept: bool) -> None:
    """Note that our broker was started.

    Args:
        home: whose broker.
        kept: whether it found what the one before had stored.
    """
    before, withdrawn = _read(home), desired_state.withdrawn_at(home)
    again = before is not None and before.withdrawn == withdrawn
    start = BrokerStart(time.time_ns(), withdrawn, again, kept)
    write_private(_file(home), json.dumps(asdict(start)))


def news(home: Home) -> str:
    """Say what happened to our broker within the last minutes; empty where nothing did."""
    start = _read(home)
    if start is None or not start.again:
        return ""
    age = (time.time_ns() - start.at) / 1e9
    return str(start) if 0 <= age < TOLD_FOR else ""


def is_gone(home: Home) -> bool:
    """Whether our broker has ended with nobody telling it to, and was not started again."""
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
