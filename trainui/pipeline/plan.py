"""Which of the stages that wait may start now, and what the others wait for: decided, not done.

The rule of fairness lives here and nowhere else: of the stages that need the same kind of slot,
none that comes later takes one while an earlier one waits for it. One that waits for strangers,
such as a process that did not come through us, keeps nobody waiting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainui import clock

PAUSED = "the queue is paused"

NAMES_SHOWN = 4
"""A reason is one line: of more stages that hold CPU places the rest is a number."""


@dataclass(frozen=True, slots=True)
class WaitingStage:
    """A queued stage, as far as it matters for its turn."""

    id: str
    gpus: int = 0
    """GPUs that it needs; with any, it needs no CPU place."""
    cpus: int = 1
    """CPU places that it needs where it needs no GPU."""
    not_before: int | None = None
    """Microseconds; a retry waits until then."""
    retry: str = "retry"
    """What it waits for until then, such as `retry 1 of 2`."""
    visible: frozenset[int] | None = None
    """Indices of the GPUs that it may have; None: all."""
    memory: str | None = None
    """What of a GPU's memory it asks for, in words: `visible` holds those that have it."""
    lack: str | None = None
    """What it lacks besides slots, in words; it keeps no slot from others meanwhile."""


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """The slots of a host: which are free, and who has the others."""

    cpus: tuple[int, ...] = ()
    """Numbers of free CPU places."""
    cpu_users: Mapping[int, str] = field(default_factory=dict)
    """Taken CPU places, each with the stage that holds it."""
    gpus: tuple[int, ...] = ()
    """Indices of free GPUs."""
    gpu_users: Mapping[int, str] = field(default_factory=dict)
    """Taken GPUs, each with the stage that holds it."""
    gpu_strangers: Mapping[int, str] = field(default_factory=dict)
    """GPUs that no stage of ours will give back, each with what is on it or wrong with it."""
    gpu_limit: str | None = None
    """Why there are no more GPUs, where that is not plain."""

    @property
    def cpu_total(self) -> int:
        """How many CPU places there are."""
        return len(self.cpus) + len(self.cpu_users)


@dataclass(frozen=True, slots=True)
class Grant:
    """The stage starts, with these slots."""

    stage_id: str
    kind: str
    """`cpu` or `gpu`."""
    slots: tuple[int, ...]
    """Numbers of CPU places, or indices of GPUs."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The stage goes on waiting."""

    stage_id: str
    reason: str
    """What it waits for, in words."""


def plan(
    waiting: Sequence[WaitingStage], free: FreeSlots, now: int, *, paused: bool = False
) -> list[Grant | Wait]:
    """Decide for each waiting stage, in the order given, which is the queue's.

    Args:
        waiting: the queued stages.
        free: the slots of this host.
        now: microseconds.
        paused: whether a person holds the queue.
    """
    return decide(waiting, free, now, paused=paused)[0]


def decide(
    waiting: Sequence[WaitingStage], free: FreeSlots, now: int, *, paused: bool = False
) -> tuple[list[Grant | Wait], frozenset[str]]:
    """Do what `plan` does, and tell which kinds of slots are left to who comes later.

    Returns:
        The decisions; `cpu` and `gpu`, where such a slot is free and none of these waits for it.
    """
    queues = {
        "cpu": _Queue("cpu", list(free.cpus), free.cpu_users),
        "gpu": _Queue("gpu", list(free.gpus), free.gpu_users, free.gpu_strangers, free.gpu_limit),
    }
    decided: list[Grant | Wait] = []
    for stage in waiting:
        if paused:
            decided.append(Wait(stage.id, PAUSED))
        elif stage.not_before is not None and stage.not_before > now:
            decided.append(Wait(stage.id, _until(stage, now)))
        elif stage.lack is not None:
            decided.append(Wait(stage.id, stage.lack))
        else:
            decided.append(queues["gpu" if stage.gpus else "cpu"].decide(stage))
    left = (kind for kind, queue in queues.items() if not paused and queue.is_open)
    return decided, frozenset(left)


