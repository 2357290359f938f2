"""What many sources have read, stored in few transactions: one costs more than most of the points.

Each source moves on after the COMMIT, and goes back where there was none. One whose points the
store refuses keeps none of the others from being stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from trainui.errors import StoreError
from trainui.metrics.reader.source import SourceReader
from trainui.store.db.engine import Store
from trainui.store.points.source_record import SourceRecord

LONGEST = 0.03
"""Seconds after which a transaction takes no more sources: others write, too."""

MOST_POINTS = 100_000
"""Points that wait in memory at most."""


class BatchWriter:
    """Gathers what sources have read, and stores it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[SourceReader, Callable[[Exception], None]] = {}
        self._points = 0

    def add(self, reader: SourceReader, refused: Callable[[Exception], None]) -> None:
        """Take what a source has read, if anything.

        Args:
            reader: of the source.
            refused: called with the error where the store does not take these points.

        Raises:
            StoreError: much waited, and the store cannot be written.
        """
        if reader.unstored is None:
            return
        self._waiting[reader] = refused
        self._points += len(reader.unstored)
        if self._points >= MOST_POINTS:
            self.flush()

    def flush(self) -> bool:
        """Store all that waits; return whether another reader was faster, so that more is to read.

        Raises:
            StoreError: the store cannot be written; the sources are read again.
        """
        # An order that all hosts share: two that lock the same owners never wait for each other.
        waiting = sorted(self._waiting, key=lambda reader: reader.source.owner)
        refused, self._waiting, self._points = self._waiting, {}, 0
        overtaken = False
        try:
            while waiting:
                try:
                    settled = self._save(waiting)
                except StoreError:
                    raise
                except Exception:
                    settled = self._save_alone(waiting[0], refused[waiting[0]])
                del waiting[: len(settled)]
                overtaken |= not all(settled)
        finally:
            for reader in waiting:
                reader.go_back()
        return overtaken

    def _save(self, readers: Sequence[SourceReader]) -> list[bool]:
        """Store what some of the first have read; return of each whether it was stored."""
        began, saved = time.monotonic(), list[SourceRecord | None]()
        with self._store.write_points() as connection:
            for reader in readers:
                saved.append(reader.save(connection))
                if time.monotonic() - began > LONGEST:
                    break
        return [reader.settle(source) for reader, source in zip(readers, saved, strict=False)]

    def _save_alone(self, reader: SourceReader, refused: Callable[[Exception], None]) -> list[bool]:
        try:
            return self._save([reader])
        except StoreError:
            raise
        except Exception as error:
            reader.go_back()
            refused(error)
            return [True]
