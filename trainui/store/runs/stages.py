"""Stage states: every change is made here, and checked against the transition table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from trainui import clock
from trainui.domain.notifications import PRUNE, PRUNING_OFF
from trainui.domain.pruning import Pruning
from trainui.domain.records import AttemptRecord, HostView, StageRecord, WaitReason
from trainui.domain.states import DONE, ENDED, UNFINISHED, Status, check_transition
from trainui.pipeline.rules.dependants import Upstream, next_state
from trainui.store.db import dialect
from trainui.store.db.engine import raw
from trainui.store.db.statements import batches, placeholders
from trainui.store.read import row_mapping, trials, views
from trainui.store.runs import attempt_rows, events, runs
from trainui.store.runs.tables import ATTEMPTS, RUNS, STAGES


def get(connection: Connection, stage_id: str) -> StageRecord:
    """Return one stage."""
    found = raw(connection).execute("SELECT * FROM stages WHERE id = ?", (stage_id,))
    stage = row_mapping.first(found, row_mapping.stage_record)
    assert stage is not None
    return stage


def named(connection: Connection, run_id: str, name: str) -> StageRecord | None:
    """Return the stage with this full name."""
    return views.stage(raw(connection), run_id, name)


def change(
    connection: Connection,
    stage: StageRecord,
    after: Status,
    *,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Change a stage's state, unless it has changed since it was read (compare-and-set).

    Returns:
        True if it was changed.

    Raises:
        TransitionError: the transition table does not allow it.
    """
    check_transition(stage.status, after, f"stage {stage.name} of run {stage.run_id}")
    if values.get("completed_at") is not None:  # the clock may have been set back since its start
        start = values.get("started_at") or stage.started_at or 0
        values["completed_at"] = max(values["completed_at"], start)
    seen = {"stage": stage.id, "before": stage.status, "number": stage.attempt}
    why = {"reason": reason, "reason_host": None}
    changed = connection.execute(_CHANGE, {**seen, "status": after, **why, **values})
    if changed.rowcount == 0:
        return False
    text = f"{stage.name} {after.verb}" + (f": {reason}" if reason else "")
    events.record(connection, stage.run_id, str(after), text, stage=stage.name)
    return True


# Built once, since it runs at every state change of every stage; building costs more than running.
_CHANGE = update(STAGES).where(
    STAGES.c.id == bindparam("stage"),
    STAGES.c.status == bindparam("before"),
    STAGES.c.attempt == bindparam("number"),
)


def set_reasons(connection: Connection, reasons: Mapping[str, WaitReason]) -> None:
    """Store why queued stages wait, by stage id; unchanged reasons are not written."""
    if reasons:
        values = [{"stage": stage, **why._asdict()} for stage, why in reasons.items()]
        connection.execute(_SET_REASON, values)


_SET_REASON = (
    update(STAGES)
    .where(
        STAGES.c.id == bindparam("stage"),
        STAGES.c.status == Status.QUEUED,
        STAGES.c.reason.is_distinct_from(bindparam("words")),
    )
    .values(reason=bindparam("words"), reason_host=bindparam("host"))
)


STOPPING = "was asked to stop and has not ended yet"
"""Reason shown for a running stage that is being cancelled."""


def warn(
    connection: Connection, stage_id: str, reason: str | None, *, host: str | None = None
) -> None:
    """Store a warning on a running stage, or remove it; an unchanged one is not written.

    `host`: the host that gives the warning, if it is not the stage's.
    """
    warned = connection.execute(
        update(STAGES)
        .where(
            STAGES.c.id == stage_id,
            STAGES.c.status == Status.RUNNING,
            STAGES.c.reason.is_distinct_from(reason),
        )
        .values(reason=reason, reason_host=host)
    )
    if warned.rowcount:
        _record_of_running(connection, stage_id, "warning", reason or "has recovered")


def set_stalled(connection: Connection, attempt: AttemptRecord, stalled: bool, words: str) -> None:
    """Mark a running stage as stalled or not; if unchanged, nothing is written."""
    changed = connection.execute(
        update(STAGES)
        .where(
            STAGES.c.id == attempt.stage_id,
            STAGES.c.status == Status.RUNNING,
            STAGES.c.attempt == attempt.number,
            STAGES.c.stalled != stalled,
        )
        .values(stalled=stalled)
    )
    if changed.rowcount:
        _record_of_running(connection, attempt.stage_id, "stalled" if stalled else "lively", words)


def _record_of_running(connection: Connection, stage_id: str, kind: str, words: str) -> None:
    stage = get(connection, stage_id)
    text = f"{stage.name}: {words}"
    events.record(connection, stage.run_id, kind, text, stage=stage.name, attempt=stage.attempt)


