"""The health of the installation (worker, broker, disks), and the machine's figures.

CPUs and GPUs are polled in threads of their own, since the driver may be slow or hang; the GPUs of
other hosts are read from the database.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import clock, installation, paths, settings, system
from trainui.store import hosts
from trainui.store.db import home_identity, sqlite_file
from trainui.store.db.statements import Connection
from trainui.store.hosts import SILENT_AFTER
from trainui.store.read import views
from trainui.system import DiskSpace
from trainui.tui.numbers import coarse_time
from trainui.tui.snapshot import (
    HISTORY,
    NOTHING_LOST,
    PERIOD,
    DiskFigures,
    GpuFigures,
    Health,
    MachineFigures,
)

if TYPE_CHECKING:
    from trainui.execution import gpus
    from trainui.execution.attempt.lost_attempts import LossFinder
    from trainui.model.records import Lost
    from trainui.store.read.views import OpenAttempt

SAMPLE_GAP, LEAST_SPAN, LOOKED_BACK = 10.0, 60.0, 900.0
"""Seconds: between two stored samples, of growth before a forecast is made, and the window for the
rate; it is long, since checkpoints are written in bursts."""

LEAST_RATE = 1e4
"""Bytes per second below which a disk counts as not growing."""

SOON = 12 * 3600.0
"""Horizon in seconds: a disk that will be full by then is reported on every page."""

MOST_COUNTED = 20_000
"""The most files of a directory that are counted: about 0.1 s."""

LONGEST_PAUSE = 30.0
"""Seconds between two readings of figures; after a longer pause their history begins again."""

CHECK_PERIOD = 2.0
"""Seconds between two unrequested checks."""


def seconds_left(rooms: Iterable[DiskSpace], rates: Mapping[Path, float]) -> dict[Path, float]:
    """Return the seconds until each growing disk is full."""
    return {room.path: room.free / rates[room.path] for room in rooms if room.path in rates}


class DiskForecast:
    """Records free space and extrapolates it."""

    def __init__(self) -> None:
        self._seen: dict[Path, deque[tuple[float, int]]] = {}

    def note(self, rooms: Iterable[DiskSpace], now: float) -> None:
        """Record the disks' free space; `now` is in seconds on a monotonic clock."""
        for room in rooms:
            seen = self._seen.setdefault(room.path, deque())
            if seen and room.free > seen[-1][1]:
                seen.clear()  # files were deleted: earlier samples are no longer valid
            if not seen or now - seen[-1][0] >= SAMPLE_GAP:
                seen.append((now, room.free))
            while now - seen[0][0] > LOOKED_BACK:
                seen.popleft()

    def rates(self) -> dict[Path, float]:
        """Return the growth of disk usage in bytes per second; only growing disks."""
        return {path: rate for path, rate in self.known_rates().items() if rate}

    def known_rates(self) -> dict[Path, float]:
        """Return the growth of disk usage in bytes per second, 0 if it does not grow.

        That of a disk without samples over a long enough time is not known.
        """
        found = {}
        for path, seen in self._seen.items():
            (began, before), (ended, after) = seen[0], seen[-1]
            if ended - began >= LEAST_SPAN:
                rate = (before - after) / (ended - began)
                found[path] = rate if rate >= LEAST_RATE else 0.0
        return found

    def filling(self, rooms: Sequence[DiskSpace]) -> DiskSpace | None:
        """Return the disk that will be full first, if that is soon or it has little space now."""
        left = seconds_left(rooms, self.rates())
        due = (one for one in rooms if one.path in left)
        first = min(due, key=lambda one: left[one.path], default=None)
        return first if first is not None and (left[first.path] < SOON or first.is_low) else None

    def warning(self, room: DiskSpace) -> str:
        """Return a short warning that a growing disk will be full."""
        (left,) = seconds_left([room], self.rates()).values()
        return f"disk full in {coarse_time(left)}: {room.roughly}"


