"""What a connection that reads can do, whichever database it is on: SQLite's own, or a likeness.

Statements are written for SQLite, with `?` for parameters; `postgres` translates them. Imports
nothing, since this lies on the way to the first frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """What a statement gave; its rows are tuples that also know their columns' names."""

    row_factory: Any
    """None: plain tuples, which cost less where there are thousands."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Execute a statement."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...

    @property
    def rowcount(self) -> int:
        """How many rows were written."""

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was inserted."""


class Connection(Protocol):
    """A connection to the store."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Execute a statement."""

    def cursor(self) -> Cursor:
        """Return a cursor, to execute with."""

    def close(self) -> None:
        """Let the database go."""

    @property
    def in_transaction(self) -> bool:
        """Whether statements share one view of the data."""
