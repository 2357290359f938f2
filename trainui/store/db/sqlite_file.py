"""The SQLite file: connections for writing, its identity, errors, copies, its loss and its log's.

SQLite deletes its write-ahead log `trainui.db-wal` and the log's index `trainui.db-shm` itself when
the last connection closes. If somebody else deletes them, the processes that have the database open
continue in the deleted files, and a process that opens it then starts others: together they damage
the database.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from trainui import paths, settings, system
from trainui.errors import StoreError, StoreLockedError, StoreSchemaError
from trainui.store.db.statements import Connection

UPGRADE_LOCK = ".upgrade.lock"
"""Suffix of the lock file for creating or upgrading a database; the file is never removed."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's write; ours take at most 50 ms."""

LOG_PATIENCE = 10.0
"""Seconds to wait for the log and its index: another process that opens or closes needs
microseconds, but may have to wait for the disk or a processor meanwhile."""

_KERNEL_LOCKS = Path("/proc/locks")

_LOCK_READS = 8
"""Reads of the kernel's list before a lock is taken for released. The list is given out in parts,
so a read misses a lock if others are released meanwhile: 3 % of reads did beside two processes that
only locked and unlocked files."""

PAGES = 1024
"""Pages between two calls of `advance`: 4 MB."""

CHECK_PATIENCE = 5.0
"""Seconds after which a check of a database's integrity ends."""

FULL_BELOW = 64 << 10
"""Free bytes below which an I/O error means a full disk: SQLite's files grow by 32 KiB."""


_OTHER_NUMBERS = frozenset({"btrfs", "bcachefs", "overlay"})
"""File systems of which `stat` shows another device than the kernel's list of locks."""


def log_paths(database: Path) -> tuple[Path, Path]:
    """Return the paths of a database's log and of the log's index."""
    real = os.path.realpath(database)
    return Path(f"{real}-wal"), Path(f"{real}-shm")


def log_identity(database: Path) -> tuple[int | None, ...]:
    """Return the inodes of the log and its index, None for each that does not exist."""
    return tuple(None if found is None else found.st_ino for found in _log_files(database))


def deleted_log(database: Path) -> str | None:
    """Return the name of a database's log, or its index, if this process has a deleted one open."""
    names = {str(path) for path in log_paths(database)}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            name = str(descriptor.readlink()).removesuffix(" (deleted)")
            if name in names and not descriptor.stat().st_nlink:
                return name
    return None


def check_log(database: Path) -> None:
    """Check, before a connection is opened, that no process uses a deleted log or index.

    Raises:
        StoreError: one was deleted, and a process still uses it.
    """
    give_up_at = time.monotonic() + LOG_PATIENCE
    while (gone := _missing_in_use(database)) is not None:
        if time.monotonic() >= give_up_at:
            raise StoreError(
                f"{gone} was deleted while it was in use: close every trainui that uses "
                f"{database} (`fuser {database}` lists the processes), then start this again"
            )
        time.sleep(0.01)


def _missing_in_use(database: Path) -> Path | None:
    missing = [
        path
        for path, found in zip(log_paths(database), _log_files(database), strict=True)
        if found is None
    ]
    return missing[0] if missing and _is_locked(database) else None


def _log_files(database: Path) -> list[os.stat_result | None]:
    return [system.look(path) for path in log_paths(database)]


def _is_locked(database: Path) -> bool:
    """Return True if a process has a lock on a database, as each of its connections has.

    It is read from the kernel's list: this process would lose its own locks on a file by closing
    any descriptor of it.
    """
    with suppress(OSError):  # no such list, e.g. on macOS: not known
        entry = f"{_device(database)}:{database.stat().st_ino} "
        return any(entry in _KERNEL_LOCKS.read_text("ascii") for _ in range(_LOCK_READS))
    return False


def _device(database: Path) -> str:
    """Return the device of a file as in the kernel's list; empty if `stat` has another number.

    Without it, a lock on a file of another disk may have the same inode number.
    """
    if system.file_system(database) in _OTHER_NUMBERS:
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


def connect(file: Path) -> sqlite3.Connection:
    """Open an existing SQLite file; never create one, e.g. if it was just removed.

    Raises:
        StoreError: its write-ahead log was deleted while another process used it.
    """
    check_log(file)
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, check_same_thread=False)


