"""A connection that only reads: the driver's, and nothing that takes long to import."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainui import paths, settings
from trainui.errors import NotFoundError, UnfitEnvironmentError
from trainui.store.driver import Connection


@contextmanager
def reading(database: Path | None = None) -> Iterator[Connection]:
    """Open the database for reading, for a short while.

    Args:
        database: the SQLite file; None: the store, wherever it is.

    Raises:
        NotFoundError: there is no database yet, so there are no runs.
        UnfitEnvironmentError: it cannot be read.
    """
    connection = connect(database)
    try:
        yield connection
    finally:
        connection.close()


def is_there() -> bool:
    """Whether there is a store already."""
    if settings.load().database_url is None:
        return paths.home().database.exists()
    try:
        connect().close()
    except NotFoundError:
        return False
    return True


def connect(database: Path | None = None) -> Connection:
    """Open a database that is there, read-only.

    Args:
        database: the SQLite file; None: the store, wherever it is.

    Raises:
        NotFoundError: it is not there.
        UnfitEnvironmentError: it cannot be read.
    """
    if database is None and (url := settings.load().database_url) is not None:
        from trainui.store import postgres

        return postgres.connect_to_read(url)
    return _open(database or paths.home().database)


def _open(database: Path) -> sqlite3.Connection:
    """Open a SQLite file that is there, read-only.

    Raises:
        NotFoundError: it is not there.
        UnfitEnvironmentError: it cannot be read.
    """
    if not database.exists():
        raise NotFoundError(
            f"there are no runs yet: {database} is not there; start with `trainui demo`"
        )
    # where nothing can be made beside it, SQLite reads it only if nobody can be writing to it
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
        raise UnfitEnvironmentError(
            f"{database}: {error}; check its permissions, or see `trainui doctor`"
        ) from error
    return connection


def _can_be_shared(database: Path) -> bool:
    """Whether the log of a database that others write to is there, or can be made."""
    return os.access(database.parent, os.W_OK) or Path(f"{database}-wal").exists()


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def flag(connection: Connection, name: str) -> str | None:
    """Return a switch of the installation, such as `paused`."""
    row = connection.execute("SELECT value FROM flags WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


def data_version(connection: Connection) -> int | str:
    """Return what changes whenever another connection has committed."""
    if not isinstance(connection, sqlite3.Connection):
        from trainui.store import postgres

        return postgres.version(connection)
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def gpu_uses(connection: Connection, host: str) -> list[tuple[int, str, str, str]]:
    """Return the GPUs of a host that stages have: index, run's id, run's name, stage's name."""
    found = connection.execute(
        "SELECT slots.number, runs.id, runs.name, stages.name FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " JOIN runs ON runs.id = stages.run_id"
        " WHERE slots.host = ? AND slots.kind = 'gpu'",
        (host,),
    )
    return [(int(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in found]


def gpu_holders(connection: Connection, host: str) -> dict[int, str]:
    """Return the GPUs of a host that stages have, by index, each with its stage's name."""
    found = connection.execute(
        "SELECT slots.number, stages.name FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " WHERE slots.host = ? AND slots.kind = 'gpu'",
        (host,),
    )
    return {int(number): str(name) for number, name in found}
