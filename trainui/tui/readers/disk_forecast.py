"""Forecast of when disks will be full, from their growth while the screen was open."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from trainui.disk import DiskSpace
from trainui.tui.data.machine_figures import coarse, seconds_left

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
        return f"disk full in {coarse(left[room.path])}: {room.roughly}"
