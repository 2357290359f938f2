"""Reads one source, one bounded batch at a time: a file from its stored offset on, or a run's rows.

Each point is stored exactly once, whether the file grows, is truncated, rewritten in place,
replaced, or deleted and created again. The rule: a position moves forward after the COMMIT of its
points, and back if they are not stored. The points of many sources are stored in few transactions,
since each transaction is expensive; if the store rejects the points of one source, those of the
others are still stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trainui.errors import StoreError
from trainui.metrics import formats, trackers
from trainui.metrics.formats import (
    LEFT_OUT,
    SKIPPING,
    Decoder,
    DecoderChoice,
    find_decoder,
    full_name,
    read_whole,
    with_times,
)
from trainui.metrics.formats.decoder import Decoded, merge
from trainui.metrics.formats.jsonl import MAX_FIELDS
from trainui.metrics.formats.text.text_lines import TextLines
from trainui.metrics.tail import FileState, GrowingFile, NamedFile, OpenFiles
from trainui.plugin import registry
from trainui.record import dataclass
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.point_sources import (
    EPOCHS,
    SourceRecord,
    StaleSourceError,
    next_restart,
    source,
)

LONGEST = 0.03
"""Seconds after which a transaction takes no more sources, so that other writers get a turn."""

MOST_POINTS = 100_000
"""The most points buffered in memory."""

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


# Compare a file that was rewritten with what is stored of it.
#
# Many trainings rewrite their whole history for each record, or when a column is added. While the
# records equal the stored ones, only new ones are added; from the first difference on, the file
# is treated as another history.


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


@dataclass(frozen=True, slots=True)
class EndOfFile:
    """Given when the file will not grow, so that a last record without a line end is read too."""

    clean: bool
    """True if its writer ended by itself, so that the last record is not torn."""


class Advance(NamedTuple):
    """The result of one read."""

    points: int = 0
    """Number of points read."""
    more: bool = False
    """True if there is more to read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a source is read, and the callbacks that its points are passed to."""

    attempt: int
    """Number of the attempt that its new points belong to."""
    replays: bool = True
    """A rewritten file is compared with the stored points, and only new ones are stored."""
    follows: bool = True
    """A file that replaces this one at its path is read once this one is; else only
    `reopen_if_replaced` leads to it."""
    until: int | None = None
    """The offset at which reading stops; None: no limit."""
    accepts: Callable[[str, Points], bool] = lambda _name, _found: True
    """Returns True if a series is stored, given its name and points."""
    renamed: Callable[[str, float], str] = lambda name, _first: name
    """Returns the name that a series is stored by, given its name and first step in the file."""
    masked: Callable[[str], str] | None = None
    """Masks the secrets in printed lines, whose words become names; None: there are none."""
    shift: float = 0
    """Number added to each step."""
    stored: Callable[[Mapping[str, Points]], None] = lambda _batch: None
    """Called with points after they were stored."""
    overtaken: Callable[[], None] = lambda: None
    """Called if points were stored without a call of `stored`: by another reader, or by a commit
    whose confirmation was lost."""
    files: OpenFiles | None = None
    """The cache of open files; None: a cache for this reader alone."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Points read from a source and not stored yet."""

    after: SourceRecord
    """The source's record after this batch."""
    series: Mapping[str, Points]
    records: int

    def __len__(self) -> int:
        return sum(map(len, self.series.values()))


def _refuse(error: Exception) -> None:
    raise error


