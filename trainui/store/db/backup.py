"""A copy of the whole database as it is at one moment, made while others write it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from trainui.errors import StoreError
from trainui.store.db import sqlite_errors
from trainui.store.read import readonly

PAGES = 1024
"""Pages between two calls of `advance`: 4 MB."""


def copy(source: Path, target: Path, advance: Callable[[int, int], None]) -> None:
    """Copy a SQLite database into a new file, readable for its owner alone.

    Args:
        source: it may be written meanwhile; the copy is of the moment at which it begins.
        target: it is not there yet.
        advance: called with how many pages are left, and how many there are.

    Raises:
        NotPlainFileError: the source is no file.
        StoreError: it cannot be read, is damaged, or holds no runs.
    """
    with readonly.reading(source):
        pass  # says what is wrong with one that cannot be opened
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    query = f"{source.absolute().as_uri()}?mode=ro"
    try:
        _copy(query, target, advance)
        found = _integrity(target)
    except sqlite3.Error as error:
        raise sqlite_errors.explain(error, source) from error
    if found != "ok":
        raise StoreError(f"{source}: {found}: {sqlite_errors.DAMAGED}")


def _copy(query: str, target: Path, advance: Callable[[int, int], None]) -> None:
    with (
        closing(sqlite3.connect(query, uri=True, isolation_level=None)) as connection,
        closing(sqlite3.connect(target)) as copied,
    ):
        # in a transaction: else each write of others would begin the copy anew
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.backup(
            copied, pages=PAGES, progress=lambda _status, left, total: advance(left, total)
        )


def _integrity(copied: Path) -> str:
    """Return `ok`, or what is wrong with a copy: that of damaged pages is as damaged."""
    with closing(sqlite3.connect(copied)) as connection:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return found.splitlines()[-1]
