"""Trackers that keep their runs in a SQLite database, one module for each.

A module implements the protocol `Tracker`: it lists the runs of a database and reads their points.
Read `database` first (how a tracker's database is opened), then `trackio` (the smallest).
"""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection
from typing import Protocol

from trainui.metrics.formats.table import Decoded
from trainui.plugin import TrackedRun

MOST_ROWS = 10_000
"""Rows read at once."""


def columns(connection: Connection, table: str) -> set[str]:
    """Return the names of a table's columns: versions of a tracker differ in them."""
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def newest_row(connection: Connection, table: str) -> int:
    """Return the id of the newest row of a table; 0 if it is empty."""
    return int(connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0])


class Tracker(Protocol):
    """Reads the databases of one tracker."""

    @property
    def NAME(self) -> str:
        """The format's name, as in a source's `format`."""

    @property
    def TABLES(self) -> tuple[str, ...]:
        """The tables by which a database is recognised; rows are added to the first ones."""

    def runs(self, connection: Connection) -> list[TrackedRun]:
        """Return all runs."""

    def jobs(self, connection: Connection) -> list[TrackedRun]:
        """Return all runs, or what they consist of: the trials of studies."""

    def points(
        self, connection: Connection, run: str, after: Mapping[str, int]
    ) -> tuple[Decoded, dict[str, int]]:
        """Return the points of a run after some rows, and the rows read last.

        Args:
            connection: the database.
            run: the run's id.
            after: by table, the id of the row read last.
        """
