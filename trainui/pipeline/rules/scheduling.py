"""Schedule stages: which may start now, why the others wait, and what an end means.

An end means something for the stages that depend on it, and for its own retries.

This module alone implements fairness: a stage never takes a slot that an earlier stage of the queue
waits for. An exception is an earlier stage that waits for a GPU in use by a process that trainui
did not start: it does not block later stages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from trainui import clock
from trainui.formatting import quantity
from trainui.model.definition import StageDefinition
from trainui.model.states import DONE, Status
from trainui.record import dataclass

PAUSED = "the queue is paused"

ELSEWHERE = "elsewhere"
"""The kind of stages that another executor runs."""

FULL = "its executor accepts no more jobs now"

NAMES_SHOWN = 4
"""Maximum number of stages named in a wait reason; the rest is only counted."""

LONGEST_DELAY = 24 * 3600.0
"""Upper limit of the doubled delays in seconds, unless `retry_delay` itself is longer."""


@dataclass(frozen=True, slots=True)
class WaitingStage:
    """A queued stage, with the fields needed for scheduling."""

    id: str
    gpus: int = 0
    """Number of GPUs needed; a stage with GPUs needs no CPU slot."""
    cpus: int = 1
    """Number of CPU slots needed if it needs no GPU."""
    not_before: int | None = None
    """Time before which a retry must not start; microseconds."""
    retry: str = "retry"
    """Wait reason until then, e.g. `retry 1 of 2`."""
    cause: str = ""
    """The error of the last attempt, for a retry."""
    visible: frozenset[int] | None = None
    """Indices of the GPUs it may use; None: all."""
    memory: str | None = None
    """GPU memory needed, as text; `visible` contains only GPUs that have it."""
    executor: str = "local"
    """What runs it."""
    offer: float | None = None
    """How many more jobs its executor takes now; None: it runs on this machine, in its slots."""
    wait_reason: str | None = None
    """Wait reason other than slots; meanwhile the stage reserves no slot."""


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """The free and taken slots of a host."""

    cpus: tuple[int, ...] = ()
    """Numbers of free CPU slots."""
    cpu_users: Mapping[int, str] = field(default_factory=dict)
    """Taken CPU slot -> stage that uses it."""
    gpus: tuple[int, ...] = ()
    """Indices of free GPUs."""
    gpu_users: Mapping[int, str] = field(default_factory=dict)
    """Taken GPU -> stage that uses it."""
    gpu_strangers: Mapping[int, str] = field(default_factory=dict)
    """GPU that is unavailable for a reason outside trainui -> the reason."""
    gpu_limit: str | None = None
    """Why there are no more GPUs, if there is a special reason."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Decision: the stage starts on these slots."""

    stage_id: str
    kind: str
    """`cpu`, `gpu`, or `elsewhere` for another executor."""
    slots: tuple[int, ...]
    """Numbers of CPU slots, or indices of GPUs; none for another executor."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Decision: the stage keeps waiting."""

    stage_id: str
    reason: str
    """The wait reason shown to users."""


def decide(
    waiting: Sequence[WaitingStage], free: FreeSlots, now: int, *, paused: bool = False
) -> tuple[list[Grant | Wait], frozenset[str]]:
    """Decide for each waiting stage, in queue order.

    Also returned are the kinds (`cpu`, `gpu`) with a free slot that none of these waits for.
    """
    queues = {
        "cpu": _Queue("cpu", list(free.cpus), free.cpu_users),
        "gpu": _Queue("gpu", list(free.gpus), free.gpu_users, free.gpu_strangers, free.gpu_limit),
    }
    decided: list[Grant | Wait] = []
    given = Counter[str]()
    for stage in waiting:
        if paused:
            decided.append(Wait(stage.id, PAUSED))
        elif stage.not_before is not None and stage.not_before > now:
            decided.append(Wait(stage.id, _delay(stage, now)))
        elif stage.wait_reason is not None:
            decided.append(Wait(stage.id, stage.wait_reason))
        elif stage.offer is not None:
            given[stage.executor] += 1
            fits = given[stage.executor] <= stage.offer
            decided.append(Grant(stage.id, ELSEWHERE, ()) if fits else Wait(stage.id, FULL))
        else:
            decided.append(queues["gpu" if stage.gpus else "cpu"].decide(stage))
    left = {kind for kind, queue in queues.items() if not paused and queue.is_open}
    if not paused and not any(one.reason == FULL for one in decided if isinstance(one, Wait)):
        left.add(ELSEWHERE)
    return decided, frozenset(left)


