"""The health of the installation: worker, broker and disks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import paths, settings
from trainui.resume import checkpoints
from trainui.store.db import home_identity, sqlite_file
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.system import disk
from trainui.system.disk import DiskSpace
from trainui.tui.snapshot.snapshot import NOTHING_LOST, Health, coarse_time, seconds_left

if TYPE_CHECKING:
    from trainui.execution.attempt.lost_attempts import LossFinder
    from trainui.model.records import Lost
    from trainui.store.read.views import OpenAttempt

BETWEEN, LEAST_TIME, LOOKED_BACK = 10.0, 60.0, 900.0
"""Seconds: between two stored samples, of growth before a forecast is made, and the window for the
rate; it is long, since checkpoints are written in bursts."""

LEAST_RATE = 1e4
"""Bytes per second below which a disk counts as not growing."""

SOON = 12 * 3600.0
"""Horizon in seconds: a disk that will be full by then is reported on every page."""


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
            if not seen or now - seen[-1][0] >= BETWEEN:
                seen.append((now, room.free))
            while now - seen[0][0] > LOOKED_BACK:
                seen.popleft()

    def rates(self) -> dict[Path, float]:
        """Return the growth of disk usage in bytes per second; only growing disks."""
        found = {}
        for path, seen in self._seen.items():
            (began, before), (ended, after) = seen[0], seen[-1]
            if ended - began >= LEAST_TIME:
                rate = (before - after) / (ended - began)
                if rate >= LEAST_RATE:
                    found[path] = rate
        return found

    def warning(self, rooms: Sequence[DiskSpace]) -> str | None:
        """Return a short warning if a disk will be full soon, else None."""
        left = seconds_left(rooms, self.rates())
        room = min(
            (one for one in rooms if one.path in left), key=lambda one: left[one.path], default=None
        )
        if room is None or left[room.path] >= SOON:
            return None
        return f"disk full in {coarse_time(left[room.path])}: {room.roughly}"


PERIOD = 2.0
"""Seconds between two unrequested checks."""


class HealthReader:
    """Checks the health periodically."""

    def __init__(self) -> None:
        self.seen = Health()
        """The result of the last check."""
        self.forecast = DiskForecast()
        """The forecast of full disks."""
        self.rooms: Sequence[DiskSpace] = ()
        """The disks of the home, the runs and the checkpoints of running stages."""
        self._checkpoint_places: Sequence[Path] = ()
        self._found_places_at = float("-inf")
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
        if not now and at - self._looked_at < PERIOD:
            return False
        self._looked_at = at
        before, self.seen = self.seen, self._check()
        return before != self.seen

    def find_checkpoint_places(self, connection: Connection) -> None:
        """Find out where running stages write checkpoints, if due."""
        if (at := time.monotonic()) - self._found_places_at >= PERIOD:
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
        from trainui.execution import broker_server
        from trainui.execution.daemon import health, metrics_process

        absence = metrics_process.absence(self._home)
        copied = home_identity.standing_of(self._database, self._home).words
        return Health(
            copied or health.brief(self._home, self._database),
            broker_server.recent_restart(self._home),
            "" if absence is None else f"metrics reader {absence[1]}",
            self._low_disk(),
            self._find_lost(),
        )

    def _low_disk(self) -> str | None:
        """Return a warning if a disk is full or soon will be."""
        try:
            self.rooms = disk.spaces(self._home.root, self._runs_dir, self._checkpoint_places)
        except OSError:
            return None  # readers of these directories report the error
        self.forecast.note(self.rooms, time.monotonic())
        is_full = any(room.is_full for room in self.rooms)
        return (None if is_full else self.forecast.warning(self.rooms)) or disk.notice(self.rooms)
