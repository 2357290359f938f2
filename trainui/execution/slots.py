"""What queued stages need: a slot of this host, and everything else that they wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from trainui import clock, paths
from trainui import settings as settings_module
from trainui.errors import UnfitEnvironmentError
from trainui.execution import gpus
from trainui.execution.gpus import Usable
from trainui.model.definition import StageDefinition
from trainui.model.records import HostView, Slot, StageRecord, WaitReason
from trainui.pipeline import field_names
from trainui.pipeline.rules.scheduling import FreeSlots, WaitingStage
from trainui.settings import Settings
from trainui.store import shell_environment
from trainui.store.runs.attempts import LONGEST_PAUSE
from trainui.system import disk

MOST_TIMERS = 10_000
"""Number of delays kept. If it is exceeded, the timers are cleared and delays start again."""


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


def host_mismatch(definition: StageDefinition, settings: Settings) -> str | None:
    """Return why a stage may not run on this host; None if it may."""
    here = settings_module.host(settings)
    if definition.host is not None and definition.host != here:
        return f"asks for the host {definition.host}, and this is {here}"
    if definition.queue is not None and definition.queue not in settings.queues:
        return f"asks for the queue {definition.queue}, which is not in the setting queues"
    return None


def worded(stage: StageRecord, reason: str, here: HostView | None) -> WaitReason:
    """Return the reason to record for a stage that waits on this host.

    A reason from another host is kept, since two hosts would overwrite each other forever.
    """
    if here is None or stage.definition.host == here.host:
        return WaitReason(reason)
    if stage.reason is not None and stage.reason_host not in (None, here.host):
        return WaitReason(stage.reason, stage.reason_host)
    return WaitReason(f"{here.host}: {reason}", here.host)


def waiting_stages(
    waiting: Sequence[StageRecord],
    usable: Usable,
    delays: RetryTimers,
    settings: Settings,
    offer: Callable[[str], float],
) -> list[WaitingStage]:
    """Return the waiting stages, each with the disk space missing for its run or in the home.

    `offer` returns how many more jobs an executor takes; it may raise.
    """
    home = paths.home().root
    disk_reasons: dict[str, str | None] = {}
    found = []
    for stage in waiting:
        run_dir = stage.directory.rpartition("/")[0]  # pathlib would take a third of a pass
        if run_dir not in disk_reasons:
            place = Path(run_dir)
            disk_reasons[run_dir] = disk.read_only(place) or disk.wait_reason((home, place.parent))
        not_before = delays.not_before(stage)
        reason = host_mismatch(stage.definition, settings) or disk_reasons[run_dir]
        taken: float | None = None
        if not stage.definition.is_local and reason is None:
            try:
                taken = offer(stage.executor)
            except Exception as error:  # a plugin's: only its own stages wait
                reason = f"executor {stage.executor}: {error}"
        found.append(_waiting(stage, usable, reason, not_before, taken))
    return found


def _waiting(
    stage: StageRecord,
    usable: Usable,
    reason: str | None,
    not_before: int | None,
    offer: float | None,
) -> WaitingStage:
    definition = stage.definition
    used, allowed = stage.retries_used, definition.retries
    return WaitingStage(
        stage.id,
        gpus=definition.gpus,
        cpus=definition.cpus,
        visible=_fitting(stage, usable) if definition.gpus and definition.is_local else None,
        executor=definition.executor,
        offer=offer,
        memory=field_names.format_size(definition.gpu_memory) if definition.gpu_memory else None,
        not_before=not_before,
        retry=f"retry {used} of {allowed}" if used else "retry",
        cause=(stage.error or "").partition("\n")[0],
        wait_reason=reason,
    )


def _fitting(stage: StageRecord, usable: Usable) -> frozenset[int] | None:
    """Return the GPUs that are visible to the run and have the memory that the stage requests."""
    visible, least = _visible(stage, usable), stage.definition.gpu_memory
    if least is None:
        return visible
    large = frozenset(gpu.index for gpu in usable.gpus if (gpu.memory_total or 0) >= least)
    return large if visible is None else large & visible


def _visible(stage: StageRecord, usable: Usable) -> frozenset[int] | None:
    """Return the GPUs visible to the shell that submitted the run; None: all."""
    try:
        value = shell_environment.read(Path(stage.directory).parent).environ.get(gpus.VISIBLE)
    except UnfitEnvironmentError:
        return None  # the launch reports the error
    return None if value is None else frozenset(gpus.visible_indices(usable.gpus, value))


class RetryTimers:
    """The retry delays that this worker has seen."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], float] = {}

    def left(self, stage: StageRecord) -> float:
        """Return the seconds until a stage may start; 0 if it may start now."""
        if stage.not_before is None:
            return 0.0
        left = (stage.not_before - clock.now()) / clock.SECOND
        now, key = time.monotonic(), (stage.id, stage.not_before)
        if key not in self._due:
            if len(self._due) >= MOST_TIMERS:
                self._due.clear()
            self._due[key] = now + min(left, _longest(stage, stage.not_before))
        return max(min(left, self._due[key] - now), 0.0)

    def not_before(self, stage: StageRecord) -> int | None:
        """Return the time at which a stage may start, on the current wall clock; None: now."""
        left = self.left(stage)
        return clock.now() + int(left * clock.SECOND) if left else None


def _longest(stage: StageRecord, not_before: int) -> float:
    """Return the full delay in seconds: after the end of an attempt, or after a requeue."""
    if stage.completed_at is None:
        return LONGEST_PAUSE
    return (not_before - stage.completed_at) / clock.SECOND
