"""Trials of searches: which were asked for, how each counts, and what their sampler did.

A row is written when the study has the trial's values; its number is the study's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from trainui.model.definition import StageDefinition
from trainui.model.records import HostView, StageRecord, WaitReason
from trainui.model.states import ALERT, UNFINISHED, Status
from trainui.record import dataclass
from trainui.store.db.statements import Connection, change, insert, placeholders, set_values
from trainui.store.read import sweeps, views
from trainui.store.read.sweeps import ASKED
from trainui.store.runs import stage_requests, stages, stored_pipeline
from trainui.store.runs.stage_requests import AlertRecord

LAST_STATES = (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.PRUNED)
"""States of stages whose trials may end in the study; an interrupted one is to be continued."""


@dataclass(frozen=True, slots=True)
class SearchKey:
    """The identity of a search."""

    run_id: str
    name: str
    """The stage's name in the file."""


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """How a trial counts for its search."""

    state: str
    """`complete`, `pruned` or `fail`."""
    value: float | None = None
    step: float | None = None
    reason: str | None = None
    """Why it counts as failed."""


@dataclass(frozen=True, slots=True)
class StoredSampler:
    """What is stored of a search's sampler."""

    sampler: str
    """Its kind, options and space."""
    history: str | None
    """What it did, as JSON; None: nothing is chosen."""


def is_any_asked(
    connection: Connection, states: Collection[Status], here: HostView | None = None
) -> bool:
    """Return True if `asked` returns a trial."""
    tables, parameters = _asked(states, here)
    return connection.execute(f"SELECT 1 {tables} LIMIT 1", parameters).fetchone() is not None


def asked(
    connection: Connection,
    states: Collection[Status],
    here: HostView | None = None,
    *,
    key: SearchKey | None = None,
) -> list[StageRecord]:
    """Return the trials without an outcome whose stages are in these states, the first end first.

    Cancelled ones of runs that are over are left to a resume. Members of a matrix whose `search` an
    edit removed are left out. With `here`, only those of runs whose directory this host has.
    """
    tables, parameters = _asked(states, here)
    if key is not None:
        tables += " AND trials.run_id = ? AND trials.search = ?"
        parameters += key.run_id, key.name
    found = connection.execute(
        f"SELECT stages.* {tables} ORDER BY stages.completed_at, trials.number", parameters
    )
    records = views.records(found, views.stage_record)
    return [stage for stage in records if stage.definition.search is not None]


def _asked(states: Collection[Status], here: HostView | None) -> tuple[str, tuple[str | None, ...]]:
    """Return the rest of a query for trials without an outcome, and its parameters."""
    is_left = f"stages.status = '{Status.CANCELLED}' AND runs.status NOT IN "
    tables = (
        "FROM trials JOIN stages ON stages.id = trials.stage_id "
        f"JOIN runs ON runs.id = trials.run_id WHERE trials.state = '{ASKED}' "
        f"AND stages.status IN ({placeholders(states)}) "
        f"AND NOT ({is_left}({placeholders(UNFINISHED)}))"
    )
    parameters: tuple[str | None, ...] = (*states, *UNFINISHED)
    if here is None:
        return tables, parameters
    visible = " AND (runs.host IS NULL OR runs.host = ? OR runs.place = ?)"
    return tables + visible, (*parameters, here.host, here.place)


def one_asked(connection: Connection, key: SearchKey) -> StageRecord | None:
    """Return the stage of one trial without an outcome; None if all have one."""
    found = connection.execute(
        "SELECT stages.* FROM trials JOIN stages ON stages.id = trials.stage_id "
        "WHERE trials.state = ? AND trials.run_id = ? AND trials.search = ? LIMIT 1",
        (ASKED, key.run_id, key.name),
    )
    return views.first(found, views.stage_record)


def number_of(connection: Connection, stage: StageRecord) -> int:
    """Return the number of the trial that is this stage."""
    found = connection.execute("SELECT number FROM trials WHERE stage_id = ?", (stage.id,))
    return int(found.fetchone()[0])


def count(connection: Connection, key: SearchKey) -> int:
    """Return the number of trials asked so far; the next one has this number."""
    found = connection.execute(
        "SELECT COUNT(*) FROM trials WHERE run_id = ? AND search = ?", (key.run_id, key.name)
    )
    return int(found.fetchone()[0])


