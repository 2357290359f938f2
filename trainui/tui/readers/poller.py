"""The polling thread: it delivers a frozen snapshot of the page's data whenever that has changed.

The event loop never reads the database or a file. The kernel reports writes to the poller
(inotify); where it cannot, the poller checks the database's data version, a number in shared
memory, a few times a second. It reads only after a change or on request, and does not deliver a
snapshot that equals the last one.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import clock, paths, settings
from trainui.errors import NotFoundError, TrainuiError
from trainui.store.db import engine, sqlite_file
from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed, run_list, views
from trainui.store.read.run_list import RunLine
from trainui.tui.readers.machine import GpuReader, HealthReader, gpus_of_other_hosts
from trainui.tui.snapshot.snapshot import PERIOD as GPU_PERIOD
from trainui.tui.snapshot.snapshot import (
    HistoryQuery,
    ListQuery,
    Machine,
    MachineQuery,
    MetricQuery,
    Query,
    RunQuery,
    Snapshot,
)
from trainui.tui.terminal.terminal_app import Bandwidth

if TYPE_CHECKING:
    from trainui.metrics.reader.watch import FileChanges, Watch
    from trainui.tui.readers.in_view import InViewReader
    from trainui.tui.readers.machine import MachineReader
    from trainui.tui.readers.page_reader import RunPageReader


# Read access to the database for the poller: the watch for changes, and the queries.

FIRST_RUNS = 200
"""Runs in the first snapshot; more than a terminal has lines."""

DEBOUNCE, CALM_DEBOUNCE = 0.05, 0.1
"""Debounce in seconds, and while nothing has changed for a time; the watch wakes that often."""


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
        if lost := snapshot.health.lost.runs:
            runs = tuple(run._replace(lost=lost.get(run.id)) for run in runs)
        snapshot = snapshot._replace(runs=runs, loading=loading)
        self.unfinished = loading and bool(runs)
        if loading or not runs:
            return snapshot
        if self._in_view is None:
            from trainui.tui.readers.in_view import InViewReader

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
        with engine.snapshot(connection):
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


PERIOD, IDLE_PERIOD = 0.3, 2.0
"""Seconds between two polls without inotify: with recent changes, and without."""

IDLE_AFTER = 10.0
"""Seconds without a change after which polls become less frequent."""

PRESENCE = 60.0
"""Seconds between two notes that a screen is open, for `digest --since last`."""

REST = 2.0
"""Seconds between two polls with inotify, which does not report released locks or full disks."""

RECHECK, LAST_RECHECK = 0.01, 1.0
"""Initial and maximum delay in seconds of rechecks after a reported change that was not found.

SQLite updates the index that holds the data version after the write-ahead log that inotify
reports. The delay doubles with each recheck."""

LEAST_GAP, PAGE_GAP = 0.9, 0.2
"""Minimum seconds between two unrequested reads: in general, and on the page of a run or metric.

The first read after a longer pause is not delayed."""

SHARE = 30
"""The pause after a page's read is at least this many times its CPU time, up to `LEAST_GAP`."""

log = logging.getLogger(__name__)


