"""The thread that reads: one frozen snapshot of what is to be seen, whenever something changed.

The event loop never touches the database or a file. The feed looks a few times a second whether
anything was committed (a number in shared memory), and reads only then, or when it is asked to;
a snapshot equal to the last one is not handed over.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trainui import disk, paths, settings
from trainui.domain.states import Status
from trainui.errors import NotFoundError, TrainuiError
from trainui.store import driver, reader
from trainui.tui import far_gpus
from trainui.tui.disk_forecast import DiskForecast
from trainui.tui.gpu_reader import GpuReader
from trainui.tui.ringer import Ringer
from trainui.tui.run_list import RunList
from trainui.tui.snapshots import GpuUse, Machine, Snapshot, Wanted

Found = TypeVar("Found")

if TYPE_CHECKING:
    from trainui.tui.endings_ahead import Ending, Prophet
    from trainui.tui.live_reader import LiveReader
    from trainui.tui.machine_reader import MachineReader
    from trainui.tui.metric_reader import MetricReader
    from trainui.tui.page_reader import PageReader
    from trainui.tui.traffic import Traffic

PERIOD, IDLE_PERIOD = 0.3, 2.0
"""Seconds between two looks, while things change and after a while in which nothing did."""

IDLE_AFTER = 10.0
"""Seconds without a change after which looks are further apart."""

LEAST_GAP = 0.9
"""Seconds between two readings that nobody asked for: curves that move every second are live, and
cost a third of what they would cost at each look."""

AROUND_PERIOD = 3.0
"""Seconds between two looks whether a worker is there, and how full the disks are."""

log = logging.getLogger(__name__)


class Feed:
    """Reads what is wanted and hands it over, in a thread of its own."""

    def __init__(
        self,
        deliver: Callable[[Snapshot], None],
        wanted: Wanted | None = None,
        ring: Callable[[str], None] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        """Make a feed.

        Args:
            deliver: called in the feed's thread with each new snapshot; it must not wait.
            wanted: what is to be read first; None: the list of runs.
            ring: called there, too, with a sentence on what a person is rung for.
            traffic: what the terminal is sent, by whose budget readings are spread.
        """
        self.deliver = deliver
        self._wanted = wanted or Wanted()
        self._wake = threading.Event()
        self._stopping = False
        self._reread = False
        self._source = _Source(None if ring is None else Ringer(ring))
        self._gpus = GpuReader()
        self._traffic = traffic
        self._sent = 0
        self._machine: MachineReader | None = None
        self._read_at = float("-inf")
        self._last: Snapshot | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, waiting for a reading that is under way."""
        self._stopping = True
        self._wake.set()
        self._gpus.stop()
        if self._machine is not None:
            self._machine.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def want(self, wanted: Wanted) -> None:
        """Read something else from now on, at once."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._wake.set()

    def look(self) -> None:
        """Read again at once, also what changes without an event."""
        self._reread = True
        self._wake.set()

    def _run(self) -> None:
        self._wake.set()
        while not self._stopping:
            asked = self._wake.wait(self._period())
            if asked:  # else a wish that came this moment would be lost
                self._wake.clear()
            if self._stopping:
                break
            try:
                self._turn(asked)
            except Exception:
                log.exception("the feed could not read")
                self._hand_over(Snapshot(self._wanted, problem="reading failed: see the log"))
        self._source.close()

    def _turn(self, asked: bool) -> None:
        if not asked and (self._is_early() or not self._source.has_changed()):
            if self._last is not None:
                self._hand_over(self._last)  # with what is new of the GPUs
            return
        self._read_at = time.monotonic()
        self._sent = self._traffic.total if self._traffic is not None else 0
        wanted = self._wanted
        if self._reread:
            self._reread = False
            self._source.forget()
        self._hand_over(self._source.read(wanted))
        while self._source.unfinished and self._wanted == wanted and not self._stopping:
            self._hand_over(self._source.read(wanted))

    def _period(self) -> float:
        return IDLE_PERIOD if time.monotonic() - self._read_at > IDLE_AFTER else PERIOD

    def _is_early(self) -> bool:
        pause = self._traffic.pause(self._sent) if self._traffic is not None else 0.0
        return time.monotonic() - self._read_at < max(pause, LEAST_GAP)

    def _hand_over(self, snapshot: Snapshot) -> None:
        if snapshot.gpus is not self._gpus.figures:
            snapshot = replace(snapshot, gpus=self._gpus.figures)
        if snapshot.wanted.machine:
            snapshot = replace(snapshot, machine=self._look_at_machine())
        if snapshot is not self._last and snapshot != self._last:
            self._last = snapshot
            self.deliver(snapshot)
            self._gpus.start()  # after what is to be seen first

    def _look_at_machine(self) -> Machine:
        """Return the machine as it was seen last; from the first time on it is looked at."""
        if self._machine is None:
            from trainui.tui.machine_reader import MachineReader

            self._machine = MachineReader()
            self._machine.start()
        return Machine(
            self._machine.figures,
            self._gpus.history,
            self._gpus.problem,
            self._source.forecast.rates(),
        )


class _Around(NamedTuple):
    """What a snapshot tells of besides the runs."""

    trouble: str = ""
    news: str = ""
    low_disk: str | None = None


class _Source:
    """The database and the files behind a feed, and when they last changed."""

    def __init__(self, ringer: Ringer | None = None) -> None:
        self._ringer = ringer
        self.unfinished = False
        """The last snapshot left out what takes long; the next reading brings it."""
        self._connection: driver.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | str | None = None
        self._list = RunList()
        self._pages: PageReader | None = None
        self._prophet: Prophet | None = None
        self._live: LiveReader | None = None
        self._metrics: MetricReader | None = None
        self._upgraded = False
        self._around = _Around()
        self._around_seen = float("-inf")
        self.forecast = DiskForecast()

    def has_changed(self) -> bool:
        """Whether something is to be read: cheap, and asked a few times a second."""
        if self._around_changed() or self._replaced():
            return True
        if self._connection is None:
            return self._file is not None  # it could not be read: try again
        return reader.data_version(self._connection) != self._version

    def read(self, wanted: Wanted) -> Snapshot:
        """Read what is wanted."""
        self._around_changed()
        try:
            return self._read(wanted, self._connected())
        except NotFoundError:
            self.close()
            return Snapshot(wanted, no_runs_yet=True, **self._around._asdict())
        except (TrainuiError, sqlite3.Error) as error:
            self.close()
            if isinstance(error, sqlite3.OperationalError) and self._upgrade():
                return self.read(wanted)
            return Snapshot(wanted, problem=str(error), **self._around._asdict())

    def _upgrade(self) -> bool:
        """Bring an older trainui's database up to date, once; returns whether that was tried."""
        if self._upgraded:
            return False
        self._upgraded = True
        from trainui.store.engine import open_store

        open_store()
        return True

    def forget(self) -> None:
        """Read the whole list again at the next reading."""
        self._list = RunList()

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._list = RunList()

    def _read(self, wanted: Wanted, connection: driver.Connection) -> Snapshot:
        self._version = reader.data_version(connection)
        if self._ringer is not None:
            self._ringer.look(connection)
        snapshot = Snapshot(
            wanted,
            far_gpus=far_gpus.read(connection),
            gpu_holders=_by_place(reader.gpu_holders(connection)),
            gpu_uses=_gpu_uses(connection) if wanted.machine else {},
            paused=reader.flag(connection, "paused") is not None,
            **self._around._asdict(),
        )
        if wanted.run_id is not None:
            # numpy takes longer to import than the rest of the page to read
            if wanted.lone:
                self.unfinished = False
                alone = self._page_reader().read_curves_page(connection, wanted)
                return replace(snapshot, curves_page=alone)
            later = wanted.curves and "numpy" not in sys.modules and not self.unfinished
            self.unfinished = bool(later) and wanted.stage is not None
            reduced = replace(wanted, curves=None if later else wanted.curves)
            return replace(snapshot, page=self._page_reader().read(connection, reduced))
        self._pages = None
        if self._list.loading and self._list.runs:
            self._list.reload(connection)
        elif self._list.loading:
            self._list.first(connection)
        else:
            self._list.update(connection)
        self.unfinished = self._list.loading and bool(self._list.runs)
        return self._with_what_is_in_view(
            connection, wanted, replace(snapshot, runs=self._list.runs, loading=self._list.loading)
        )

    def _with_what_is_in_view(
        self, connection: driver.Connection, wanted: Wanted, snapshot: Snapshot
    ) -> Snapshot:
        """Add to the list what is read of few runs only; not for the first frame."""
        if snapshot.loading or not snapshot.runs:
            return snapshot
        endings = self._endings(connection)
        in_view = frozenset(wanted.rows)
        shown = [run for run in snapshot.runs if run.id in in_view] if in_view else []
        goals = self._prophet.goals if self._prophet is not None else {}
        live = self._live_reader().read(connection, shown, goals) if shown else {}
        metrics: Mapping[str, Mapping[str, float]] = {}
        if wanted.metrics:
            reader_of_metrics = self._metric_reader()
            metrics = reader_of_metrics.read(connection, wanted.metrics, snapshot.runs)
            self.unfinished = reader_of_metrics.unfinished
        return replace(snapshot, endings=endings, live=live, metrics=metrics)

    def _endings(self, connection: driver.Connection) -> Mapping[str, Ending]:
        """Return when what runs will have ended; not for the first frame."""
        running = [run.id for run in self._list.runs if run.status == Status.RUNNING]
        if not running or self._list.loading:
            return {}
        if self._prophet is None:
            from trainui.tui.endings_ahead import Prophet

            self._prophet = Prophet()
        return self._prophet.of_list(connection, running)

    def _live_reader(self) -> LiveReader:
        if self._live is None:
            from trainui.tui.live_reader import LiveReader

            self._live = LiveReader()
        return self._live

    def _metric_reader(self) -> MetricReader:
        if self._metrics is None:
            from trainui.tui.metric_reader import MetricReader

            self._metrics = MetricReader()
        return self._metrics

    def _page_reader(self) -> PageReader:
        if self._pages is None:
            from trainui.tui.page_reader import PageReader

            self._pages = PageReader()
        return self._pages

    def _connected(self) -> driver.Connection:
        if self._connection is None:
            self._replaced()
            self._connection = reader.connect()
        return self._connection

    def _replaced(self) -> bool:
        """Whether the database is another file than before, has come or gone."""
        if settings.load().database_url is not None:
            self._file = self._file or (0, 0)
            return False
        try:
            status = paths.home().database.stat()
            found = (status.st_dev, status.st_ino)
        except OSError:
            found = None
        if found == self._file:
            return False
        self._file = found
        self.close()
        return True

    def _around_changed(self) -> bool:
        now = time.monotonic()
        if now - self._around_seen < AROUND_PERIOD:
            return False
        before, self._around_seen = self._around, now
        self._around = _Around(worker_trouble(), broker_news(), low_disk(self.forecast))
        return before != self._around


