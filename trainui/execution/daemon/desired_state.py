"""Whether the worker is wanted: two stamps on disk, of the last start and the last stop.

The later one counts, whoever wrote it and whichever process is on its way up or down. So neither
a start during a stop is lost, nor a run that is submitted while an idle worker ends itself.
"""

from __future__ import annotations

import time
from pathlib import Path

from trainui import plain_files
from trainui.paths import Home, write_private


def want(home: Home) -> None:
    """Wish that the worker runs."""
    _write(_wanted(home), max(time.time_ns(), withdrawn_at(home) + 1))


def withdraw(home: Home) -> None:
    """Wish that the worker ends."""
    _write(_withdrawn(home), max(time.time_ns(), wanted_at(home) + 1))


def withdraw_seen(home: Home, seen: int) -> None:
    """Wish that the worker ends, unless it was wanted anew since `wanted_at` gave `seen`."""
    _write(_withdrawn(home), max(seen, withdrawn_at(home)))


def is_wanted(home: Home) -> bool:
    """Whether the last wish was that the worker runs."""
    return wanted_at(home) > withdrawn_at(home)


def wanted_at(home: Home) -> int:
    """Tell when the worker was last wanted, in nanoseconds since 1970; 0: never."""
    return _read(_wanted(home))


def withdrawn_at(home: Home) -> int:
    """Tell when that wish was last withdrawn, in nanoseconds since 1970; 0: never."""
    return _read(_withdrawn(home))


def _wanted(home: Home) -> Path:
    return home.worker / "wanted"


def _withdrawn(home: Home) -> Path:
    return home.worker / "withdrawn"


def _write(path: Path, stamp: int) -> None:
    write_private(path, f"{stamp}\n")


def _read(path: Path) -> int:
    try:
        return int(plain_files.read_text(path))
    except (FileNotFoundError, ValueError):
        return 0
