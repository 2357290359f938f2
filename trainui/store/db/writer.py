"""Write transactions on the driver's connection, so that a submission imports no SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from trainui import disk, paths, settings
from trainui.store.db import lock_wait_notice, schema, sqlite_errors
from trainui.store.db.protocol import Connection

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's write; ours take at most 50 ms."""


def connect(file: Path) -> sqlite3.Connection:
    """Open an existing SQLite file; never create one, e.g. if it was just removed."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, check_same_thread=False)


def prepare(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Set up a connection to the SQLite file for writing."""
    connection.isolation_level = None  # the driver begins no transaction by itself
    connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def make_ready() -> None:
    """Create or upgrade the store, if its schema is not the current one.

    Raises:
        UnfitEnvironmentError: it cannot be created, opened or upgraded.
    """
    if settings.load().database_url is not None:
        from trainui.store.db.engine import open_store

        open_store()
        return
    file = paths.home().database
    disk.check_home(file.parent)
    with _explained():
        schema.make_file(file)
        schema.upgrade_if_needed(f"sqlite:///{file}", file)


@contextmanager
def writing() -> Iterator[Connection]:
    """One short write transaction: committed at the end, rolled back on an exception.

    Raises:
        UnfitEnvironmentError: the database is locked for too long, read-only or full.
    """
    transaction = _on_sqlite if settings.load().database_url is None else _on_postgresql
    with transaction() as connection:
        yield connection


@contextmanager
def _on_sqlite() -> Iterator[Connection]:
    with _explained(), closing(connect(paths.home().database)) as connection:
        prepare(connection, BUSY_TIMEOUT)
        with lock_wait_notice.told():
            connection.execute("BEGIN IMMEDIATE")
        with connection:
            yield connection


@contextmanager
def _on_postgresql() -> Iterator[Connection]:
    from trainui.store.db.engine import open_store
    from trainui.store.points.sources import raw

    with open_store().write() as connection:
        yield raw(connection)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite_errors.explain(error, paths.home().database) from error
