"""The queue of stages that wait for a slot, and the attempts that are granted to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from trainui import clock
from trainui.model.records import LOCAL, AttemptRecord, HostView, Slot, StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules.scheduling import ELSEWHERE
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import change, insert, placeholders, set_values
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

    Only those of this kind (`cpu`, `gpu`, `elsewhere`), and that may run on the host `here`;
    None: all. A negative `limit` is none.
    """
    tables, parameters = _waiting(here)
    if kind == ELSEWHERE:
        tables += " AND executor <> ?"
        parameters += (LOCAL,)
    elif kind is not None:
        tables += f" AND gpus {'>' if kind == 'gpu' else '='} 0 AND executor = ?"
        parameters += (LOCAL,)
    order = "ORDER BY priority DESC, created_at, runs.id, position"
    if limit >= 0:
        tables += f" {order} LIMIT ?"
        parameters += (limit,)
    # only ids are sorted for the limit, since definitions are large
    found = connection.execute(
        "SELECT stages.* FROM stages JOIN runs ON runs.id = run_id "
        f"WHERE stages.id IN (SELECT stages.id {tables}) {order}",
        parameters,
    )
    return list(row_mapping.records(found, row_mapping.stage_record))


def queued_without_reason(
    connection: Connection, *, limit: int, here: HostView | None = None
) -> list[str]:
    """Return the ids of queued stages with no recorded wait reason."""
    tables, parameters = _waiting(here)
    query = f"SELECT stages.id {tables} AND reason IS NULL LIMIT ?"
    return [stage_id for (stage_id,) in connection.execute(query, (*parameters, limit))]


def _waiting(here: HostView | None) -> tuple[str, tuple[str | int | None, ...]]:
    """Return the rest of a query for queued stages that may run on a host, and its parameters."""
    tables = (
        "FROM stages JOIN runs ON runs.id = run_id WHERE stages.status = ? "
        "AND stages.id NOT IN (SELECT stage_id FROM attempts WHERE status IN (?, ?))"
    )
    queued = (Status.QUEUED, Status.QUEUED, Status.RUNNING)
    if here is None:
        return tables, queued
    queues = (*here.queues, None)  # never an empty list, which PostgreSQL does not have
    # a run without a host is from a version that knew only one host
    tables += (
        " AND (runs.host IS NULL OR runs.host = ? OR runs.place = ?) "
        "AND (for_host IS NULL OR for_host = ?) "
        f"AND (for_queue IS NULL OR for_queue IN ({placeholders(queues)}))"
    )
    return tables, (*queued, here.host, here.place, here.host, *queues)


def is_any_open(connection: Connection, here: HostView | None = None) -> bool:
    """Return True if an attempt is granted and not yet claimed, on one host or on any."""
    query = "SELECT 1 FROM attempts WHERE status = ? AND host = coalesce(?, host) LIMIT 1"
    host = None if here is None else here.host
    found = connection.execute(query, (Status.QUEUED, host))
    return found.fetchone() is not None


def grant(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], *, host: str
) -> AttemptRecord | None:
    """Grant a queued stage its slots and its next attempt, all or nothing.

    Returns the attempt, whose message must be sent; None if the stage has changed state, or one of
    the slots is occupied.
    """
    number = stage.attempt + 1
    task_id = str(uuid.uuid4())
    if any(_is_occupied(connection, slot) for slot in slots):
        return None
    seen = {"id": stage.id, "status": Status.QUEUED, "attempt": stage.attempt}
    granted = {"attempt": number, "celery_task_id": task_id, "reason": "starting"}
    if not change(connection, "stages", seen, **granted, not_before=None):
        return None
    attempt_id = _insert_attempt(connection, stage, slots, host, task_id)
    runs.refresh(connection, stage.run_id)
    return attempts.get(connection, attempt_id)


def _is_occupied(connection: Connection, slot: Slot) -> bool:
    query = "SELECT 1 FROM slots WHERE host = ? AND kind = ? AND number = ?"
    return connection.execute(query, (slot.host, slot.kind, slot.index)).fetchone() is not None


def _insert_attempt(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], host: str, task_id: str
) -> int:
    number = stage.attempt + 1
    row = {
        "stage_id": stage.id,
        "number": number,
        "status": Status.QUEUED,
        "host": host,
        "executor": stage.executor,
        "celery_task_id": task_id,
        "directory": str(attempts.directory(stage, number)),
        "slots_json": row_mapping.slots_json(tuple(slots)),
        "granted_at": clock.now(),
        **attempts.NEW_ATTEMPT,
    }
    insert(connection, "attempts", [row])
    query = "SELECT id FROM attempts WHERE stage_id = ? AND number = ?"
    (attempt_id,) = connection.execute(query, (stage.id, number)).fetchone()
    occupied = [
        {"host": slot.host, "kind": slot.kind, "number": slot.index, "attempt_id": attempt_id}
        for slot in slots
    ]
    insert(connection, "slots", occupied)
    return int(attempt_id)


def mark_sent(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt's message was sent to the broker."""
    set_values(connection, "attempts", attempt_id, sent_at=clock.now())


def unclaimed(
    connection: Connection, *, sent_before: int, here: HostView | None = None
) -> list[AttemptRecord]:
    """Return granted attempts whose message was never sent, or was sent too long ago.

    A sent time in the future means that the clock was set back, so the true time is unknown.
    """
    host = None if here is None else here.host
    found = connection.execute(
        "SELECT * FROM attempts WHERE status = ? AND host = coalesce(?, host) "
        "AND (sent_at IS NULL OR sent_at < ? OR sent_at > ?) ORDER BY id",
        (Status.QUEUED, host, sent_before, clock.now()),
    )
    return list(row_mapping.records(found, row_mapping.attempt_record))


def unclaimed_ids(connection: Connection) -> frozenset[str]:
    """Return the ids of the messages of all granted attempts that are not claimed."""
    found = connection.execute(
        "SELECT celery_task_id FROM attempts WHERE status = ?", (Status.QUEUED,)
    )
    return frozenset(str(row[0]) for row in found)


def count_unclaimed(connection: Connection, executor: str) -> int:
    """Return the number of attempts of an executor that are granted and not claimed."""
    found = connection.execute(
        "SELECT count(*) FROM attempts WHERE status = ? AND executor = ?",
        (Status.QUEUED, executor),
    )
    return int(found.fetchone()[0])
