"""The queue of stages that wait for a slot, and the attempts that are granted to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from trainui import clock
from trainui.domain.records import AttemptRecord, HostView, Slot, StageRecord
from trainui.domain.states import Status
from trainui.store.db import dialect
from trainui.store.read import row_mapping
from trainui.store.runs import attempts, runs
from trainui.store.runs.tables import ATTEMPTS, RUNS, SLOTS, STAGES, change, set_values


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
        ids = ids.where(_NEEDS_GPU if kind == "gpu" else ~_NEEDS_GPU)
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


WITHOUT_GPU = '%,"gpus":0,"gpu_memory":null,"host":%'
"""The pattern of a definition without GPUs, as the store writes it."""


# the pattern first: it spares parsing the definition of each queued stage
_NEEDS_GPU = and_(
    STAGES.c.definition_json.not_like(WITHOUT_GPU),
    func.coalesce(dialect.number_in(STAGES.c.definition_json, "gpus"), 0) > 0,
)


_GRANTED = select(ATTEMPTS.c.stage_id).where(ATTEMPTS.c.status == Status.QUEUED)


_IS_QUEUED = and_(STAGES.c.status == Status.QUEUED, STAGES.c.id.not_in(_GRANTED))


_SILENT = select(STAGES.c.id).where(_IS_QUEUED, STAGES.c.reason.is_(None)).limit(bindparam("most"))


def is_any_open(connection: Connection, here: HostView | None = None) -> bool:
    """Return True if an attempt is granted and not yet claimed, on one host or on any."""
    query = _AN_OPEN_ONE if here is None else _AN_OPEN_ONE.where(ATTEMPTS.c.host == here.host)
    return connection.execute(query).first() is not None


_AN_OPEN_ONE = select(ATTEMPTS.c.id).where(ATTEMPTS.c.status == Status.QUEUED).limit(1)


def grant(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], *, host: str
) -> AttemptRecord | None:
    """Grant a queued stage its slots and its next attempt, all or nothing.

    Returns the attempt, whose message must be sent; None if the stage has changed state, or one of
    the slots is occupied.
    """
    number = stage.attempt + 1
    task_id = str(uuid.uuid4())
    savepoint = connection.begin_nested()
    try:
        attempt_id = _insert_attempt(connection, stage, slots, host, task_id)
        seen = {"id": stage.id, "status": Status.QUEUED, "attempt": stage.attempt}
        granted = {"attempt": number, "celery_task_id": task_id, "reason": "starting"}
        moved = change(connection, STAGES, seen, **granted, not_before=None)
    except IntegrityError:
        moved = False
    if not moved:
        savepoint.rollback()
        return None
    savepoint.commit()
    runs.refresh(connection, stage.run_id)
    return attempts.get(connection, attempt_id)


def _insert_attempt(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], host: str, task_id: str
) -> int:
    number = stage.attempt + 1
    inserted = connection.execute(
        _INSERT,
        {
            "stage_id": stage.id,
            "number": number,
            "status": Status.QUEUED,
            "host": host,
            "celery_task_id": task_id,
            "directory": str(attempts.directory(stage, number)),
            "slots_json": row_mapping.slots_json(tuple(slots)),
            "granted_at": clock.now(),
        },
    )
    attempt_id = int(inserted.inserted_primary_key[0])  # type: ignore[index]
    if slots:
        occupied = [
            {"host": slot.host, "kind": slot.kind, "number": slot.index, "attempt_id": attempt_id}
            for slot in slots
        ]
        connection.execute(_OCCUPY, occupied)
    return attempt_id


_INSERT = insert(ATTEMPTS)


_OCCUPY = insert(SLOTS)


def mark_sent(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt's message was sent to the broker."""
    set_values(connection, ATTEMPTS, attempt_id, sent_at=clock.now())


def unclaimed(
    connection: Connection, *, sent_before: int, here: HostView | None = None
) -> list[AttemptRecord]:
    """Return granted attempts whose message was never sent, or was sent too long ago.

    A sent time in the future means that the clock was set back, so the true time is unknown.
    """
    query = _LOST if here is None else _LOST.where(ATTEMPTS.c.host == here.host)
    found = connection.execute(query, {"sent_before": sent_before, "now": clock.now()})
    return [row_mapping.attempt_record(dict(row)) for row in found.mappings()]


_LOST = (
    select(ATTEMPTS)
    .where(
        ATTEMPTS.c.status == Status.QUEUED,
        ATTEMPTS.c.sent_at.is_(None)
        | (ATTEMPTS.c.sent_at < bindparam("sent_before"))
        | (ATTEMPTS.c.sent_at > bindparam("now")),
    )
    .order_by(ATTEMPTS.c.id)
)
