"""The machine's figures as the poller reads them: GPUs, CPUs, memory and disks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainui import formatting
from trainui.system.disk import DiskSpace

PERIOD, HISTORY = 2.0, 120
"""Seconds between two polls (the driver's figures are averages over up to one), and the number of
samples kept: four minutes."""


@dataclass(frozen=True, slots=True)
class GpuFigures:
    """A GPU's figures at one moment, as shown."""

    index: int
    user: str | None
    """The user of the GPU other than our stages, or the GPU's problem; None: none."""
    problem: bool = False
    utilisation: int | None = None
    """Per cent."""
    memory_used: int | None = None
    """GiB."""
    memory_total: int | None = None
    """GiB."""
    temperature: int | None = None
    """Degrees Celsius."""
    power: int | None = None
    """Watts."""
    name: str = ""
    """E.g. `NVIDIA H100 80GB HBM3`."""
    host: str = ""
    """Its host; empty: this one."""
    warning: str = ""
    """Why it is slow or its results may be wrong; empty: nothing is known."""

    @property
    def place(self) -> tuple[str, int]:
        """Its unique key: host and index."""
        return self.host, self.index


@dataclass(frozen=True, slots=True)
class DiskFigures:
    """The disk that contains one of trainui's directories."""

    room: DiskSpace
    total: int
    """Bytes, including those reserved for root."""
    kind: str | None
    """The file system type, as named by the kernel."""


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """The machine's figures at one moment, with their recent history."""

    cores: tuple[int, ...]
    """Per cent for each CPU core."""
    usable: int
    """Number of CPU cores that this process may use (its affinity)."""
    load: float
    memory_used: int
    memory_total: int
    swap_used: int
    swap_total: int
    disks: tuple[DiskFigures, ...]
    cpu_history: tuple[float, ...] = ()
    """Per cent over all cores, oldest first."""
    memory_history: tuple[float, ...] = ()
    """Per cent, oldest first."""

    @property
    def cpu(self) -> float:
        """Per cent over all cores."""
        return sum(self.cores) / len(self.cores) if self.cores else 0.0


def seconds_left(rooms: Iterable[DiskSpace], rates: Mapping[Path, float]) -> dict[Path, float]:
    """Return the seconds until each growing disk is full."""
    return {room.path: room.free / rates[room.path] for room in rooms if room.path in rates}


def coarse(seconds: float) -> str:
    """Format a forecast, rounded (to 10 minutes above an hour) so that it rarely changes."""
    step = 600 if seconds >= 3600 else 60
    rounded = max(round(seconds / step) * step, 60)
    words = formatting.duration(rounded)
    return f"~{words.removesuffix(' 00s').removesuffix(' 00m').removesuffix(' 0h')}"
