"""Stores the points of many sources in few transactions, since each transaction is expensive.

A source moves its offset forward after the COMMIT, and back if the transaction fails. If the store
rejects the points of one source, those of the others are still stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from trainui.errors import StoreError
from trainui.metrics.reader.stored_source import StoredSource
from trainui.store.db.engine import Store
from trainui.store.points.source_record import SourceRecord

LONGEST = 0.03
"""Seconds after which a transaction takes no more sources, so that other writers get a turn."""

MOST_POINTS = 100_000
"""The most points buffered in memory."""


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
        """Store all batches; return True if another reader was faster, so there is more to read.

        Raises:
            StoreError: the store cannot be written; the batches will be read again.
        """
        self._store_all()
        overtaken, self._overtaken = self._overtaken, False
        return overtaken

    def _store_all(self) -> None:
        # All hosts lock owners in the same order, which prevents deadlocks.
        waiting = sorted(self._waiting, key=lambda reader: reader.source.owner)
        refused, self._waiting, self._points = self._waiting, {}, 0
        try:
            while waiting:
                try:
                    settled = self._save(waiting)
                except StoreError:
                    raise
                except Exception:
                    settled = self._save_alone(waiting[0], refused[waiting[0]])
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

    def _save_alone(self, reader: StoredSource, refused: Callable[[Exception], None]) -> list[bool]:
        try:
            return self._save([reader])
        except StoreError:
            raise
        except Exception as error:
            reader.roll_back()
            refused(error)
            return [True]
