"""Evaluations of each checkpoint: the stages made for checkpoints, and the end of the whole.

The stage of the file gathers them. It has no process: it stays pending while its training writes
checkpoints, and `end` gives it the state that follows from its training and its members, on which
it depends as on any upstream stage.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.records import HostView, StageRecord
from trainui.model.states import ENDED, Status
from trainui.pipeline.rules.scheduling import next_state
from trainui.store.db.statements import Connection, change, insert, set_values
from trainui.store.read import views
from trainui.store.read.evaluations import (
    CURRENT,
    LEFT_OUT,
    SUPERSEDED,
    WAITING,
    CheckpointRecord,
    is_read,
    of_evaluation,
)
from trainui.store.runs import runs, stage_requests, stages, stored_pipeline

EVENT = "evaluation"
"""The kind of the events about checkpoints to evaluate."""


def pending(connection: Connection, here: HostView | None) -> list[str]:
    """Return the ids of the stages that gather evaluations and have not ended."""
    return _ids(
        connection,
        "SELECT evaluations.stage_id FROM evaluations "
        "JOIN stages ON stages.id = evaluations.stage_id AND stages.status = ? "
        "JOIN runs ON runs.id = stages.run_id WHERE NOT removed",
        (Status.PENDING,),
        here,
    )


def unfinished(connection: Connection, here: HostView | None) -> list[str]:
    """Return the ids of those whose points or held copies are not as their members' states ask."""
    return _ids(
        connection,
        "SELECT DISTINCT evaluation_id FROM checkpoints "
        "JOIN stages AS whole ON whole.id = evaluation_id JOIN runs ON runs.id = whole.run_id "
        "LEFT JOIN stages AS member ON member.id = stage_id WHERE "
        f"({_IS_STALE} OR (held IS NOT NULL AND state IN (?, ?) AND "
        "(member.id IS NULL OR member.status NOT IN (?, ?))))",
        (CURRENT, CURRENT, LEFT_OUT, SUPERSEDED, Status.QUEUED, Status.RUNNING),
        here,
    )


_IS_STALE = (
    f"((state = ? AND member.status = '{Status.COMPLETED}' AND drawn <> member.attempt "
    f"AND {is_read('member')}) "
    f"OR (drawn <> 0 AND (state <> ? OR member.status <> '{Status.COMPLETED}')))"
)
"""The condition on a checkpoint that the points of its evaluation are not those on record. Metrics
that are not read to their end do not count: the end of their stage may not have waited for them."""


def with_copies(connection: Connection, here: HostView | None) -> list[str]:
    """Return the ids of those that have held copies."""
    return _ids(
        connection,
        "SELECT DISTINCT evaluation_id FROM checkpoints JOIN stages ON stages.id = evaluation_id "
        "JOIN runs ON runs.id = stages.run_id WHERE held IS NOT NULL",
        (),
        here,
    )


def _ids(
    connection: Connection, query: str, parameters: tuple[str, ...], here: HostView | None
) -> list[str]:
    values: tuple[str | None, ...] = parameters
    if here is not None:
        query += " AND (runs.host IS NULL OR runs.host = ? OR runs.place = ?)"
        values = (*values, here.host, here.place)
    return [str(found) for (found,) in connection.execute(query, values)]


def add_found(connection: Connection, evaluation: StageRecord, **values: Any) -> None:
    """Store a checkpoint that was found; it is `waiting` for its stage."""
    identity = views.dump(values.pop("identity"))
    row = {"evaluation_id": evaluation.id, "identity_json": identity, "state": WAITING, "drawn": 0}
    insert(connection, "checkpoints", [{**row, **values}])


def is_startable(connection: Connection, stage: StageRecord) -> bool:
    """Return True if a stage waits for its upstream stages or a slot, and has none yet."""
    if stage.status == Status.PENDING:
        return True
    query = "SELECT 1 FROM attempts WHERE stage_id = ? AND status IN (?, ?)"
    states = (Status.QUEUED, Status.RUNNING)
    is_open = connection.execute(query, (stage.id, *states)).fetchone() is not None
    return stage.status == Status.QUEUED and not is_open


def place(
    connection: Connection,
    evaluation: StageRecord,
    row: CheckpointRecord,
    definition: StageDefinition,
    directory: str,
) -> bool:
    """Give a checkpoint the stage that evaluates it; its step is that of the definition.

    Of two checkpoints of one step the later counts: the stage runs again. Returns False if that
    stage is running with the earlier one: the later has to wait.
    """
    step = float((definition.matrix or {})["step"])
    known = views.stage(connection, evaluation.run_id, definition.name)
    if known is None:
        stage_id = _add(connection, evaluation, definition, directory)
    elif known.status in ENDED or is_startable(connection, known):
        stage_id = known.id
        _forget_earlier(connection, row, stage_id)
        _open_again(connection, known, definition)
    else:
        return False
    values = {"stage_id": stage_id, "step": step, "state": CURRENT, "reason": None}
    set_values(connection, "checkpoints", row.id, **values)
    _link(connection, evaluation, definition.name)
    name = row.path.rpartition("/")[2]
    text = f"{definition.name} evaluates {name}"
    runs.record_event(connection, evaluation.run_id, EVENT, text, stage=definition.name)
    made = stages.get(connection, stage_id)
    if made.status == Status.PENDING:
        one = stages.Pending(made.id, made.run_id, made.name, made.attempt)
        stages.settle(connection, [one])
    runs.refresh(connection, evaluation.run_id)
    return True


