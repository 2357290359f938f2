"""Polls the GPUs in a separate thread, since the driver may be slow or hang.

Those of other hosts are read from the database.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainui import settings
from trainui.execution import nvml
from trainui.store import hosts
from trainui.store.db.protocol import Connection
from trainui.store.hosts import SILENT_AFTER
from trainui.system import disk
from trainui.system.disk import DiskSpace
from trainui.tui.snapshot.snapshot import HISTORY, PERIOD, DiskFigures, GpuFigures, MachineFigures


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


class GpuReader:
    """Polls until stopped; ends at once if no driver is installed."""

    def __init__(self) -> None:
        self.figures: tuple[GpuFigures, ...] = ()
        """The latest figures; a new object only if they differ."""
        self.problem: str | None = None
        """Why the installed driver cannot be read."""
        self._history: dict[int, deque[tuple[float, float]]] = {}
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
            nvml.close()

    @property
    def history(self) -> dict[int, tuple[tuple[float, float], ...]]:
        """Recent utilisation and memory use by GPU index, in per cent, oldest first.

        NaN stands for what the GPU does not report.
        """
        return {index: tuple(seen) for index, seen in list(self._history.items())}

    def _remember(self, gpus: Iterable[nvml.Gpu]) -> None:
        for gpu in gpus:
            if gpu.problem is None:
                seen = self._history.setdefault(gpu.index, deque(maxlen=HISTORY))
                seen.append(
                    (_percent(gpu.utilisation, 100), _percent(gpu.memory_used, gpu.memory_total))
                )

    def _run(self) -> None:
        while not self._stopping.is_set():
            found = nvml.query()
            if not found.gpus and found.problem is None:
                return
            figures = tuple(_figures(gpu) for gpu in found.gpus)
            self._remember(found.gpus)
            self.problem = found.problem
            if figures != self.figures:
                self.figures = figures
            self._stopping.wait(PERIOD)
        nvml.close()


def _percent(part: int | None, whole: int | None) -> float:
    return math.nan if part is None or not whole else 100 * part / whole


def _gib(count: int | None) -> int | None:
    return None if count is None else round(count / 2**30)


def _figures(gpu: nvml.Gpu) -> GpuFigures:
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
