"""Runs: storing, state derived from stages, priority, deletion; and the installation's flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from trainui import clock
from trainui.domain.definition import Pipeline
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import ENDED, UNFINISHED, Status, run_status
from trainui.errors import UsageError
from trainui.store.db.dialect import is_one_of
from trainui.store.db.engine import raw
from trainui.store.read import row_mapping, views
from trainui.store.runs import events, new_run
from trainui.store.runs.new_run import NewRun as NewRun
from trainui.store.runs.tables import FLAGS, RUNS, STAGES

PAUSED = "paused"
"""The flag of a paused queue."""


def create(connection: Connection, new: NewRun) -> None:
    """Store a run, its pipeline, stages and edges.

    Raises:
        UsageError: a run with this id exists.
    """
    new_run.create(raw(connection), new)


def store_pipeline(connection: Connection, pipeline: Pipeline) -> None:
    """Store a pipeline's text, unless it is already stored."""
    new_run.store_pipeline(raw(connection), pipeline)


def get(connection: Connection, run_id: str) -> RunRecord | None:
    """Return the run with exactly this id."""
    return views.run(raw(connection), run_id)


def place_of(connection: Connection, run_id: str) -> tuple[str | None, str | None]:
    """Return the host where a run was submitted, and the identity of its directory of runs."""
    query = select(RUNS.c.host, RUNS.c.place).where(RUNS.c.id == run_id)
    host, place = connection.execute(query).one()
    return host, place


def submission(connection: Connection, run_id: str) -> dict[str, Any]:
    """Return the submitting shell's settings."""
    return views.submission(raw(connection), run_id)


def set_allowed(connection: Connection, run_id: str, directories: Sequence[str]) -> None:
    """Set the directories allowed for a run's inputs from now on."""
    changed = {**submission(connection, run_id), "allowed": list(directories)}
    connection.execute(
        update(RUNS).where(RUNS.c.id == run_id).values(submission_json=row_mapping.dump(changed))
    )


def record_origin(
    connection: Connection,
    run_id: str,
    given: Mapping[str, Any] | None = None,
    seen_digest: str | None = None,
) -> None:
    """Record the origin of a run's current pipeline.

    Args:
        connection: a write transaction.
        run_id: the run.
        given: the parameters given in addition to its text, secrets masked; None: unchanged.
        seen_digest: the digest of the run's file when the pipeline was edited outside of it; None:
            the pipeline is that file's.
    """
    changed = {**submission(connection, run_id), "seen_digest": seen_digest}
    if given is not None:
        changed["given"] = dict(given)
    connection.execute(
        update(RUNS).where(RUNS.c.id == run_id).values(submission_json=row_mapping.dump(changed))
    )


def stages(connection: Connection, run_id: str) -> list[StageRecord]:
    """Return a run's stages in the file's order."""
    return views.stages(raw(connection), run_id)


def refresh(connection: Connection, run_id: str, *, started_at: int | None = None) -> Status:
    """Derive a run's state and times from its stages; return the state.

    `started_at`: the start of one of its attempts, if it has just started.
    """
    run = connection.execute(_RUN, {"run": run_id}).one()
    states = [Status.RUNNING] if run.is_unfinished else _states(connection, run_id)
    starts = [start for start in (run.started_at, started_at) if start is not None]
    status = run_status(states, started=bool(starts or run.was_claimed))
    values: dict[str, Any] = {"started_at": min(starts, default=None)}
    if status in ENDED:
        end = connection.execute(_LAST_END, {"run": run_id}).scalar()
        end = clock.now() if end is None else end
        values |= {"completed_at": max(end, values["started_at"] or 0)}
    else:
        values |= {"completed_at": None, "notified_at": None}
    if (status, values["started_at"]) != (run.status, run.started_at) or status in ENDED:
        connection.execute(_REFRESH, {"run": run_id, "status": status, **values})
    if run.status != status:
        text = f"run {status.verb}"
        events.record(connection, run_id, "run", text, data={"status": str(status)})
    return status


def _states(connection: Connection, run_id: str) -> list[Status]:
    found = connection.execute(_STATES, {"run": run_id}).scalars()
    return [Status(name) for name in found]


# Built once, since they run at every state change of every stage; building costs more than running.
# While a run is active they read few of its stages, however many it has.
_OF_RUN = STAGES.c.run_id == bindparam("run")
_RUN = select(
    RUNS.c.status,
    RUNS.c.started_at,
    exists().where(_OF_RUN, is_one_of(STAGES.c.status, UNFINISHED)).label("is_unfinished"),
    exists()
    .where(_OF_RUN, STAGES.c.attempt > 0, STAGES.c.status != Status.QUEUED)
    .label("was_claimed"),
).where(RUNS.c.id == bindparam("run"))
_STATES = select(STAGES.c.status).distinct().where(_OF_RUN)
_LAST_END = select(func.max(STAGES.c.completed_at)).where(_OF_RUN)
_REFRESH = update(RUNS).where(RUNS.c.id == bindparam("run"))


def is_any_active(connection: Connection) -> bool:
    """Return True if a run is unfinished."""
    return connection.execute(_AN_ACTIVE_ONE).first() is not None


_AN_ACTIVE_ONE = (
    select(RUNS.c.id).where(is_one_of(RUNS.c.status, (Status.QUEUED, Status.RUNNING))).limit(1)
)


def to_notify(connection: Connection) -> list[RunRecord]:
    """Return the finished runs without a notification of their end."""
    found = connection.execute(_TO_NOTIFY).mappings()
    return [row_mapping.run_record(dict(row)) for row in found]


_TO_NOTIFY = select(RUNS).where(is_one_of(RUNS.c.status, ENDED), RUNS.c.notified_at.is_(None))


def mark_notified(connection: Connection, run_ids: Sequence[str]) -> None:
    """Record that the notifications of these runs' ends were sent."""
    connection.execute(update(RUNS).where(RUNS.c.id.in_(run_ids)).values(notified_at=clock.now()))


def set_priority(connection: Connection, run_id: str, priority: int) -> None:
    """Set a run's priority: runs with a higher one go first."""
    connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(priority=priority))
    events.record(connection, run_id, "priority", f"the priority is {priority:+d}")


def remove(connection: Connection, run_id: str) -> None:
    """Delete a finished run, with its stages, attempts and events, but not its directory.

    Raises:
        UsageError: the run is not finished.
    """
    run = get(connection, run_id)
    if run is not None and run.status not in ENDED:
        raise UsageError(f"the run {run.name} ({run_id}) is {run.status}; cancel it first")
    connection.execute(delete(RUNS).where(RUNS.c.id == run_id))


def set_flag(connection: Connection, name: str, value: str | None) -> None:
    """Set a flag of the installation; None removes it."""
    connection.execute(delete(FLAGS).where(FLAGS.c.name == name))
    if value is not None:
        connection.execute(insert(FLAGS).values(name=name, value=value))


def flag(connection: Connection, name: str) -> str | None:
    """Return a flag's value."""
    return views.flag(raw(connection), name)
