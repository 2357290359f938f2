"""The write-ahead log (WAL) and its index: detects that they were deleted while in use.

SQLite deletes `trainui.db-wal` and `trainui.db-shm` itself when the last connection closes. If
somebody else deletes them, the processes that have the database open continue in the deleted files,
and a process that opens it then starts others: together they damage the database.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from trainui.errors import StoreError
from trainui.system import disk, plain_files

PATIENCE = 2.0
"""Seconds to wait for the two files; another process that opens or closes needs microseconds."""

_LOCKS = Path("/proc/locks")

_READS = 8
"""Reads of the kernel's list before a lock is taken for released. The list is given out in parts,
so a read misses a lock if others are released meanwhile: 3 % of reads did beside two processes that
only locked and unlocked files."""

_OTHER_NUMBERS = frozenset({"btrfs", "bcachefs", "overlay"})
"""File systems of which `stat` shows another device than the kernel's list of locks."""


def paths(database: Path) -> tuple[Path, Path]:
    """Return the paths of a database's log and of the log's index."""
    real = os.path.realpath(database)
    return Path(f"{real}-wal"), Path(f"{real}-shm")


def identity(database: Path) -> tuple[int | None, ...]:
    """Return the inodes of the log and its index, None for each that does not exist."""
    return tuple(None if found is None else found.st_ino for found in _looks(database))


def deleted(database: Path) -> str | None:
    """Return the name of a database's log, or its index, if this process has a deleted one open."""
    names = {str(path) for path in paths(database)}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            name = str(descriptor.readlink()).removesuffix(" (deleted)")
            if name in names and not descriptor.stat().st_nlink:
                return name
    return None


def check(database: Path) -> None:
    """Check, before a connection is opened, that no process uses a deleted log or index.

    Raises:
        StoreError: one was deleted, and a process still uses it.
    """
    give_up_at = time.monotonic() + PATIENCE
    while (gone := _missing_in_use(database)) is not None:
        if time.monotonic() >= give_up_at:
            raise StoreError(
                f"{gone} was deleted while it was in use: close every trainui that uses "
                f"{database} (`fuser {database}` lists the processes), then start this again"
            )
        time.sleep(0.01)


def _missing_in_use(database: Path) -> Path | None:
    missing = [
        path for path, found in zip(paths(database), _looks(database), strict=True) if found is None
    ]
    return missing[0] if missing and _is_locked(database) else None


def _looks(database: Path) -> list[os.stat_result | None]:
    return [plain_files.look(path) for path in paths(database)]


def _is_locked(database: Path) -> bool:
    """Return True if a process has a lock on a database, as each of its connections has.

    It is read from the kernel's list: this process would lose its own locks on a file by closing
    any descriptor of it.
    """
    with suppress(OSError):  # no such list, e.g. on macOS: not known
        entry = f"{_device(database)}:{database.stat().st_ino} "
        return any(entry in _LOCKS.read_text("ascii") for _ in range(_READS))
    return False


def _device(database: Path) -> str:
    """Return the device of a file as in the kernel's list; empty if `stat` has another number.

    Without it, a lock on a file of another disk may have the same inode number.
    """
    if disk.file_system(database) in _OTHER_NUMBERS:
        return ""
    device = database.stat().st_dev
    return f" {os.major(device):02x}:{os.minor(device):02x}"


class LogKeeper:
    """Saves the log of a database that is in use if somebody deletes its file.

    The deleted file exists as long as a connection has it open; this one does.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # opens the log

    def save(self) -> None:
        """Copy the log into the database."""
        self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def __del__(self) -> None:
        """Close the connection."""
        self._connection.close()
