"""The slots of this host: all of them, the free ones, and the users of the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from trainui import settings as settings_module
from trainui.execution.gpu import gpus
from trainui.execution.gpu.gpus import Usable
from trainui.model.records import HostView, Slot
from trainui.pipeline.rules.scheduling import FreeSlots
from trainui.settings import Settings


@cache
def host() -> str:
    """Return the name of this host, which owns its slots and attempts."""
    return settings_module.host()


def here(settings: Settings) -> HostView | None:
    """Return this host's name, queues and place of runs; None if it is the only host."""
    if settings.database_url is None:
        return None
    return HostView(host(), settings.queues, settings_module.runs_dir_identity(settings))


def all_slots(settings: Settings) -> tuple[Slot, ...]:
    """Return the CPU and usable GPU slots of this host."""
    cpus = tuple(Slot(host(), "cpu", number) for number in range(settings.cpus))
    usable = gpus.usable_gpus(settings).gpus
    return cpus + tuple(Slot(host(), "gpu", gpu.index) for gpu in usable if gpu.problem is None)


def survey(held: Mapping[Slot, str], settings: Settings, usable: Usable) -> FreeSlots:
    """Return the free slots and the users of the others.

    `held` has the name of each slot's user; `usable` is empty if no stage asks for a GPU.
    """
    cpu_users = {slot.index: name for slot, name in held.items() if slot.kind == "cpu"}
    free_cpus = [number for number in range(settings.cpus) if number not in cpu_users]
    # Slots beyond a since lowered `cpus` setting still count as in use.
    free_cpus = free_cpus[: max(0, settings.cpus - len(cpu_users))]
    holders = {slot.index: name for slot, name in held.items() if slot.kind == "gpu"}
    users: dict[int, str] = {}
    strangers: dict[int, str] = {}
    free_gpus = []
    for gpu in usable.gpus:
        if gpu.problem is not None:
            strangers[gpu.index] = gpu.problem
        elif gpu.index in holders:
            users[gpu.index] = holders[gpu.index]
        elif (stranger := gpus.stranger_on(gpu)) is not None:
            strangers[gpu.index] = stranger
        else:
            free_gpus.append(gpu.index)
    return FreeSlots(
        cpus=tuple(free_cpus),
        cpu_users=cpu_users,
        gpus=tuple(free_gpus),
        gpu_users=users,
        gpu_strangers=strangers,
        gpu_limit=usable.hindrance,
    )
