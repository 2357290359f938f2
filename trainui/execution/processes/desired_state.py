"""Desired state of the worker: two timestamps on disk, of the last start and stop requests.

The later one wins, regardless of who wrote it and of which processes are starting or stopping. So
a start request during a stop is not lost, nor is a run submitted while an idle worker exits.
"""

from __future__ import annotations

import time

from trainui.paths import Home, write_private
from trainui.system import plain_files

NO_WORKER = "no worker"
"""Reason why nothing starts while the worker is not wanted; the next run starts it."""

_WANTED, _WITHDRAWN = "wanted", "withdrawn"


def want(home: Home) -> None:
    """Request that the worker runs; the timestamp grows even if the clock was set back."""
    _write(home, _WANTED, max(time.time_ns(), wanted_at(home) + 1, withdrawn_at(home) + 1))


def withdraw(home: Home) -> None:
    """Request that the worker stops."""
    _write(home, _WITHDRAWN, max(time.time_ns(), wanted_at(home) + 1))


def withdraw_seen(home: Home, seen: int) -> None:
    """Request a stop, unless a start was requested after `wanted_at` returned `seen`."""
    _write(home, _WITHDRAWN, max(seen, withdrawn_at(home)))


def is_wanted(home: Home) -> bool:
    """Return True if the last request was to run the worker."""
    return wanted_at(home) > withdrawn_at(home)


def wanted_at(home: Home) -> int:
    """Return the time of the last start request, in nanoseconds since 1970; 0 if never."""
    return _read(home, _WANTED)


def withdrawn_at(home: Home) -> int:
    """Return the time of the last stop request, in nanoseconds since 1970; 0 if never."""
    return _read(home, _WITHDRAWN)


def _write(home: Home, name: str, stamp: int) -> None:
    write_private(home.worker / name, f"{stamp}\n")


def _read(home: Home, name: str) -> int:
    try:
        return int(plain_files.read_text(home.worker / name))
    except (FileNotFoundError, ValueError):
        return 0
