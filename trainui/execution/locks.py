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


def holder(path: Path) -> int | None:
    """Return the pid of a lock's owner; None if the lock is free.

    0 if the owner has not written its pid yet or only inherited the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return None if try_lock(descriptor, fcntl.LOCK_SH) else _read_pid(descriptor)
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


def _read_pid(descriptor: int) -> int:
    try:
        info = json.loads(os.pread(descriptor, 65_536, 0))
        pid, ticks = int(info["pid"]), info["start_ticks"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0
    return pid if start_ticks(pid) == ticks else 0  # else an earlier owner has written it
