"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trainui.supervisor.protocol import TIMES_FILE, Exit, parse_times, read_exit
from trainui.supervisor.supervise import start_ticks

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds: what takes one on an idle machine takes many where ten processes share a core."""

MOST_PAUSE = 0.5
"""Seconds after a look that takes long: what is waited for may be gone soon."""


def wait_for(look: Callable[[], T | None], what: str = "", seconds: float = PATIENCE) -> T:
    """Look until there is something to see, and return it; the longer it takes, the less often.

    At most a fifth of the time is spent in looking, if that keeps nobody waiting for long: a look
    that runs a command would take a core from what is waited for. The last look is at the end.
    """
    began = time.monotonic()
    while True:
        looked_at = time.monotonic()
        seen = look()
        if seen:
            return seen
        now = time.monotonic()
        if now - began > seconds:
            raise AssertionError(f"not seen within {seconds} s: {what or look}")
        pause = max(0.005, (now - began) / 12, min(4 * (now - looked_at), MOST_PAUSE))
        time.sleep(min(pause, began + seconds - now + 0.005))


def wait_for_exit(attempt_dir: Path) -> Exit:
    return wait_for(lambda: read_exit(attempt_dir), f"{attempt_dir}/exit.json")


def growth_times(attempt_dir: Path) -> list[tuple[int, int, int]]:
    """Read when the logs grew; empty if that was not recorded."""
    file = attempt_dir / TIMES_FILE
    lines = file.read_bytes().splitlines() if file.exists() else []
    return list(filter(None, map(parse_times, lines)))


def wait_for_death(*pids: int) -> None:
    for pid in pids:
        wait_for(lambda pid=pid: not is_alive(pid), f"the end of {pid}")  # type: ignore[misc]


def read_pid(path: Path) -> int:
    """The pid that a stage wrote down with `echo $$ > path`."""
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), str(path))
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    return start_ticks(pid) is not None
