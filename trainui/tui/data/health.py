"""The health of the installation: worker, broker and disks."""

from __future__ import annotations

import time
from typing import NamedTuple

from trainui import disk, paths, settings
from trainui.errors import TrainuiError
from trainui.tui.machine.disk_forecast import DiskForecast

PERIOD = 2.0
"""Seconds between two unrequested checks."""


class Health(NamedTuple):
    """The health fields of a snapshot."""

    trouble: str = ""
    news: str = ""
    low_disk: str | None = None


class HealthReader:
    """Checks the health periodically."""

    def __init__(self) -> None:
        self.seen = Health()
        """The result of the last check."""
        self.forecast = DiskForecast()
        """The forecast of full disks."""
        self._looked_at = float("-inf")

    def has_changed(self, *, now: bool = False) -> bool:
        """Check if due (or `now`), and return True if the result differs from the last one."""
        at = time.monotonic()
        if not now and at - self._looked_at < PERIOD:
            return False
        self._looked_at = at
        before, self.seen = self.seen, Health(_trouble(), _news(), _low_disk(self.forecast))
        return before != self.seen


def worker_is_there() -> bool:
    """Return True if a worker is alive, or a guard that is about to start one."""
    from trainui.execution.daemon import locks

    home = paths.home()
    return locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)


def _trouble() -> str:
    """Return what is wrong with the worker, briefly; empty if nothing."""
    from trainui.execution.daemon import health

    return health.brief(paths.home())


def _news() -> str:
    """Return what recently happened to the broker; empty if nothing."""
    from trainui.execution.broker import restarts

    return restarts.news(paths.home())


def _low_disk(forecast: DiskForecast) -> str | None:
    """Return a warning if a disk is full or soon will be."""
    try:
        rooms = disk.rooms(paths.home().root, settings.runs_dir(settings.load()))
        forecast.note(rooms, time.monotonic())
        return disk.notice(rooms) or forecast.warning(rooms)
    except (TrainuiError, OSError):
        return None  # readers of these directories report the error
