"""The interface of a connection for both databases: that of SQLite's own driver.

Statements are written for SQLite, with `?` for parameters; `postgres` translates them. Imports
nothing, since it is needed for the first frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


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
        """Return True if statements share one snapshot of the data."""
