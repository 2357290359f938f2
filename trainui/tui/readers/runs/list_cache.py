"""The cached list of runs, read in the reader thread."""

from __future__ import annotations

from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed, run_list
from trainui.store.read.run_list import RunLine

FIRST_RUNS = 200
"""Runs in the first snapshot; more than a terminal has lines."""


class RunListCache:
    """The list of runs, updated incrementally by reading only the runs with new events."""

    def __init__(self) -> None:
        self._lines: dict[str, RunLine] = {}
        self._event = -1
        self._count = -1
        self.runs: tuple[RunLine, ...] = ()
        """Newest first."""
        self.loading = True
        """True while only the first runs have been read."""

    def read(self, connection: Connection) -> tuple[RunLine, ...]:
        """Return the runs: those that fill a screen, then all, then those that have changed too."""
        if self.loading and self.runs:
            self.reload(connection)
        elif self.loading:
            self.first(connection)
        else:
            self.update(connection)
        return self.runs

    def first(self, connection: Connection) -> None:
        """Read as many runs as fill a screen."""
        self.runs = tuple(run_list.run_lines(connection, limit=FIRST_RUNS))
        self.loading = len(self.runs) == FIRST_RUNS
        if not self.loading:
            self.reload(connection)

    def reload(self, connection: Connection) -> None:
        """Read all runs."""
        self._event = event_feed.last(connection)
        found = run_list.run_lines(connection)
        self._lines = {line.id: line for line in found}
        self._count = len(found)
        self.runs = tuple(found)
        self.loading = False

    def update(self, connection: Connection) -> None:
        """Read the runs with events since the last read; read all runs if any were deleted."""
        event = event_feed.last(connection)
        count = run_list.count_runs(connection)
        if event == self._event and count == self._count:
            return
        changed = run_list.changed_since(connection, self._event)
        fresh = run_list.lines_of(connection, changed)
        if event < self._event or count != self._count + len(fresh.keys() - self._lines.keys()):
            self.reload(connection)
            return
        self._event, self._count = event, count
        added = [line for line in fresh.values() if line.id not in self._lines]
        self._lines.update(fresh)
        if added:
            newest_first = sorted(self._lines.values(), key=lambda run: (-run.created_at, run.id))
            self.runs = tuple(newest_first)
        else:
            self.runs = tuple(fresh.get(run.id, run) for run in self.runs)
