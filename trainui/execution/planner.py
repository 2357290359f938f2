"""The planner: grants slots and attempts to queued stages, and sends their task messages.

The decisions are made by `pipeline.rules.scheduling`. The planner runs only in the worker; the
store rejects a slot that is already taken.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from trainui import clock, paths, system
from trainui import settings as settings_module
from trainui.errors import UnfitEnvironmentError
from trainui.execution import gpus
from trainui.execution.gpus import Usable
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, HostView, Slot, StageRecord, WaitReason
from trainui.pipeline import field_names
from trainui.pipeline.masking import mask
from trainui.pipeline.rules.scheduling import (
    ELSEWHERE,
    FreeSlots,
    Grant,
    Wait,
    WaitingStage,
    decide,
)
from trainui.record import dataclass
from trainui.settings import Settings
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.read.views import Holder
from trainui.store.runs import attempts, runs, stages
from trainui.store.runs.attempts import LONGEST_PAUSE

logger = logging.getLogger(__name__)

MOST_TIMERS = 10_000
"""Number of delays kept. If it is exceeded, the timers are cleared and delays start again."""

POLL_EVERY = 1.0
"""Seconds between two passes if nothing wakes the planner."""

REASONS_AT_ONCE = 100
"""Wait reasons written in one transaction; more would block other writers for too long."""

HORIZON = 20
"""Queued stages considered for each kind of slot; raised only if slots are left for later stages.
So a pass stays cheap with ten thousand queued stages."""

MOST_UNEXPLAINED = 500
"""Queued stages behind those considered that get their wait reason in one pass."""

REASONS_EVERY = 1.0
"""Seconds between two updates of wait reasons, which change often while many stages end."""

SEND_AGAIN_AFTER = 10 * clock.SECOND
"""Microseconds after which an unclaimed message counts as lost and is sent again."""


# What queued stages need: a slot of this host, and everything else that they wait for.


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
            disk_reasons[run_dir] = system.read_only_reason(place) or system.disk_wait_reason(
                (home, place.parent)
            )
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


BEHIND = WaitReason("behind earlier stages in the queue")
"""Wait reason of a stage beyond the horizon; constant, so that it is written once."""


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """The task message of a granted attempt."""

    attempt_id: int
    celery_task_id: str
    arguments: tuple[Any, ...]
    """Run id, stage name, task name, task parameters. The broker's other users can see them."""


@dataclass(frozen=True, slots=True)
class _Depth:
    """How much of the queue is read."""

    horizons: Mapping[str, int]
    """Stages for each kind of slot."""
    is_early: bool
    """True if wait reasons are to be written later."""


@dataclass(frozen=True, slots=True)
class _View:
    """A snapshot of the state that the planner needs, read in one transaction."""

    depth: _Depth
    waiting: Sequence[StageRecord]
    """Queued stages, up to the horizon."""
    cut: frozenset[str]
    """Kinds of slots for which more stages are queued beyond the horizon."""
    unexplained: Sequence[str]
    """Ids of stages beyond the horizon that have no wait reason yet; read if one may be written."""
    held: Mapping[Slot, Holder]
    unclaimed: Sequence[TaskMessage]
    paused: bool
    is_open: bool
    """True if an attempt was granted and not yet claimed."""
    is_active: bool
    """True if a run is unfinished."""

    @property
    def needs_gpu(self) -> bool:
        """True if one of the stages waits for a GPU."""
        return any(_kind(stage) == "gpu" for stage in self.waiting)


