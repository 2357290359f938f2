"""The GPUs of this machine that may be allocated, and the processes that use them.

A GPU counts as in use if any process computes on it, ours or not. In a container, processes
outside it may be invisible; then memory in use shows that there is one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainui import settings as settings_module
from trainui.execution.gpu import machine_locks, nvml
from trainui.execution.gpu.nvml import Gpu
from trainui.settings import Settings

VISIBLE = "CUDA_VISIBLE_DEVICES"

MOST_UNEXPLAINED = 2**30
"""Bytes that may be in use on an idle GPU: more than drivers need, less than any training."""


MEMORY_PATIENCE = 5.0
"""Seconds for the driver to free the memory of an ended process."""

POLL_EVERY = 0.1
"""Seconds between two polls during that wait."""


@dataclass(frozen=True, slots=True)
class Usable:
    """The GPUs that may be allocated."""

    gpus: tuple[Gpu, ...] = ()
    """In PCI order, including those with a problem."""
    limit: str | None = None
    """Why other GPUs of the machine are excluded."""

    @property
    def working(self) -> int:
        """Number of GPUs without a problem."""
        return sum(gpu.problem is None for gpu in self.gpus)

    @property
    def hindrance(self) -> str | None:
        """Message about excluded and broken GPUs; None if there are none."""
        problems = [f"GPU {gpu.index} {gpu.problem}" for gpu in self.gpus if gpu.problem]
        return ", ".join([*([self.limit] if self.limit else []), *problems]) or None


def usable_gpus(
    settings: Settings | None = None, environ: Mapping[str, str] | None = None
) -> Usable:
    """Return the GPUs that are in the setting `gpus` and in `CUDA_VISIBLE_DEVICES`.

    None stands for the settings, or the environment, of this process.
    """
    settings = settings or settings_module.load()
    visible = (os.environ if environ is None else environ).get(VISIBLE)
    found = nvml.query()
    usable = limited(found.gpus, settings.gpus, visible)
    limit = found.problem
    if len(usable) < len(found.gpus):
        by_setting = settings.gpus is not None and {g.index for g in found.gpus} - {*settings.gpus}
        limit = "limited by the setting gpus" if by_setting else f"limited by {VISIBLE}={visible}"
    return Usable(tuple(usable), limit)


def limited(gpus: Sequence[Gpu], indices: Sequence[int] | None, visible: str | None) -> list[Gpu]:
    """Return the GPUs that a setting and `CUDA_VISIBLE_DEVICES` both allow, in PCI order."""
    seen = None if visible is None else visible_indices(gpus, visible)
    return [
        gpu for gpu in gpus if all(among is None or gpu.index in among for among in (indices, seen))
    ]


def visible_indices(gpus: Iterable[Gpu], value: str) -> list[int]:
    """Parse `CUDA_VISIBLE_DEVICES` as CUDA does: an invalid entry hides all entries after it.

    Entries are indices in PCI order, UUIDs, or unique UUID prefixes. A MIG instance (`MIG-...`)
    counts as invalid.
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
    """Return a description of a foreign user of a GPU that none of our stages uses; None: free."""
    if gpu.pids:
        more = f" and {len(gpu.pids) - 1} more" if len(gpu.pids) > 1 else ""
        return describe_process(gpu.pids[0]) + more
    if (lock := machine_locks.state_of(gpu)).held:
        locked = None if lock.pid is None else f"is locked by {describe_process(lock.pid)}"
        return lock.problem or locked or "a stage of another trainui"
    if not gpu.draws and (gpu.memory_used or 0) > MOST_UNEXPLAINED:
        used = (gpu.memory_used or 0) / 2**30
        return f"unseen process ({used:.0f} GiB)"
    return None


def await_memory(indices: Collection[int], patience: float = MEMORY_PATIENCE) -> str:
    """Wait until the GPUs of an ended attempt are free; return a message about the result.

    No process of the attempt is known to be left; the driver gets `patience` seconds to free the
    memory.
    """
    names = ", ".join(f"GPU {index}" for index in indices)
    give_up_at = time.monotonic() + patience
    while True:
        found = nvml.query()
        kept = [words for gpu in found.gpus if gpu.index in indices if (words := _kept_on(gpu))]
        if found.problem:
            return f"cannot tell whether the memory of {names} is free again: {found.problem}"
        if not kept:
            return f"the memory of {names} is free again"
        if time.monotonic() >= give_up_at:
            return ", ".join(kept)
        time.sleep(POLL_EVERY)


def _kept_on(gpu: Gpu) -> str | None:
    """Return a message about a problem or a process on a GPU; None if its memory is free."""
    if gpu.problem:
        return f"GPU {gpu.index} {gpu.problem}"
    stranger = stranger_on(gpu)
    used = f", {gpu.memory_used / 2**30:.1f} GiB in use" if gpu.memory_used and gpu.pids else ""
    if stranger and not stranger.startswith("is "):
        stranger = f"is still used by {stranger}{used}"
    return f"GPU {gpu.index} {stranger}" if stranger else None


def problems_of(indices: Collection[int]) -> str | None:
    """Return a message about the problems of some GPUs; None if the driver reports none."""
    broken = [gpu for gpu in nvml.query().gpus if gpu.index in indices and gpu.problem]
    return ", ".join(f"GPU {gpu.index} {gpu.problem}" for gpu in broken) or None


def describe_process(pid: int) -> str:
    """Return a process's pid, with its name if it is ours."""
    import psutil  # rarely needed

    try:
        process = psutil.Process(pid)
        own = process.uids().real == os.getuid()
        return f"pid {pid} ({process.name()})" if own else f"pid {pid} of another user"
    except psutil.Error:
        return f"pid {pid}"  # in another container, or just ended
