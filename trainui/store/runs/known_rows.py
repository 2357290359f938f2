"""A record cache: a record is made again only if its row has changed since the last read.

Reading a thousand stages is mostly making records, and few rows change between two reads. Unchanged
records are the same objects, so they also compare at no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from trainui.domain.records import StageRecord
from trainui.store.db import protocol
from trainui.store.runs import row_mapping

Record = TypeVar("Record")


class KnownRows(Generic[Record]):
    """Reads the rows of a run, and reuses the records of the last read."""

    def __init__(self, statement: str, make: Callable[[row_mapping.Row], Record]) -> None:
        """Start with an empty cache.

        Args:
            statement: takes a run's id; the first column is the key of its rows.
            make: makes a record from a row.
        """
        self._statement = statement
        self._make = make
        self._known: dict[Any, tuple[tuple[Any, ...], Record]] = {}

    def read(self, connection: protocol.Connection, run_id: str) -> list[Record]:
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
    """Return a cached reader of a run's stages, in the file's order."""
    return KnownRows(
        "SELECT * FROM stages WHERE run_id = ? ORDER BY position", row_mapping.stage_record
    )