def settle_dependants(connection: Connection, stage_ids: Iterable[str]) -> None:
    """Queue, block or skip the dependants of these stages, and their dependants in turn."""
    frontier = list(stage_ids)
    while frontier:
        moved = [_pending_dependants(connection, part) for part in batches(frontier)]
        frontier = settle(connection, {one.id: one for part in moved for one in part}.values())


@dataclass(frozen=True, slots=True)
class Pending:
    """The fields of a pending stage that are needed to settle it."""

    id: str
    run_id: str
    name: str
    attempt: int


def settle(connection: Connection, pending: Iterable[Pending]) -> list[str]:
    """Queue, block or skip pending stages according to their upstream stages.

    Returns:
        The ids of stages whose dependants may have to be settled now.
    """
    by_id = {stage.id: stage for stage in pending}
    upstreams = _upstreams(connection, list(by_id))
    becomes: dict[tuple[Status, str | None], list[Pending]] = {}
    for stage_id, stage in by_id.items():
        if (outcome := next_state(upstreams.get(stage_id, ()))) is not None:
            if outcome[0] == Status.QUEUED and stage_id in upstreams:
                outcome = _with_results(connection, stage_id, upstreams[stage_id]) or outcome
            becomes.setdefault(outcome, []).append(stage)
    for (status, reason), stages in becomes.items():
        _change_all(connection, stages, Status.PENDING, status, reason=reason, now=clock.now())
    return [one.id for (status, _), stages in becomes.items() if status in ENDED for one in stages]


def _with_results(
    connection: Connection, stage_id: str, failed: Sequence[Upstream]
) -> tuple[Status, str] | None:
    """Return BLOCKED and the reason if no trial of a search that the stage needs has completed."""
    for search in dict.fromkeys(trials.search_of(upstream.name) for upstream in failed):
        found = raw(connection).execute(
            "SELECT 1 FROM dependencies JOIN stages ON stages.id = upstream_id "
            "WHERE dependencies.stage_id = ? AND status = ? AND name LIKE ? ESCAPE '\\' LIMIT 1",
            (stage_id, Status.COMPLETED, trials.members_pattern(search or "")),
        )
        if search is not None and found.fetchone() is None:
            return Status.BLOCKED, f"no trial of {search} completed"
    return None


def _change_all(
    connection: Connection,
    stages: Sequence[Pending | StageRecord],
    before: Status,
    after: Status,
    *,
    reason: str | None,
    now: int,
) -> None:
    """Change the state of stages that this transaction has read as being in one state."""
    check_transition(before, after, f"stage {stages[0].name} of run {stages[0].run_id}")
    values: dict[str, Any] = {"status": after, "reason": reason, "reason_host": None}
    if after in ENDED:
        values["completed_at"] = now
    connection.execute(
        _CHANGE,
        [{"stage": one.id, "before": before, "number": one.attempt, **values} for one in stages],
    )
    if after in ENDED:
        _keep_times(connection, [one.id for one in stages if one.attempt])
    words = after.verb + (f": {reason}" if reason else "")
    happened = [(one.run_id, one.name, f"{one.name} {words}") for one in stages]
    events.record_all(connection, happened, str(after))


def _pending_dependants(connection: Connection, stage_ids: Sequence[str]) -> list[Pending]:
    """Return the pending dependants of these stages whose state may have to change.

    A stage whose work is done changes nothing for a dependant that still waits for others.
    """
    found = raw(connection).execute(
        "SELECT DISTINCT stages.id, stages.run_id, stages.name, stages.attempt FROM stages "
        "JOIN dependencies ON dependencies.stage_id = stages.id "
        "JOIN stages AS upstream ON upstream.id = dependencies.upstream_id "
        f"WHERE upstream.id IN ({placeholders(stage_ids)}) AND stages.status = ? "
        f"AND (upstream.status NOT IN ({placeholders(DONE)}) OR NOT EXISTS "
        "(SELECT 1 FROM dependencies AS edge "
        "JOIN stages AS other ON other.id = edge.upstream_id "
        f"WHERE edge.stage_id = stages.id AND other.status IN ({placeholders(UNFINISHED)})))",
        (*stage_ids, Status.PENDING, *DONE, *UNFINISHED),
    )
    return [Pending(*row) for row in found]


