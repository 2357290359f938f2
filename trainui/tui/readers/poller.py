"""The polling thread: it delivers a frozen snapshot of the page's data whenever that has changed.

The event loop never reads the database or a file. The kernel reports writes to the poller
(inotify); where it cannot, the poller checks the database's data version, a number in shared
memory, a few times a second. It reads only after a change or on request, and does not deliver a
snapshot that equals the last one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from trainui import clock, installation, paths
from trainui.model.states import Status
from trainui.tui.readers.database import FileWatch, ScreenDatabase
from trainui.tui.readers.machine import GpuReader
from trainui.tui.snapshot import PERIOD as GPU_PERIOD
from trainui.tui.snapshot import (
    ListQuery,
    Machine,
    MachineQuery,
    MetricQuery,
    Query,
    RunQuery,
    Snapshot,
)
from trainui.tui.terminal import UPGRADED, Bandwidth

if TYPE_CHECKING:
    from trainui.tui.readers.machine import MachineReader

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

ESTIMATE_AGE = 5.0
"""Seconds for which estimated ends are shown: a training that prints changes nothing else."""

SHARE = 30
"""The pause after a page's read is at least this many times its CPU time, up to `LEAST_GAP`."""

log = logging.getLogger(__name__)


def _last_seen() -> int | None:
    try:
        return min(paths.home().screen_seen.stat().st_mtime_ns // 1000, clock.now())
    except OSError:
        return None


def _may_end(snapshot: Snapshot) -> bool:
    """Return True if a snapshot shows when something will be done."""
    if snapshot.page is not None:
        return snapshot.page.run.status == Status.RUNNING
    return isinstance(snapshot.query, ListQuery) and any(run.current for run in snapshot.runs)


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
                is_own = installation.is_unchanged()  # else it is what was imported since
                problem = "reading failed; see the log" if is_own else UPGRADED
                self._deliver_changed(Snapshot(self._query, problem=problem))
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
        """The time at which outdated curves, and estimated ends, must be read again."""
        if self._last is None:
            return math.inf
        due = self._read_at + ESTIMATE_AGE if _may_end(self._last) else math.inf
        return due if self._last.curves is None else min(due, self._last.curves.due)

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
            self._source.health.forecast.known_rates(),
        )
