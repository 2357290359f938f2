"""Parts of SQL statements, and batches of rows and parameters that every driver accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain
from typing import Any, TypeVar

from trainui.store.db.protocol import Connection

BATCH = 500
"""Parameters per statement: below the limit of any SQLite."""

_ROWS = 50
"""Rows per statement; a thousand single statements to a server would take a second."""

NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
"""SQL for the time of the database's clock, in microseconds: the same for all hosts."""

UNREAD = "metrics_complete = 0"
"""The SQL condition that an attempt is not read to its end, in the form of its index."""

# the first condition spares reading what the second one searches
IS_EXTERNAL = "pipeline LIKE '% (external)' AND submission_json LIKE '%\"external\":{%'"
"""The SQL condition that a run is external."""

Value = TypeVar("Value")


def placeholders(values: Sized) -> str:
    """Return one placeholder per value, for `IN (...)`."""
    return ", ".join("?" * len(values))


def batches(values: Iterable[Value], size: int = BATCH) -> Iterator[Sequence[Value]]:
    """Yield values in batches, one per statement."""
    every = list(values)
    return (every[start : start + size] for start in range(0, len(every), size))


def insert(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns."""
    for part in batches(rows, _ROWS):
        row = f"({placeholders(part[0])})"
        connection.execute(
            f"INSERT INTO {table} ({', '.join(part[0])}) VALUES {', '.join([row] * len(part))}",
            tuple(chain.from_iterable(one.values() for one in part)),
        )
