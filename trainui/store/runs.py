"""Runs: made whole in one transaction, found by what people call them, derived in their state."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from trainui import clock
from trainui.domain.definition import Pipeline
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import ENDED, Status, run_status
from trainui.errors import UsageError
from trainui.store import events, rows
from trainui.store.tables import (
    ATTEMPTS,
    DEPENDENCIES,
    FLAGS,
    PIPELINES,
    RUNS,
    STAGES,
)

LARGEST_STEP = 24 * 3600 * clock.SECOND
"""Microseconds by which a clock is set back at most for runs to keep their order."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run about to be stored."""

    id: str
    name: str
    pipeline: Pipeline
    """Submitted: what `${...}` stands for is filled in."""
    directory: str
    stage_directories: Mapping[str, str]
    """Absolute, by the stages' full names."""
    submission: Mapping[str, Any]
    """The submitting shell's umask, sys.path entry, python and the directories in which inputs may
    lie: never its environment."""
    priority: int = 0


def create(connection: Connection, new: NewRun) -> None:
    """Store a run, its pipeline, stages and edges.

    Raises:
        UsageError: there is a run of this id.
    """
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == new.id)).first():
        raise UsageError(f"a run with the id {new.id!r} exists; resume it, or choose another id")
    pipeline = new.pipeline
    keep_pipeline(connection, pipeline)
    connection.execute(
        insert(RUNS).values(
            id=new.id,
            name=new.name,
            status=Status.QUEUED,
            pipeline=pipeline.name,
            digest=pipeline.digest,
            file=pipeline.file,
            directory=new.directory,
            params_json=rows.dump(dict(pipeline.params)),
            submission_json=rows.dump(dict(new.submission)),
            priority=new.priority,
            created_at=_created_at(connection),
        )
    )
    _insert_stages(connection, new)
    events.record(connection, new.id, "submitted", f"{len(pipeline.stages)} stages submitted")


def keep_pipeline(connection: Connection, pipeline: Pipeline) -> None:
    """Store a pipeline's text, unless it is there."""
    known = select(PIPELINES.c.digest).where(PIPELINES.c.digest == pipeline.digest)
    if connection.execute(known).first() is None:
        values = {"digest": pipeline.digest, "name": pipeline.name, "text": pipeline.text}
        connection.execute(insert(PIPELINES).values(values))


def _created_at(connection: Connection) -> int:
    """Return the time now, or just after the newest run's: runs keep their order by it.

    Though the clock was set back since; not where it was days ahead, which is no time to go on by.
    """
    now = clock.now()
    latest = select(func.max(RUNS.c.created_at)).where(RUNS.c.created_at < now + LARGEST_STEP)
    return max(now, (connection.execute(latest).scalar() or 0) + 1)


def _insert_stages(connection: Connection, new: NewRun) -> None:
    stages = new.pipeline.stages
    ids = {stage.name: str(uuid.uuid4()) for stage in stages}
    connection.execute(
        insert(STAGES),
        [
            {
                "id": ids[stage.name],
                "run_id": new.id,
                "position": position,
                "name": stage.name,
                "status": Status.PENDING if stage.depends_on else Status.QUEUED,
                "definition_json": rows.dump(stage.to_json()),
                "directory": new.stage_directories[stage.name],
            }
            for position, stage in enumerate(stages)
        ],
    )
    edges = [
        {"stage_id": ids[stage.name], "upstream_id": ids[upstream]}
        for stage in stages
        for upstream in stage.depends_on
    ]
    if edges:
        connection.execute(insert(DEPENDENCIES), edges)


def get(connection: Connection, run_id: str) -> RunRecord | None:
    """Return the run of exactly this id."""
    row = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).mappings().first()
    return rows.run_record(dict(row)) if row else None


def submission(connection: Connection, run_id: str) -> dict[str, Any]:
    """Return what the submitting shell was like."""
    text = connection.execute(
        select(RUNS.c.submission_json).where(RUNS.c.id == run_id)
    ).scalar_one()
    return dict(rows.load(text))


def allow(connection: Connection, run_id: str, directories: Sequence[str]) -> None:
    """Note where a run's inputs may lie from now on."""
    changed = {**submission(connection, run_id), "allowed": list(directories)}
    connection.execute(
        update(RUNS).where(RUNS.c.id == run_id).values(submission_json=rows.dump(changed))
    )