def members_of(connection: Connection, key: SearchKey, number: int) -> list[StageRecord]:
    """Return the stages of a trial: one, or one for each seed; empty if there is no such trial."""
    return sweeps.members_of(connection, key.run_id, key.name, number)


def is_active(connection: Connection, key: SearchKey) -> bool:
    """Return True if a member of a search still runs or can start, and was not asked to stop."""
    found = connection.execute(
        f"SELECT 1 FROM stages WHERE run_id = ? AND {sweeps.STARTS_WITH} "
        f"AND status IN ({placeholders(UNFINISHED)}) AND NOT EXISTS (SELECT 1 FROM attempts "
        "WHERE stage_id = stages.id AND number = stages.attempt "
        "AND cancel_requested_at IS NOT NULL AND status = 'running') LIMIT 1",
        (key.run_id, *sweeps.prefix(f"{key.name}["), *UNFINISHED),
    )
    return found.fetchone() is not None


def sampler(connection: Connection, key: SearchKey) -> StoredSampler | None:
    """Return what is stored of a search's sampler; None before its first trial."""
    found = connection.execute(
        "SELECT sampler, history FROM searches WHERE run_id = ? AND name = ?",
        (key.run_id, key.name),
    )
    row = found.fetchone()
    return None if row is None else StoredSampler(*row)


def save_sampler(connection: Connection, key: SearchKey, saved: StoredSampler) -> None:
    """Store what a search's sampler did."""
    values = {"sampler": saved.sampler, "history": saved.history}
    if not change(connection, "searches", asdict(key), **values):
        insert(connection, "searches", [{**asdict(key), **values}])


def save_importance(
    connection: Connection, key: SearchKey, importance: Mapping[str, float]
) -> None:
    """Store the importance of a search's parameters, most important first."""
    change(connection, "searches", asdict(key), importance_json=json.dumps(importance))


def add(
    connection: Connection, key: SearchKey, stage: StageRecord, definition: StageDefinition
) -> None:
    """Store that a trial was asked for, and its definition with its values.

    Of several seeds, the stage is the first.
    """
    assert definition.trial is not None
    trial = {"run_id": key.run_id, "search": key.name, "number": definition.trial}
    insert(connection, "trials", [{"stage_id": stage.id, "state": ASKED, **trial}])
    give_values(connection, stage, definition)


def give_values(connection: Connection, stage: StageRecord, definition: StageDefinition) -> None:
    """Store the definition with its values of a trial's stage, or of one of its seeds."""
    set_values(connection, "stages", stage.id, **stored_pipeline.defined_columns(definition))
    is_queued = {"id": stage.id, "status": Status.QUEUED}
    change(connection, "stages", is_queued, reason=None, reason_host=None)


def end(connection: Connection, stage: StageRecord, outcome: TrialOutcome) -> None:
    """Store how a trial counts; of a completed stage, why it failed is an alert."""
    change(connection, "trials", {"stage_id": stage.id, "state": ASKED}, **asdict(outcome))
    if outcome.reason is None or stage.status != Status.COMPLETED:
        return
    is_completed = {"id": stage.id, "status": Status.COMPLETED}
    change(connection, "stages", is_completed, reason=outcome.reason)
    stage_requests.record_alerts(
        connection, stage.id, stage.attempt, [AlertRecord(ALERT, outcome.reason)]
    )


def explain_wait(connection: Connection, stage_ids: Sequence[str], reason: str) -> None:
    """Store on queued stages why they have no values yet."""
    stages.set_reasons(connection, dict.fromkeys(stage_ids, WaitReason(reason)))


def unasked(connection: Connection, stage_ids: Sequence[str]) -> list[StageRecord]:
    """Return those of some stages that are queued and still wait for their values."""
    found = connection.execute(
        f"SELECT * FROM stages WHERE id IN ({placeholders(stage_ids)}) AND status = ? "
        "ORDER BY position",
        (*stage_ids, Status.QUEUED),
    )
    records = views.records(found, views.stage_record)
    return [stage for stage in records if stage.is_unasked]
