"""The planner: grants slots and attempts to queued stages, and sends their task messages.

The decisions are made by `pipeline.rules.scheduling`. The planner runs only in the worker; the
store rejects a slot that is already taken.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainui import clock
from trainui.execution import gpus, nvml, slots
from trainui.execution.gpus import Usable
from trainui.execution.slots import RetryTimers, host
from trainui.model.records import AttemptRecord, HostView, Slot, StageRecord, WaitReason
from trainui.pipeline.masking import mask
from trainui.pipeline.rules.scheduling import ELSEWHERE, Grant, Wait, decide
from trainui.settings import Settings
from trainui.store.db.engine import Store
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.store.read.views import Holder
from trainui.store.runs import attempts, runs, stages

logger = logging.getLogger(__name__)

POLL_EVERY = 1.0
"""Seconds between two passes if nothing wakes the planner."""

SEND_AGAIN_AFTER = 10 * clock.SECOND
"""Microseconds after which an unclaimed message counts as lost and is sent again."""

REASONS_AT_ONCE = 100
"""Wait reasons written in one transaction; more would block other writers for too long."""

HORIZON, BRIEF_HORIZON = 20, 4
"""Queued stages considered for each kind of slot; raised only if slots are left for later stages.
So a pass stays cheap with ten thousand queued stages. The second is for passes in between those
that write wait reasons."""

BEHIND = WaitReason("behind earlier stages in the queue")
"""Wait reason of a stage beyond the horizon; constant, so that it is written once."""

MOST_UNEXPLAINED = 500
"""Number of stages that get this reason in one pass."""


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
    is_brief: bool
    """True if GPU stages behind the first ones of the queue are not searched for."""
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


REASONS_EVERY = 1.0
"""Seconds between two updates of wait reasons, which change often while many stages end."""


class Planner:
    """Grants slots whenever the queue or the free slots may have changed."""

    def __init__(
        self,
        store: Store,
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
        self._here = slots.here(settings)
        self._last: _View | None = None
        self._delays = RetryTimers()
        self._is_disk_short = False
        """True if a stage waited for disk space in the last pass."""
        self._reasons_written_at = -math.inf
        self._are_reasons_due = False
        """True if wait reasons still have to be written."""
        self._no_gpu_stage_at = -math.inf
        """Monotonic time at which a search of a long queue found no stage that needs a GPU."""

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
        last = max(self._reasons_written_at, self._no_gpu_stage_at)
        return max(0.0, last + REASONS_EVERY - time.monotonic())

    def poll(self, *, changed: bool) -> None:
        """Run one pass: grant free slots, send due messages, write wait reasons.

        `changed` says that the store changed since the last pass.
        """
        last = self._last
        if changed or last is None or last.is_open or self._are_reasons_due:
            is_brief = time.monotonic() < self._no_gpu_stage_at + REASONS_EVERY
            horizon = BRIEF_HORIZON if is_brief else HORIZON
            horizons = {"cpu": horizon, "gpu": horizon, ELSEWHERE: horizon}
            is_early = self._seconds_to_reasons() > 0
            self._last = self._read(_Depth(horizons, is_brief=is_brief, is_early=is_early))
        elif not (self._is_disk_short or _is_moved_by_time(last)):
            return
        assert self._last is not None
        self._send_again(self._last.unclaimed)
        self._last = self._grant_slots(self._last)
        if not self._last.needs_gpu:
            nvml.close()

    def _grant_slots(self, view: _View) -> _View:
        """Grant free slots, raising the horizon as long as slots are left for later stages."""
        is_early = (
            view.depth.is_early or time.monotonic() < self._reasons_written_at + REASONS_EVERY
        )
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
            waiting, cut = _page(connection, depth, self._here)
            has_gpu_stage = any(_kind(stage) != "cpu" for stage in waiting)
            if cut and not depth.is_brief and not has_gpu_stage:
                self._no_gpu_stage_at = time.monotonic()
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
                paused=runs.flag(connection, runs.PAUSED) is not None,
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
        waiting = slots.waiting_stages(
            view.waiting, usable, self._delays, self._settings, self._offer
        )
        self._is_disk_short = any(stage.wait_reason for stage in waiting)
        decided, left = decide(
            waiting,
            slots.survey(_named(view), self._settings, usable),
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
            item.stage_id: slots.worded(by_id[item.stage_id], item.reason, self._here)
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
    connection: Connection, depth: _Depth, here: HostView | None
) -> tuple[list[StageRecord], frozenset[str]]:
    """Return the queue up to the horizons, and the kinds of slots with more stages beyond.

    A brief page has GPU stages from further behind only if one is among the first, since such a
    search reads the whole queue.
    """
    horizons = depth.horizons
    least = min(horizons.values())
    waiting = attempts.queued(connection, limit=least + 1, here=here)
    if len(waiting) <= least:
        return waiting, frozenset()
    pages = {}
    for kind, horizon in horizons.items():
        pages[kind] = [one for one in waiting if _kind(one) == kind]
        is_known = depth.is_brief and kind != "cpu" and not pages[kind]
        if len(pages[kind]) <= horizon and not is_known:
            pages[kind] = attempts.queued(connection, kind=kind, limit=horizon + 1, here=here)
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