class Planner:
    """Grants slots whenever the queue or the free slots may have changed."""

    def __init__(
        self,
        store: Database,
        send: Callable[[TaskMessage], None],
        settings: Settings,
        want: Callable[[Sequence[StageRecord]], None],
        offer: Callable[[str], float] = lambda _name: math.inf,
    ) -> None:
        self._store = store
        self._send = send
        self._want = want
        """Called with the trials that could start now, if their search had chosen their values."""
        self._offer = offer
        """Returns how many more jobs an executor other than `local` takes now."""
        self._settings = settings
        self._here = here(settings)
        self._last: _View | None = None
        self._delays = RetryTimers()
        self._is_disk_short = False
        """True if a stage waited for disk space in the last pass."""
        self._reasons_written_at = -math.inf
        self._are_reasons_due = False
        """True if wait reasons still have to be written."""

    @property
    def is_active(self) -> bool:
        """True if a run was unfinished in the last pass."""
        return self._last is None or self._last.is_active

    def next_poll(self) -> float:
        """Return the seconds until the next pass, if nothing wakes the planner before."""
        left = [self._delays.left(stage) for stage in self._last.waiting] if self._last else []
        seconds = min([POLL_EVERY, *(seconds + 0.001 for seconds in left if seconds > 0)])
        return min(seconds, self._seconds_to_reasons()) if self._are_reasons_due else seconds

    def _seconds_to_reasons(self) -> float:
        return max(0.0, self._reasons_written_at + REASONS_EVERY - time.monotonic())

    def poll(self, *, changed: bool) -> None:
        """Run one pass: grant free slots, send due messages, write wait reasons.

        `changed` says that the store changed since the last pass.
        """
        last = self._last
        if changed or last is None or last.is_open or self._are_reasons_due:
            horizons = dict.fromkeys(("cpu", "gpu", ELSEWHERE), HORIZON)
            self._last = self._read(_Depth(horizons, is_early=self._seconds_to_reasons() > 0))
        elif not (self._is_disk_short or _is_moved_by_time(last)):
            return
        assert self._last is not None
        self._send_again(self._last.unclaimed)
        self._last = self._grant_slots(self._last)
        if not self._last.needs_gpu:
            gpus.close()

    def _grant_slots(self, view: _View) -> _View:
        """Grant free slots, raising the horizon as long as slots are left for later stages."""
        is_early = view.depth.is_early or self._seconds_to_reasons() > 0
        if is_early and self._is_full(view):
            self._are_reasons_due = True
            return view
        reasons = dict[str, WaitReason]()
        while view.waiting:
            left, reasons = self._grant_round(view)
            if not (wider := left & view.cut):
                break
            horizons = {k: n * 8 if k in wider else n for k, n in view.depth.horizons.items()}
            view = self._read(replace(view.depth, horizons=horizons))
        self._are_reasons_due = is_early and bool(reasons or view.cut)
        if reasons and not self._are_reasons_due:
            self._reasons_written_at = time.monotonic()
            self._write_reasons(reasons)
        return view

    def _is_full(self, view: _View) -> bool:
        """Return True if no stage can start until a slot is freed."""
        taken = sum(slot.kind == "cpu" for slot in view.held)
        elsewhere = any(not stage.definition.is_local for stage in view.waiting)
        others = view.needs_gpu or elsewhere or ELSEWHERE in view.cut
        return bool(view.waiting) and not others and taken >= self._settings.cpus

    def _read(self, depth: _Depth) -> _View:
        # When the worker starts, all messages count as lost: their receiver is dead.
        patience = 0 if self._last is None else SEND_AGAIN_AFTER
        with self._store.read() as connection:
            waiting, cut = _page(connection, depth.horizons, self._here)
            is_open = attempts.is_any_open(connection, self._here)
            lost, unexplained = list[AttemptRecord](), list[str]()
            if is_open:
                before = clock.now() - patience
                lost = attempts.unclaimed(connection, sent_before=before, here=self._here)
            if cut and not depth.is_early:
                unexplained = attempts.queued_without_reason(
                    connection, limit=MOST_UNEXPLAINED, here=self._here
                )
            return _View(
                depth=depth,
                waiting=waiting,
                cut=cut,
                unexplained=unexplained,
                held=views.holders(connection, host()) if waiting else {},
                unclaimed=[_message(stages.get(connection, one.stage_id), one) for one in lost],
                paused=views.flag(connection, runs.PAUSED) is not None,
                is_open=is_open,
                is_active=bool(waiting) or is_open or runs.is_any_active(connection),
            )

    def _send_again(self, lost: Sequence[TaskMessage]) -> None:
        if not lost:
            return
        with self._store.write() as connection:
            for message in lost:
                attempts.mark_sent(connection, message.attempt_id)
        for message in lost:
            self._send(message)

    def _grant_round(self, view: _View) -> tuple[frozenset[str], dict[str, WaitReason]]:
        """Grant free slots to the stages of one snapshot.

        Returns the kinds of slots of which some are still free, and the changed wait reasons by
        stage id.
        """
        usable = Usable()  # the driver is asked only if a stage waits for a GPU
        if view.needs_gpu and not view.paused:
            usable = gpus.usable_gpus(self._settings)
        waiting = waiting_stages(view.waiting, usable, self._delays, self._settings, self._offer)
        self._is_disk_short = any(stage.wait_reason for stage in waiting)
        decided, left = decide(
            waiting,
            survey(_named(view), self._settings, usable),
            clock.now(),
            paused=view.paused,
        )
        by_id = {stage.id: stage for stage in view.waiting}
        granted = [item for item in decided if isinstance(item, Grant)]
        unasked = [by_id[item.stage_id] for item in granted if by_id[item.stage_id].is_unasked]
        if unasked:  # their slots stay free until they have values
            self._want(unasked)
        for item in granted:
            if not by_id[item.stage_id].is_unasked:
                self._grant(by_id[item.stage_id], item)
        reasons = {
            item.stage_id: worded(by_id[item.stage_id], item.reason, self._here)
            for item in decided
            if isinstance(item, Wait)
        }
        behind = {stage: BEHIND for stage in view.unexplained if stage not in by_id}
        news = {key: why for key, why in reasons.items() if by_id[key].reason != why.words}
        return left, {**news, **behind}

    def _grant(self, stage: StageRecord, grant: Grant) -> None:
        places = [Slot(host(), grant.kind, number) for number in grant.slots]
        with self._store.write() as connection:
            attempt = attempts.grant(connection, stage, places, host=host())
            if attempt is not None:  # in this transaction, so that no write delays the claim
                attempts.mark_sent(connection, attempt.id)
        if attempt is not None:
            logger.info("%s of run %s: attempt %d", stage.name, stage.run_id, attempt.number)
            self._send(_message(stage, attempt))

    def _write_reasons(self, reasons: Mapping[str, WaitReason]) -> None:
        items = list(reasons.items())
        for start in range(0, len(items), REASONS_AT_ONCE):
            with self._store.write() as connection:
                stages.set_reasons(connection, dict(items[start : start + REASONS_AT_ONCE]))


