"""The queue of stages that wait for a slot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select

from trainui.domain.records import HostView, StageRecord
from trainui.domain.states import Status
from trainui.store.db import dialect
from trainui.store.read import row_mapping
from trainui.store.runs.tables import ATTEMPTS, RUNS, STAGES


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
