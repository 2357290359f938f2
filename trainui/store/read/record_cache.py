"""A record cache: a record is made again only if its row has changed since the last read.

Reading a thousand stages is mostly making records, and few rows change between two reads. Unchanged
records are the same objects, so they also compare at no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from trainui.domain.records import StageRecord
from trainui.store.db import protocol
from trainui.store.read import row_mapping

Record = TypeVar("Record")


class RecordCache(Generic[Record]):
    """Reads the rows of a run, and reuses the records of the last read."""

    def __init__(self, statement: str, make: Callable[[row_mapping.Row], Record]) -> None:
        """Start empty; the statement takes a run's id, and its first column is a row's key."""
        self._statement = statement
        self._make = make
        self._cached: dict[Any, tuple[tuple[Any, ...], Record]] = {}

    def read(self, connection: protocol.Connection, run_id: str) -> list[Record]:
        """Return the records of all rows."""
        before, self._cached = self._cached, {}
        found = connection.execute(self._statement, (run_id,))
        names = [column[0] for column in found.description or ()]
        for row in found:
            cached = before.get(row[0])
            if cached is None or cached[0] != row:
                cached = (row, self._make(dict(zip(names, row, strict=True))))
            self._cached[row[0]] = cached
        return [record for _, record in self._cached.values()]


def stages() -> RecordCache[StageRecord]:
    """Return a cached reader of a run's stages, in the file's order."""
    return RecordCache(
        "SELECT * FROM stages WHERE run_id = ? ORDER BY position", row_mapping.stage_record
    )
