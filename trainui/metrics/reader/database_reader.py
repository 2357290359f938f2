"""Reads one run of a tracker's database: the rows that were added since the last read."""

from __future__ import annotations

from typing import Any

from trainui.metrics import trackers
from trainui.metrics.reader.source import Advance, EndOfFile, SourceReader
from trainui.metrics.trackers import MOST_ROWS
from trainui.plugin import registry
from trainui.store.points.point_sources import SourceRecord


class DatabaseReader(SourceReader):
    """Reads one run and stores its points; the source's state has the rows read last by table."""

    def __init__(self, *arguments: Any, run: str) -> None:
        """Create a reader of one run, as `SourceReader` does."""
        self._run = run
        super().__init__(*arguments)

    def _reset(self, known: SourceRecord) -> None:
        super()._reset(known)
        self._version: object = None
        """The state of the database that was read to its end."""

    def read(self, end: EndOfFile | None = None) -> Advance:
        """Read at most one batch, and keep it in `unstored`."""
        if self.unstored is not None:
            self.roll_back()
        now = trackers.version(self.path)
        if now is None or (end is None and now == self._version):
            return Advance()
        copy = trackers.copies.get(self.path, at_once=end is not None)
        look = self.look()
        if copy is None or look is None or copy.tracker is None or not copy.tracker.database:
            return Advance()
        try:
            known = self._position(copy)
            decoded, position = registry.run(
                copy.tracker,
                copy.tracker.database.points,
                *(copy.connection, self._run, known),
                passes=trackers.DAMAGED,
            )
        except trackers.DAMAGED as error:
            raise trackers.damaged(self.path, error) from error
        self._version = copy.version
        if position == known:
            return Advance()
        self._at = self._at._replace(
            format=copy.tracker.name,
            attempt=self._options.attempt,
            offset=sum(position.values()),
            rows=self._at.rows + decoded.records,
            state=position,
        )
        kept = self._buffer(self._accepted(decoded.series, look), decoded.records)
        return kept._replace(more=decoded.records >= MOST_ROWS)

    def _position(self, copy: trackers.DatabaseCopy) -> dict[str, int]:
        """Return the rows read last; from the start if the database was made again since."""
        for table, last in self._at.state.items():
            if trackers.newest_row(copy.connection, table) < last:
                generation = self._at.generation + 1
                self._at = self._at._replace(offset=0, rows=0, state={}, generation=generation)
                break
        return dict(self._at.state)
