"""A cache of a run's stages: a record is made again only if its row has changed since then.

Reading a thousand stages is mostly making records, and few rows change between two reads. Unchanged
records are the same objects, so they also compare at no cost.
"""

from __future__ import annotations

from typing import Any

from trainui.model.records import StageRecord
from trainui.store.db import protocol
from trainui.store.read import row_mapping
from trainui.store.read.time_worked import STAGE_COLUMNS


class StageCache:
    """Reads the stages of a run, and reuses the records of the last read."""

    def __init__(self) -> None:
        self._cached: dict[str, tuple[tuple[Any, ...], StageRecord]] = {}

    def read(self, connection: protocol.Connection, run_id: str) -> list[StageRecord]:
        """Return the stages in the file's order, without withdrawn trials."""
        before, self._cached = self._cached, {}
        query = f"SELECT {STAGE_COLUMNS} FROM stages WHERE run_id = ? ORDER BY position"
        found = connection.execute(query, (run_id,))
        names = [column[0] for column in found.description or ()]
        for row in found:
            cached = before.get(row[0])
            if cached is None or cached[0] != row:
                cached = (row, row_mapping.stage_record(dict(zip(names, row, strict=True))))
            self._cached[row[0]] = cached
        return [record for _, record in self._cached.values() if not record.is_withdrawn]
