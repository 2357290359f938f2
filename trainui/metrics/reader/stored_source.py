"""A source as it is stored, and the batch read from it that is not stored yet.

The rule: a position moves forward after the COMMIT of its points, and back if they are not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from trainui.metrics.files.open_files import OpenFiles
from trainui.store.db.engine import Store
from trainui.store.points import points
from trainui.store.points.chunks import Points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sources import StaleSourceError, source


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
            return points.save(connection, self._stored, after, series, records=records)
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