def connect_to_look(file: Path) -> sqlite3.Connection:
    """Open an existing SQLite file read-only, whatever schema it has."""
    system.check_plain(file, file.stat().st_mode)
    check_log(file)
    is_shared = os.access(file.parent, os.W_OK) or Path(f"{file}-wal").exists()
    query = "mode=ro" if is_shared else "immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?{query}", uri=True, timeout=5.0)


def prepare(connection: sqlite3.Connection) -> None:
    """Set up a connection to the SQLite file for writing."""
    connection.isolation_level = None  # the driver begins no transaction by itself
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def is_locked(file: Path) -> bool:
    """Return True if another process writes to the database now, or if it cannot be used."""
    try:
        with closing(connect(file)) as connection:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout = 200")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except (sqlite3.Error, StoreError):
        return True
    return False


def store_file() -> Path | None:
    """Return the path of the store's SQLite file; None if the store is on PostgreSQL."""
    return None if settings.load().database_url is not None else paths.home().database


def file_identity(file: Path | None) -> tuple[int, int] | None:
    """Return the device and inode of a file; None if there is none."""
    if file is None:
        return None
    status = system.look(file)
    return None if status is None else (status.st_dev, status.st_ino)


class FileMark:
    """A random number in the header of the database file: a file without it was overwritten.

    It is the file's `application_id`, which nothing else uses. SQLite is not asked for it, because
    it would answer from the write-ahead log of the earlier file. The file is opened once and never
    closed: closing any descriptor of a file releases all POSIX locks that this process has on it,
    SQLite's too, and another process would then delete the write-ahead log while it is in use.
    """

    def __init__(self) -> None:
        self._number = int.from_bytes(os.urandom(4)) >> 1 | 1
        self._written = self._seen = False
        self._descriptor: int | None = None

    def is_gone(self) -> bool:
        """Return True if the number was in the file and is not any more; at first, write it."""
        if not self._seen:
            with suppress(sqlite3.Error):  # e.g. locked; the next call tries again
                self._write()
        if self._descriptor is None:
            self._descriptor = os.open(paths.home().database, os.O_RDONLY | os.O_CLOEXEC)
        is_there = self._number == int.from_bytes(os.pread(self._descriptor, 4, 68))
        self._seen = self._seen or is_there
        return self._seen and not is_there

    def _write(self) -> None:
        """Write the number into the database, and from its write-ahead log into the file.

        A reader can delay the latter, and without a further write nobody else does it.
        """
        with closing(connect(paths.home().database)) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            if not self._written:
                connection.execute(f"PRAGMA application_id = {self._number}")
                self._written = True
            _, log, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._seen = log == copied


class Unreplaced:
    """Detects that the database file was replaced while a long-running reader has it open."""

    def __init__(self) -> None:
        self._path = store_file()
        self._file = file_identity(self._path)

    def check(self) -> None:
        """Raise StoreError if the database, or its log, is no longer the file that it was."""
        if self._path is None:
            return
        deleted = deleted_log(self._path)  # first: who removes all files removes the database first
        found = file_identity(self._path)
        # missing already at first: removed after the reader had opened it
        if found is None or found != self._file:
            raise StoreError(
                f"{self._path} was removed or replaced by another file meanwhile; "
                "see `trainui doctor`, then start this again"
            )
        if deleted is not None:
            raise StoreError(f"{deleted} was deleted while it was in use; start this again")


def check_not_lost(database: Path) -> None:
    """Raise StoreError if a database was removed or emptied although its runs still exist."""
    found = size(database)
    if not found and (runs := runs_on_record(database)):
        what = "no longer exists" if found is None else "is empty"
        remove = "" if found is None else "remove it, and "
        raise StoreError(
            f"{database} {what}, though there are runs in {runs}: unpack a copy made by "
            f"`trainui backup`, or {remove}let the next `trainui run` create a new one"
        )


def size(database: Path) -> int | None:
    """Return the size of a database's file; None if it does not exist."""
    try:
        status = database.stat()
    except FileNotFoundError:
        return None
    system.check_plain(database, status.st_mode)
    return status.st_size