class HealthReader:
    """Checks the health periodically."""

    def __init__(self) -> None:
        self.seen = Health()
        """The result of the last check."""
        self.forecast = DiskForecast()
        """The forecast of full disks."""
        self.rooms: Sequence[DiskSpace] = ()
        """The disks of the home, the runs and the checkpoints of running stages."""
        self._own = DiskForecast()
        """The growth of our own files, on disks that will be full soon."""
        self._own_at = float("-inf")
        self._checkpoint_places: Sequence[Path] = ()
        self._found_places_at = time.monotonic()
        self._looked_at = float("-inf")
        self._running: Sequence[OpenAttempt] = ()
        self._heartbeats: Mapping[str, int] = {}
        """The last heartbeat of each host, if hosts share the database."""
        self._losses: LossFinder | None = None
        self._home = paths.home()
        self._database = sqlite_file.store_file()
        self._runs_dir = settings.runs_dir(settings.load())

    def has_changed(self, *, now: bool = False) -> bool:
        """Check if due (or `now`), and return True if the result differs from the last one."""
        at = time.monotonic()
        if not now and at - self._looked_at < CHECK_PERIOD:
            return False
        self._looked_at = at
        before, self.seen = self.seen, self._check()
        return before != self.seen

    def find_checkpoint_places(self, connection: Connection) -> None:
        """Find out where running stages write checkpoints, if due; not for the first frame."""
        if (at := time.monotonic()) - self._found_places_at >= CHECK_PERIOD:
            from trainui.resume import checkpoints  # it imports much

            self._found_places_at = at
            self._checkpoint_places = checkpoints.places_of_running(connection, settings.host())

    def look_for_lost(self, connection: Connection) -> Health:
        """Read which attempts are recorded as running; return the health with the lost ones."""
        self._running, self._heartbeats = (), {}
        if views.is_any_running(connection):
            from trainui.execution.attempt import lost_attempts

            self._running = views.open_attempts(connection)
            self._heartbeats = lost_attempts.last_heartbeats(connection)
        self.seen = self.seen._replace(lost=self._find_lost())
        return self.seen

    def _find_lost(self) -> Lost:
        """Return which of the attempts that were read last are lost; cheap while a worker runs."""
        if not self._running:
            return NOTHING_LOST
        if self._losses is None:
            from trainui.execution.attempt.lost_attempts import LossFinder

            self._losses = LossFinder()
        return self._losses.find(self._running, self._heartbeats)

    def _check(self) -> Health:
        from trainui.execution import broker
        from trainui.execution.daemon import health, metrics_process

        absence = metrics_process.absence(self._home)
        copied = home_identity.standing_of(self._database, self._home).words
        trouble = health.brief(self._home, self._database)
        if copied:
            trouble = health.WorkerTrouble(copied, home_identity.DECIDE)
        return Health(
            trouble.words,
            trouble.remedy,
            broker.recent_restart(self._home),
            "" if absence is None else f"metrics reader {absence[1]}",
            self._low_disk(),
            self._find_lost(),
            is_upgraded=installation.is_upgraded(),
        )

    def _low_disk(self) -> str | None:
        """Return a warning if a disk is full, or if our own files will soon fill one.

        On a disk that others fill, a warning would help nobody as long as it can be written.
        """
        try:
            self.rooms = system.disk_spaces(
                self._home.root, self._runs_dir, self._checkpoint_places
            )
            self.forecast.note(self.rooms, time.monotonic())
            if full := [room for room in self.rooms if room.is_full]:
                return f"too little disk space: {full[0].roughly}, so nothing new starts"
            filling = self.forecast.filling(self.rooms)
            if filling is None or not self._is_filled_by_us(filling):
                return None
            return self.forecast.warning(filling)
        except OSError:
            return None  # readers of these directories report the error

    def _is_filled_by_us(self, room: DiskSpace) -> bool:
        """Return True if the files of running stages and the database grow at least half as fast.

        It takes as long to know as the forecast itself, and the files are counted up to a bound.
        """
        if (now := time.monotonic()) - self._own_at >= SAMPLE_GAP:
            self._own_at = now
            places = {Path(one.run_directory) for one in self._running if one.external is None}
            places |= {one for one in self._checkpoint_places if places.isdisjoint(one.parents)}
            own = sum(system.used_bytes(place, MOST_COUNTED) for place in places if room.has(place))
            if self._database is not None and room.has(self._database):
                own += self._database.stat().st_size
            self._own.note([replace(room, free=-own)], now)
        return 2 * self._own.rates().get(room.path, 0.0) >= self.forecast.rates()[room.path]


class _Gap:
    """Notices that figures were not read for long: ctrl+z, or a machine that slept.

    Charts place a sample by its number, so those before such a gap have to go.
    """

    def __init__(self) -> None:
        self._looked_at = clock.now()

    def has_been(self) -> bool:
        """Return True if the last call is longer ago than readings are apart."""
        before, self._looked_at = self._looked_at, clock.now()
        return self._looked_at - before > LONGEST_PAUSE * clock.SECOND


