"""Reads the data of the list of runs, in the reader thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainui.store.db import protocol
from trainui.tui.data.snapshot import ListQuery, Snapshot
from trainui.tui.runs.cache import RunListCache

if TYPE_CHECKING:
    from trainui.tui.runs.in_view import InViewReader


class RunsPageReader:
    """Reads the runs, the first screenful first, and then the data of the visible ones."""

    def __init__(self) -> None:
        self.unfinished = False
        """True if the last read left out slow parts, which the next one will read."""
        self._list = RunListCache()
        self._in_view: InViewReader | None = None

    def forget(self) -> None:
        """Read the whole list again next time."""
        self._list = RunListCache()

    def read(
        self, connection: protocol.Connection, query: ListQuery, snapshot: Snapshot
    ) -> Snapshot:
        """Return the snapshot with the runs in it."""
        if self._list.loading and self._list.runs:
            self._list.reload(connection)
        elif self._list.loading:
            self._list.first(connection)
        else:
            self._list.update(connection)
        snapshot = replace(snapshot, runs=self._list.runs, loading=self._list.loading)
        if snapshot.loading or not snapshot.runs:
            self.unfinished = bool(snapshot.runs)
            return snapshot
        if self._in_view is None:
            from trainui.tui.runs.in_view import InViewReader  # imported after the first frame

            self._in_view = InViewReader()
        snapshot = self._in_view.read(connection, query, snapshot)
        self.unfinished = self._in_view.unfinished
        return snapshot
