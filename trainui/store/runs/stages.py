"""Stage states: every change is made here, and checked against the transition table.

Also the effects of a change on the stages that depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainui import clock
from trainui.model.records import AttemptRecord, StageRecord, WaitReason
from trainui.model.states import DONE, ENDED, SILENT, UNFINISHED, WARNING, Status, check_transition
from trainui.pipeline.rules.scheduling import Upstream, next_state
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.statements import Connection, batches, placeholders
from trainui.store.read import sweeps, views
from trainui.store.runs import runs


def get(connection: Connection, stage_id: str) -> StageRecord:
    """Return one stage, which must exist."""
    stage = find(connection, stage_id)
    assert stage is not None
    return stage


def find(connection: Connection, stage_id: str) -> StageRecord | None:
    """Return one stage; None if it does not exist."""
    found = connection.execute("SELECT * FROM stages WHERE id = ?", (stage_id,))
    return views.first(found, views.stage_record)


def change(
    connection: Connection,
    stage: StageRecord,
    after: Status,
    *,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Change a stage's state, unless it has changed since it was read (compare-and-set).

    Returns True if it was changed.

    Raises:
        TransitionError: the transition table does not allow it.
    """
    check_transition(stage.status, after, f"stage {stage.name} of run {stage.run_id}")
    if values.get("completed_at") is not None:  # the clock may have been set back since its start
        start = values.get("started_at") or stage.started_at or 0
        values["completed_at"] = max(values["completed_at"], start)
    seen = {"id": stage.id, "status": stage.status, "attempt": stage.attempt}
    values |= {"status": after, "reason": reason, "reason_host": None}
    if not statements.change(connection, "stages", seen, **values):
        return False
    text = f"{stage.name} {after.verb}" + (f": {reason}" if reason else "")
    runs.record_event(connection, stage.run_id, str(after), text, stage=stage.name)
    return True


def set_reasons(connection: Connection, reasons: Mapping[str, WaitReason]) -> None:
    """Store why queued stages wait, by stage id; unchanged reasons are not written."""
    for stage_id, why in reasons.items():
        _set_reason(connection, stage_id, Status.QUEUED, why.words, why.host)


def _set_reason(
    connection: Connection, stage_id: str, seen: Status, reason: str | None, host: str | None
) -> bool:
    """Set the reason of a stage in a state; return False if it has it already."""
    changed = connection.execute(
        "UPDATE stages SET reason = ?, reason_host = ? "
        "WHERE id = ? AND status = ? AND reason IS NOT ?",
        (reason, host, stage_id, seen, reason),
    )
    return changed.rowcount > 0


def warn(
    connection: Connection, stage_id: str, reason: str | None, *, host: str | None = None
) -> None:
    """Store a warning on a running stage, or remove it; an unchanged one is not written.

    On a queued stage, it is the reason why it waits elsewhere. `host`: the host that gives the
    warning, if it is not the stage's.
    """
    if _set_reason(connection, stage_id, Status.QUEUED, reason, host):
        return
    if _set_reason(connection, stage_id, Status.RUNNING, reason, host):
        _record_of_running(connection, stage_id, WARNING, reason or "has recovered")


def set_stalled(
    connection: Connection,
    attempt: AttemptRecord,
    stalled: bool,
    words: str,
    *,
    since: int | None = None,
) -> bool:
    """Mark a running stage as stalled or not; if unchanged, nothing is written.

    `since` is its last sign of life. Returns True if it was changed.
    """
    seen = {"id": attempt.stage_id, "status": Status.RUNNING, "attempt": attempt.number}
    changed = statements.change(
        connection, "stages", {**seen, "stalled": not stalled}, stalled=stalled
    )
    if changed:
        kind, data = "stalled" if stalled else "lively", {"since": since} if since else None
        _record_of_running(connection, attempt.stage_id, kind, words, data)
    return changed


def set_silence(
    connection: Connection, attempt: AttemptRecord, reason: str | None, before: str | None
) -> None:
    """Set what the processes of a silent stage are doing as its reason; another one stays."""
    seen = {"id": attempt.stage_id, "status": Status.RUNNING, "attempt": attempt.number}
    statements.change(connection, "stages", {**seen, "reason": before}, reason=reason)


def record_silence(connection: Connection, attempt: AttemptRecord, words: str) -> None:
    """Record that a running stage is silent and not stalled."""
    _record_of_running(connection, attempt.stage_id, SILENT, words)


def set_stalls_after(connection: Connection, attempt: AttemptRecord, seconds: float | None) -> None:
    """Note that a running stage is silent, and the silence after which it is stalled; None: not."""
    seen = {"id": attempt.stage_id, "status": Status.RUNNING, "attempt": attempt.number}
    statements.change(connection, "stages", seen, stalls_after=seconds)


