"""The database: short write transactions, and reads that block no writer.

SQLite's rules are only here and in `sqlite_file` (PostgreSQL's: `postgres`). A write transaction
begins IMMEDIATE: a deferred one may fail when it upgrades its lock. A read transaction is deferred.
Statements are plain SQL, with the driver's connection or what has its interface (`protocol`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from trainui import paths, settings
from trainui.errors import StoreError, StoreLockedError
from trainui.paths import Home
from trainui.store.db import home_identity, lock_wait_notice, outage, postgres, schema, sqlite_file
from trainui.store.db.postgres import PostgresConnection
from trainui.store.db.protocol import Connection
from trainui.system import disk

OPEN_AGAIN_AFTER = 1.0
"""Seconds between two tries to open a store that cannot be used."""

MOST_IDLE = 5
"""Connections that are kept open for the next transactions."""

_SQLITE = "sqlite:///"


class Store:
    """A database with the current schema."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._write_lock = threading.Lock()
        """Locked by the thread that writes; the others wait for it before taking a connection."""
        self._idle: list[Connection] = []
        self._is_settled = False
        """True if the home is known to be where it was noted, so that it may be changed."""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One short write transaction: committed at the end, rolled back on an exception.

        Raises:
            StoreLockedError: another process or thread has kept the lock for too long.
            StoreError: the database is read-only, full or unreachable.
        """
        with self._write("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def decide(self) -> Iterator[Connection]:
        """A write transaction in a home that may be a copy, to record what it is."""
        with self._write("BEGIN IMMEDIATE", decides=True) as connection:
            yield connection

    @contextmanager
    def write_points(self) -> Iterator[Connection]:
        """A write transaction for points alone; on PostgreSQL, hosts can run it concurrently."""
        with self._write("BEGIN IMMEDIATE", for_points=True) as connection:
            yield connection

    @contextmanager
    def _write(
        self, begin: str, *, for_points: bool = False, decides: bool = False
    ) -> Iterator[Connection]:
        if postgres.is_ours(self.url):
            begin = postgres.BEGIN_POINTS if for_points else postgres.BEGIN
        with _explained(self.url), ExitStack() as transaction:
            with lock_wait_notice.shown_if_slow():
                transaction.enter_context(self._exclusive())
                connection = transaction.enter_context(self._transaction(begin))
            if not (self._is_settled or decides):
                self._is_settled = home_identity.settle(connection, home_of(self.url))
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
        begin = postgres.BEGIN_READ if postgres.is_ours(self.url) else "BEGIN"
        with _explained(self.url), self._transaction(begin) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        connection = self._begun(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise
        self._keep(connection)

    def _begun(self, begin: str) -> Connection:
        """Return a connection in a new transaction; a lost idle one is replaced."""
        while (connection := self._pop_idle()) is not None:
            try:
                connection.execute(begin)
                return connection
            except BaseException:
                connection.close()
                if not isinstance(connection, PostgresConnection) or not connection.is_lost:
                    raise
        connection = connect(self.url)
        try:
            connection.execute(begin)
        except BaseException:
            connection.close()
            raise
        return connection

    def _pop_idle(self) -> Connection | None:
        with suppress(IndexError):  # another thread has just taken the last one
            return self._idle.pop()
        return None

    def _roll_back(self, connection: Connection) -> None:
        try:
            if connection.in_transaction:  # an error of the disk has ended it already
                connection.execute("ROLLBACK")
        except Exception:
            connection.close()
        else:
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def settle(self) -> None:
        """Note a new, moved or restored home; write nothing if it is where it was noted.

        Raises:
            CopiedHomeError: it is a copy, so that nothing may be changed.
        """
        with self.read() as connection:
            found = home_identity.look(connection, home_of(self.url))
        found.check()
        if found.kind is not home_identity.Kind.SAME:
            self.await_writable()

    def await_writable(self) -> None:
        """Wait until the store can be written, without writing; raise StoreError if it cannot."""
        with self.write():
            pass

    def close(self) -> None:
        """Close the idle connections."""
        while (connection := self._pop_idle()) is not None:
            connection.close()


def connect(url: str) -> Connection:
    """Open a connection for writing, with one transaction per statement until one begins."""
    if (file := file_of(url)) is None:
        return postgres.connect_to_write(url)
    connection = sqlite_file.connect(file)
    sqlite_file.prepare(connection)
    return connection


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
        UnfitEnvironmentError: it can never be used, e.g. since a newer trainui made it, or since
            the home is a copy.
    """
    while True:
        try:
            if (file := file_of(database_url())) is not None:
                sqlite_file.check_not_lost(file)
            if before is not None:
                before()
            store = open_store()
            store.settle()
            return store
        except StoreError as error:
            outage.log.failed(error)
            if wait(OPEN_AGAIN_AFTER):
                return None


@cache
def _open(url: str) -> Store:
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


def home_of(url: str) -> Home:
    """Return the home of a store: the directory of its SQLite file."""
    return paths.home() if (file := file_of(url)) is None else Home(file.parent)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Convert the driver's errors to typed ones that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        file = file_of(url)
        assert file is not None
        raise sqlite_file.explain(error, file) from error


def shown(url: str) -> str:
    """Return a store's URL for display: the file, or the server without the password."""
    file = file_of(url)
    return postgres.shown(url) if file is None else str(file)
