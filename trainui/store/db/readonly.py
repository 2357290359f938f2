"""Read-only connections, through the driver alone, so that importing this is fast.

Opening raises NotFoundError if there is no database yet, and StoreError if it cannot be read or
upgraded.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths, settings
from trainui.errors import (
    NotFoundError,
    SchemaOutdatedError,
    SchemaRefusedError,
    StoreError,
    TrainuiError,
)
from trainui.store.db import home_identity, schema_revision, sqlite_file, wal
from trainui.store.db.protocol import Connection
from trainui.store.db.schema_revision import HEAD


@contextmanager
def reading(database: Path | None = None) -> Iterator[Connection]:
    """Open the database for reading, for a short time.

    `database` is the SQLite file; None: the store, on whichever database it is.
    """
    opened = sqlite_file.Unreplaced()
    connection = connect(database)
    try:
        yield connection
    except sqlite3.Error as error:
        if database is None:
            opened.check()  # that explains it
        raise sqlite_file.explain(error, database or paths.home().database) from error
    finally:
        connection.close()


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Read from one snapshot of the data: in the open transaction, or in a new one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # an error of the disk has ended it already
            connection.execute("ROLLBACK")


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
    """Return True if the store never existed; raise StoreError if it was removed or emptied."""
    if is_there():
        return False
    if settings.load().database_url is None:
        sqlite_file.check_not_lost(paths.home().database)
    return True


def connect(database: Path | None = None) -> Connection:
    """Open an existing database read-only.

    `database` is the SQLite file, of any revision; None: the store.

    Raises:
        SchemaRefusedError: the store is of a newer trainui, or from before the first release.
        SchemaOutdatedError: it is of an older one.
    """
    if database is not None:
        return _open(database)
    connection = connect_any_revision()
    try:
        check_schema(connection)
    except BaseException:
        connection.close()
        raise
    if _was_renamed(connection):
        connection.close()
        from trainui.store.db.engine import open_store

        with suppress(StoreError):  # e.g. its disk is read-only
            open_store().settle()
        connection = connect_any_revision()
    return connection


def _was_renamed(connection: Connection) -> bool:
    """Return True if the home has another path than noted, so that those of its runs are old."""
    found = home_identity.look(connection, paths.home())
    roots = found.noted.roots if found.noted else ()
    return found.kind is home_identity.Kind.MOVED and str(found.root) not in roots


def check_schema(connection: Connection) -> None:
    """Check the revision of the store, which may have changed since it was opened."""
    if (found := _revision(connection)) != HEAD:
        schema_revision.check(found, where())


def where() -> str:
    """Return the store's location for display."""
    if (url := settings.load().database_url) is None:
        return str(paths.home().database)
    from trainui.store.db import postgres

    return postgres.shown(url)


def is_outdated() -> bool:
    """Return True if the store is at an earlier revision; False if it cannot be read at all.

    Raises:
        SchemaRefusedError: it is of a newer trainui, or from before the first release.
    """
    try:
        connect().close()
    except SchemaOutdatedError:
        return True
    except SchemaRefusedError:
        raise
    except (TrainuiError, sqlite3.Error):
        pass  # whoever uses it says why
    return False


def _revision(connection: Connection) -> str:
    return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def connect_any_revision() -> Connection:
    """Open the store read-only, also one of another version."""
    if (url := settings.load().database_url) is None:
        return _open(paths.home().database)
    from trainui.store.db import postgres

    return postgres.connect_to_read(url)


def _open(database: Path) -> sqlite3.Connection:
    """Open an existing SQLite file read-only."""
    if not sqlite_file.size(database):
        sqlite_file.check_not_lost(database)
        raise NotFoundError(
            f"there are no runs yet: {database} does not exist; start with `trainui demo`"
        )
    # if no file can be made beside it, SQLite can read it only if nobody else can write to it
    is_shared = os.access(database.parent, os.W_OK) or Path(f"{database}-wal").exists()
    if is_shared:
        wal.check(database)
    query = "mode=ro" if is_shared else "immutable=1"
    connection = None
    try:
        connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?{query}", uri=True, check_same_thread=False
        )
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("SELECT 1 FROM runs LIMIT 1")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if "no such table" in str(error):
            raise StoreError(
                f"{database} is not a trainui database: {sqlite_file.REPLACE}"
            ) from error
        raise sqlite_file.explain(error, database) from error
    return connection


def data_version(connection: Connection) -> int | str:
    """Return a value that changes whenever another connection commits."""
    if not isinstance(connection, sqlite3.Connection):
        from trainui.store.db import postgres

        return postgres.version(connection)
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