class SourceReader:
    """Reads one source and stores its points, one batch at a time."""

    def __init__(
        self,
        store: Database,
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
        self._store = store
        self._options = options
        self.notice: str | None = None
        """What is stored as the source's problem if nothing is wrong with it."""
        self._reset(known)

    @property
    def path(self) -> Path:
        """Its file's path."""
        return self._file.path

    def _reset(self, known: SourceRecord) -> None:
        self._stored = self._at = known
        self.unstored: Batch | None = None
        """The batch read last; it is stored or discarded before the next read."""
        self._decoder: Decoder | None = None
        self._rewrite: RewriteDiff | None = None
        self._seen: FileState | None = None

    @property
    def source(self) -> SourceRecord:
        """The source's stored record."""
        return self._stored

    @property
    def position(self) -> SourceRecord:
        """The source's record as read so far: ahead of the stored one if no points followed."""
        return self._at

    def save(self, connection: Connection) -> SourceRecord | None:
        """Write the unstored batch; return the new record, or None if another reader was faster.

        The caller commits, and then calls `settle` or `roll_back`.
        """
        assert self.unstored is not None
        after, series, records = self.unstored.after, self.unstored.series, self.unstored.records
        try:
            return write_points.save(connection, self._stored, after, series, records=records)
        except StaleSourceError:
            return None  # raised before anything was written

    def settle(self, saved: SourceRecord | None) -> bool:
        """Advance the position after the COMMIT; return True if this batch was stored."""
        batch, self.unstored = self.unstored, None
        assert batch is not None
        if saved is None:
            self.roll_back()
            self._options.overtaken()
            self._reload()
            return False
        self._stored = self._at = saved
        self._options.stored(batch.series)
        return True

    def roll_back(self) -> None:
        """Discard what was read since the last commit; needs no access to the store."""
        self._reset(self._stored)

    def _reload(self) -> None:
        """Start again from the record that is stored now."""
        with self._store.read() as connection:
            known = source(connection, self._stored.id)
        self._reset(known or self._stored)

    def _buffer(self, series: Mapping[str, Points], records: int) -> Advance:
        """Keep what was read up to here as the unstored batch."""
        self.unstored = Batch(self._at, series, records)
        return Advance(len(self.unstored))

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
        if (said := self._skipped_records() or self.notice) is not None:
            return said
        if at.rows or at.offset < DOUBT_BYTES or not isinstance(self._decoder, TextLines):
            return None
        return (
            f"{self.path}: unknown format, and none of its lines is read as a metric; "
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
            except BaseException:
                plugin = self._decoder.plugin if self._decoder is not None else None
                self.roll_back()
                if plugin is None:
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
        identity = file.identify(offset, self._at.identity)
        problem = self._skipped_records() or self.notice
        self._at = self._at._replace(offset=offset, state=state, identity=identity, problem=problem)
        if self._rewrite is None:
            self._buffer({}, 0)

    def _masked(self, block: bytes) -> bytes:
        masked = self._options.masked
        if masked is None or self._decoder is None or self._decoder.name != "text":
            return block
        return masked(block.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def _decode_block(
        self, file: GrowingFile, look: FileState, block: bytes, end: EndOfFile | None, *, more: bool
    ) -> Advance:
        """Decode whole records and store their points."""
        decoder, first_row = self._decoder, self._at.rows
        assert decoder is not None
        decoded = decoder.decode(self._masked(block), first_row) if block else Decoded()
        if end is not None and not more:
            decoded = decoded.then(decoder.finish(first_row + decoded.records))
        if not block and not decoded.records:
            return self._store_replayed(is_over=end is not None)
        offset, state = self._at.offset + len(block), self._at.state
        own = {name: state[name] for name in (LEFT_OUT, EPOCHS) if name in state}
        self._at = self._at._replace(
            format=decoder.name,
            attempt=self._options.attempt,
            offset=offset,
            rows=first_row + decoded.records,
            identity=file.identify(offset, self._at.identity),
            state=decoder.state | own,
            problem=self._skipped_records() or self.notice,
            generation=self._generation(decoder),
        )
        series = self._accepted(decoded.series, look)
        if (
            epochs := {self._stored_names.get(name, name) for name in decoder.epochs}
            & series.keys()
        ):
            known = {*state.get(EPOCHS, ()), *epochs}
            self._at = self._at._replace(state={**self._at.state, EPOCHS: sorted(known)})
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

    def stored_as(self, names: Iterable[str]) -> list[str]:
        """Return the names by which some series are stored."""
        return [self._stored_names.get(name, full_name(self._reading, name)) for name in names]

    def _stored_name(self, name: str, found: Points) -> str:
        """Return the name by which a series is stored; a few are remembered."""
        if (stored := self._stored_names.get(name)) is None:
            full = full_name(self._reading, name)
            stored = self._options.renamed(full, found.steps[0].item())
            if len(self._stored_names) < MAX_FIELDS:
                self._stored_names[name] = stored
        return stored

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
        return kept._replace(more=decoded.records >= trackers.MOST_ROWS)

    def _position(self, copy: trackers.DatabaseCopy) -> dict[str, int]:
        """Return the rows read last; from the start if the database was made again since."""
        for table, last in self._at.state.items():
            if trackers.newest_row(copy.connection, table) < last:
                generation = self._at.generation + 1
                self._at = self._at._replace(offset=0, rows=0, state={}, generation=generation)
                break
        return dict(self._at.state)


class BatchWriter:
    """Collects batches of points from sources, and stores them."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._waiting: dict[SourceReader, Callable[[Exception], None]] = {}
        self._points = 0
        self._overtaken = False
        """True if another reader was faster since the last `flush` by a caller."""

    def add(self, reader: SourceReader, refused: Callable[[Exception], None]) -> None:
        """Add a source's unstored batch, if it has one.

        `refused` is called with the error if the store rejects these points.

        Raises:
            StoreError: the buffer was full, and the store cannot be written.
        """
        if reader.unstored is None:
            return
        self._waiting[reader] = refused
        self._points += len(reader.unstored)
        if self._points >= MOST_POINTS:
            self._store_all()

    def flush(self) -> bool:
        """Store all batches; return True if another reader was faster, so there is more."""
        self._store_all()
        overtaken, self._overtaken = self._overtaken, False
        return overtaken

    def _store_all(self) -> None:
        # All hosts lock owners in the same order, which prevents deadlocks.
        waiting = sorted(self._waiting, key=lambda reader: reader.source.owner)
        refused, self._waiting, self._points = self._waiting, {}, 0
        are_together = True  # until the store refuses the points of one
        try:
            while waiting:
                try:
                    settled = self._save(waiting if are_together else waiting[:1])
                except StoreError:
                    raise
                except Exception as error:
                    if are_together:
                        are_together = False
                        continue
                    waiting[0].roll_back()
                    refused[waiting[0]](error)
                    settled = [True]
                del waiting[: len(settled)]
                self._overtaken |= not all(settled)
        finally:
            for reader in waiting:
                reader.roll_back()

    def _save(self, readers: Sequence[SourceReader]) -> list[bool]:
        """Store the batches of the first readers; return for each of them True if it was stored."""
        began, saved = time.monotonic(), list[SourceRecord | None]()
        with self._store.write_points() as connection:
            for reader in readers:
                saved.append(reader.save(connection))
                if time.monotonic() - began > LONGEST:
                    break
        return [reader.settle(source) for reader, source in zip(readers, saved, strict=False)]
