"""Looks at the processors, the memory and the disks, in a thread of its own, once asked for."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainui import disk, paths, settings
from trainui.disk import Room
from trainui.errors import TrainuiError

PERIOD = 2.0
"""Seconds between two looks."""

HISTORY = 120
"""Looks that are remembered: four minutes."""


@dataclass(frozen=True, slots=True)
class DiskFigures:
    """The disk under a directory of ours."""

    path: str
    free: int
    total: int
    kind: str | None
    """Of the file system, as the kernel names it."""
    network: bool
    low: bool

    @property
    def used(self) -> int:
        """Bytes that are taken, those that only root may use among them."""
        return self.total - self.free


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """The machine at one moment, and lately."""

    cores: tuple[int, ...]
    """Per cent of each processor."""
    usable: int
    """Processors that this process may use."""
    load: float
    memory_used: int
    memory_total: int
    swap_used: int
    swap_total: int
    disks: tuple[DiskFigures, ...]
    cpu_history: tuple[float, ...] = ()
    """Per cent of all processors, the oldest first."""
    memory_history: tuple[float, ...] = ()
    """Per cent."""

    @property
    def cpu(self) -> float:
        """Per cent of all processors."""
        return sum(self.cores) / len(self.cores) if self.cores else 0.0


class MachineReader:
    """Reads from `start` on until it is stopped."""

    def __init__(self) -> None:
        self.figures: MachineFigures | None = None
        """What was seen last; None: nothing yet."""
        self._cpu: deque[float] = deque(maxlen=HISTORY)
        self._memory: deque[float] = deque(maxlen=HISTORY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine", daemon=True)

    def start(self) -> None:
        """Begin to look; nothing is done where that was done before."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _run(self) -> None:
        import psutil  # too slow for what comes first

        psutil.cpu_percent(percpu=True)  # the first answer is none
        wait = 0.3
        while not self._stopping.wait(wait):
            self._look()
            wait = PERIOD

    def _look(self) -> None:
        import psutil

        cores = tuple(round(one) for one in psutil.cpu_percent(percpu=True))
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
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
            disks=tuple(_disks()),
            cpu_history=tuple(self._cpu),
            memory_history=tuple(self._memory),
        )


def _disks() -> Iterable[DiskFigures]:
    try:
        rooms = disk.rooms(paths.home().root, settings.runs_dir(settings.load()))
        return [_figures(room) for room in rooms]
    except (TrainuiError, OSError):
        return []  # who reads from there says what is wrong


def _figures(room: Room) -> DiskFigures:
    status = os.statvfs(next(one for one in (room.path, *room.path.parents) if one.exists()))
    kind = disk.file_system(Path(room.path))
    return DiskFigures(
        path=str(room.path),
        free=room.free,
        total=status.f_blocks * status.f_frsize,
        kind=kind,
        network=kind in disk.NETWORK,
        low=room.is_low,
    )
