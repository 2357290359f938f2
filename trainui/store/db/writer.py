"""Write transactions on the driver's connection, so that a submission imports no SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from trainui import disk, paths, settings
from trainui.store.db import lock_wait_notice, schema, sqlite_file
from trainui.store.db.protocol import Connection


def make_ready() -> None:
    """Create the store or upgrade its schema if needed, or raise UnfitEnvironmentError."""
    if settings.load().database_url is None and _is_current(paths.home().database):
        return
    from trainui.store.db.engine import open_store

    open_store()


def _is_current(file: Path) -> bool:
    """Create a SQLite file if it does not exist; return True if its schema is the current one."""
    disk.check_home(file.parent)
    with _explained():
        schema.make_file(file)
        return schema.revision(file) == schema.HEAD


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
    with _explained(), closing(sqlite_file.connect(paths.home().database)) as connection:
        sqlite_file.prepare(connection)
        with lock_wait_notice.shown_if_slow():
            connection.execute("BEGIN IMMEDIATE")
        with connection:
            yield connection


@contextmanager
def _on_postgresql() -> Iterator[Connection]:
    from trainui.store.db.engine import open_store, raw

    with open_store().write() as connection:
        yield raw(connection)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite_file.explain(error, paths.home().database) from error