def note_pipeline(
    connection: Connection,
    run_id: str,
    given: Mapping[str, Any] | None = None,
    seen_digest: str | None = None,
) -> None:
    """Note where the pipeline that a run has now comes from.

    Args:
        connection: a write transaction.
        run_id: the run.
        given: the parameters given besides its text, secret ones masked; None: as before.
        seen_digest: of the run's file as it was when the pipeline was edited apart from it; None:
            the pipeline is that file's.
    """
    changed = {**submission(connection, run_id), "seen_digest": seen_digest}
    if given is not None:
        changed["given"] = dict(given)
    connection.execute(
        update(RUNS).where(RUNS.c.id == run_id).values(submission_json=rows.dump(changed))
    )


def stages(connection: Connection, run_id: str) -> list[StageRecord]:
    """Return a run's stages in the file's order."""
    found = connection.execute(
        select(STAGES).where(STAGES.c.run_id == run_id).order_by(STAGES.c.position)
    ).mappings()
    return [rows.stage_record(dict(row)) for row in found]


def refresh(connection: Connection, run_id: str) -> Status:
    """Derive a run's state and times from its stages; return the state."""
    states = connection.execute(_STATES, {"run": run_id}).scalars().all()
    before, started_at, last_attempt, last_end = connection.execute(_TIMES, {"run": run_id}).one()
    status = run_status([Status(name) for name in states], started=bool(last_attempt))
    values: dict[str, Any] = {"status": status, "started_at": started_at, "completed_at": None}
    if status in ENDED:
        end = clock.now() if last_end is None else last_end
        values["completed_at"] = max(end, started_at or 0)
    else:
        values["notified_at"] = None
    connection.execute(_REFRESH, {"run": run_id, **values})
    if before != status:
        events.record(connection, run_id, "run", f"the run is {status}")
    return status


# Built once: they run at every step of every stage, and building costs more than running.
_OF_RUN = STAGES.c.run_id == bindparam("run")
_STATES = select(STAGES.c.status).distinct().where(_OF_RUN)
_TIMES = select(
    RUNS.c.status,
    select(func.min(ATTEMPTS.c.started_at))
    .join(STAGES, STAGES.c.id == ATTEMPTS.c.stage_id)
    .where(_OF_RUN)
    .scalar_subquery(),
    select(func.max(STAGES.c.attempt)).where(_OF_RUN).scalar_subquery(),
    select(func.max(STAGES.c.completed_at)).where(_OF_RUN).scalar_subquery(),
).where(RUNS.c.id == bindparam("run"))
_REFRESH = update(RUNS).where(RUNS.c.id == bindparam("run"))


def active(connection: Connection) -> list[RunRecord]:
    """Return the runs that are not over, those of higher priority and older ones first."""
    found = connection.execute(
        select(RUNS)
        .where(RUNS.c.status.in_([Status.QUEUED, Status.RUNNING]))
        .order_by(RUNS.c.priority.desc(), RUNS.c.created_at)
    ).mappings()
    return [rows.run_record(dict(row)) for row in found]


def to_notify(connection: Connection) -> list[RunRecord]:
    """Return the runs that are over and of whose end nobody was told."""
    found = connection.execute(
        select(RUNS).where(
            RUNS.c.status.in_(list(ENDED)),
            RUNS.c.notified_at.is_(None),
        )
    ).mappings()
    return [rows.run_record(dict(row)) for row in found]


def mark_notified(connection: Connection, run_ids: Sequence[str]) -> None:
    """Note that people were told how these runs ended."""
    connection.execute(update(RUNS).where(RUNS.c.id.in_(run_ids)).values(notified_at=clock.now()))


def set_priority(connection: Connection, run_id: str, priority: int) -> None:
    """Let a run go before (higher) or after others."""
    connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(priority=priority))


def remove(connection: Connection, run_id: str) -> None:
    """Delete a run that is over, with its stages, attempts and events; not its directory.

    Raises:
        UsageError: the run is not over.
    """
    run = get(connection, run_id)
    if run is not None and run.status not in ENDED:
        raise UsageError(f"the run {run.name} ({run_id}) is {run.status}; cancel it first")
    connection.execute(delete(RUNS).where(RUNS.c.id == run_id))


def set_flag(connection: Connection, name: str, value: str | None) -> None:
    """Set a switch of the installation, or (None) take it away."""
    connection.execute(delete(FLAGS).where(FLAGS.c.name == name))
    if value is not None:
        connection.execute(insert(FLAGS).values(name=name, value=value))


def flag(connection: Connection, name: str) -> str | None:
    """Return a switch's value."""
    value = connection.execute(select(FLAGS.c.value).where(FLAGS.c.name == name)).scalar()
    return None if value is None else str(value)
