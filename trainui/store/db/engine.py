"""The one door to the database: short write transactions, and reads that block no writer.

`Database` is for what writes, and creates the file; `reading` and `connect_to_read` are for what
only looks: they raise NotFoundError if no database exists yet, and StoreError if it cannot be read.
Statements are plain SQL, with the driver's connection or what has its interface (`protocol`).

SQLite's rules are only here and in `sqlite_file` (PostgreSQL's: `postgres`). A write transaction
begins IMMEDIATE: a deferred one may fail when it upgrades its lock. A read transaction is deferred.
Importing this is fast, since each `trainui ls` does it: no logging, no sockets, no other driver.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import formatting, paths, settings, system
from trainui.errors import (
    NotFoundError,
    SchemaOutdatedError,
    SchemaRefusedError,
    StoreError,
    StoreLockedError,
    TrainuiError,
)
from trainui.paths import Home
from trainui.store.db import home_identity, postgres, schema, sqlite_file, statements
from trainui.store.db.postgres import PostgresConnection
from trainui.store.db.statements import Connection

if TYPE_CHECKING:
    import logging

OPEN_AGAIN_AFTER = 1.0
"""Seconds between two tries to open a store that cannot be used."""

MOST_IDLE = 5
"""Connections that are kept open for the next transactions."""

_SQLITE = "sqlite:///"

FIRST_OUTAGE_PAUSE, LONGEST_OUTAGE_PAUSE = 10.0, 600.0
"""Seconds between two lines about an outage, with exponential backoff."""

OUTAGE_ENDS_AFTER = 120.0
"""Seconds without a failure after which the next failure starts a new outage."""


class OutageLog:
    """Logs outages of the store: the first failure, later ones with backoff, and the recovery.

    Each thread retries by itself; this log is shared by all, so that each line appears once.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._since: float | None = None
        """When the outage began; None: no outage."""
        self._last = self._due = 0.0
        self._pause = FIRST_OUTAGE_PAUSE
        self._failures = 0

    def failed(self, error: StoreError) -> None:
        """Count a failure, and log it if a line is due."""
        with self._lock:
            now = self._now()
            if self._since is None or now - self._last > OUTAGE_ENDS_AFTER:
                self._since, self._failures, self._pause = now, 0, FIRST_OUTAGE_PAUSE
                self._due = now
                _logger().warning("%s; retrying until it succeeds", error)
            elif now >= self._due:
                count = self._failures + 1
                _logger().warning("%d failures in %s: %s", count, self._lasted(), error)
            self._last = now
            self._failures += 1
            if now >= self._due:
                self._due = now + self._pause
                self._pause = min(self._pause * 2, LONGEST_OUTAGE_PAUSE)

    def succeeded(self) -> None:
        """Note a successful write, which ends an outage."""
        if self._since is None:
            return
        with self._lock:
            if self._since is not None:
                _logger().info("the database is writable again, after %s", self._lasted())
            self._since = None

    def _lasted(self) -> str:
        return formatting.duration(self._now() - (self._since or 0.0))


def _logger() -> logging.Logger:
    import logging  # 2 ms that those who only read do not need

    return logging.getLogger(__name__)


outages = OutageLog()
"""The outages that this process has seen."""


class Database:
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
            with statements.shown_if_slow():
                transaction.enter_context(self._exclusive())
                connection = transaction.enter_context(self._transaction(begin))
            if not (self._is_settled or decides):
                self._is_settled = home_identity.settle(connection, home_of(self.url))
            yield connection
        outages.succeeded()

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
        """A read transaction; keep it short, since it makes the WAL file grow."""
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
        connection = connect_to_write(self.url)
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


def connect_to_write(url: str) -> Connection:
    """Open a connection for writing, with one transaction per statement until one begins."""
    if (file := file_of(url)) is None:
        return postgres.connect_to_write(url)
    connection = sqlite_file.connect(file)
    sqlite_file.prepare(connection)
    return connection