class MachineReader:
    """Polls from `start` until `stop`."""

    def __init__(self) -> None:
        self.figures: MachineFigures | None = None
        """The latest figures; None: none yet."""
        self.rooms: Sequence[DiskSpace] = ()
        """The disks, as the health check saw them last."""
        self._cpu: deque[float] = deque(maxlen=HISTORY)
        self._memory: deque[float] = deque(maxlen=HISTORY)
        self._gap = _Gap()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine", daemon=True)

    def start(self) -> None:
        """Start the thread; idempotent."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Stop polling."""
        self._stopping.set()

    def _run(self) -> None:
        import psutil  # imported late to keep the start fast

        psutil.cpu_percent(percpu=True)  # the first call returns meaningless zeros
        wait = 0.3
        while not self._stopping.wait(wait):
            self._look()
            wait = PERIOD

    def _look(self) -> None:
        import psutil

        cores = tuple(round(one) for one in psutil.cpu_percent(percpu=True))
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        if self._gap.has_been():
            self._cpu.clear()
            self._memory.clear()
        self._cpu.append(sum(cores) / max(len(cores), 1))
        self._memory.append(memory.percent)
        self.figures = MachineFigures(
            cores=cores,
            usable=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else len(cores),
            load=os.getloadavg()[0],
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            swap_used=swap.used,
            swap_total=swap.total,
            disks=self._disks(),
            cpu_history=tuple(self._cpu),
            memory_history=tuple(self._memory),
        )

    def _disks(self) -> tuple[DiskFigures, ...]:
        found = []
        for room in self.rooms:
            try:
                status = os.statvfs(system.nearest_existing(room.path))
            except OSError:
                return ()  # readers of these directories report the error
            # as df counts: what is used and what is free for us, without what is kept for root
            blocks = status.f_blocks - status.f_bfree + status.f_bavail
            total, kind = blocks * status.f_frsize, system.file_system(room.path)
            found.append(DiskFigures(room, total, kind))
        return tuple(found)


class GpuReader:
    """Polls until stopped; ends at once if no driver is installed."""

    def __init__(self) -> None:
        self.figures: tuple[GpuFigures, ...] = ()
        """The latest figures; a new object only if they differ."""
        self.problem: str | None = None
        """Why the installed driver cannot be read."""
        self._history: dict[int, deque[tuple[float, float]]] = {}
        self._gap = _Gap()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpus", daemon=True)

    def start(self) -> None:
        """Start the thread; idempotent."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Stop polling and close the driver."""
        self._stopping.set()
        if self._thread.ident is not None:
            from trainui.execution import gpus

            gpus.close()

    @property
    def history(self) -> dict[int, tuple[tuple[float, float], ...]]:
        """Recent utilisation and memory use by GPU index, in per cent, oldest first.

        NaN stands for what the GPU does not report.
        """
        return {index: tuple(seen) for index, seen in list(self._history.items())}

    def _remember(self, found: Iterable[gpus.Gpu]) -> None:
        """Add the figures of now; of a GPU that cannot be read any more they are not known."""
        if self._gap.has_been():
            self._history.clear()
        now = {
            gpu.index: (_percent(gpu.utilisation, 100), _percent(gpu.memory_used, gpu.memory_total))
            for gpu in found
            if gpu.problem is None
        }
        for index in {*self._history, *now}:
            seen = self._history.setdefault(index, deque(maxlen=HISTORY))
            seen.append(now.get(index, (math.nan, math.nan)))

    def _run(self) -> None:
        from trainui.execution import gpus  # late: the first frame has no figures of GPUs

        while not self._stopping.is_set():
            found = gpus.query()
            if not found.gpus and found.problem is None:
                return
            figures = tuple(_figures(gpu) for gpu in found.gpus)
            self._remember(found.gpus)
            self.problem = found.problem
            if figures != self.figures:
                self.figures = figures
            self._stopping.wait(PERIOD)
        gpus.close()


def _percent(part: int | None, whole: int | None) -> float:
    return math.nan if part is None or not whole else 100 * part / whole


def _gib(count: int | None) -> int | None:
    return None if count is None else round(count / 2**30)


def _figures(gpu: gpus.Gpu) -> GpuFigures:
    from trainui.execution.gpus import stranger_on  # imported late to keep the start fast

    return GpuFigures(
        index=gpu.index,
        user=gpu.problem or stranger_on(gpu),
        problem=gpu.problem is not None,
        utilisation=gpu.utilisation,
        memory_used=_gib(gpu.memory_used),
        memory_total=_gib(gpu.memory_total),
        temperature=gpu.temperature,
        power=None if gpu.power is None else round(gpu.power),
        name=gpu.name,
        warning=gpu.warning or "",
    )


def gpus_of_other_hosts(connection: Connection) -> tuple[GpuFigures, ...]:
    """Return the GPUs of hosts that share the database, by their workers' last heartbeats; sorted.

    On SQLite, which is for one host, there are none.
    """
    if isinstance(connection, sqlite3.Connection):
        return ()
    here = settings.host()
    return tuple(
        _announced(host.name, slot, host.seconds)
        for host in hosts.known(connection).values()
        for slot in host.slots
        if host.name != here and slot["kind"] == "gpu"
    )


def _announced(host: str, slot: Mapping[str, Any], seconds: float) -> GpuFigures:
    silent = f"no heartbeat for {SILENT_AFTER:.0f} s or longer" if seconds >= SILENT_AFTER else None
    problem = silent or slot.get("problem")
    return GpuFigures(
        host=host,
        index=int(slot["index"]),
        user=problem or slot.get("user"),
        problem=problem is not None,
        utilisation=slot.get("utilisation"),
        memory_used=_gib(slot.get("used")),
        memory_total=_gib(slot.get("memory")),
        temperature=slot.get("temperature"),
        power=slot.get("power"),
        name=str(slot.get("name", "")),
    )
