"""Read access to the database for the poller: the watch for changes, and the list of runs.

The data of the runs in view is read after the first frame, which does without.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainui import paths, settings
from trainui.errors import NotFoundError, TrainuiError
from trainui.model.states import UNFINISHED, Status
from trainui.store.db import engine, sqlite_file
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, run_list, views
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.tui.readers.machine import HealthReader, gpus_of_other_hosts
from trainui.tui.snapshot import (
    Cache,
    HistoryQuery,
    ListQuery,
    MetricQuery,
    Query,
    RunQuery,
    Snapshot,
)

if TYPE_CHECKING:
    from trainui.metrics.reader.watch import FileChanges, Watch
    from trainui.tui.readers.page_reader import RunPageReader

FIRST_RUNS = 200
"""Runs in the first snapshot; more than a terminal has lines."""

FIRST_ROWS = 30
"""Newest runs whose values are read before the list says which are in view."""

DEBOUNCE, CALM_DEBOUNCE = 0.05, 0.1
"""Debounce in seconds, and while nothing has changed for a time; the watch wakes that often."""


SWEEP_BUDGET = 0.05
"""Seconds for one read; the rest is read next time."""

SWEEP_PERIOD = 5.0
"""Seconds after which the sweeps of an unfinished run that has changed are read again."""

SECOND_LINES_PERIOD = 5.0
"""Seconds after which the second lines are read again: reasons to wait change without an event."""


class FileWatch:
    """Watches the directories of the database and of the worker's and the broker's locks.

    Releasing a lock changes no file, so users of a watch must check the locks themselves.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Create a watch on nothing; `on_change` is called in the watch's thread."""
        self._on_change = on_change
        self._places: set[tuple[Path, int, int]] = set()
        """The directories that exist, with their devices and inodes."""
        self._watch: Watch | None = None
        self._home = paths.home()
        self._is_remote = settings.load().database_url is not None
        self._is_beyond = False

    def sees(self, *, calm: bool = False) -> bool:
        """Watch the directories that exist now; return True if changes will be reported.

        If nothing has changed for a time (`calm`), later reports will do.
        """
        if self._is_remote:
            return False
        if self._watch is None:
            from trainui.metrics.reader.watch import Watch

            self._watch = Watch(self._report, pause=DEBOUNCE)
        self._watch.set_pause(CALM_DEBOUNCE if calm else DEBOUNCE)
        home, places = self._home, set()
        for path in (home.root, home.worker, home.broker):
            with contextlib.suppress(OSError):
                status = path.stat()
                places.add((path, status.st_dev, status.st_ino))
        if places != self._places:
            self._places = places
            self._watch.watch(set())  # a renamed directory may have been replaced by a new one
        self._watch.watch({path for path, *_ in places})
        return self._watch.sees(home.root) and not self._watch.is_blind

    def was_beyond_database(self) -> bool:
        """Return True if more than the database was written since the last call.

        That is, a file appeared or vanished, or one of the worker's or the broker's was written.
        """
        found, self._is_beyond = self._is_beyond, False
        return found

    def _report(self, changes: FileChanges) -> None:
        database = str(self._home.database)  # and its side files
        others = any(not path.startswith(database) for path in changes.grown)
        self._is_beyond |= changes.others or others
        self._on_change()

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()


class RunListCache:
    """The list of runs, updated incrementally by reading only the runs with new events."""

    def __init__(self) -> None:
        self._lines: dict[str, RunLine] = {}
        self._event = -1
        self._count = -1
        self._silent: dict[str, int] = {}
        """The silent stages by run."""
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
        self._silent = run_list.silent_stages(connection)
        self._count = len(found)
        self.runs = tuple(found)
        self.loading = False

    def update(self, connection: Connection) -> None:
        """Read the runs with events since the last read; read all runs if any were deleted.

        Also those with a stage that became silent, or is no longer.
        """
        event = event_feed.last(connection)
        count = run_list.count_runs(connection)
        silent = run_list.silent_stages(connection)
        if event == self._event and count == self._count and silent == self._silent:
            return
        changed = run_list.changed_since(connection, self._event)
        changed |= {run_id for run_id, _ in silent.items() ^ self._silent.items()}
        self._silent = silent
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


class _KnownSweep(NamedTuple):
    line: RunLine
    """The run as it was read."""
    filled: RunLine
    """The same, with its sweeps."""
    read_at: float