def database_url() -> str:
    """Return the URL of this home's store; for SQLite, the path in it is not percent-encoded."""
    return settings.load().database_url or f"{_SQLITE}{paths.home().database}"


def open_store(url: str | None = None) -> Database:
    """Open the store, created if needed, or raise UnfitEnvironmentError."""
    return _open(url or database_url())


def open_patiently(
    wait: Callable[[float], bool], before: Callable[[], None] | None = None
) -> Database | None:
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
            outages.failed(error)
            if wait(OPEN_AGAIN_AFTER):
                return None


@cache
def _open(url: str) -> Database:
    if (file := file_of(url)) is not None:
        system.check_home(file.parent)
        with _explained(url):
            schema.make_file(file)
            schema.fill_if_empty(file)
    else:
        with _explained(url), postgres.explained(url):
            schema.fill_server_if_empty(url)
    return Database(url)


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


@contextmanager
def reading(database: Path | None = None) -> Iterator[Connection]:
    """Open the database for reading, for a short time.

    `database` is the SQLite file; None: the store, on whichever database it is.
    """
    opened = sqlite_file.Unreplaced()
    connection = connect_to_read(database)
    try:
        yield connection
    except sqlite3.Error as error:
        if database is None:
            opened.check()  # that explains it
        raise sqlite_file.explain(error, database or paths.home().database) from error
    finally:
        connection.close()


@contextmanager
def read_transaction(connection: Connection) -> Iterator[None]:
    """Read from one state of the data: in the open transaction, or in a new one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # an error of the disk has ended it already
            connection.execute("ROLLBACK")


def exists() -> bool:
    """Return True if the store exists."""
    if settings.load().database_url is None:
        return paths.home().database.exists()
    try:
        connect_to_read().close()
    except NotFoundError:
        return False
    return True


def is_none_yet() -> bool:
    """Return True if the store never existed; raise StoreError if it was removed or emptied."""
    if exists():
        return False
    if settings.load().database_url is None:
        sqlite_file.check_not_lost(paths.home().database)
    return True


def connect_to_read(database: Path | None = None) -> Connection:
    """Open an existing database read-only.

    `database` is the SQLite file, of any revision; None: the store.

    Raises:
        SchemaRefusedError: the store is of a newer trainui, or from before the first release.
        SchemaOutdatedError: it is of an older one.
    """
    if database is not None:
        return _open_to_read(database)
    connection = connect_any_revision()
    try:
        check_schema(connection)
    except BaseException:
        connection.close()
        raise
    if _was_renamed(connection):
        connection.close()
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
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    schema.check_revision(str(found), where())


def where() -> str:
    """Return the store's location for display."""
    return shown(database_url())


def is_outdated() -> bool:
    """Return True if the store is at an earlier revision; False if it cannot be read at all.

    Raises:
        SchemaRefusedError: it is of a newer trainui, or from before the first release.
    """
    try:
        connect_to_read().close()
    except SchemaOutdatedError:
        return True
    except SchemaRefusedError:
        raise
    except (TrainuiError, sqlite3.Error):
        pass  # whoever uses it says why
    return False


def connect_any_revision() -> Connection:
    """Open the store read-only, also one of another version."""
    if (url := settings.load().database_url) is None:
        return _open_to_read(paths.home().database)
    return postgres.connect_to_read(url)


def _open_to_read(database: Path) -> sqlite3.Connection:
    """Open an existing SQLite file read-only."""
    if not sqlite_file.size(database):
        sqlite_file.check_not_lost(database)
        raise NotFoundError(
            f"there are no runs yet: {database} does not exist; start with `trainui demo`"
        )
    # if no file can be made beside it, SQLite can read it only if nobody else can write to it
    is_shared = os.access(database.parent, os.W_OK) or Path(f"{database}-wal").exists()
    if is_shared:
        sqlite_file.check_log(database)
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
        return postgres.version(connection)
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