def _named(view: _View) -> dict[Slot, str]:
    """Return display names of the slots' users: with the run's name if there are several runs."""
    runs_seen = {who.run_id for who in view.held.values()} | {one.run_id for one in view.waiting}
    several = len(runs_seen) > 1
    return {
        slot: f"{who.stage} of {who.run}" if several else who.stage
        for slot, who in view.held.items()
    }


def _page(
    connection: Connection, horizons: Mapping[str, int], here: HostView | None
) -> tuple[list[StageRecord], frozenset[str]]:
    """Return the queue up to the horizons, and the kinds of slots with more stages beyond."""
    least = min(horizons.values())
    waiting = attempts.queued(connection, limit=least + 1, here=here)
    if len(waiting) <= least:
        return waiting, frozenset()
    pages = {
        kind: attempts.queued(connection, kind=kind, limit=horizon + 1, here=here)
        for kind, horizon in horizons.items()
    }
    cut = frozenset(kind for kind, page in pages.items() if len(page) > horizons[kind])
    return [one for kind, page in pages.items() for one in page[: horizons[kind]]], cut


def _kind(stage: StageRecord) -> str:
    if not stage.definition.is_local:
        return ELSEWHERE
    return "gpu" if stage.definition.gpus else "cpu"


def _is_moved_by_time(view: _View) -> bool:
    """Return True if a stage may start without a change of the store: a retry or a GPU stage."""
    return any(stage.not_before or _kind(stage) != "cpu" for stage in view.waiting)


def _message(stage: StageRecord, attempt: AttemptRecord) -> TaskMessage:
    definition = stage.definition
    arguments = (stage.run_id, stage.name, definition.task, mask(definition.params))
    return TaskMessage(attempt.id, str(attempt.celery_task_id), arguments)