class SweepReader:
    """Reads which values the members of sweeps have, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownSweep] = {}
        self._read: tuple[Sequence[RunLine], tuple[RunLine, ...]] = ((), ())
        """The runs of the last read, and the same with their sweeps."""
        self._is_stale = False
        """True if the sweeps of an unfinished run are to be read again in a while."""
        self.unfinished = False
        """True if the time budget ended before all sweeps were read."""

    def read(self, connection: Connection, runs: tuple[RunLine, ...]) -> tuple[RunLine, ...]:
        """Return the runs with their sweeps, as far as these were read."""
        if runs is self._read[0] and not (self.unfinished or self._is_stale):
            return self._read[1]
        now = time.monotonic()
        due = [run for run in runs if self._is_due(run, now)]
        self._look_up(connection, due, now + SWEEP_BUDGET)
        filled = tuple(self._filled(runs))
        self._read = (runs, filled if filled != self._read[1] else self._read[1])
        return self._read[1]

    def _is_due(self, run: RunLine, now: float) -> bool:
        known = self._known.get(run.id)
        if known is None or known.line is run:
            return known is None
        return run.status not in UNFINISHED or now - known.read_at > SWEEP_PERIOD

    def _look_up(self, connection: Connection, due: Sequence[RunLine], give_up_at: float) -> None:
        """Read the sweeps of these runs until the time budget ends."""
        from trainui.store.read import sweeps  # not needed for the first frame

        swept = sweeps.with_sweeps(connection, [run.id for run in due]) if due else set()
        self.unfinished = False
        for run in due:
            now = time.monotonic()
            if run.id in swept and now > give_up_at:
                self.unfinished = True
                continue
            text = sweeps.sweeps_of_run(connection, run.id) if run.id in swept else ""
            filled = run._replace(sweeps_json=text) if text else run
            self._known[run.id] = _KnownSweep(run, filled, now)

    def _filled(self, runs: Sequence[RunLine]) -> Iterator[RunLine]:
        self._is_stale = False
        for run in runs:
            known = self._known.get(run.id)
            if known is None or known.line is run:
                yield run if known is None else known.filled
            else:
                self._is_stale = True
                yield run._replace(sweeps_json=known.filled.sweeps_json)


class InViewReader:
    """Adds sweeps, estimated ends, live data, metrics and second lines to a snapshot."""

    def __init__(self) -> None:
        from trainui.tui.readers import stage_values, time_to_go  # not needed for the first frame

        self._etas = time_to_go.EtaEstimator()
        self._live = stage_values.HeadlineReader()
        self._metrics = stage_values.MetricReader()
        self._sweeps = SweepReader()
        self._titles = stage_values.TitleReader()
        self._second_lines = Cache[Mapping[str, RunDetails]](period=SECOND_LINES_PERIOD)
        """For the runs in view and the newest event."""
        self._first: Snapshot | None = None
        """What is shown until the list says which runs are in view: no column then comes later."""

    @property
    def unfinished(self) -> bool:
        """True if the last read left out slow parts, which the next one will read."""
        return self._sweeps.unfinished or self._metrics.unfinished or self._titles.unfinished

    def read(self, connection: Connection, query: ListQuery, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of all runs with the data that is read of visible runs only."""
        if not query.listed and not query.rows:
            if self._first is None:
                newest = tuple(run.id for run in snapshot.runs[:FIRST_RUNS])
                first = replace(query, rows=newest[:FIRST_ROWS], listed=newest)
                self._first = self._read(connection, first, snapshot)
                return self._first
            found = self._read(connection, query, snapshot)
            return found._replace(live=self._first.live, listed=self._first.listed)
        return self._read(connection, query, snapshot)

    def _read(self, connection: Connection, query: ListQuery, snapshot: Snapshot) -> Snapshot:
        runs = self._sweeps.read(connection, snapshot.runs)
        by_id = {run.id: run for run in runs}
        running = [run.id for run in runs if run.status == Status.RUNNING and run.lost is None]
        endings = self._etas.of_list(connection, running) if running else {}
        shown = [by_id[run_id] for run_id in query.rows if run_id in by_id]
        gpus: dict[str, list[int]] = {}
        for (_, index), use in sorted(snapshot.gpu_uses.items(), key=lambda used: used[0][1]):
            gpus.setdefault(use.run_id, []).append(index)
        newest = [by_id[run_id] for run_id in query.listed if run_id in by_id]
        longest = max((len(",".join(map(str, found))) for found in gpus.values()), default=0)
        live = self._live.read(connection, shown, self._etas.goals, gpus) if shown else {}
        listed = self._titles.read(connection, newest)._replace(gpus=longest)
        return snapshot._replace(
            runs=runs,
            endings=endings,
            live=self._titles.as_listed(connection, live),
            metrics=self._metrics.read(connection, query.metrics, runs),
            listed=listed,
            details=self._details(connection, query.rows) if query.details else {},
        )

    def _details(self, connection: Connection, rows: Sequence[str]) -> Mapping[str, RunDetails]:
        state = (rows, event_feed.last(connection))
        return self._second_lines.read(state, lambda: run_list.details_of(connection, rows))


