"""Readiness file: the worker accepts tasks. Valid while the process that wrote it is alive."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui import clock, settings
from trainui.execution.processes import locks
from trainui.paths import Home, write_private
from trainui.system import plain_files


def declare(home: Home, slots: Sequence[dict[str, Any]]) -> None:
    """Announce that this process is the worker and accepts tasks.

    Each slot is `{"kind", "index"}`.
    """
    word = {
        "pid": os.getpid(),
        "host": settings.host(),
        "started_at": clock.to_iso(clock.now()),
        "slots": list(slots),
    }
    write_private(_file(home), json.dumps(word))


def clear(home: Home) -> None:
    """Remove the readiness file: this worker is leaving, or found an earlier worker's file."""
    _file(home).unlink(missing_ok=True)


def touch(home: Home) -> None:
    """Note in the file's time that the worker is alive (`health.last_alive`)."""
    with suppress(OSError):
        os.utime(_file(home))


def written_at(home: Home) -> int:
    """Return when the worker was last noted to be alive, in nanoseconds since 1970; 0: never."""
    found = plain_files.look(_file(home))
    return 0 if found is None else found.st_mtime_ns


def read(home: Home) -> dict[str, Any] | None:
    """Return `{"pid", "host", "started_at", "slots"}` of the ready worker, or None."""
    owner, word = locks.holder(home.worker_lock), plain_files.read_object(_file(home))
    return word if owner and word and word["pid"] == owner else None


def _file(home: Home) -> Path:
    return home.worker / "ready.json"