def _upstreams(connection: Connection, stage_ids: Sequence[str]) -> dict[str, list[Upstream]]:
    """Return stages' upstream stages by id, without completed ones, which decide nothing."""
    upstreams: dict[str, list[Upstream]] = {}
    for part in batches(stage_ids):
        found = raw(connection).execute(
            "SELECT dependencies.stage_id, name, status, definition_json FROM dependencies "
            "JOIN stages ON stages.id = upstream_id "
            f"WHERE dependencies.stage_id IN ({placeholders(part)}) AND status <> ? "
            "ORDER BY position",
            (*part, Status.COMPLETED),
        )
        for stage_id, name, status, definition in found:
            allowed = status in ENDED and row_mapping.definition(definition).may_fail
            upstreams.setdefault(stage_id, []).append(Upstream(name, Status(status), allowed))
    return upstreams


def queued(
    connection: Connection,
    *,
    kind: str | None = None,
    limit: int = -1,
    here: HostView | None = None,
) -> list[StageRecord]:
    """Return the stages that wait for a slot, in the order in which they get one.

    Args:
        connection: a connection to the store.
        kind: `cpu` or `gpu`: stages that need such slots; None: all.
        limit: at most this many, the first ones; below 0: all.
        here: only those that may run on this host; None: all.
    """
    query = _queue(kind, here, is_cut=limit >= 0)
    found = connection.execute(query, {"most": limit})
    return [row_mapping.stage_record(dict(row)) for row in found.mappings()]


@cache
def _queue(kind: str | None, here: HostView | None, *, is_cut: bool) -> Any:
    """Build the queue's query, which sorts ids only, since definitions are large."""
    order = (RUNS.c.priority.desc(), RUNS.c.created_at, RUNS.c.id, STAGES.c.position)
    ids = select(STAGES.c.id).join(RUNS, RUNS.c.id == STAGES.c.run_id).where(_IS_QUEUED)
    ids = ids.where(*_may_run(here))
    if kind is not None:
        ids = ids.where(_GPUS > 0 if kind == "gpu" else _GPUS == 0)
    if is_cut:
        ids = ids.order_by(*order).limit(bindparam("most"))
    found = select(STAGES).join(RUNS, RUNS.c.id == STAGES.c.run_id).where(STAGES.c.id.in_(ids))
    return found.order_by(*order)


def queued_in_silence(
    connection: Connection, *, limit: int, here: HostView | None = None
) -> list[str]:
    """Return the ids of queued stages with no recorded wait reason."""
    query = _SILENT
    if here is not None:
        query = query.join(RUNS, RUNS.c.id == STAGES.c.run_id).where(*_may_run(here))
    return list(connection.execute(query, {"most": limit}).scalars())


def _may_run(here: HostView | None) -> Sequence[ColumnElement[bool]]:
    if here is None:
        return ()
    host, queue = (dialect.text_in(STAGES.c.definition_json, key) for key in ("host", "queue"))
    # a run without a host is from a version that knew only one host
    lies_here = RUNS.c.host.is_(None) | (RUNS.c.host == here.host) | (RUNS.c.place == here.place)
    asked = host.is_(None) | (host == here.host), queue.is_(None) | queue.in_(here.queues)
    return (lies_here, *asked)


def _has_open_attempt() -> Any:
    return (
        select(ATTEMPTS.c.id)
        .where(ATTEMPTS.c.stage_id == STAGES.c.id, ATTEMPTS.c.status == Status.QUEUED)
        .exists()
    )


_GPUS = func.coalesce(dialect.number_in(STAGES.c.definition_json, "gpus"), 0)
_IS_QUEUED = and_(STAGES.c.status == Status.QUEUED, ~_has_open_attempt())
_SILENT = select(STAGES.c.id).where(_IS_QUEUED, STAGES.c.reason.is_(None)).limit(bindparam("most"))


def cancel(connection: Connection, run_id: str, chosen: Sequence[StageRecord]) -> list[str]:
    """Cancel these stages: idle ones at once, running ones by a request to their monitor.

    Returns:
        The names of the stages that were cancelled or asked to stop.
    """
    for stage in chosen:
        if stage.status == Status.RUNNING:
            request_stop(connection, stage)
    idle = [stage for stage in chosen if stage.status in _IDLE]
    attempt_rows.withdraw(connection, [stage.id for stage in idle])
    now = max([clock.now(), *(stage.started_at or 0 for stage in idle)])
    for before in _IDLE:
        if same := [stage for stage in idle if stage.status == before]:
            _change_all(connection, same, before, Status.CANCELLED, reason="cancelled", now=now)
    settle_dependants(connection, [stage.id for stage in idle])
    runs.refresh(connection, run_id)
    return [stage.name for stage in chosen if stage.status in (Status.RUNNING, *_IDLE)]


