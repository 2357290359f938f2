"""The slots of this host: which there are, which are free, and who has the others."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from trainui.domain.records import Slot
from trainui.execution import gpus
from trainui.pipeline.plan import FreeSlots
from trainui.settings import Settings
from trainui.store import attempts, stages

HOST = socket.gethostname()
"""Whose slots and attempts are ours."""


def all_slots(settings: Settings) -> tuple[Slot, ...]:
    """Return the places of this host, on which stages may run."""
    cpus = tuple(Slot(HOST, "cpu", number) for number in range(settings.cpus))
    return cpus + tuple(Slot(HOST, "gpu", gpu.index) for gpu in gpus.usable_gpus(settings))


def holders(connection: Connection) -> dict[Slot, str]:
    """Return the slots of this host that attempts hold, each with its stage's name."""
    names: dict[int, str] = {}
    held = attempts.held_slots(connection, HOST)
    for attempt_id in set(held.values()):
        stage_id = attempts.get(connection, attempt_id).stage_id
        names[attempt_id] = stages.get(connection, stage_id).name
    return {slot: names[attempt_id] for slot, attempt_id in held.items()}


def survey(held: Mapping[Slot, str], settings: Settings, usable: Iterable[gpus.Gpu]) -> FreeSlots:
    """Return the free slots and who has the others.

    Args:
        held: the slots that attempts hold, each with a name.
        settings: how many CPU places there are.
        usable: the GPUs that may be used; none where nobody asks for one.
    """
    cpu_users = {slot.index: name for slot, name in held.items() if slot.kind == "cpu"}
    free_cpus = [number for number in range(settings.cpus) if number not in cpu_users]
    # places of a time when there were more still count as taken
    free_cpus = free_cpus[: max(0, settings.cpus - len(cpu_users))]
    gpu_users = {slot.index: name for slot, name in held.items() if slot.kind == "gpu"}
    taken, free_gpus = {}, []
    for gpu in usable:
        user = gpu_users.get(gpu.index) or gpus.user_of(gpu)
        if user is None:
            free_gpus.append(gpu.index)
        else:
            taken[gpu.index] = user
    return FreeSlots(tuple(free_cpus), cpu_users, tuple(free_gpus), taken)
