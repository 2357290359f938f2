"""PostgreSQL: connections, error messages, and an adapter with the interface of SQLite's driver.

A statement on a `PostgresConnection` is written for SQLite and translated here. As in SQLite, an
advisory lock lets one transaction write at a time, so that the rows it has read do not change until
it commits. Transactions that store only points share that lock, and wait only for others that store
points of the same owner. A host that loses its connection while it writes loses the lock after
`IDLE_LIMIT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from trainui.errors import (
    NotFoundError,
    StoreError,
    StoreLockedError,
    StoreSchemaError,
    UnfitEnvironmentError,
    install_advice,
)
from trainui.store.db import statements

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
"""Accepted prefixes of a URL."""

LOCK = 0x747261696E7569
"""Key of the advisory lock that a writer keeps until its transaction ends."""

BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({LOCK})"
BEGIN_POINTS = f"BEGIN; SELECT pg_advisory_xact_lock_shared({LOCK})"
"""How a transaction begins that writes, and one that stores only points."""

BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""How a transaction begins that reads one state of the data."""

OWNERS = 0x747261
"""First key of the advisory locks on owners; the second is a hash of the owner's id."""

LOCK_TIMEOUT = 30
"""Seconds to wait for another writer; trainui's own writes take at most 50 ms."""

IDLE_LIMIT = 10
"""Seconds after which the server ends a transaction whose client is silent."""

_SERVER = f"-c lock_timeout={LOCK_TIMEOUT}s -c idle_in_transaction_session_timeout={IDLE_LIMIT}s"
_READ_ONLY = (
    "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
)
_CLIENT: dict[str, Any] = {
    "client_encoding": "utf8",
    "application_name": "trainui",
    "connect_timeout": 5,
    # detect a server that is cut off within ten seconds
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "prepare_threshold": None,  # connection poolers do not support prepared statements
}


def is_ours(url: str) -> bool:
    """Return True if a URL is for PostgreSQL."""
    return url.startswith(SCHEMES)


def shown(url: str) -> str:
    """Return a URL for display: without the password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(_libpq(url))
    except ProgrammingError:
        return "the setting database_url"
    known = {"host": "localhost", "port": "5432", "dbname": "", **found}
    return f"postgresql://{known['host']}:{known['port']}/{known['dbname']}"


def connect(url: str, *, read_only: bool = False, autocommit: bool = False) -> psycopg.Connection:
    """Open a driver connection; raise UnfitEnvironmentError if the driver is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise UnfitEnvironmentError(
            "the setting database_url names a PostgreSQL, whose driver is not installed: "
            f"{install_advice('postgres')}"
        ) from error
    options = f"{_SERVER} {_READ_ONLY}" if read_only else _SERVER
    connection = psycopg.connect(_libpq(url), autocommit=autocommit, options=options, **_CLIENT)
    for dumper, kind in _adapters():
        connection.adapters.register_dumper(kind, dumper)
    connection.adapters.register_loader("numeric", _number_loader())
    return connection


def connect_to_write(url: str) -> PostgresConnection:
    """Open the database for writing, with one transaction per statement until one begins."""
    with explained(url):
        return PostgresConnection(connect(url, autocommit=True), url)


def connect_to_read(url: str) -> PostgresConnection:
    """Open the database for reading.

    Raises:
        NotFoundError: it is empty, so there are no runs.
        UnfitEnvironmentError: it cannot be reached.
    """
    with explained(url):
        connection = PostgresConnection(connect(url, read_only=True, autocommit=True), url)
    try:
        connection.execute("SELECT 1 FROM runs LIMIT 1")
    except StoreSchemaError as error:
        connection.close()
        raise NotFoundError(
            f"there are no runs yet: {shown(url)} is empty; start with `trainui demo`"
        ) from error
    except StoreError:
        connection.close()
        raise
    return connection


def version(connection: statements.Connection) -> str:
    """Return a value that changes after every commit, and sometimes without one."""
    return str(connection.execute("SELECT pg_current_snapshot()::text").fetchone()[0])


def lock_owner(connection: statements.Connection, owner: str) -> None:
    """Take an owner's advisory lock; wait for other transactions that store its points."""
    connection.execute("SELECT pg_advisory_xact_lock(?, hashtext(?))", (OWNERS, owner))


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Convert the driver's errors to ones that say what to do."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise explain(error, url) from error


def explain(error: Exception, url: str) -> Exception:
    """Return a `StoreError` that says what to do, or the original error if the data is wrong."""
    import psycopg
    from psycopg import errors

    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return error
    text = " ".join(str(error).split()) or type(error).__name__
    kind: type[StoreError] = StoreError
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        # the driver's message contains the part that it cannot parse, which may be the password
        text = "this is not a valid URL"
        advice = "percent-encode special characters in its user and password, e.g. a space as %20"
    elif isinstance(error, errors.LockNotAvailable):
        kind = StoreLockedError
        advice = "another process has kept it locked for too long; end that process, or try again"
    elif isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        kind, advice = StoreSchemaError, "another trainui changed its tables; start this again"
    else:
        advice = "check that the server runs and accepts this host; nothing is lost meanwhile"
    return kind(f"{shown(url)}: {text}: {advice}")


@cache
def _adapters() -> tuple[tuple[Any, type], ...]:
    from psycopg.types.numeric import FloatDumper
    from psycopg.types.string import StrDumperUnknown

    class PlainFloat(FloatDumper):
        """Dumps floats untyped, so the column's type applies: float8 would round a numeric."""

        oid = 0

    class SafeText(StrDumperUnknown):
        """Dumps text without NUL, which PostgreSQL cannot store."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    return (PlainFloat, float), (SafeText, str)


@cache
def _number_loader() -> Any:
    from psycopg.adapt import Loader

    class Number(Loader):
        """Loads numbers as SQLite returns them: an int unless it has a fraction."""

        def load(self, data: Any) -> int | float:
            digits = bytes(data)
            return int(digits) if digits.lstrip(b"-").isdigit() else float(digits)

    return Number


_IS = re.compile(r"\bIS (NOT )?\?")
_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@lru_cache(1024)
def translate(sql: str) -> str:
    """Translate a statement from SQLite's syntax to PostgreSQL's."""
    sql = _IS.sub(lambda found: f"IS {'' if found[1] else 'NOT '}DISTINCT FROM ?", sql)
    sql = sql.replace(statements.NOW, _NOW)
    sql = sql.replace(statements.IS_UNREAD, "NOT metrics_complete")
    sql = sql.replace("LIMIT ?", "LIMIT nullif(?::bigint, -1)")
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresConnection:
    """A connection with the interface of SQLite's."""

    def __init__(self, raw: psycopg.Connection, url: str) -> None:
        self._raw = raw
        self._url = url

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor:
        """Execute a statement."""
        with explained(self._url):
            if parameters:
                return self._raw.execute(translate(sql).encode(), tuple(parameters))
            # this may be several statements; a `%` in it is one
            return self._raw.execute(translate(sql).replace("%%", "%").encode())

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()

    @property
    def is_lost(self) -> bool:
        """Return True if the server or the network has ended the connection."""
        return self._raw.closed

    @property
    def in_transaction(self) -> bool:
        """Return True if statements share one state of the data."""
        return self._raw.info.transaction_status != 0
