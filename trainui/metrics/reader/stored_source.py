"""A source as it is stored, the batch read from it that is not stored yet, and who stores it.

The rule: a position moves forward after the COMMIT of its points, and back if they are not stored.
The points of many sources are stored in few transactions, since each transaction is expensive. If
the store rejects the points of one source, those of the others are still stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trainui.errors import StoreError
from trainui.metrics.files.open_files import OpenFiles
from trainui.store.db.engine import Store
from trainui.store.db.protocol import Connection
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sources import StaleSourceError, source

LONGEST = 0.03
"""Seconds after which a transaction takes no more sources, so that other writers get a turn."""

MOST_POINTS = 100_000
"""The most points buffered in memory."""


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


class StoredSource:
    """Stores what is read from a source, one batch at a time."""

    def __init__(self, store: Store, known: SourceRecord, options: ReadOptions) -> None:
        """Start from the stored record."""
        self._store = store
        self._options = options
        self._reset(known)

    def _reset(self, known: SourceRecord) -> None:
        self._stored = self._at = known
        self.unstored: Batch | None = None
        """The batch read last; it is stored or discarded before the next read."""

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


class BatchWriter:
    """Collects batches of points from sources, and stores them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[StoredSource, Callable[[Exception], None]] = {}
        self._points = 0
        self._overtaken = False
        """True if another reader was faster since the last `flush` by a caller."""

    def add(self, reader: StoredSource, refused: Callable[[Exception], None]) -> None:
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

    def _save(self, readers: Sequence[StoredSource]) -> list[bool]:
        """Store the batches of the first readers; return for each of them True if it was stored."""
        began, saved = time.monotonic(), list[SourceRecord | None]()
        with self._store.write_points() as connection:
            for reader in readers:
                saved.append(reader.save(connection))
                if time.monotonic() - began > LONGEST:
                    break
        return [reader.settle(source) for reader, source in zip(readers, saved, strict=False)]
