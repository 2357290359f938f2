"""The connection to the database: short write transactions, and reads that block no writer.

SQLite's rules are only here and in `sqlite_file` (PostgreSQL's: `postgres`). A write transaction
begins IMMEDIATE: a deferred one may fail when it upgrades its lock, and the driver's default keeps
the writes of a rolled-back savepoint. A read transaction is deferred.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from trainui import disk, paths, settings
from trainui.errors import StoreError, StoreLockedError
from trainui.store.db import lock_wait_notice, outage, postgres, protocol, sqlite_file

if TYPE_CHECKING:
    import psycopg

OPEN_AGAIN_AFTER = 1.0
"""Seconds between two tries to open a store that cannot be used."""

_SQLITE = "sqlite:///"


class Store:
    """A database with the current schema."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._write_lock = threading.Lock()
        """Locked by the thread that writes; the others wait for it before taking a connection."""
        if postgres.is_ours(url):
            self._writer = _postgres_engine(url)
            event.listen(self._writer, "begin", _lock_database)
            self._reader = _postgres_engine(url, isolation_level="REPEATABLE READ")
        else:
            self._writer = _engine(url, begin="BEGIN IMMEDIATE")
            self._reader = _engine(url, begin="BEGIN")
        self._points_writer = self._writer.execution_options(**{postgres.POINTS: True})

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One short write transaction: committed at the end, rolled back on an exception.

        Raises:
            StoreLockedError: another process or thread has kept the lock for too long.
            StoreError: the database is read-only, full or unreachable.
        """
        with self._write(self._writer) as connection:
            yield connection

    @contextmanager
    def write_points(self) -> Iterator[Connection]:
        """A write transaction for points alone; on PostgreSQL, hosts can run it concurrently."""
        with self._write(self._points_writer) as connection:
            yield connection

    @contextmanager
    def _write(self, engine: Engine) -> Iterator[Connection]:
        with _explained(self.url), ExitStack() as transaction:
            with lock_wait_notice.shown_if_slow():
                transaction.enter_context(self._exclusive())
                connection = transaction.enter_context(engine.begin())
            yield connection
        outage.log.succeeded()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._write_lock.acquire(timeout=sqlite_file.BUSY_TIMEOUT):
            raise StoreLockedError(f"{shown(self.url)}: {sqlite_file.LOCKED}")
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction on one snapshot; keep it short, since it makes the WAL file grow."""
        with _explained(self.url), self._reader.begin() as connection:
            yield connection

    def await_writable(self) -> None:
        """Wait until the store can be written, without writing; raise StoreError if it cannot."""
        with self.write():
            pass

    def session(self) -> Session:
        """A SQLModel session in autocommit mode, so that no statement leaves a lock."""
        return Session(self._reader.execution_options(isolation_level="AUTOCOMMIT"))

    def close(self) -> None:
        """Close the idle connections."""
        self._writer.dispose()
        self._reader.dispose()


def database_url() -> str:
    """Return the URL of this home's store; for SQLite, the path in it is not percent-encoded."""
    return settings.load().database_url or f"{_SQLITE}{paths.home().database}"


def open_store(url: str | None = None) -> Store:
    """Open the store, created if needed, or raise UnfitEnvironmentError."""
    return _open(url or database_url())


def open_patiently(
    wait: Callable[[float], bool], before: Callable[[], None] | None = None
) -> Store | None:
    """Open the store; retry while it cannot be used, or if its file was removed.

    `wait` waits for a number of seconds, and returns True to give up: then the result is None.
    `before` is called before each try.

    Raises:
        UnfitEnvironmentError: it can never be used, e.g. since a newer trainui made it.
    """
    while True:
        try:
            if (file := file_of(database_url())) is not None:
                sqlite_file.check_not_lost(file)
            if before is not None:
                before()
            return open_store()
        except StoreError as error:
            outage.log.failed(error)
            if wait(OPEN_AGAIN_AFTER):
                return None


def open_session() -> Session:
    """A SQLModel session on the configured database."""
    return open_store().session()


def store_of(session: Session) -> Store:
    """Return the store for a session's database."""
    address = session.get_bind().engine.url
    if address.get_backend_name() == "sqlite":
        return open_store(f"{_SQLITE}{address.database}")
    # SQLAlchemy does not encode a space in a password, which libpq requires
    return open_store(address.render_as_string(hide_password=False).replace(" ", "%20"))


@cache
def _open(url: str) -> Store:
    from trainui.store.db import schema

    if (file := file_of(url)) is not None:
        disk.check_home(file.parent)
        with _explained(url):
            schema.make_file(file)
            schema.fill_if_empty(file)
    else:
        with _explained(url), postgres.explained(url):
            schema.fill_server_if_empty(url)
    return Store(url)


def upgrade_store() -> None:
    """Upgrade a store at an earlier revision; nobody else may use it, e.g. an older worker."""
    from trainui.store.db import schema

    url = database_url()
    if (file := file_of(url)) is None:
        with _explained(url), postgres.explained(url):
            schema.upgrade_server(url)
    elif file.exists():
        with _explained(url):
            schema.upgrade_file(url, file)


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for another database."""
    return None if postgres.is_ours(url) else Path(url.removeprefix(_SQLITE))


def sqlite_address(url: str) -> URL:
    """Return SQLAlchemy's URL of a SQLite file; built, since parsing would end at a `?`."""
    return URL.create("sqlite", database=str(file_of(url)))


def _engine(url: str, *, begin: str) -> Engine:
    file = Path(url.removeprefix(_SQLITE))
    engine = create_engine(sqlite_address(url), creator=lambda: sqlite_file.connect(file))
    event.listen(engine, "connect", lambda connection, _record: sqlite_file.prepare(connection))
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _postgres_engine(url: str, **options: Any) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg")
    # pre-ping detects a broken pooled connection before it is used
    return create_engine(
        address, creator=lambda: postgres.connect(url), pool_pre_ping=True, **options
    )


def _lock_database(connection: Connection) -> None:
    kind = "_shared" if connection.get_execution_options().get(postgres.POINTS) else ""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{kind}({postgres.LOCK})")


def _begin(connection: Connection, statement: str) -> None:
    # On the driver's connection: through SQLAlchemy, this took a third of a small transaction.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        found = connection.connection.driver_connection
        assert isinstance(found, sqlite3.Connection)
        found.execute(statement)


def raw(connection: Connection) -> protocol.Connection:
    """Return the driver's connection, inside the transaction open on `connection`."""
    found = connection.connection.driver_connection
    if isinstance(found, sqlite3.Connection):
        return found
    return postgres.PostgresConnection(
        cast("psycopg.Connection", found), str(connection.engine.url)
    )


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Convert the driver's errors to typed ones that say what to do."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, sqlite3.Error) as error:
        raise explain(error, url) from error


def shown(url: str) -> str:
    """Return a store's URL for display: the file, or the server without the password."""
    file = file_of(url)
    return postgres.shown(url) if file is None else str(file)


def explain(error: Exception, url: str) -> Exception:
    """Return a `StoreError` with advice, or the error itself if it is a bug or a conflict."""
    if isinstance(error, PoolTimeoutError):
        return StoreLockedError(f"{shown(url)}: too many transactions at once; try again")
    cause = getattr(error, "orig", None) or error
    file = file_of(url)
    found = postgres.explain(cause, url) if file is None else sqlite_file.explain(cause, file)
    return error if found is cause else found