def runs_on_record(database: Path) -> Path | None:
    """Return the directory of runs, if it has any and this home has had a database."""
    if not database.with_name(f"{database.name}{UPGRADE_LOCK}").exists():
        return None
    runs = settings.runs_dir(settings.load())
    return runs if runs.is_dir() and any(one.is_dir() for one in runs.iterdir()) else None


LOCKED = (
    "the database is locked: another process has kept it locked for too long; end that process, or "
    "try again"
)
REPLACE = (
    "run `trainui worker stop`, move the file away together with its -wal and -shm, and unpack a "
    "copy made by `trainui backup` (`tar xzf COPY -C` the home)"
)
DAMAGED = f"the file is damaged: {REPLACE}"
_SCHEMA = "another trainui upgraded it; start this again (a worker restarts by itself)"
_SCHEMA_ERRORS = ("no such table", "no such column", "has no column")
_ADVICE = {
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only; make it writable",
    sqlite3.SQLITE_FULL: "the disk is full; `trainui prune` deletes old runs that are on it, else "
    "move or delete other files on it",
    sqlite3.SQLITE_IOERR: "disk error, or the disk quota is used up; run `trainui doctor`",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the permissions of its directory",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: f"the file is damaged, or is not a database: {REPLACE}",
    sqlite3.SQLITE_NOMEM: "out of memory; end programs that use much, or try again",
    sqlite3.SQLITE_INTERRUPT: "try again",
    sqlite3.SQLITE_SCHEMA: "try again",
}

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def explain(error: Exception, file: Path) -> Exception:
    """Return a `StoreError` with advice, or the error itself if it is a bug or a conflict."""
    text = str(error)
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    if code in _BUSY:
        return StoreLockedError(f"{file}: {LOCKED}")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and not file.exists():
        return StoreError(f"{file} no longer exists; run `trainui doctor`")
    if code == sqlite3.SQLITE_IOERR and system.free_bytes(file) < FULL_BELOW:
        code = sqlite3.SQLITE_FULL  # its index of the log (-shm) could not grow
    if code in _ADVICE:
        return StoreError(f"{file}: {text}: {_ADVICE[code]}")
    if any(words in text for words in _SCHEMA_ERRORS):
        return StoreSchemaError(f"{file}: {text}: {_SCHEMA}")
    return error


def copy(source: Path, target: Path, advance: Callable[[int, int], None]) -> None:
    """Copy a SQLite database into a new file that only its owner can read.

    Writes during the copy are not included. `advance` is called with the number of pages left, and
    the total.

    Raises:
        StoreError: it cannot be read, or is damaged.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    query = f"{source.absolute().as_uri()}?mode=ro"
    try:
        _copy(query, target, advance)
        found = _integrity(target)
    except sqlite3.Error as error:
        raise explain(error, source) from error
    if found != "ok":
        raise StoreError(f"{source}: {found}: {DAMAGED}")


def copy_study(source: Path, target: Path) -> str | None:
    """Copy the study of a search, which may be in use, into a new file; return why it cannot be."""
    try:
        _copy(f"{source.absolute().as_uri()}?mode=ro", target, lambda _left, _total: None)
        found = _integrity(target)
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else found


def _copy(query: str, target: Path, advance: Callable[[int, int], None]) -> None:
    with (
        closing(sqlite3.connect(query, uri=True, isolation_level=None)) as connection,
        closing(sqlite3.connect(target)) as copied,
    ):
        # in a transaction: otherwise each write by another process would restart the copy
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.backup(
            copied, pages=PAGES, progress=lambda _status, left, total: advance(left, total)
        )


def _integrity(copied: Path) -> str:
    """Return `ok`, or the first problem of a copy: damaged pages are copied as they are."""
    with closing(sqlite3.connect(copied)) as connection:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return found.splitlines()[-1]


def damage(connection: Connection) -> str | None:
    """Check a SQLite file's integrity, for some seconds; return the problem if one was found."""
    if not isinstance(connection, sqlite3.Connection):
        return None
    give_up_at = time.monotonic() + CHECK_PATIENCE
    connection.set_progress_handler(lambda: time.monotonic() > give_up_at, 10_000)
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None  # time is up: no damage found so far
        raise
    finally:
        connection.set_progress_handler(None, 0)
    return None if found == "ok" else found.splitlines()[-1]
