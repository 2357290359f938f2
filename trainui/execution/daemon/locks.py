"""Locks that are held for a life: that one is held, and nothing else, proves that its owner lives.

The kernel frees such a lock when its owner dies, however it dies; a pid proves nothing, since it
may be a zombie's or a stranger's. A lock's file is never removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from trainui.supervisor.orphans import start_ticks

_PATIENCE = 2.0
"""Seconds: those who only look hold a lock for some microseconds, seldom two in a row."""


class Lock:
    """A lock that we hold. A process that inherits `descriptor` holds it too."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def describe(self, info: Mapping[str, Any]) -> None:
        """Write who we are into the lock's file: our pid, and `info`."""
        pid = os.getpid()
        text = json.dumps({"pid": pid, "start_ticks": start_ticks(pid), **info})
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)

    def close(self) -> None:
        """Hold it no more; a process that inherited it still does."""
        os.close(self.descriptor)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def acquire(path: Path, info: Mapping[str, Any] | None = None) -> Lock | None:
    """Take the lock for the life of this process, or until it is closed.

    Args:
        path: the lock's file, in a directory that is there.
        info: what else the file shall hold besides our pid.

    Returns:
        None where somebody else holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _take(descriptor):
        os.close(descriptor)
        return None
    lock = Lock(path, descriptor)
    lock.describe(info or {})
    return lock


def holder(path: Path) -> dict[str, Any] | None:
    """Tell who holds a lock.

    Returns:
        None where nobody does, else what the holder wrote: `pid` and more; empty while it has not
        yet written, or where the holder only inherited the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(descriptor, fcntl.LOCK_SH) else _read_info(descriptor)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock."""
    return holder(path) is not None


def _take(descriptor: int) -> bool:
    give_up_at = time.monotonic() + _PATIENCE
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if not _try_lock(descriptor, fcntl.LOCK_SH):
            return False  # somebody holds it for a life
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # somebody was only looking: again
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.001)
    return True


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_info(descriptor: int) -> dict[str, Any]:
    try:
        info = json.loads(os.pread(descriptor, 65_536, 0))
    except (OSError, ValueError):
        return {}
    if not isinstance(info, dict) or not isinstance(info.get("pid"), int):
        return {}
    # What an earlier holder left is not the present one's.
    return info if start_ticks(info["pid"]) == info.get("start_ticks") else {}
