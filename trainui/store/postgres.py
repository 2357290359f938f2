"""PostgreSQL's rules: how it is reached, what is said where it is not, and its likeness to SQLite.

A statement on a `Connection` is written for SQLite and translated here. One transaction writes at
a time, as in SQLite, so that what it has read stays true until it commits. Those that store points
alone share that turn, and wait only for one that stores points of the same owner. A host that is
cut off while it writes loses its turn after `IDLE_LIMIT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from trainui import extras
from trainui.errors import (
    NotFoundError,
    StoreError,
    StoreLockedError,
    StoreSchemaError,
    UnfitEnvironmentError,
)
from trainui.store import driver

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
"""What a URL may begin with."""

LOCK = 0x747261696E7569
"""Of a database: who writes holds it until the end of the transaction."""

POINTS = "trainui_points"
"""The execution option of a transaction that stores points alone."""

OWNERS = 0x747261
"""The first key of the locks on owners; the second is a hash of the owner's id."""

LOCK_TIMEOUT = 30
"""Seconds to wait for another's write; ours take at most 50 ms."""

IDLE_LIMIT = 10
"""Seconds after which the server ends a transaction of whose client nothing is heard."""

_SERVER = f"-c lock_timeout={LOCK_TIMEOUT}s -c idle_in_transaction_session_timeout={IDLE_LIMIT}s"
_READ_ONLY = (
    "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
)
_CLIENT: dict[str, Any] = {
    "client_encoding": "utf8",
    "application_name": "trainui",
    "connect_timeout": 5,
    # a server that is cut off is noticed within ten seconds
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "prepare_threshold": None,  # poolers between us and the server know no prepared statements
}


def is_ours(url: str) -> bool:
    """Whether a URL names a PostgreSQL."""
    return url.startswith(SCHEMES)


def shown(url: str) -> str:
    """Return what may be shown of a URL: no password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(_libpq(url))
    except ProgrammingError:
        return "the setting database_url"
    known = {"host": "localhost", "port": "5432", "dbname": "", **found}
    return f"postgresql://{known['host']}:{known['port']}/{known['dbname']}"


def connect(url: str, *, read_only: bool = False, autocommit: bool = False) -> psycopg.Connection:
    """Open a connection as the driver has it.

    Raises:
        UnfitEnvironmentError: the driver is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise UnfitEnvironmentError(
            "the setting database_url names a PostgreSQL, which needs more than is installed: "
            f"{extras.advice('postgres')}"
        ) from error
    options = f"{_SERVER} {_READ_ONLY}" if read_only else _SERVER
    connection = psycopg.connect(_libpq(url), autocommit=autocommit, options=options, **_CLIENT)
    for dumper, kind in _adapters():
        connection.adapters.register_dumper(kind, dumper)
    connection.adapters.register_loader("numeric", _number_loader())
    return connection


def connect_to_read(url: str) -> Connection:
    """Open the database for reading.

    Raises:
        NotFoundError: there is nothing in it yet, so there are no runs.
        UnfitEnvironmentError: it cannot be reached.
    """
    with explained(url):
        connection = Connection(connect(url, read_only=True, autocommit=True), url)
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


def version(connection: driver.Connection) -> str:
    """Return what changes whenever a transaction has committed, and now and then otherwise."""
    return str(connection.execute("SELECT pg_current_snapshot()::text").fetchone()[0])


def lock_owner(connection: driver.Connection, owner: str) -> None:
    """Wait for another transaction that stores points of an owner."""
    connection.execute("SELECT pg_advisory_xact_lock(?, hashtext(?))", (OWNERS, owner))


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the driver's errors into ones that say what to do."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise explain(error, url) from error


def explain(error: Exception, url: str) -> Exception:
    """Return a `StoreError` that says what to do, or the error itself where the data is wrong."""
    import psycopg
    from psycopg import errors

    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return error
    text = " ".join(str(error).split()) or type(error).__name__
    kind: type[StoreError] = StoreError
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        # the driver's words hold the part that it cannot read, which may be the password
        text = "this cannot be read as an address"
        advice = "percent-encode what is special in its user and password, a space as %20"
    elif isinstance(error, errors.LockNotAvailable):
        kind = StoreLockedError
        advice = "another process has held it for long; end that process, or try again"
    elif isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        kind, advice = StoreSchemaError, "an older trainui made it; open it again to upgrade it"
    else:
        advice = "see that the server runs and lets this host in; what is to be written is kept"
    return kind(f"{shown(url)}: {text}: {advice}")


@cache
def _adapters() -> tuple[tuple[Any, type], ...]:
    from psycopg.types.numeric import FloatDumper
    from psycopg.types.string import StrDumperUnknown

    class PlainFloat(FloatDumper):
        """Digits whose type is the column's: through float8 a numeric would lose some."""

        oid = 0

    class SafeText(StrDumperUnknown):
        """Text as PostgreSQL can hold it: all but NUL."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    return (PlainFloat, float), (SafeText, str)


@cache
def _number_loader() -> Any:
    from psycopg.adapt import Loader

    class Number(Loader):
        """A number as SQLite gives it: an int unless it has a fraction."""

        def load(self, data: Any) -> int | float:
            digits = bytes(data)
            return int(digits) if digits.lstrip(b"-").isdigit() else float(digits)

    return Number


_IS = re.compile(r"\bIS (NOT )?\?")


@lru_cache(1024)
def translate(sql: str) -> str:
    """Return a statement that was written for SQLite as PostgreSQL takes it."""
    sql = _IS.sub(lambda found: f"IS {'' if found[1] else 'NOT '}DISTINCT FROM ?", sql)
    sql = sql.replace("LIMIT ?", "LIMIT nullif(?::bigint, -1)")
    return sql.replace("%", "%%").replace("?", "%s")


class Cursor:
    """A cursor with the likeness of SQLite's."""

    def __init__(self, raw: psycopg.Connection, url: str) -> None:
        self._url = url
        self._raw = raw.cursor()
        self.row_factory: Any = _named

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Execute a statement."""
        with explained(self._url):
            self._raw.row_factory = self.row_factory or _plain
            self._raw.execute(translate(sql).encode(), tuple(parameters))
        return self

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._raw.fetchone()

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return self._raw.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._raw)

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was inserted, by a statement that returns it."""
        row = self._raw.fetchone()
        return None if row is None else int(row[0])


class Connection:
    """A connection with the likeness of SQLite's."""

    def __init__(self, raw: psycopg.Connection, url: str) -> None:
        self._raw = raw
        self._url = url

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Execute a statement."""
        return self.cursor().execute(sql, parameters)

    def cursor(self) -> Cursor:
        """Return a cursor, to execute with."""
        return Cursor(self._raw, self._url)

    def close(self) -> None:
        """Let the database go."""
        self._raw.close()

    @property
    def in_transaction(self) -> bool:
        """Whether statements share one view of the data."""
        return self._raw.info.transaction_status != 0


class _Row(tuple[Any, ...]):
    """A row that knows its columns' names."""

    __slots__ = ()
    names: tuple[str, ...] = ()

    def keys(self) -> list[str]:
        return list(self.names)

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self.names.index(key) if isinstance(key, str) else key)


@lru_cache(256)
def _row_type(names: tuple[str, ...]) -> type[_Row]:
    return type("Row", (_Row,), {"__slots__": (), "names": names})


def _named(cursor: psycopg.Cursor[Any]) -> type[_Row]:
    return _row_type(tuple(column.name for column in cursor.description or ()))


def _plain(_cursor: psycopg.Cursor[Any]) -> type[tuple[Any, ...]]:
    return tuple