@dataclass(slots=True)
class _Queue:
    """The slots of one kind, as they are given out in turn."""

    kind: str
    free: list[int]
    users: Mapping[int, str]
    strangers: Mapping[int, str] = field(default_factory=dict)
    limit: str | None = None
    kept: set[int] = field(default_factory=set)
    """Slots that a stage waits for, so that none which comes later takes them."""
    given: set[int] = field(default_factory=set)

    @property
    def is_open(self) -> bool:
        """Whether a slot is free that no stage waits for."""
        return not self.kept.issuperset(self.free)

    def decide(self, stage: WaitingStage) -> Grant | Wait:
        needed = stage.gpus or stage.cpus
        own = {*self.free, *self.given, *self.users}
        fitting = own.union(self.strangers)
        if stage.gpus and stage.visible is not None:
            own, fitting = own & stage.visible, fitting & stage.visible
        if needed > len(fitting):
            return Wait(stage.id, self._impossible(needed, len(fitting), stage))
        free = [slot for slot in self.free if slot in fitting]
        granted = [slot for slot in free if slot not in self.kept][:needed]
        if len(granted) < needed:
            if needed <= len(own):  # else it waits for strangers, and nobody has to wait with it
                self.kept |= fitting
            return Wait(stage.id, self._taken(needed, fitting, behind=needed <= len(free)))
        self.free = [slot for slot in self.free if slot not in granted]
        self.given.update(granted)
        return Grant(stage.id, self.kind, tuple(granted))

    def _impossible(self, needed: int, total: int, stage: WaitingStage) -> str:
        wanted, visible = f"needs {_count(self.kind, needed)}", stage.visible
        if self.kind == "gpu" and stage.memory is not None:
            of_memory = f"of at least {stage.memory}"
            return f"{wanted} {of_memory}, its run may have {total or 'none'} of this machine"
        if self.kind == "gpu" and visible is not None:
            return f"{wanted}, the CUDA_VISIBLE_DEVICES of its run lets it have {total or 'none'}"
        limit = f": {self.limit}" if self.limit else ""
        if self.kind == "cpu":
            limit = ", by the setting cpus"
        return f"{wanted}, this machine has {total or 'none'}{limit}"

    def _taken(self, needed: int, fitting: set[int], *, behind: bool) -> str:
        wanted = f"needs {_count(self.kind, needed)}"
        if behind:
            return f"{wanted}: an earlier stage waits for more"
        if self.kind == "gpu":
            users = {**self.users, **self.strangers}
            words = [f"GPU {slot} {users[slot]}" for slot in sorted(fitting & users.keys())]
        else:
            words = self._holders()
        if given := self.given & fitting:
            words.append(f"{len(given)} given to earlier stages")
        return f"{wanted}: {', '.join(words)}"

    def _holders(self) -> list[str]:
        names = list(dict.fromkeys(user for _, user in sorted(self.users.items())))
        if len(names) > NAMES_SHOWN:
            names[NAMES_SHOWN:] = [f"{len(names) - NAMES_SHOWN} more"]
        total = len(self.users) + len(self.free) + len(self.given)
        return [f"{len(self.users)} of {total} taken by {', '.join(names)}"] if names else []


def _count(kind: str, number: int) -> str:
    word = "GPU" if kind == "gpu" else "CPU place"
    return f"{number} {word}" + ("" if number == 1 else "s")


def _until(stage: WaitingStage, now: int) -> str:
    """Word a delay coarsely, so that the words change seldom: each change is a write."""
    seconds = -((now - (stage.not_before or now)) // clock.SECOND)
    grain = next(grain for limit, grain in _GRAINS if seconds <= limit)
    rounded = -(-seconds // grain) * grain
    words = f"{rounded} s" if rounded <= 600 else f"{rounded // 60} min"
    return f"{stage.retry} in {words}"


_GRAINS = ((20, 1), (60, 5), (600, 30), (math.inf, 60))
"""Seconds left, and to how many seconds they are then rounded up."""
