"""The interface of a connection to either database, and parts of the statements that it executes.

Statements are written for SQLite, with `?` for parameters; `postgres` translates them. Needed for
the first frame, so it imports little.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol, TypeVar

BATCH = 500
"""Parameters per statement: below the limit of any SQLite."""

AT_ONCE = 50
"""Rows per INSERT; a thousand single statements to a server would take a second."""

NOTICE_AFTER = 2.0
"""Seconds of waiting before the notice is shown."""


class Cursor(Protocol):
    """A statement's result; its rows are tuples."""

    @property
    def description(self) -> Sequence[Any] | None:
        """Return a sequence per column, whose first member is the column's name."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""

    def __iter__(self) -> Iterator[Any]: ...

    @property
    def rowcount(self) -> int:
        """Return how many rows were written."""


class Connection(Protocol):
    """A connection to the store."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Execute a statement."""

    def close(self) -> None:
        """Close the connection."""

    @property
    def in_transaction(self) -> bool:
        """Return True if statements share one state of the data."""


def set_values(connection: Connection, table: str, row_id: int | str, **values: Any) -> None:
    """Change columns of the row with this id."""
    change(connection, table, {"id": row_id}, **values)


def change(connection: Connection, table: str, where: Mapping[str, Any], **values: Any) -> bool:
    """Change columns of the rows that have the values `where`; return True if there are any."""
    changes = ", ".join(f"{name} = ?" for name in values)
    seen = " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in where.items()
    )
    known = (value for value in where.values() if value is not None)
    statement = f"UPDATE {table} SET {changes} WHERE {seen}"
    return connection.execute(statement, (*values.values(), *known)).rowcount > 0


IS_EXTERNAL = "runs.kind <> 'own'"
"""The SQL condition that a run is external."""

NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
"""The time of the database's clock, in microseconds: the same for all hosts."""


IS_UNREAD = "metrics_complete = 0"
"""The condition on an attempt whose metrics are not read to their end: as in SQLite's index."""

Value = TypeVar("Value")


def placeholders(values: Sized) -> str:
    """Return one placeholder per value, for `IN (...)`."""
    return ", ".join("?" * len(values))


def batches(values: Iterable[Value], size: int = BATCH) -> Iterator[Sequence[Value]]:
    """Yield values in batches, one per statement."""
    every = list(values)
    return (every[start : start + size] for start in range(0, len(every), size))


def insert(connection: Connection, table: str, values: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns."""
    for part in batches(values, AT_ONCE):
        row = f"({placeholders(part[0])})"
        connection.execute(
            f"INSERT INTO {table} ({', '.join(part[0])}) VALUES {', '.join([row] * len(part))}",
            tuple(chain.from_iterable(one.values() for one in part)),
        )


# A notice shown while a write waits for a locked database, so that the command seems not hung.


LOCK_NOTICE = "the database is locked by another process; waiting for up to 30 s"

show_notice: Callable[[str], None] | None = None
"""The function that shows it; None: do not show it, e.g. in the worker."""


@contextmanager
def shown_if_slow() -> Iterator[None]:
    """Show the notice if the enclosed block takes longer than `NOTICE_AFTER`."""
    if show_notice is None:
        yield
        return
    timer = threading.Timer(NOTICE_AFTER, show_notice, [LOCK_NOTICE])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
