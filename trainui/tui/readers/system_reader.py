"""Polls CPUs, memory and disks in a separate thread, once started."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence

from trainui import disk
from trainui.disk import DiskSpace
from trainui.tui.data.machine_figures import HISTORY, PERIOD, DiskFigures, MachineFigures


class MachineReader:
    """Polls from `start` until `stop`."""

    def __init__(self) -> None:
        self.figures: MachineFigures | None = None
        """The latest figures; None: none yet."""
        self.rooms: Sequence[DiskSpace] = ()
        """The disks, as the health check saw them last."""
        self._cpu: deque[float] = deque(maxlen=HISTORY)
        self._memory: deque[float] = deque(maxlen=HISTORY)
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
                status = os.statvfs(disk.existing(room.path))
            except OSError:
                return ()  # readers of these directories report the error
            total, kind = status.f_blocks * status.f_frsize, disk.file_system(room.path)
            found.append(DiskFigures(room, total, kind))
        return tuple(found)
