"""The queue of stages that wait for a slot, and the attempts that are granted to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from trainui import clock
from trainui.domain.records import AttemptRecord, HostView, Slot, StageRecord
from trainui.domain.states import Status
from trainui.store.db.rows import change, insert, insert_all, run, set_values
from trainui.store.db.statements import placeholders
from trainui.store.read import row_mapping
from trainui.store.runs import attempts, runs


def queued(
    connection: Connection,
    *,
    kind: str | None = None,
    limit: int = -1,
    here: HostView | None = None,
) -> list[StageRecord]:
    """Return the stages that wait for a slot, in the order in which they get one.

    Only those that need slots of this kind (`cpu` or `gpu`), and that may run on the host `here`;
    None: all. A negative `limit` is none.
    """
    condition, parameters = _may_run(here)
    if kind is not None:
        condition += f" AND {'' if kind == 'gpu' else 'NOT '}({_NEEDS_GPU})"
    order = "ORDER BY runs.priority DESC, runs.created_at, runs.id, stages.position"
    # sorts ids only, since definitions are large
    ids = f"SELECT stages.id {_QUEUE} WHERE {_IS_QUEUED}{condition}"
    if limit >= 0:
        ids, parameters = f"{ids} {order} LIMIT ?", (*parameters, limit)
    found = run(
        connection, f"SELECT stages.* {_QUEUE} WHERE stages.id IN ({ids}) {order}", parameters
    )
    return list(row_mapping.records(found, row_mapping.stage_record))


def queued_in_silence(
    connection: Connection, *, limit: int, here: HostView | None = None
) -> list[str]:
    """Return the ids of queued stages with no recorded wait reason."""
    condition, parameters = _may_run(here)
    found = run(
        connection,
        f"SELECT stages.id {_QUEUE} WHERE {_IS_QUEUED} AND reason IS NULL{condition} LIMIT ?",
        (*parameters, limit),
    )
    return [str(stage_id) for (stage_id,) in found]


def _may_run(here: HostView | None) -> tuple[str, tuple[Any, ...]]:
    """Return the rest of a condition on stages that may run on a host, and its parameters."""
    if here is None:
        return "", ()
    queue = "json_extract(definition_json, '$.queue')"
    condition = (
        # a run without a host is from a version that knew only one host
        " AND (runs.host IS NULL OR runs.host = ? OR runs.place = ?)"
        " AND coalesce(json_extract(definition_json, '$.host'), ?) = ?"
        f" AND ({queue} IS NULL OR {queue} IN ({placeholders(here.queues) or 'NULL'}))"
    )
    return condition, (here.host, here.place, here.host, here.host, *here.queues)


_QUEUE = "FROM stages JOIN runs ON runs.id = run_id"

_IS_QUEUED = (
    f"stages.status = '{Status.QUEUED}' AND stages.id NOT IN "
    f"(SELECT stage_id FROM attempts WHERE status = '{Status.QUEUED}')"
)

WITHOUT_GPU = '%,"gpus":0,"gpu_memory":null,"host":%'
"""The pattern of a definition without GPUs, as the store writes it."""

# the pattern first: it spares parsing the definition of each queued stage
_NEEDS_GPU = (
    f"definition_json NOT LIKE '{WITHOUT_GPU}' "
    "AND coalesce(CAST(json_extract(definition_json, '$.gpus') AS INTEGER), 0) > 0"
)


def is_any_open(connection: Connection, here: HostView | None = None) -> bool:
    """Return True if an attempt is granted and not yet claimed, on one host or on any."""
    condition, parameters = _is_open(here)
    found = run(connection, f"SELECT 1 FROM attempts WHERE {condition} LIMIT 1", parameters)
    return found.fetchone() is not None


def _is_open(here: HostView | None) -> tuple[str, tuple[str, ...]]:
    """Return the condition on a granted attempt, on one host or on any, and its parameters."""
    if here is None:
        return "status = ?", (Status.QUEUED,)
    return "status = ? AND host = ?", (Status.QUEUED, here.host)


def grant(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], *, host: str
) -> AttemptRecord | None:
    """Grant a queued stage its slots and its next attempt, all or nothing.

    Returns the attempt, whose message must be sent; None if the stage has changed state, or one of
    the slots is occupied.
    """
    occupied = set(run(connection, "SELECT host, kind, number FROM slots"))
    if not occupied.isdisjoint((slot.host, slot.kind, slot.index) for slot in slots):
        return None
    number, task_id = stage.attempt + 1, str(uuid.uuid4())
    seen = {"id": stage.id, "status": Status.QUEUED, "attempt": stage.attempt}
    granted = {"attempt": number, "celery_task_id": task_id, "reason": "starting"}
    if not change(connection, "stages", seen, **granted, not_before=None):
        return None
    attempt = {
        "stage_id": stage.id,
        "number": number,
        "status": Status.QUEUED,
        "host": host,
        "celery_task_id": task_id,
        "directory": str(attempts.directory(stage, number)),
        "slots_json": row_mapping.slots_json(tuple(slots)),
        "granted_at": clock.now(),
        "checkpoint_tried": False,
        "metrics_complete": False,
    }
    attempt_id = insert(connection, "attempts", attempt)
    rows = [
        {"host": slot.host, "kind": slot.kind, "number": slot.index, "attempt_id": attempt_id}
        for slot in slots
    ]
    insert_all(connection, "slots", rows)
    runs.refresh(connection, stage.run_id)
    return attempts.get(connection, attempt_id)


def mark_sent(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt's message was sent to the broker."""
    set_values(connection, "attempts", attempt_id, sent_at=clock.now())


def unclaimed(
    connection: Connection, *, sent_before: int, here: HostView | None = None
) -> list[AttemptRecord]:
    """Return granted attempts whose message was never sent, or was sent too long ago.

    A sent time in the future means that the clock was set back, so the true time is unknown.
    """
    condition, parameters = _is_open(here)
    found = run(
        connection,
        f"SELECT * FROM attempts WHERE {condition} "
        "AND (sent_at IS NULL OR sent_at < ? OR sent_at > ?) ORDER BY id",
        (*parameters, sent_before, clock.now()),
    )
    return list(row_mapping.records(found, row_mapping.attempt_record))
