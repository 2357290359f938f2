"""Copies the whole database from one snapshot during writes, and checks its integrity."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from trainui.errors import StoreError
from trainui.store.db import engine, sqlite_file, statements

PAGES = 1024
"""Pages between two calls of `advance`: 4 MB."""

CHECK_PATIENCE = 5.0
"""Seconds after which a check of a database's integrity ends."""


def copy(source: Path, target: Path, advance: Callable[[int, int], None]) -> None:
    """Copy a SQLite database into a new file that only its owner can read.

    Writes during the copy are not included. `advance` is called with the number of pages left, and
    the total.

    Raises:
        NotPlainFileError: the source is not a regular file.
        StoreError: it cannot be read, is damaged, or has no tables of runs.
    """
    with engine.reading(source):
        pass  # raises an error that says why it cannot be opened
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    query = f"{source.absolute().as_uri()}?mode=ro"
    try:
        _copy(query, target, advance)
        found = _integrity(target)
    except sqlite3.Error as error:
        raise sqlite_file.explain(error, source) from error
    if found != "ok":
        raise StoreError(f"{source}: {found}: {sqlite_file.DAMAGED}")


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


def damage(connection: statements.Connection) -> str | None:
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
