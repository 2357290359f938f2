"""What stands around the runs: whether a worker is there, what became of the broker, the disks."""

from __future__ import annotations

import time
from typing import NamedTuple

from trainui import disk, paths, settings
from trainui.errors import TrainuiError
from trainui.tui.machine.disk_forecast import DiskForecast

PERIOD = 2.0
"""Seconds between two looks that nothing has asked for."""


class Health(NamedTuple):
    """What a snapshot tells of besides the runs."""

    trouble: str = ""
    news: str = ""
    low_disk: str | None = None


class HealthReader:
    """Looks around now and then."""

    def __init__(self) -> None:
        self.seen = Health()
        """What was seen last."""
        self.forecast = DiskForecast()
        """When the disks will be full."""
        self._looked_at = float("-inf")

    def has_changed(self, *, now: bool = False) -> bool:
        """Look, and return whether something else is seen; seldom, unless it has to be now."""
        at = time.monotonic()
        if not now and at - self._looked_at < PERIOD:
            return False
        self._looked_at = at
        before, self.seen = self.seen, Health(_trouble(), _news(), _low_disk(self.forecast))
        return before != self.seen


def worker_is_there() -> bool:
    """Whether a worker lives, or a guard that is about to start one."""
    from trainui.execution.daemon import locks

    home = paths.home()
    return locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)


def _trouble() -> str:
    """Say in some words what is wrong with the worker; empty where nothing is."""
    from trainui.execution.daemon import health

    return health.brief(paths.home())


def _news() -> str:
    """Say what lately happened to the broker; empty where nothing did."""
    from trainui.execution.broker import restarts

    return restarts.news(paths.home())


def _low_disk(forecast: DiskForecast) -> str | None:
    """Which disk is full or soon will be."""
    try:
        rooms = disk.rooms(paths.home().root, settings.runs_dir(settings.load()))
        forecast.note(rooms, time.monotonic())
        return disk.notice(rooms) or forecast.warning(rooms)
    except (TrainuiError, OSError):
        return None  # who reads from there says what is wrong
