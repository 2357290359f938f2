"""Advisory locks (flock) held for a process's lifetime: the only proof that the process is alive.

The kernel releases the lock when its owner dies, however it dies. A pid proves nothing: it may
belong to a zombie or have been reused. A lock file is never removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from trainui.supervisor.supervise import start_ticks, try_lock

_PATIENCE = 2.0
"""Seconds to retry: `holder` takes a shared lock for some microseconds to test it."""


class Lock:
    """An acquired lock; a process that inherits `descriptor` shares it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def is_lost(self) -> bool:
        """Return True if the file at its path was removed or replaced: nobody sees this lock."""
        try:
            return not os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Release our share; a process that inherited the lock still owns it."""
        os.close(self.descriptor)

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def acquire(path: Path) -> Lock | None:
    """Acquire the lock for the lifetime of this process, or until it is closed.

    Returns None if another process owns it. Our pid and start time are written into the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _take(descriptor):
        os.close(descriptor)
        return None
    pid = os.getpid()
    text = json.dumps({"pid": pid, "start_ticks": start_ticks(pid)})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    return Lock(path, descriptor)


def holder(path: Path) -> dict[str, Any] | None:
    """Return what a lock's owner wrote (`pid` and `start_ticks`); None if the lock is free.

    Empty if the owner has not written them yet or only inherited the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return None if try_lock(descriptor, fcntl.LOCK_SH) else _read_info(descriptor)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return True if a process owns the lock."""
    return holder(path) is not None


def _take(descriptor: int) -> bool:
    give_up_at = time.monotonic() + _PATIENCE
    while not try_lock(descriptor, fcntl.LOCK_EX):
        if not try_lock(descriptor, fcntl.LOCK_SH):
            return False  # owned exclusively by another process
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # another process was only testing it: retry
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.001)
    return True


def _read_info(descriptor: int) -> dict[str, Any]:
    try:
        info = json.loads(os.pread(descriptor, 65_536, 0))
    except (OSError, ValueError):
        return {}
    if not isinstance(info, dict) or not isinstance(info.get("pid"), int):
        return {}
    # The fields may have been written by an earlier owner.
    return info if start_ticks(info["pid"]) == info.get("start_ticks") else {}
