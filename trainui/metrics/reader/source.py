"""Reads one source: its file from the stored offset on, one bounded batch at a time.

`stored_source` stores a batch, or goes back if that failed; `rewritten_source` begins again with a
file that was rewritten.

Each point is stored exactly once, whether the file grows, is truncated, rewritten in place,
replaced, or deleted and created again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trainui.metrics.files.decoder_choice import (
    LEFT_OUT,
    SKIPPING,
    DecoderChoice,
    find_decoder,
    full_name,
    read_whole,
    with_times,
)
from trainui.metrics.files.open_files import NamedFile, OpenFiles
from trainui.metrics.files.tail import FileState, GrowingFile
from trainui.metrics.formats import Decoder
from trainui.metrics.formats.number_lines import MAX_FIELDS
from trainui.metrics.formats.table import Decoded
from trainui.metrics.formats.text.preset_lines import AnyLines
from trainui.metrics.reader.rewritten_source import RewrittenSource
from trainui.metrics.reader.stored_source import Advance, BatchWriter, ReadOptions
from trainui.plugin import registry
from trainui.store.db.engine import Store
from trainui.store.points.chunks import Points
from trainui.store.points.source_record import SourceRecord

LIVE_BYTES = 65_536
"""Bytes per batch of a file that grows."""

BACKLOG_BYTES = 4 << 20
"""Bytes per batch of a backlog; its points are stored within 50 ms. A longer record is skipped."""

LONGEST_READ = 0.5
"""CPU seconds of a batch, after which other sources get a turn: batches are as large as they may be
by what the last one cost. A file with 100,000 metrics costs 100 times as much as one with 10."""

DOUBT_BYTES = 1024
"""A text file without a metric in this many bytes is reported; reading continues."""

UNSTORED_BYTES = 1 << 20
"""The offset is stored at least every so many bytes, even if they contain no point."""


@dataclass(frozen=True, slots=True)
class EndOfFile:
    """Given when the file will not grow, so that a last record without a line end is read too."""

    clean: bool
    """True if its writer ended by itself, so that the last record is not torn."""


def _refuse(error: Exception) -> None:
    raise error


class SourceReader(RewrittenSource):
    """Reads one source and stores its points."""

    def __init__(
        self,
        store: Store,
        known: SourceRecord,
        path: Path,
        reading: DecoderChoice,
        options: ReadOptions,
    ) -> None:
        """Create a reader of a file, which need not exist yet; it starts at the stored offset."""
        self._reading = reading
        self._stored_names: dict[str, str] = {}
        self._until = options.until
        self._files = options.files or OpenFiles()
        self._file = NamedFile(path, self._files, follows=options.follows)
        self._limit = LIVE_BYTES
        super().__init__(store, known, options)

    @property
    def path(self) -> Path:
        """Its file's path."""
        return self._file.path

    def _reset(self, known: SourceRecord) -> None:
        super()._reset(known)
        self._seen: FileState | None = None

    def stop_after(self, count: int) -> None:
        """Limit reading to this many more bytes."""
        if self._until is None:
            self._until = self._at.offset + count

    @property
    def unread(self) -> int:
        """Bytes of its file beyond the limit, which are never read."""
        file = self._file.open() if self._until is not None else None
        return max(0, file.look().size - (self._until or 0)) if file else 0

    def follow(self, path: Path) -> None:
        """Continue with the file at another path, which has the same history and more."""
        if path != self.path:
            self.close()
            self._file = NamedFile(path, self._files, follows=self._options.follows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._seen = None

    @property
    def warning(self) -> str | None:
        """A message on what seems wrong with the file so far; None if nothing does."""
        at = self._at
        if (left_out := self._skipped_records()) is not None:
            return left_out
        if at.rows or at.offset < DOUBT_BYTES or not isinstance(self._decoder, AnyLines):
            return None
        return (
            f"{self.path}: unknown format, and no preset matches its lines; "
            "set its format, or use {stdout: PATTERN} with named groups for printed lines"
        )

    def _skipped_records(self) -> str | None:
        """Return a message on the records that were too long; None if there were none."""
        if LEFT_OUT not in self._at.state:
            return None
        first, count = self._at.state[LEFT_OUT]
        more = f" (and {count - 1} more after it)" if count > 1 else ""
        return (
            f"{self.path}: the record at byte {first} is longer than {BACKLOG_BYTES >> 20} MiB and "
            f"was skipped{more}; the others are read"
        )

    def look(self) -> FileState | None:
        """Return its file's current state; None if the file does not exist."""
        file = self._file.open()
        return file.look() if file else None

    def advance(self, end: EndOfFile | None = None) -> Advance:
        """Read and store at most one batch; `end` is given when the file will not grow.

        Raises:
            UnreadableFileError: it cannot be read.
            UnknownFormatError: its format was not recognised.
            PatternError: the pattern cannot be used.
            UnfitEnvironmentError: the store cannot be written.
        """
        result, writer = self.read(end), BatchWriter(self._store)
        writer.add(self, _refuse)
        return Advance(more=True) if writer.flush() else result

    def read(self, end: EndOfFile | None = None) -> Advance:
        """Read at most one batch, and keep it in `unstored`.

        A previous batch that was not stored is read again. Raises as `advance` does.
        """
        if self.unstored is not None:
            self.roll_back()
        if end is None and self._file.rests(self._seen):
            return Advance()
        file = self._file.open()
        if file is None:
            return Advance()
        look = file.look()
        result = Advance()
        if look != self._seen or end is not None:
            self._file.use()
            began, used = self._at.offset, time.thread_time()
            try:
                result = self._read(file, look, end)
            except BaseException as error:
                plugin = self._decoder.plugin if self._decoder is not None else None
                self.roll_back()
                if plugin is None or not isinstance(error, Exception):
                    raise
                with registry.guarded(plugin, OSError):
                    raise
            size, seconds = self._at.offset - began, time.thread_time() - used
            if result.more and size > 0:  # bound the next batch by what this one has cost
                fitting = int(size * LONGEST_READ / max(seconds, 1e-9))
                self._limit = min(self._limit, max(fitting, LIVE_BYTES))
        self._seen = None if result.more else look
        if not result.more and self._options.follows and self.reopen_if_replaced():
            return result._replace(more=True)
        return result

    def reopen_if_replaced(self) -> bool:
        """Close the file if another one has its path now; return True if so."""
        is_replaced = self._file.is_replaced()
        if is_replaced:
            self.close()
        return is_replaced

    def _read(self, file: GrowingFile, look: FileState, end: EndOfFile | None) -> Advance:
        self._check_for_rewrite(file, look)
        end_of_part = look.size if self._until is None else min(self._until, look.size)
        data = file.read(self._at.offset, min(self._limit, end_of_part - self._at.offset))
        full = len(data) == self._limit
        decoder = self._find_decoder(file, complete=end is not None and not full)
        if decoder is None:
            return self._store_replayed(is_over=end is not None)
        if not data:
            return self._decode_block(file, look, b"", end, more=False)
        if decoder.whole:
            data, full = read_whole(file, look), False
        elif self._at.state.get(SKIPPING):
            length = data.find(b"\n") + 1
            self._move(file, length or len(data), skipping=not length)
            return Advance(more=True)
        length = decoder.cut(data)
        if full and not length:
            return self._handle_long_record(file, decoder, data)
        self._limit = BACKLOG_BYTES if full else LIVE_BYTES
        if not length and end is not None and decoder.is_whole(data, clean=end.clean):
            length = len(data)
        is_rest = end is not None and 0 < length < len(data)  # the rest may be a last record
        more = full or is_rest or decoder.stops_short
        return self._decode_block(file, look, data[:length], end, more=more)

    def _find_decoder(self, file: GrowingFile, *, complete: bool) -> Decoder | None:
        if self._decoder is None:
            self._decoder = find_decoder(file, self._at, self._reading, complete=complete)
            if self._decoder and self._is_document() and not self._decoder.whole:
                self._restart_as_lines()
                self._decoder.state = {}
        return self._decoder

    def _handle_long_record(self, file: GrowingFile, decoder: Decoder, data: bytes) -> Advance:
        """Read a larger batch; skip a record that is too long even for that."""
        if self._limit < BACKLOG_BYTES:
            self._limit = BACKLOG_BYTES
            return Advance(more=True)
        size = decoder.record_size(data)
        if size is not None and self._at.offset + size > file.look().size:
            return Advance()
        first, count = self._at.state.get(LEFT_OUT, (self._at.offset, 0))
        self._at = self._at._replace(state={**self._at.state, LEFT_OUT: [first, count + 1]})
        self._move(file, len(data) if size is None else size, skipping=size is None)
        return Advance(more=True)

    def _move(self, file: GrowingFile, count: int, *, skipping: bool) -> None:
        """Move the offset past bytes without points."""
        offset = self._at.offset + count
        state = {**self._at.state, SKIPPING: skipping}
        identity, problem = file.identify(offset, self._at.identity), self._skipped_records()
        self._at = self._at._replace(offset=offset, state=state, identity=identity, problem=problem)
        if self._rewrite is None:
            self._buffer({}, 0)

    def _decode_block(
        self, file: GrowingFile, look: FileState, block: bytes, end: EndOfFile | None, *, more: bool
    ) -> Advance:
        """Decode whole records and store their points."""
        decoder, first_row = self._decoder, self._at.rows
        assert decoder is not None
        decoded = decoder.decode(block, first_row) if block else Decoded()
        if end is not None and not more:
            decoded = decoded.then(decoder.finish(first_row + decoded.records))
        if not block and not decoded.records:
            return self._store_replayed(is_over=end is not None)
        offset, state = self._at.offset + len(block), self._at.state
        own = {LEFT_OUT: state[LEFT_OUT]} if LEFT_OUT in state else {}  # not from the decoder
        self._at = self._at._replace(
            format=decoder.name,
            attempt=self._options.attempt,
            offset=offset,
            rows=first_row + decoded.records,
            identity=file.identify(offset, self._at.identity),
            state=decoder.state | own,
            problem=self._skipped_records(),
            generation=self._generation(decoder),
        )
        series = self._accepted(decoded.series, look)
        if self._rewrite is not None:
            self._rewrite.compare(Decoded(series, decoded.records), first_row)
            is_over = self._rewrite.is_over(self._at.rows)
            return self._store_replayed(is_over=is_over)._replace(more=more)
        if not series and end is None and offset - self._stored.offset < UNSTORED_BYTES:
            return Advance(more=more)
        return self._buffer(series, decoded.records)._replace(more=more)

    def _accepted(self, series: Mapping[str, Points], look: FileState) -> dict[str, Points]:
        """Return the accepted series by their full names, each point with a time."""
        named = ((self._stored_name(name, found), found) for name, found in series.items())
        wanted = {name: found for name, found in named if self._options.accepts(name, found)}
        if shift := self._options.shift:
            for name, found in wanted.items():
                wanted[name] = replace(found, steps=found.steps + shift)
        return with_times(wanted, look)

    def _stored_name(self, name: str, found: Points) -> str:
        """Return the name by which a series is stored; a few are remembered."""
        if (stored := self._stored_names.get(name)) is None:
            full = full_name(self._reading, name)
            stored = self._options.renamed(full, found.steps[0].item())
            if len(self._stored_names) < MAX_FIELDS:
                self._stored_names[name] = stored
        return stored