_IDLE = (Status.PENDING, Status.QUEUED, Status.BLOCKED)
"""States of stages that can be cancelled at once."""


def request_stop(
    connection: Connection,
    stage: StageRecord,
    why: str | None = None,
    *,
    pruning: Pruning | None = None,
) -> None:
    """Request the end of a running stage.

    It ends cancelled, with `why` failed and not retried, or with `pruning` pruned.
    """
    asked = connection.execute(
        update(ATTEMPTS)
        .where(
            ATTEMPTS.c.stage_id == stage.id,
            ATTEMPTS.c.number == stage.attempt,
            ATTEMPTS.c.cancel_requested_at.is_(None),
        )
        .values(
            cancel_requested_at=clock.now(),
            stop_reason=why,
            pruning_json=None if pruning is None else row_mapping.dump(pruning.to_json()),
        )
    )
    if asked.rowcount:
        stopping = {"reason": STOPPING, "reason_host": None}
        connection.execute(update(STAGES).where(STAGES.c.id == stage.id).values(**stopping))
        text = f"{stage.name} was asked to stop"
        kind, data = "cancel", None
        if pruning is not None:
            kind, text, data = PRUNE, f"{stage.name}: {pruning.words}", pruning.place
        where = (connection, stage.run_id, kind, text)
        events.record(*where, stage=stage.name, attempt=stage.attempt, data=data)


def skip(connection: Connection, stage: StageRecord, reason: str) -> None:
    """Skip a stage that is neither completed nor running."""
    if stage.status in ENDED:
        change(connection, stage, Status.PENDING)
    else:
        attempt_rows.withdraw(connection, [stage.id])
    again = get(connection, stage.id)
    change(connection, again, Status.SKIPPED, reason=reason, completed_at=clock.now())
    _keep_times(connection, [stage.id])


def _keep_times(connection: Connection, ids: Iterable[str]) -> None:
    """Let stages that ended without a new attempt end when their last attempt did."""
    for part in batches(ids):
        connection.execute(
            update(STAGES)
            .where(STAGES.c.id.in_(part), STAGES.c.started_at.is_not(None), _LAST_END.is_not(None))
            .values(completed_at=_LAST_END)
        )


_LAST_END = (
    select(ATTEMPTS.c.completed_at)
    .where(ATTEMPTS.c.stage_id == STAGES.c.id, ATTEMPTS.c.started_at.is_not(None))
    .order_by(ATTEMPTS.c.number.desc())
    .limit(1)
    .scalar_subquery()
)
"""The end of a stage's last attempt that was started."""


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
    known = {stage.name: stage for stage in runs.stages(connection, run_id)}
    reopened = [(known[item.name], item) for item in changes]
    reopened = [(stage, item) for stage, item in reopened if stage.status in ENDED]
    for stage, item in reopened:
        _reopen(connection, stage, fresh=item.fresh)
    for stage, item in reopened:
        if item.skip:
            skipped = get(connection, stage.id)
            change(connection, skipped, Status.SKIPPED, reason="left out by --until")
    _keep_times(connection, [stage.id for stage, item in reopened if item.skip])
    again = [get(connection, stage.id) for stage, _ in reopened]
    pending = [one for one in again if one.status == Status.PENDING]
    settle(connection, [Pending(one.id, run_id, one.name, one.attempt) for one in pending])
    _unqueue(connection, run_id)
    settle_dependants(connection, [stage.id for stage, _ in reopened])
    runs.refresh(connection, run_id)
    return [stage.name for stage, item in reopened if not item.skip]


def _reopen(connection: Connection, stage: StageRecord, *, fresh: bool) -> None:
    values: dict[str, Any] = {
        "retries_used": 0,
        "not_before": None,
        "stalled": False,
        "completed_at": None,
    }
    if fresh:
        values["fresh"] = True
    change(connection, stage, Status.PENDING, **values)
    if stage.status == Status.PRUNED:
        text = f"{stage.name} runs with pruning off, since it was pruned before"
        events.record(connection, stage.run_id, PRUNING_OFF, text, stage=stage.name)


def _unqueue(connection: Connection, run_id: str) -> None:
    """Return queued stages to pending if their upstream stages were reopened."""
    queued = [one for one in runs.stages(connection, run_id) if one.status == Status.QUEUED]
    upstreams = _upstreams(connection, [stage.id for stage in queued])
    for stage in queued:
        if next_state(upstreams.get(stage.id, ())) is None:
            attempt_rows.withdraw(connection, [stage.id])
            change(connection, stage, Status.PENDING)
