"""Read-only connections, through the driver alone, so that importing this is fast."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainui import paths, plain_files, settings
from trainui.errors import NotFoundError, StoreError
from trainui.store.db import sqlite_errors
from trainui.store.db.protocol import Connection
from trainui.store.migrations import HEAD

UPGRADE_LOCK = ".upgrade.lock"
"""Suffix of the lock file for creating or upgrading a database; the file is never removed."""


@contextmanager
def reading(database: Path | None = None) -> Iterator[Connection]:
    """Open the database for reading, for a short time.

    Args:
        database: the SQLite file; None: the store, on whichever database it is.

    Raises:
        NotFoundError: there is no database yet, so there are no runs.
        StoreError: it cannot be read.
    """
    opened = Unreplaced()
    connection = connect(database)
    try:
        yield connection
    except sqlite3.Error as error:
        if database is None:
            opened.check()  # that explains it
        raise sqlite_errors.explain(error, database or paths.home().database) from error
    finally:
        connection.close()


def is_there() -> bool:
    """Return True if the store exists."""
    if settings.load().database_url is None:
        return paths.home().database.exists()
    try:
        connect().close()
    except NotFoundError:
        return False
    return True


def is_none_yet() -> bool:
    """Return True if the store does not exist and never did.

    Raises:
        StoreError: it was removed or emptied.
    """
    if is_there():
        return False
    if settings.load().database_url is None:
        check_there(paths.home().database)
    return True


def file_identity() -> tuple[int, int] | None:
    """Return the device and inode of the store's SQLite file; None if there is none."""
    if settings.load().database_url is not None:
        return None
    try:
        status = paths.home().database.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Unreplaced:
    """Detects that the database file was replaced while a long-running reader has it open."""

    def __init__(self) -> None:
        self._file = file_identity()

    def check(self) -> None:
        """Check that the database is still the file that it was at first.

        Raises:
            StoreError: it was removed or replaced.
        """
        if file_identity() != self._file:
            raise StoreError(
                f"{paths.home().database} was removed or replaced by another file meanwhile; "
                "see `trainui doctor`, then start this again"
            )


def connect(database: Path | None = None) -> Connection:
    """Open an existing database read-only; a store made by an older trainui is upgraded.

    Args:
        database: the SQLite file; None: the store, on whichever database it is.

    Raises:
        NotFoundError: it does not exist.
        StoreError: it cannot be read, or cannot be upgraded.
    """
    if database is not None:
        return _open(database)
    connection = _connect()
    if _revision(connection) < HEAD:
        connection.close()
        from trainui.store.db.engine import open_store

        open_store()
        connection = _connect()
    return connection


def _connect() -> Connection:
    if (url := settings.load().database_url) is None:
        return _open(paths.home().database)
    from trainui.store.db import postgres

    return postgres.connect_to_read(url)


def _revision(connection: Connection) -> str:
    return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def check_there(database: Path) -> None:
    """Check that a database exists, unless there never was one.

    Raises:
        StoreError: it was removed or emptied, although its runs still exist.
    """
    size = _size(database)
    if not size and (runs := runs_that_it_knew(database)):
        what = "no longer exists" if size is None else "is empty"
        remove = "" if size is None else "remove it, and "
        raise StoreError(
            f"{database} {what}, though there are runs in {runs}: restore a copy made by "
            f"`trainui backup`, or {remove}let the next `trainui run` create a new one"
        )


def _size(database: Path) -> int | None:
    try:
        status = database.stat()
    except FileNotFoundError:
        return None
    plain_files.check(database, status.st_mode)
    return status.st_size


def runs_that_it_knew(database: Path) -> Path | None:
    """Return the directory of runs, if it has any and this home has had a database."""
    if not database.with_name(f"{database.name}{UPGRADE_LOCK}").exists():
        return None
    runs = settings.runs_dir(settings.load())
    return runs if runs.is_dir() and any(one.is_dir() for one in runs.iterdir()) else None


def _open(database: Path) -> sqlite3.Connection:
    """Open an existing SQLite file read-only.

    Raises:
        NotFoundError: it does not exist.
        StoreError: it cannot be read.
    """
    if not _size(database):
        check_there(database)
        raise NotFoundError(
            f"there are no runs yet: {database} does not exist; start with `trainui demo`"
        )
    # if no file can be made beside it, SQLite can read it only if nobody else can write to it
    query = "mode=ro" if _can_be_shared(database) else "immutable=1"
    connection = None
    try:
        connection = sqlite3.connect(
            f"file:{_quoted(database)}?{query}", uri=True, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("SELECT 1 FROM runs LIMIT 1")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if "no such table" in str(error):
            raise StoreError(
                f"{database} is not a trainui database: {sqlite_errors.REPLACE}"
            ) from error
        raise sqlite_errors.explain(error, database) from error
    return connection


def _can_be_shared(database: Path) -> bool:
    """Return True if the write-ahead log of a shared database exists, or can be created."""
    return os.access(database.parent, os.W_OK) or Path(f"{database}-wal").exists()


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def flag(connection: Connection, name: str) -> str | None:
    """Return the value of an installation-wide flag, e.g. `paused`."""
    row = connection.execute("SELECT value FROM flags WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


def data_version(connection: Connection) -> int | str:
    """Return a value that changes whenever another connection commits."""
    if not isinstance(connection, sqlite3.Connection):
        from trainui.store.db import postgres

        return postgres.version(connection)
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def gpu_uses(connection: Connection) -> dict[tuple[str, int], tuple[str, str, str]]:
    """Return the GPUs in use, by host and index: run id, run name, stage name."""
    found = connection.execute(
        "SELECT slots.host, slots.number, runs.id, runs.name, stages.name FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " JOIN runs ON runs.id = stages.run_id"
        " WHERE slots.kind = 'gpu'"
    )
    return {
        (str(host), int(number)): (str(run), str(run_name), str(stage))
        for host, number, run, run_name, stage in found
    }


def gpu_holders(connection: Connection) -> dict[tuple[str, int], str]:
    """Return the GPUs in use, by host and index, each with its stage's name."""
    found = connection.execute(
        "SELECT slots.host, slots.number, stages.name FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " WHERE slots.kind = 'gpu'"
    )
    return {(str(host), int(number)): str(name) for host, number, name in found}


def announced_slots(
    connection: Connection, but: str
) -> list[tuple[str, float, list[dict[str, Any]]]]:
    """Return the slots of all hosts but one, and the seconds since each one's heartbeat."""
    found = connection.execute(
        "SELECT name, extract(epoch FROM clock_timestamp()) - seen_at / 1000000.0, slots_json"
        " FROM hosts WHERE name <> ? ORDER BY name",
        (but,),
    )
    return [(str(host), float(age), json.loads(slots)) for host, age, slots in found]