def _last_seen() -> int | None:
    try:
        return min(paths.home().screen_seen.stat().st_mtime_ns // 1000, clock.now())
    except OSError:
        return None


class Poller:
    """Reads the current query in a thread and delivers snapshots."""

    def __init__(
        self,
        deliver: Callable[[Snapshot], object],
        query: Query | None = None,
        ring: Callable[[str], None] | None = None,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        """Create the poller; `start` starts its thread.

        `deliver` is called in the poller's thread with each new snapshot, and `ring` with the
        message of a notable event; neither may block. Without a query, the list of runs is read
        first. Reads are throttled to the limit of the terminal's bandwidth (`bandwidth`).
        """
        self.deliver = deliver
        self.seen_before = _last_seen()
        """When a screen was last open before this one, in microseconds; None: it is not known."""
        self._query = query or ListQuery()
        self._wake = threading.Event()
        self._asked = threading.Event()
        self._stopping = False
        self._must_reread = False
        self._source = ScreenDatabase(ring)
        self._watch = FileWatch(self._wake.set)
        self._is_watching = False
        self._recheck = math.inf
        """Seconds until the next recheck after a reported change was not found."""
        self._gpus = GpuReader()
        self._bandwidth = bandwidth or Bandwidth()
        self._sent = 0
        self._machine: MachineReader | None = None
        self._read_at = float("-inf")
        self._noted_at = float("-inf")
        self._took = 0.0
        """CPU seconds of the last read."""
        self._last: Snapshot | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, waiting for a read in progress."""
        self._stopping = True
        self._ask()
        self._gpus.stop()
        if self._machine is not None:
            self._machine.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def set_query(self, query: Query) -> None:
        """Change the query, and read at once."""
        if query != self._query:
            self._query = query
            self._ask()

    def reread(self) -> None:
        """Read everything again at once, including what changes without an event."""
        self._must_reread = True
        self._ask()

    def _ask(self) -> None:
        self._asked.set()
        self._wake.set()

    def _run(self) -> None:
        self._ask()
        while not self._stopping:
            reported = self._wake.wait(self._poll_delay())
            self._wake.clear()
            self._note_presence()
            asked = self._await_gap()
            if self._stopping:
                break
            try:
                self._poll(asked=asked, reported=reported)
                self._is_watching = self._watch.sees(calm=self._is_quiet)
            except Exception:
                log.exception("reading for the screen failed")
                self._deliver_changed(Snapshot(self._query, problem="reading failed; see the log"))
        self._watch.close()
        self._source.close()

    def _note_presence(self) -> None:
        if time.monotonic() - self._noted_at >= PRESENCE:
            self._noted_at = time.monotonic()
            with suppress(OSError):
                paths.home().screen_seen.touch(mode=0o600)

    def _poll_delay(self) -> float:
        """Return the seconds until the next poll without a reported change."""
        if not self._is_watching or self._last is None or self._last.problem is not None:
            period = IDLE_PERIOD if self._is_quiet else PERIOD
        else:
            has_gpus = self._last.gpus or isinstance(self._query, MachineQuery)
            period = GPU_PERIOD if has_gpus else REST
        return max(min(period, self._recheck, self._due - time.monotonic()), 0.0)

    @property
    def _due(self) -> float:
        """The time at which outdated curves must be read again."""
        curves = self._last.curves if self._last is not None else None
        return curves.due if curves is not None else math.inf

    @property
    def _is_quiet(self) -> bool:
        return time.monotonic() - self._read_at > IDLE_AFTER

    def _await_gap(self) -> bool:
        """Wait until the next unrequested read is allowed; returns True if a read was requested."""
        while not self._stopping and (gap := self._seconds_to_read()) > 0:
            if self._asked.wait(gap):
                break
        asked = self._asked.is_set()
        if asked:  # only then, or a request that arrives right now would be lost
            self._asked.clear()
        return asked

    def _seconds_to_read(self) -> float:
        pause = LEAST_GAP
        if isinstance(self._query, RunQuery | MetricQuery):
            pause = min(max(PAGE_GAP, SHARE * self._took), LEAST_GAP)
        if self._bandwidth.waiting:
            return PERIOD
        pause = max(self._bandwidth.pause(self._sent), pause)
        return self._read_at + pause - time.monotonic()

    def _poll(self, *, asked: bool, reported: bool) -> None:
        is_due = self._due <= time.monotonic()
        beyond = self._watch.was_beyond_database()
        if not (asked or is_due or self._source.has_changed(beyond=beyond)):
            recheck = RECHECK if reported else 2 * self._recheck
            self._recheck = recheck if recheck <= LAST_RECHECK else math.inf
            if self._last is not None:
                self._deliver_changed(self._last)  # with new GPU figures
            return
        self._recheck = math.inf
        self._read_at = time.monotonic()
        self._sent = self._bandwidth.total
        query = self._query
        if self._must_reread:
            self._must_reread = False
            self._source.forget()
        used = time.thread_time()
        self._deliver_changed(self._source.read(query))
        self._took = time.thread_time() - used
        while self._source.unfinished and self._query == query and not self._stopping:
            self._deliver_changed(self._source.read(query))

    def _deliver_changed(self, snapshot: Snapshot) -> None:
        if snapshot.gpus is not self._gpus.figures:
            snapshot = snapshot._replace(gpus=self._gpus.figures)
        if isinstance(snapshot.query, MachineQuery):
            snapshot = snapshot._replace(machine=self._look_at_machine())
        if snapshot is not self._last and snapshot != self._last:
            self._last = snapshot
            self.deliver(snapshot)
            self._gpus.start()  # only after the first snapshot

    def _look_at_machine(self) -> Machine:
        """Return the machine's latest figures; the first call starts reading them."""
        if self._machine is None:
            from trainui.tui.readers.machine import MachineReader

            self._machine = MachineReader()
        self._machine.rooms = self._source.health.rooms
        self._machine.start()
        return Machine(
            self._machine.figures,
            self._gpus.history,
            self._gpus.problem,
            self._source.health.forecast.rates(),
        )