class ScreenDatabase:
    """Reads through one connection, which is reopened if the database file was replaced."""

    def __init__(self, ring: Callable[[str], None] | None = None) -> None:
        """Create it without opening the database.

        `ring` is called with the message of each notable event, in the poller's thread; it must
        not block.
        """
        self.health = HealthReader()
        """Reads the health of worker, broker and disks."""
        self.unfinished = False
        """True if the last snapshot omitted slow parts, which the next read adds."""
        self._ring = ring
        self._event: int | None = None
        """The last event that could ring; None: none has been read."""
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._log: tuple[int | None, ...] = ()
        self._version: int | str | None = None
        self._list = RunListCache()
        self._in_view: InViewReader | None = None
        self._pages: RunPageReader | None = None
        self._has_read_curves = False
        self._path = sqlite_file.store_file()
        self._host = settings.host()

    def has_changed(self, *, beyond: bool = False) -> bool:
        """Return True if anything may have changed, `beyond`: also beside the database; cheap."""
        if self.health.has_changed(now=beyond) or self._replaced():
            return True
        if self._connection is None:
            return self._file is not None  # the last read failed: retry
        return engine.data_version(self._connection) != self._version

    def read(self, query: Query) -> Snapshot:
        """Answer a query with a snapshot; errors are reported in the snapshot."""
        self.health.has_changed()
        empty = Snapshot(query, health=self.health.seen)
        try:
            return self._read(empty, self._connected())
        except NotFoundError:
            self.close()
            return empty._replace(no_runs_yet=True)
        except (TrainuiError, sqlite3.Error) as error:
            self.close()
            return empty._replace(problem=str(error))

    def forget(self) -> None:
        """Drop the cached run list, so that the next read is complete."""
        self._list = RunListCache()

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self.forget()

    def _read(self, snapshot: Snapshot, connection: Connection) -> Snapshot:
        query = snapshot.query
        self._version = engine.data_version(connection)
        engine.check_schema(connection)
        if self._ring is not None:
            self._ring_for_events(connection, self._ring)
        self.health.find_checkpoint_places(connection)
        here, uses = self._host, views.slot_uses(connection).items()
        snapshot = snapshot._replace(
            health=self.health.look_for_lost(connection),
            far_gpus=gpus_of_other_hosts(connection),
            gpu_uses={("" if host == here else host, index): use for (host, index), use in uses},
            paused=views.flag(connection, "paused") is not None,
        )
        if isinstance(query, RunQuery | MetricQuery):
            return self._with_page(connection, query, snapshot)
        self._pages = None
        if isinstance(query, HistoryQuery):
            from trainui.store.read import run_history  # not needed for the first frame

            self.unfinished = False
            return snapshot._replace(history=run_history.last_runs(connection, query.run_id))
        return self._with_runs(connection, snapshot)

    def _with_runs(self, connection: Connection, snapshot: Snapshot) -> Snapshot:
        """Add the runs, the first screenful first, and then the data of the visible ones."""
        runs, loading = self._list.read(connection), self._list.loading
        if snapshot.health.lost.runs:
            runs = tuple(run_list.with_lost(runs, snapshot.health.lost))
        snapshot = snapshot._replace(runs=runs, loading=loading)
        self.unfinished = loading and bool(runs)
        if loading or not runs:
            return snapshot
        if self._in_view is None:
            self._in_view = InViewReader()
        query = snapshot.query if isinstance(snapshot.query, ListQuery) else ListQuery()
        snapshot = self._in_view.read(connection, query, snapshot)
        self.unfinished = self._in_view.unfinished
        return snapshot

    def _ring_for_events(self, connection: Connection, ring: Callable[[str], None]) -> None:
        """Ring for each notable event since the last read; none was before the first."""
        if self._event is None:
            self._event = event_feed.last(connection)
            return
        self._event, notices = event_feed.after(connection, self._event)
        for notice in notices:
            ring(notice.text)

    def _with_page(
        self, connection: Connection, query: RunQuery | MetricQuery, snapshot: Snapshot
    ) -> Snapshot:
        """Add the page; a run's first one without curves, since the first curves import numpy."""
        if self._pages is None:
            from trainui.tui.readers.page_reader import RunPageReader

            self._pages = RunPageReader()
        if isinstance(query, MetricQuery):
            self.unfinished = False
            found = self._pages.read_metric_page(connection, query)
            return snapshot._replace(curves_page=found)
        later = query.curves is not None and not self._has_read_curves
        self._has_read_curves |= query.stage is not None and query.curves is not None
        reduced = replace(query, curves=None) if later else query
        with engine.read_transaction(connection):
            page = self._pages.read(connection, reduced, snapshot.health.lost)
        more = page.more if page is not None else 0
        self.unfinished = (later and query.stage is not None) or more > 0
        return snapshot._replace(page=page)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._replaced()
            self._connection = engine.connect_to_read()
            self._log = () if self._path is None else sqlite_file.log_identity(self._path)
        return self._connection

    def _replaced(self) -> bool:
        """Return True if the database file was created, removed or replaced since the last call.

        Also if its write-ahead log was, since the database was opened.
        """
        if self._path is None:
            self._file = self._file or (0, 0)
            return False
        found = sqlite_file.file_identity(self._path)
        is_log_same = self._connection is None or sqlite_file.log_identity(self._path) == self._log
        if found == self._file and is_log_same:
            return False
        self._file = found
        self.close()
        return True
