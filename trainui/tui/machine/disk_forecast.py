"""When the disks will be full, by how fast they have filled while the screen was open."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from trainui.clock import format_duration
from trainui.disk import Room

LOOKED_BACK = 900.0
"""Seconds; checkpoints come in bursts, so a few of them count together."""

LEAST_TIME = 60.0
"""Seconds of growth before a forecast is made."""

LEAST_RATE = 1e4
"""Bytes a second below which a disk does not fill."""

BETWEEN = 10.0
"""Seconds between two readings that are kept."""

SOON = 12 * 3600.0
"""Seconds; a disk that is full by then is told of on every page."""


class DiskForecast:
    """Remembers how much was free, and looks ahead."""

    def __init__(self) -> None:
        self._seen: dict[Path, deque[tuple[float, int]]] = {}

    def note(self, rooms: Iterable[Room], now: float) -> None:
        """Remember how much is free.

        Args:
            rooms: as they are.
            now: seconds on a clock that never jumps.
        """
        for room in rooms:
            seen = self._seen.setdefault(room.path, deque())
            if seen and room.free > seen[-1][1]:
                seen.clear()  # something was deleted: what filled it before tells no more
            if not seen or now - seen[-1][0] >= BETWEEN:
                seen.append((now, room.free))
            while now - seen[0][0] > LOOKED_BACK:
                seen.popleft()

    def rates(self) -> dict[Path, float]:
        """Return by how many bytes a second the disks fill; only those that do."""
        found = {}
        for path, seen in self._seen.items():
            (began, before), (ended, after) = seen[0], seen[-1]
            if ended - began >= LEAST_TIME:
                rate = (before - after) / (ended - began)
                if rate >= LEAST_RATE:
                    found[path] = rate
        return found

    def warning(self, rooms: Iterable[Room]) -> str | None:
        """Say which disk will be full soon, in few words."""
        soonest = min(seconds_left(rooms, self.rates()).values(), default=SOON)
        return f"disk full in {coarse(soonest)}" if soonest < SOON else None


def coarse(seconds: float) -> str:
    """Write a forecast, to ten minutes where it is hours, so that it changes seldom."""
    step = 600 if seconds >= 3600 else 60
    rounded = max(round(seconds / step) * step, 60)
    words = format_duration(rounded)
    return f"~{words.removesuffix(' 00s').removesuffix(' 00m').removesuffix(' 0h')}"


def seconds_left(rooms: Iterable[Room], rates: Mapping[Path, float]) -> dict[Path, float]:
    """Return after how many seconds disks will be full; only those that fill."""
    return {room.path: room.free / rates[room.path] for room in rooms if room.path in rates}
