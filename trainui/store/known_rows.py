"""Records that are made again only where their row is another one than at the last reading.

A reading of a thousand stages is mostly the making of records, and between two readings few rows
change. A record that is the same object as before is also compared at no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from trainui.domain.records import StageRecord
from trainui.store import driver, rows

Record = TypeVar("Record")


class KnownRows(Generic[Record]):
    """Reads what a statement gives for a run, and keeps the records of the last reading."""

    def __init__(self, statement: str, make: Callable[[rows.Row], Record]) -> None:
        """Know no row yet.

        Args:
            statement: takes a run's id; the first column is the key of its rows.
            make: makes a record of a row.
        """
        self._statement = statement
        self._make = make
        self._known: dict[Any, tuple[tuple[Any, ...], Record]] = {}

    def read(self, connection: driver.Connection, run_id: str) -> list[Record]:
        """Return the records of all rows."""
        before, self._known = self._known, {}
        for row in connection.execute(self._statement, (run_id,)):
            values = tuple(row)
            known = before.get(values[0])
            if known is None or known[0] != values:
                known = (values, self._make(dict(zip(row.keys(), values, strict=True))))
            self._known[values[0]] = known
        return [record for _, record in self._known.values()]


def stages() -> KnownRows[StageRecord]:
    """Return a reader of a run's stages, in the file's order."""
    return KnownRows("SELECT * FROM stages WHERE run_id = ? ORDER BY position", rows.stage_record)
