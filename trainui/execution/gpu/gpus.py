"""Which GPUs of this machine may be given out, and who is on each.

A GPU that a process of anybody's is on is taken, whether or not that process came through us. In
a container other processes cannot always be seen: then the memory that they use tells of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from trainui import settings as settings_module
from trainui.execution.gpu import locks, nvml
from trainui.execution.gpu.nvml import Gpu
from trainui.settings import Settings

VISIBLE = "CUDA_VISIBLE_DEVICES"

MOST_UNEXPLAINED = 2**30
"""Bytes that an idle GPU may have in use: more than drivers take, less than any training."""


MEMORY_PATIENCE = 5.0
"""Seconds in which the memory of a process that has ended comes back."""

LOOK_EVERY = 0.1
"""Seconds between two looks while it is waited for."""


@dataclass(frozen=True, slots=True)
class Usable:
    """The GPUs that may be given out."""

    gpus: tuple[Gpu, ...] = ()
    """In PCI order; with those that cannot be used just now."""
    limit: str | None = None
    """Why there are no more, where that is not plain."""

    @property
    def working(self) -> int:
        """How many of them can be used now."""
        return sum(gpu.problem is None for gpu in self.gpus)

    @property
    def hindrance(self) -> str | None:
        """Why they are not more, in words; None: the machine has no others."""
        problems = [f"GPU {gpu.index} {gpu.problem}" for gpu in self.gpus if gpu.problem]
        return ", ".join([*([self.limit] if self.limit else []), *problems]) or None


def usable_gpus(
    settings: Settings | None = None, environ: Mapping[str, str] | None = None
) -> Usable:
    """Return the GPUs that may be used: those of the setting `gpus`, as far as they are visible.

    Args:
        settings: None: those of this process.
        environ: an inherited `CUDA_VISIBLE_DEVICES` in it limits them; None: this process's.
    """
    settings = settings or settings_module.load()
    visible = (os.environ if environ is None else environ).get(VISIBLE)
    found = nvml.look()
    usable = limited(found.gpus, settings.gpus, visible)
    limit = found.problem
    if len(usable) < len(found.gpus):
        by_setting = settings.gpus is not None and {g.index for g in found.gpus} - {*settings.gpus}
        limit = "limited by the setting gpus" if by_setting else f"limited by {VISIBLE}={visible}"
    return Usable(tuple(usable), limit)


def limited(gpus: Sequence[Gpu], indices: Sequence[int] | None, visible: str | None) -> list[Gpu]:
    """Return those of some GPUs that a setting and a `CUDA_VISIBLE_DEVICES` allow, in PCI order."""
    seen = None if visible is None else visible_indices(gpus, visible)
    return [
        gpu for gpu in gpus if all(among is None or gpu.index in among for among in (indices, seen))
    ]


def visible_indices(gpus: Iterable[Gpu], value: str) -> list[int]:
    """Read a `CUDA_VISIBLE_DEVICES`: as in CUDA, all after one that is not there is hidden.

    Its entries are indices in PCI order, UUIDs, or beginnings of these that fit one GPU only. A
    MIG instance (`MIG-...`) fits none.
    """
    found: list[int] = []
    gpus = list(gpus)
    for entry in (part.strip() for part in value.split(",")):
        named = [
            gpu.index
            for gpu in gpus
            if entry == str(gpu.index) or (entry.startswith("GPU-") and gpu.uuid.startswith(entry))
        ]
        if len(named) != 1:
            break
        found += named
    return found


def stranger_on(gpu: Gpu) -> str | None:
    """Return who is on a GPU that no stage of ours holds, in words; None: nobody."""
    if gpu.pids:
        more = f" and {len(gpu.pids) - 1} more" if len(gpu.pids) > 1 else ""
        return describe_process(gpu.pids[0]) + more
    if (lock := locks.look(gpu)).held:
        return lock.problem or "a stage of another trainui"
    if not gpu.draws and (gpu.memory_used or 0) > MOST_UNEXPLAINED:
        used = (gpu.memory_used or 0) / 2**30
        return f"unseen process ({used:.0f} GiB)"
    return None


def await_memory(indices: Collection[int], patience: float = MEMORY_PATIENCE) -> str:
    """Wait until nobody is on the GPUs of an attempt that has ended, and say how that went.

    Args:
        indices: its GPUs; no process of the attempt is left, as far as we can see.
        patience: seconds; the driver takes a moment to clear up after a process.
    """
    names = ", ".join(f"GPU {index}" for index in indices)
    give_up_at = time.monotonic() + patience
    while True:
        found = nvml.look()
        kept = [words for gpu in found.gpus if gpu.index in indices if (words := _kept_on(gpu))]
        if found.problem:
            return f"whether the memory of {names} is free again cannot be seen: {found.problem}"
        if not kept:
            return f"the memory of {names} is free again"
        if time.monotonic() >= give_up_at:
            return ", ".join(kept)
        time.sleep(LOOK_EVERY)


def _kept_on(gpu: Gpu) -> str | None:
    """Say what keeps the memory of a GPU; None: nothing."""
    if gpu.problem:
        return f"GPU {gpu.index} {gpu.problem}"
    stranger = stranger_on(gpu)
    used = f", {gpu.memory_used / 2**30:.1f} GiB in use" if gpu.memory_used and gpu.pids else ""
    return f"GPU {gpu.index} is still held by {stranger}{used}" if stranger else None


def problems_of(indices: Collection[int]) -> str | None:
    """Say what is wrong with some GPUs; None: nothing that the driver tells."""
    found = nvml.look().gpus
    broken = [gpu for gpu in found if gpu.index in indices and gpu.problem]
    return ", ".join(f"GPU {gpu.index} {gpu.problem}" for gpu in broken) or None


def describe_process(pid: int) -> str:
    """Return a process in words, as far as we may know it."""
    try:
        process = psutil.Process(pid)
        own = process.uids().real == os.getuid()
        return f"pid {pid} ({process.name()})" if own else f"pid {pid} of another user"
    except psutil.Error:
        return f"pid {pid}"  # of another container, or about to be gone