def _add(
    connection: Connection, evaluation: StageRecord, definition: StageDefinition, directory: str
) -> str:
    run_id, stage_id = evaluation.run_id, str(uuid.uuid4())
    query = "SELECT max(position) + 1 FROM stages WHERE run_id = ?"
    (position,) = connection.execute(query, (run_id,)).fetchone()
    row = {
        "id": stage_id,
        "run_id": run_id,
        "position": position,
        "name": definition.name,
        "status": Status.PENDING.value,
        **stored_pipeline.defined_columns(definition),
        "directory": directory,
        **stored_pipeline.NOT_STARTED,
    }
    insert(connection, "stages", [row])
    ids = dict(connection.execute("SELECT name, id FROM stages WHERE run_id = ?", (run_id,)))
    insert(connection, "dependencies", stored_pipeline.edges([definition], ids))
    return stage_id


def _forget_earlier(connection: Connection, row: CheckpointRecord, stage_id: str) -> None:
    """Let the checkpoints that a stage evaluated so far no longer count."""
    for one in of_evaluation(connection, row.evaluation_id):
        if one.stage_id == stage_id and one.id != row.id and one.state in (CURRENT, LEFT_OUT):
            values = {"state": SUPERSEDED, "reason": "its step was written again"}
            set_values(connection, "checkpoints", one.id, **values)


def _open_again(connection: Connection, stage: StageRecord, definition: StageDefinition) -> None:
    """Let a stage that waits or has ended evaluate another checkpoint."""
    set_values(connection, "stages", stage.id, **stored_pipeline.defined_columns(definition))
    if stage.status in ENDED:
        stage_requests.open_again(connection, stage, fresh=stage.attempt > 0)


def _link(
    connection: Connection, evaluation: StageRecord, name: str, *, linked: bool = True
) -> None:
    """Let an evaluation depend on a member, or no longer."""
    now = stages.get(connection, evaluation.id)
    member = views.stage(connection, evaluation.run_id, name)
    if member is None or (name in now.depends_on) == linked:
        return
    if linked:
        names = (*now.depends_on, name)
        edge = {"stage_id": now.id, "upstream_id": member.id}
        insert(connection, "dependencies", [edge])
    else:
        names = tuple(one for one in now.depends_on if one != name)
        query = "DELETE FROM dependencies WHERE stage_id = ? AND upstream_id = ?"
        connection.execute(query, (now.id, member.id))
    definition = replace(now.definition, depends_on=names)
    text = views.dump(definition.to_json())
    set_values(connection, "stages", now.id, definition_json=text)


def leave_out(
    connection: Connection,
    evaluation: StageRecord,
    row: CheckpointRecord,
    reason: str,
    *,
    state: str = LEFT_OUT,
) -> bool:
    """Let a checkpoint no longer count; a stage that waits to evaluate it is skipped.

    Returns False if that stage has a slot already, where it is only `every: newest` that leaves it
    out: it is evaluated then.
    """
    stage = stages.find(connection, row.stage_id) if row.stage_id else None
    if stage is not None and stage.status not in ENDED:
        if is_startable(connection, stage):
            stage_requests.skip(connection, stage, reason)
        elif state == LEFT_OUT:
            return False
    if stage is not None:
        _link(connection, evaluation, stage.name, linked=False)
    change(
        connection, "checkpoints", {"id": row.id, "state": row.state}, state=state, reason=reason
    )
    runs.refresh(connection, evaluation.run_id)
    return True


def _has_stale(connection: Connection, evaluation_id: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM checkpoints LEFT JOIN stages AS member ON member.id = stage_id "
        f"WHERE evaluation_id = ? AND {_IS_STALE} LIMIT 1",
        (evaluation_id, CURRENT, CURRENT),
    )
    return found.fetchone() is not None


def count_again(connection: Connection, evaluation: StageRecord, row: CheckpointRecord) -> None:
    """Let a checkpoint count that was left out, with what its stage has found."""
    set_values(connection, "checkpoints", row.id, state=CURRENT, reason=None)
    if row.stage_id is not None and (stage := stages.find(connection, row.stage_id)) is not None:
        _link(connection, evaluation, stage.name)


def set_held(connection: Connection, row_id: int, key: str | None) -> None:
    """Store the key of a checkpoint's held copy; None: it has none any more."""
    set_values(connection, "checkpoints", row_id, held=key)


def explain(connection: Connection, evaluation: StageRecord, reason: str) -> None:
    """Store how far an evaluation is; an unchanged reason is not written."""
    connection.execute(
        "UPDATE stages SET reason = ? WHERE id = ? AND status = ? AND reason IS NOT ?",
        (reason, evaluation.id, Status.PENDING, reason),
    )


def set_drawn(
    connection: Connection,
    evaluation_id: str,
    metric: str | None,
    drawn: Mapping[int, int],
    values: Mapping[int, float | None],
) -> None:
    """Store which attempts' metrics are points of the whole, and each checkpoint's value, by id."""
    change(connection, "evaluations", {"stage_id": evaluation_id}, metric=metric)
    for row_id, attempt in drawn.items():
        set_values(connection, "checkpoints", row_id, drawn=attempt, value=values.get(row_id))


def end(connection: Connection, evaluation: StageRecord) -> bool:
    """End an evaluation as its training and its members ask, if they have ended.

    The caller has seen that no checkpoint of the training is left to be evaluated. A member may
    have ended since the points were stored: what follows would not know whether it is the best.
    """
    now = stages.get(connection, evaluation.id)
    if now.status != Status.PENDING or _has_stale(connection, evaluation.id):
        return False
    outcome = next_state(stages.upstreams_of(connection, [now.id]).get(now.id, ()))
    if outcome is None:
        return False
    status, reason = outcome
    status = Status.COMPLETED if status == Status.QUEUED else status
    stages.change(connection, now, status, reason=reason, completed_at=clock.now())
    stages.settle_dependants(connection, [now.id])
    runs.refresh(connection, now.run_id)
    return True
