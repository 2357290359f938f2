"""The second line of a listed run: its first stage in trouble, in plain SQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from trainui.domain.states import Status
from trainui.store.db import protocol
from trainui.store.db.statements import batches, placeholders

_IN_TROUBLE = (Status.FAILED, Status.INTERRUPTED)


class RunDetails(NamedTuple):
    """What the list shows of a run where it has room for a second line."""

    stage: str = ""
    """Its first stage that failed or was interrupted, or that is queued; empty: none."""
    status: Status = Status.COMPLETED
    """That stage's state."""
    reason: str = ""
    """The reason for that state."""


def of_runs(connection: protocol.Connection, run_ids: Collection[str]) -> dict[str, RunDetails]:
    """Return the details by run id; runs without any are left out."""
    found: dict[str, RunDetails] = {}
    for part in batches(run_ids):
        for status in ((Status.QUEUED,), _IN_TROUBLE):
            for run_id, *stage, reason in _first_stages(connection, part, status):
                found[run_id] = RunDetails(stage[0], Status(stage[1]), reason or "")
    return found


def _first_stages(
    connection: protocol.Connection, run_ids: Collection[str], states: Collection[Status]
) -> list[tuple[str, str, str, str | None]]:
    """Return by run the first stage, in the file's order, in one of these states."""
    return connection.execute(
        "SELECT stages.run_id, name, status, reason FROM stages JOIN ("
        "SELECT run_id, MIN(position) AS place FROM stages"
        f" WHERE run_id IN ({placeholders(run_ids)}) AND status IN ({placeholders(states)})"
        " GROUP BY run_id) AS first ON first.run_id = stages.run_id AND first.place = position",
        (*run_ids, *states),
    ).fetchall()
