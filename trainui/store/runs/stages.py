"""Stage states: every change is made here, and checked against the transition table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainui.domain.notifications import WARNING
from trainui.domain.records import AttemptRecord, StageRecord, WaitReason
from trainui.domain.states import ENDED, Status, check_transition
from trainui.store.db import updates
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import batches, placeholders
from trainui.store.read import row_mapping, views
from trainui.store.runs import events


def get(connection: Connection, stage_id: str) -> StageRecord:
    """Return one stage, which must exist."""
    stage = find(connection, stage_id)
    assert stage is not None
    return stage


def find(connection: Connection, stage_id: str) -> StageRecord | None:
    """Return one stage; None if it does not exist."""
    found = connection.execute("SELECT * FROM stages WHERE id = ?", (stage_id,))
    return row_mapping.first(found, row_mapping.stage_record)


def named(connection: Connection, run_id: str, name: str) -> StageRecord | None:
    """Return the stage with this full name."""
    return views.stage(connection, run_id, name)


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
    if not updates.change(connection, "stages", seen, **values):
        return False
    text = f"{stage.name} {after.verb}" + (f": {reason}" if reason else "")
    events.record(connection, stage.run_id, str(after), text, stage=stage.name)
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

    `host`: the host that gives the warning, if it is not the stage's.
    """
    if _set_reason(connection, stage_id, Status.RUNNING, reason, host):
        _record_of_running(connection, stage_id, WARNING, reason or "has recovered")


def set_stalled(connection: Connection, attempt: AttemptRecord, stalled: bool, words: str) -> None:
    """Mark a running stage as stalled or not; if unchanged, nothing is written."""
    seen = {"id": attempt.stage_id, "status": Status.RUNNING, "attempt": attempt.number}
    if updates.change(connection, "stages", {**seen, "stalled": not stalled}, stalled=stalled):
        _record_of_running(connection, attempt.stage_id, "stalled" if stalled else "lively", words)


def _record_of_running(connection: Connection, stage_id: str, kind: str, words: str) -> None:
    stage = get(connection, stage_id)
    events.record_of(connection, stage, kind, f"{stage.name}: {words}")


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
        updates.change(connection, "stages", seen, **values)
    if after in ENDED:
        keep_times(connection, [one.id for one in stages if one.attempt])
    words = after.verb + (f": {reason}" if reason else "")
    happened = [(one.run_id, one.name, f"{one.name} {words}") for one in stages]
    events.record_all(connection, happened, str(after))


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
