"""Requests of people and rules on stages: cancel, stop, skip, reopen; and alerts on stages.

Each alert is recorded once. One that stops its stage requests the cancellation in the transaction
that records it; one already on record requests nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from trainui import clock
from trainui.model.definition import Alert
from trainui.model.records import PruningReason, StageRecord
from trainui.model.states import (
    ALERT,
    EARLY,
    ENDED,
    NAN,
    PRUNE,
    PRUNING_OFF,
    QUIET_ALERT,
    WAITING,
    Status,
)
from trainui.pipeline.rules.scheduling import next_state
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.statements import Connection, set_values
from trainui.store.read import views
from trainui.store.runs import attempts, runs, stages

STOPPING = "was asked to stop and has not ended yet"
"""Reason shown for a running stage that is being cancelled."""


def cancel(
    connection: Connection,
    run_id: str,
    chosen: Sequence[StageRecord],
    results: Mapping[str, tuple[int, Status]] = MappingProxyType({}),
) -> list[str]:
    """Cancel these stages: idle ones at once, running ones by a request to their monitor.

    `results` are those that stand without another attempt, by the stage's id: the number of the
    attempt that has it, and the state in which that ended. Such an idle stage is in this state
    again, unless a stage waits for it that is not cancelled: that would start with the old result.
    Returns the names of the stages that were cancelled or asked to stop.
    """
    elsewhere = attempts.waiting_elsewhere(connection, chosen)
    for stage in chosen:
        if stage.status == Status.RUNNING or stage.id in elsewhere:
            request_stop(connection, stage)
    idle = [one for one in chosen if one.status in _IDLE and one.id not in elsewhere]
    attempts.withdraw(connection, [stage.id for stage in idle])
    now = max([clock.now(), *(stage.started_at or 0 for stage in idle)])
    names = {one.name for one in chosen}
    awaited = {
        name
        for one in (views.stages(connection, run_id) if results else ())
        if one.status in WAITING and one.name not in names
        for name in one.depends_on
    }
    ends: dict[tuple[Status, Status], list[StageRecord]] = {}
    for stage in idle:
        number, result = results.get(stage.id, (None, Status.CANCELLED))
        stands = number == stage.attempt and stage.name not in awaited
        after = result if stands else Status.CANCELLED
        ends.setdefault((stage.status, after), []).append(stage)
    for (before, after), same in ends.items():
        reason = "cancelled" if after == Status.CANCELLED else None
        stages.change_all(connection, same, before, after, reason=reason, now=now)
        for stage in same if after != Status.CANCELLED else ():
            set_values(connection, "stages", stage.id, fresh=False)
    stages.settle_dependants(connection, [stage.id for stage in idle])
    runs.refresh(connection, run_id)
    return [stage.name for stage in chosen if stage.status in _IDLE | {Status.RUNNING}]


_IDLE = WAITING | {Status.BLOCKED}
"""States of stages that can be cancelled at once."""


def request_stop(
    connection: Connection,
    stage: StageRecord,
    why: str | None = None,
    *,
    early: bool = False,
    restarts: bool = False,
    pruning: PruningReason | None = None,
) -> None:
    """Request the end of a running stage.

    It ends cancelled, with `why` failed and not retried unless it `restarts` (`early`: completed),
    or with `pruning` pruned. A person's cancel comes before a restart.
    """
    unasked = {"stage_id": stage.id, "number": stage.attempt, "cancel_requested_at": None}
    request: dict[str, Any] = {"cancel_requested_at": clock.now(), "stop_reason": why}
    request["stops_early"], request["restarts"] = early, restarts
    request["pruning_json"] = None if pruning is None else views.dump(pruning.to_json())
    if why is None and pruning is None:
        restarting = {"stage_id": stage.id, "number": stage.attempt, "restarts": True}
        given_up = {"restarts": False, "stop_reason": None}
        statements.change(connection, "attempts", restarting, **given_up)
    if statements.change(connection, "attempts", unasked, **request):
        set_values(connection, "stages", stage.id, reason=STOPPING, reason_host=None)
        text = f"{stage.name} was asked to stop"
        kind, data = "cancel", None
        if pruning is not None:
            kind, text, data = PRUNE, f"{stage.name}: {pruning.words}", pruning.place
        runs.record_stage_event(connection, stage, kind, text, data=data)


def skip(connection: Connection, stage: StageRecord, reason: str) -> None:
    """Skip a stage that is neither completed nor running; one that waits elsewhere is cancelled."""
    if attempts.waiting_elsewhere(connection, [stage]):
        request_stop(connection, stage, reason)
        return
    if stage.status in ENDED:
        stages.change(connection, stage, Status.PENDING)
    else:
        attempts.withdraw(connection, [stage.id])
    again = stages.get(connection, stage.id)
    stages.change(connection, again, Status.SKIPPED, reason=reason, completed_at=clock.now())
    stages.keep_times(connection, [stage.id])


@dataclass(frozen=True, slots=True)
class Reopened:
    """A stage to reopen: it gets a new attempt, or is skipped."""

    name: str
    fresh: bool = False
    """True if its directory is renamed away first."""
    skip: bool = False
    """True if it is skipped because of `--until`."""


def reopen(connection: Connection, run_id: str, changes: Iterable[Reopened]) -> list[str]:
    """Reopen ended stages of a run and settle them; return their names.

    A stage that is no longer ended is left alone, so that two resumes at once start one attempt.
    """
    known = {stage.name: stage for stage in views.stages(connection, run_id)}
    reopened = [(known[item.name], item) for item in changes]
    reopened = [(stage, item) for stage, item in reopened if stage.status in ENDED]
    for stage, item in reopened:
        open_again(connection, stage, fresh=item.fresh and not stage.definition.gathers)
    for stage, item in reopened:
        if item.skip:
            skipped = stages.get(connection, stage.id)
            stages.change(connection, skipped, Status.SKIPPED, reason="left out by --until")
    stages.keep_times(connection, [stage.id for stage, item in reopened if item.skip])
    again = [stages.get(connection, stage.id) for stage, _ in reopened]
    pending = [one for one in again if one.status == Status.PENDING]
    stages.settle(
        connection, [stages.Pending(one.id, run_id, one.name, one.attempt) for one in pending]
    )
    _unqueue(connection, run_id)
    stages.settle_dependants(connection, [stage.id for stage, _ in reopened])
    runs.refresh(connection, run_id)
    return [stage.name for stage, item in reopened if not item.skip]


def open_again(connection: Connection, stage: StageRecord, *, fresh: bool) -> None:
    """Make an ended stage pending; with `fresh` it starts in a new directory."""
    values: dict[str, Any] = {
        "retries_used": 0,
        "not_before": None,
        "stalled": False,
        "stalls_after": None,
        "completed_at": None,
    }
    if fresh:
        values["fresh"] = True
    stages.change(connection, stage, Status.PENDING, **values)
    if stage.status == Status.PRUNED:
        text = f"{stage.name} runs with pruning off, since it was pruned before"
        runs.record_event(connection, stage.run_id, PRUNING_OFF, text, stage=stage.name)


def _unqueue(connection: Connection, run_id: str) -> None:
    """Return queued stages to pending if their upstream stages were reopened."""
    queued = [one for one in views.stages(connection, run_id) if one.status == Status.QUEUED]
    elsewhere = attempts.waiting_elsewhere(connection, queued)  # like those that run
    queued = [stage for stage in queued if stage.id not in elsewhere]
    upstreams = stages.upstreams_of(connection, [stage.id for stage in queued])
    for stage in queued:
        if next_state(upstreams.get(stage.id, ())) is None:
            attempts.withdraw(connection, [stage.id])
            stages.change(connection, stage, Status.PENDING)


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A problem found in a running stage."""

    kind: str
    """One of `METRIC_ALERTS`, or `EARLY`."""
    words: str
    stops: bool = False
    """True if the stage must be stopped."""
    restarts: bool = False
    """True if it is then retried, within its retries."""
    metric: str | None = None
    """The metric with the problem; None: not about a metric."""
    step: float | None = None
    """The step of the problem."""
    condition: str | None = None
    """The condition of the configured alert; None: not configured."""

    @property
    def data(self) -> dict[str, object] | None:
        """The problem for programs, as recorded with its event."""
        if self.metric is None:
            return None
        data: dict[str, object] = {"metric": self.metric, "step": self.step}
        return {**data, "condition": self.condition} if self.condition else data

    @classmethod
    def of_nan(cls, words: str, metric: str, step: float) -> AlertRecord:
        """Return the alert for a NaN, which needs no configured alert."""
        return cls(NAN, words, metric=metric, step=step)

    @classmethod
    def of_alert(
        cls, alert: Alert, words: str, metric: str | None = None, step: float | None = None
    ) -> AlertRecord:
        """Return the mark for a configured alert."""
        restarts = alert.action == "restart"
        stops = restarts or alert.action == "stop"
        kind = QUIET_ALERT if alert.action == "mark" else ALERT
        if stops and alert.condition == "no_improvement":
            kind = EARLY
        return cls(kind, words, stops, restarts, metric, step, alert.condition)


def record_alerts(
    connection: Connection, stage_id: str, attempt: int, marks: Iterable[AlertRecord]
) -> None:
    """Record alerts on a stage's attempt, in a write transaction; ignored if it is not a stage."""
    if (stage := stages.find(connection, stage_id)) is None:
        return
    for mark in marks:
        text = f"{stage.name}: {mark.words}"
        known = connection.execute(
            "SELECT 1 FROM events WHERE run_id = ? AND stage = ? AND attempt = ? AND kind = ? "
            "AND text = ?",
            (stage.run_id, stage.name, attempt, mark.kind, text),
        )
        if known.fetchone() is not None:
            continue
        runs.record_stage_event(connection, stage, mark.kind, text, attempt=attempt, data=mark.data)
        if mark.stops and stage.status == Status.RUNNING and stage.attempt == attempt:
            early = mark.kind == EARLY
            ended = "stopped early" if early else "stopped by an alert"
            why = f"{ended}: {mark.words}"
            request_stop(connection, stage, why, early=early, restarts=mark.restarts)
