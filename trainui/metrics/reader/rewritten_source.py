"""A source whose file may be rewritten: it is read again, as a new history or for new points.

Many trainings rewrite their whole history for each record, or when a column is added. While the
records equal the stored ones, only new ones are added; from the first difference on, the file is
treated as another history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from trainui.metrics import formats
from trainui.metrics.files.tail import FileState, GrowingFile
from trainui.metrics.formats import Decoder
from trainui.metrics.formats.table import Decoded, merge
from trainui.metrics.reader.stored_source import Advance, StoredSource
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sources import next_restart


class RewrittenSource(StoredSource):
    """Begins again at the start of a file that no longer contains what was read from it."""

    def _reset(self, known: SourceRecord) -> None:
        super()._reset(known)
        self._decoder: Decoder | None = None
        self._rewrite: RewriteDiff | None = None

    def _check_for_rewrite(self, file: GrowingFile, look: FileState) -> None:
        """Restart if the file no longer contains the bytes that were read from it."""
        identity, offset = self._at.identity, self._at.offset
        if identity is None:
            return
        # If a new attempt creates the file again, its points are its own.
        remade = self._stored.attempt != self._options.attempt and not look.is_same_file(identity)
        rewritten = remade or not file.continues(identity, offset)
        if rewritten or (self._is_document() and look.size != offset):
            self._restart()

    def _is_document(self) -> bool:
        return formats.is_document(self._stored.format)

    def _restart(self) -> None:
        """Read from the file's start: as a new history, or compared with the stored one."""
        self._decoder = self._rewrite = None
        if self._is_document() and self._stored.state.get("snapshot"):
            self._at = self._stored._replace(offset=0, identity=None)
            return
        self._at = self._stored._replace(offset=0, rows=0, identity=None, state={})
        same_attempt = self._stored.attempt == self._options.attempt
        if self._options.replays and (same_attempt or self._is_document()):
            with self._store.read() as connection:
                known = write_points.stored_points(connection, self._stored)
            self._rewrite = RewriteDiff(self._stored.rows, known)
        else:
            self._at = self._at._replace(generation=self._stored.generation + 1)

    def _restart_as_lines(self) -> None:
        """Read as lines what was taken for a single document: it was only the first line."""
        if (self._stored.rows, self._stored.tail_rows) == (1, 1):
            with self._store.write() as connection:
                begun = write_points.delete_only_record(connection, self._stored)
            self._stored = self._at = begun
        else:
            generation = self._stored.generation + 1
            self._at = self._at._replace(rows=0, state={}, generation=generation)

    def _generation(self, decoder: Decoder) -> int:
        """Return the generation of what was decoded last."""
        if not decoder.restarts:
            return self._at.generation + decoder.replaces
        with self._store.read() as connection:
            return next_restart(connection, self._stored.owner, self._options.attempt)

    def _store_replayed(self, *, is_over: bool) -> Advance:
        """Store the new points of a rewritten file, once it covers the stored ones."""
        rewrite = self._rewrite
        if rewrite is None or not is_over:
            return Advance()
        if rewrite.diverged:
            self._at = self._at._replace(generation=self._stored.generation + 1)
        self._rewrite = None
        return self._buffer(merge(rewrite.new) if rewrite.new else {}, self._at.rows)


class RewriteDiff:
    """Compares the records of a file, read from its start, with the stored ones."""

    def __init__(self, rows: int, known: Mapping[str, Points]) -> None:
        """Start with the number of stored records, and their points."""
        self._rows = rows
        self._known = known
        self._met = dict.fromkeys(known, 0)
        self.new: list[dict[str, Points]] = []
        """The points not stored yet; their ordinals are record numbers in the file."""
        self.diverged = False
        """True if the file differs from the stored history from some record on."""

    def compare(self, decoded: Decoded, first_row: int) -> None:
        """Compare the next records; points that are already stored are dropped."""
        end = self._rows - first_row
        known = {name: found for name, found in decoded.series.items() if name in self._known}
        differing = [self._first_difference(name, found, end) for name, found in known.items()]
        first = min((record for record in differing if record is not None), default=None)
        if first is not None:
            self.diverged, end = True, first
        new = {}
        for name, found in decoded.series.items():
            stored = _before(found, end) if name in known else 0
            if stored < len(found):
                fresh = found[stored:]
                new[name] = replace(fresh, ordinals=fresh.ordinals + first_row)
            if name in known:
                self._met[name] += stored
        self.new.append(new)

    def _first_difference(self, name: str, found: Points, end: int) -> int | None:
        """Return the first record before `end` that differs from the stored one."""
        found = found[: _before(found, end)]
        at = self._met[name]
        stored = self._known[name][at : at + len(found)]
        shared = found[: len(stored)]
        same = (shared.steps == stored.steps) & (
            (shared.values == stored.values) | (np.isnan(shared.values) & np.isnan(stored.values))
        )
        if not same.all():
            return int(found.ordinals[np.argmin(same)])
        return int(found.ordinals[len(stored)]) if len(stored) < len(found) else None

    def is_over(self, rows: int) -> bool:
        """Return True if the file, read up to this number of records, covers the stored ones."""
        return self.diverged or rows >= self._rows


def _before(found: Points, record: int) -> int:
    """Return the number of points that belong to records before this one."""
    return int(np.searchsorted(found.ordinals, record))
