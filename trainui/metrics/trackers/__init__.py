"""Databases of trackers, which are plugins: how they are opened, and what all of them need.

Read `database` first (how a tracker's database is opened).
"""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection
from typing import Any

from trainui.metrics.files.configuration import as_json
from trainui.plugin import Job, TrackedRun

MOST_ROWS = 10_000
"""Rows read at once."""


def columns(connection: Connection, table: str) -> set[str]:
    """Return the names of a table's columns: versions of a tracker differ in them."""
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def newest_row(connection: Connection, table: str) -> int:
    """Return the id of the newest row of a table; 0 if it is empty."""
    return int(connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0])


def tracked(
    run: TrackedRun, directory: Path, source: tuple[Path, str | None], /, **more: Any
) -> Job:
    """Return a run as its tracker has it, and `more` that it does not record."""
    return Job(
        *(run.name, directory, (source,)),
        params=as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        **more,
    )