def _gpu_uses(connection: driver.Connection) -> dict[tuple[str, int], GpuUse]:
    return {place: GpuUse(*use) for place, use in _by_place(reader.gpu_uses(connection)).items()}


def _by_place(found: Mapping[tuple[str, int], Found]) -> dict[tuple[str, int], Found]:
    """Return what is known by host and index by the place of a GPU's figures."""
    here = settings.host()
    return {("" if host == here else host, index): known for (host, index), known in found.items()}


def worker_is_there() -> bool:
    """Whether a worker lives, or a guard that is about to start one."""
    from trainui.execution import locks

    home = paths.home()
    return locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)


def worker_trouble() -> str:
    """Say in some words what is wrong with the worker; empty where nothing is."""
    from trainui.execution import condition

    return condition.brief(paths.home())


def broker_news() -> str:
    """Say what lately happened to the broker; empty where nothing did."""
    from trainui.execution import broker_starts

    return broker_starts.news(paths.home())


def low_disk(forecast: DiskForecast) -> str | None:
    """Which disk is full or soon will be."""
    try:
        rooms = disk.rooms(paths.home().root, settings.runs_dir(settings.load()))
        forecast.note(rooms, time.monotonic())
        return disk.notice(rooms) or forecast.warning(rooms)
    except (TrainuiError, OSError):
        return None  # who reads from there says what is wrong