def _record_of_running(
    connection: Connection,
    stage_id: str,
    kind: str,
    words: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    stage = get(connection, stage_id)
    runs.record_stage_event(connection, stage, kind, f"{stage.name}: {words}", data=data)


@dataclass(frozen=True, slots=True)
class Pending:
    """The fields of a pending stage that are needed to settle it."""

    id: str
    run_id: str
    name: str
    attempt: int


def change_all(
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
    for one in stages:
        seen = {"id": one.id, "status": before, "attempt": one.attempt}
        statements.change(connection, "stages", seen, **values)
    if after in ENDED:
        keep_times(connection, [one.id for one in stages if one.attempt])
    words = after.verb + (f": {reason}" if reason else "")
    happened = [(one.run_id, one.name, f"{one.name} {words}") for one in stages]
    runs.record_events(connection, happened, str(after))


def keep_times(connection: Connection, ids: Iterable[str]) -> None:
    """Let stages that ended without a new attempt end when their last attempt did."""
    for part in batches(ids):
        connection.execute(
            f"UPDATE stages SET completed_at = {_LAST_END} WHERE id IN ({placeholders(part)}) "
            f"AND started_at IS NOT NULL AND {_LAST_END} IS NOT NULL",
            part,
        )


_LAST_END = (
    "(SELECT completed_at FROM attempts WHERE stage_id = stages.id "
    "AND attempts.started_at IS NOT NULL ORDER BY number DESC LIMIT 1)"
)
"""The end of a stage's last attempt that was started."""


def settle_dependants(connection: Connection, stage_ids: Iterable[str]) -> None:
    """Queue, block or skip the dependants of these stages, and their dependants in turn."""
    frontier = list(stage_ids)
    while frontier:
        moved = [_pending_dependants(connection, part) for part in batches(frontier)]
        frontier = settle(connection, {one.id: one for part in moved for one in part}.values())


def settle(connection: Connection, pending: Iterable[Pending]) -> list[str]:
    """Queue, block or skip pending stages according to their upstream stages.

    Returns the ids of stages whose dependants may have to be settled now. Those that gather
    evaluations stay pending: `evaluations` ends them, after the last checkpoint.
    """
    by_id = {stage.id: stage for stage in pending}
    for gatherer in _gatherers(connection, list(by_id)):
        del by_id[gatherer]
    upstreams = upstreams_of(connection, list(by_id))
    becomes: dict[tuple[Status, str | None], list[Pending]] = {}
    for stage_id, stage in by_id.items():
        if (outcome := next_state(upstreams.get(stage_id, ()))) is not None:
            if outcome[0] == Status.QUEUED and stage_id in upstreams:
                failed = upstreams[stage_id]
                outcome = _without_results(connection, stage.run_id, failed) or outcome
            becomes.setdefault(outcome, []).append(stage)
    for (status, reason), same in becomes.items():
        change_all(connection, same, Status.PENDING, status, reason=reason, now=clock.now())
    return [one.id for (status, _), same in becomes.items() if status in ENDED for one in same]


def _gatherers(connection: Connection, stage_ids: Sequence[str]) -> list[str]:
    """Return the ids of those stages that gather evaluations."""
    found: list[str] = []
    for part in batches(stage_ids):
        query = f"SELECT stage_id FROM evaluations WHERE stage_id IN ({placeholders(part)})"
        found += (stage_id for (stage_id,) in connection.execute(query, tuple(part)))
    return found


def _without_results(
    connection: Connection, run_id: str, failed: Sequence[Upstream]
) -> tuple[Status, str] | None:
    """Return BLOCKED and the reason if no trial of a search upstream has completed."""
    for search in dict.fromkeys(one.search for one in failed if one.search is not None):
        if not sweeps.has_completed(connection, run_id, search):
            return Status.BLOCKED, f"no trial of {search} completed"
    return None


def _pending_dependants(connection: Connection, stage_ids: Sequence[str]) -> list[Pending]:
    """Return the pending dependants of these stages whose state may have to change.

    A stage whose work is done changes nothing for a dependant that still waits for others.
    """
    found = connection.execute(
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


def upstreams_of(connection: Connection, stage_ids: Sequence[str]) -> dict[str, list[Upstream]]:
    """Return stages' upstream stages by id, without completed ones, which decide nothing."""
    upstreams: dict[str, list[Upstream]] = {}
    for part in batches(stage_ids):
        found = connection.execute(
            "SELECT dependencies.stage_id, name, status, definition_json FROM dependencies "
            "JOIN stages ON stages.id = upstream_id "
            f"WHERE dependencies.stage_id IN ({placeholders(part)}) AND status <> ? "
            "ORDER BY position",
            (*part, Status.COMPLETED),
        )
        for stage_id, name, status, text in found:
            upstreams.setdefault(stage_id, []).append(_upstream(name, Status(status), text))
    return upstreams


def _upstream(name: str, status: Status, text: str) -> Upstream:
    if status not in ENDED:
        return Upstream(name, status, allow_failure=False)
    definition = views.definition(text)
    is_needed = definition.trial is not None and not definition.allow_failure
    search = definition.group if is_needed else None
    return Upstream(name, status, definition.may_fail, search)