@dataclass(slots=True)
class _Queue:
    """The slots of one kind, which are assigned to stages in queue order."""

    kind: str
    free: list[int]
    users: Mapping[int, str]
    strangers: Mapping[int, str] = field(default_factory=dict)
    limit: str | None = None
    reserved: set[int] = field(default_factory=set)
    """Slots that a waiting stage needs; later stages cannot take them."""
    granted: set[int] = field(default_factory=set)

    @property
    def is_open(self) -> bool:
        """True if a slot is free that no stage waits for."""
        return not self.reserved.issuperset(self.free)

    def decide(self, stage: WaitingStage) -> Grant | Wait:
        needed = stage.gpus or stage.cpus
        own = {*self.free, *self.granted, *self.users}
        fitting = own.union(self.strangers)  # these may become free only outside trainui
        if stage.gpus and stage.visible is not None:
            own, fitting = own & stage.visible, fitting & stage.visible
        if needed > len(fitting):
            return Wait(stage.id, self._impossible(needed, len(fitting), stage))
        free = [slot for slot in self.free if slot in fitting]
        taken = [slot for slot in free if slot not in self.reserved][:needed]
        if len(taken) < needed:
            if needed <= len(own):  # otherwise it waits for another program: do not block others
                self.reserved |= fitting
            return Wait(stage.id, self._taken(needed, fitting, behind=needed <= len(free)))
        self.free = [slot for slot in self.free if slot not in taken]
        self.granted.update(taken)
        return Grant(stage.id, self.kind, tuple(taken))

    def _impossible(self, needed: int, total: int, stage: WaitingStage) -> str:
        wanted, visible = f"needs {_count(self.kind, needed)}", stage.visible
        if self.kind == "gpu" and stage.memory is not None:
            of_memory = f"of at least {stage.memory}"
            return f"{wanted} {of_memory}, this machine has {total or 'none'} for its run"
        if self.kind == "gpu" and visible is not None:
            return f"{wanted}, the CUDA_VISIBLE_DEVICES of its run allows {total or 'none'}"
        limit = f": {self.limit}" if self.limit else ""
        if self.kind == "cpu":
            limit = ", by the setting cpus"
        return f"{wanted}, this machine has {total or 'none'}{limit}"

    def _taken(self, needed: int, fitting: set[int], *, behind: bool) -> str:
        """Return the reason of a wait for others, e.g. `needs 2 GPUs: GPU 0 train, GPU 1 eval`."""
        wanted = f"needs {_count(self.kind, needed)}"
        if behind:
            return f"{wanted}: an earlier stage waits for more"
        if self.kind == "gpu":
            users = {**self.users, **self.strangers}
            words = [f"GPU {slot} {users[slot]}" for slot in sorted(fitting & users.keys())]
        else:
            words = self._users()
        if granted := self.granted & fitting:
            words.append(f"{len(granted)} given to earlier stages")
        return f"{wanted}: {', '.join(words)}"

    def _users(self) -> list[str]:
        names = list(dict.fromkeys(user for _, user in sorted(self.users.items())))
        if len(names) > NAMES_SHOWN:
            names[NAMES_SHOWN:] = [f"{len(names) - NAMES_SHOWN} more"]
        total = len(self.users) + len(self.free) + len(self.granted)
        return [f"{len(self.users)} of {total} taken by {', '.join(names)}"] if names else []


def _count(kind: str, number: int) -> str:
    return quantity(number, "GPU" if kind == "gpu" else "CPU slot")


def _delay(stage: WaitingStage, now: int) -> str:
    """Return a rounded delay, so that the text changes rarely: each change is a database write."""
    seconds = -((now - (stage.not_before or now)) // clock.SECOND)
    grain = next(grain for limit, grain in _ROUNDING if seconds <= limit)
    rounded = -(-seconds // grain) * grain
    words = f"{rounded} s" if rounded <= 600 else f"{rounded // 60} min"
    return f"{stage.retry} in {words}" + (f": {stage.cause}" if stage.cause else "")


_ROUNDING = ((20, 1), (60, 5), (600, 30), (math.inf, 60))
"""(limit of the remaining seconds, multiple of seconds to round up to)."""


# Decide the next state of a pending stage from the states of its upstream stages.


@dataclass(frozen=True, slots=True)
class Upstream:
    """The state of an upstream stage."""

    name: str
    status: Status
    allow_failure: bool
    search: str | None = None
    """The search that it is a trial of."""


def next_state(upstreams: Iterable[Upstream]) -> tuple[Status, str | None] | None:
    """Return a pending stage's next state and the reason; None while it has to wait.

    A failed or cancelled upstream with allow_failure counts as done. Any other unsuccessful
    upstream blocks the stage at once, even if others still run, because it can no longer start.
    """
    waiting = False
    for upstream in upstreams:
        if upstream.status == Status.SKIPPED:
            return Status.SKIPPED, f"{upstream.name} was skipped"
        done = upstream.status in DONE or (
            upstream.allow_failure and upstream.status in (Status.FAILED, Status.CANCELLED)
        )
        if not done and upstream.status in ENDED_WORDS:
            return Status.BLOCKED, f"{upstream.name} {ENDED_WORDS[upstream.status]}"
        waiting = waiting or not done
    return None if waiting else (Status.QUEUED, None)


ENDED_WORDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.INTERRUPTED: "was interrupted",
    Status.ENDED: "ended",
    Status.BLOCKED: "is blocked",
}
"""How a stage ended that did not complete, after its name."""


# The retry policy: decide if and when a stage is retried automatically (exponential backoff).


@dataclass(frozen=True, slots=True)
class Retry:
    """The next retry of a stage and when it is due."""

    number: int
    """Counted from 1 since a user last started or resumed the stage."""
    not_before: int
    """Earliest start; microseconds."""


def next_retry(
    definition: StageDefinition, ended: Status, *, used: int, completed_at: int
) -> Retry | None:
    """Return the retry that follows an attempt; None if the stage has ended.

    A cancelled attempt is never retried.
    """
    if ended not in (Status.FAILED, Status.INTERRUPTED) or used >= definition.retries:
        return None
    return Retry(used + 1, completed_at + int(retry_delay(definition, used + 1) * clock.SECOND))


def retry_delay(definition: StageDefinition, number: int) -> float:
    """Return the seconds between an attempt's end and its retry; `number` counts from 1."""
    longest = max(LONGEST_DELAY, definition.retry_delay)
    return min(definition.retry_delay * 2.0 ** min(number - 1, 64), longest)
