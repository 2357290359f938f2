"""A source whose file may be rewritten: it is read again, as a new history or for new points."""

from __future__ import annotations

from dataclasses import replace

from trainui.metrics import formats
from trainui.metrics.files.tail import FileState, GrowingFile
from trainui.metrics.formats import Decoder
from trainui.metrics.reader.rewrite_diff import RewriteDiff
from trainui.metrics.reader.stored_source import Advance, StoredSource
from trainui.store.points import points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sources import next_restart


class RewrittenSource(StoredSource):
    """Begins again at the start of a file that no longer contains what was read from it."""

    def _reset(self, known: SourceRecord) -> None:
        super()._reset(known)
        self._decoder: Decoder | None = None
        self._replay: RewriteDiff | None = None

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
        return self._stored.format in formats.DOCUMENTS

    def _restart(self) -> None:
        """Read from the file's start: as a new history, or compared with the stored one."""
        self._decoder = self._replay = None
        if self._is_document() and self._stored.state.get("snapshot"):
            self._at = replace(self._stored, offset=0, identity=None)
            return
        self._at = replace(self._stored, offset=0, rows=0, identity=None, state={})
        same_attempt = self._stored.attempt == self._options.attempt
        if self._options.replays and (same_attempt or self._is_document()):
            with self._store.read() as connection:
                known = points.stored_points(connection, self._stored)
            self._replay = RewriteDiff(self._stored.rows, known)
        else:
            self._at = replace(self._at, generation=self._stored.generation + 1)

    def _restart_as_lines(self) -> None:
        """Read as lines what was taken for a single document: it was only the first line."""
        if (self._stored.rows, self._stored.tail_rows) == (1, 1):
            with self._store.write() as connection:
                begun = points.delete_only_record(connection, self._stored)
            self._stored = self._at = begun
        else:
            generation = self._stored.generation + 1
            self._at = replace(self._at, rows=0, state={}, generation=generation)

    def _generation(self, decoder: Decoder) -> int:
        """Return the generation of what was decoded last."""
        if not decoder.restarts:
            return self._at.generation + decoder.replaces
        with self._store.read() as connection:
            return next_restart(connection, self._stored.owner, self._options.attempt)

    def _store_replayed(self, *, is_over: bool) -> Advance:
        """Store the new points of a rewritten file, once it covers the stored ones."""
        replay = self._replay
        if replay is None or not is_over:
            return Advance()
        if replay.diverged:
            self._at = replace(self._at, generation=self._stored.generation + 1)
        self._replay = None
        return self._buffer(replay.new_points(), self._at.rows)
