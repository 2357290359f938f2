"""Stores a new run in one transaction: its pipeline, stages, edges and first event."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainui import clock
from trainui.errors import UsageError
from trainui.formatting import quantity
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import OWN
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import insert
from trainui.store.read import row_mapping

LARGEST_STEP = 24 * 3600 * clock.SECOND
"""Microseconds: the largest backward clock change after which runs keep their order."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run about to be stored."""

    id: str
    name: str
    pipeline: Pipeline
    """The submitted pipeline, with `${...}` substituted."""
    directory: str
    stage_directories: Mapping[str, str]
    """Absolute directories by full stage name."""
    submission: Mapping[str, Any]
    """The submitting shell's umask, sys.path entry and Python, and the directories allowed for
    inputs; never its environment."""
    priority: int = 0
    host: str | None = None
    """The host where it was submitted."""
    kind: str = OWN
    """`own`, or which trainings of others it shows."""
    place: str | None = None
    """Identity of the directory of runs that contains it; several hosts may share one."""


def create(connection: Connection, new: NewRun) -> None:
    """Store a run, its pipeline, stages and edges; raise UsageError if its id exists."""
    if connection.execute("SELECT 1 FROM runs WHERE id = ?", (new.id,)).fetchone():
        raise UsageError(
            f"a run with the id {new.id!r} already exists; resume it, or choose another id"
        )
    store_pipeline(connection, new.pipeline)
    created_at = _created_at(connection)
    insert(connection, "runs", [_run(new, created_at)])
    ids = {stage.name: str(uuid.uuid4()) for stage in new.pipeline.stages}
    insert(connection, "stages", stage_rows(new, ids))
    insert(connection, "dependencies", edges(new.pipeline.stages, ids))
    enroll(connection, new.id, new.pipeline.stages, ids)
    event = {"run_id": new.id, "time": clock.now(), "kind": "submitted"}
    event["text"] = f"{quantity(len(ids), 'stage')} submitted"
    insert(connection, "events", [event])


def enroll(
    connection: Connection,
    run_id: str,
    stages: Sequence[StageDefinition],
    ids: Mapping[str, str],
) -> None:
    """Store the members of a matrix with a search as trials, in the file's order."""
    members = [one for one in stages if one.search and not one.search.asks]
    if not members:
        return
    query = "SELECT stage_id, search FROM trials WHERE run_id = ?"
    known = dict(connection.execute(query, (run_id,)).fetchall())
    counts, rows = Counter(known.values()), []
    for stage in members:
        if ids[stage.name] not in known:
            row = {"stage_id": ids[stage.name], "run_id": run_id, "search": stage.group}
            rows.append({**row, "number": counts[stage.group], "state": "asked"})
            counts[stage.group] += 1
    if rows:
        insert(connection, "trials", rows)


def store_pipeline(connection: Connection, pipeline: Pipeline) -> None:
    """Store a pipeline's text, unless it is already stored."""
    known = "SELECT 1 FROM pipelines WHERE digest = ?"
    if connection.execute(known, (pipeline.digest,)).fetchone() is None:
        values = {"digest": pipeline.digest, "name": pipeline.name, "text": pipeline.text}
        insert(connection, "pipelines", [values])


def _created_at(connection: Connection) -> int:
    """Return the time now, or just after the newest run's, since runs are ordered by it.

    So the order survives a clock that was set back, by up to `LARGEST_STEP`.
    """
    now = clock.now()
    latest = connection.execute(
        "SELECT max(created_at) FROM runs WHERE created_at < ?", (now + LARGEST_STEP,)
    ).fetchone()[0]
    return max(now, (latest or 0) + 1)


def _run(new: NewRun, created_at: int) -> dict[str, Any]:
    pipeline = new.pipeline
    return {
        "id": new.id,
        "name": new.name,
        "status": Status.QUEUED.value,
        "kind": new.kind,
        "pipeline": pipeline.name,
        "digest": pipeline.digest,
        "file": pipeline.file,
        "directory": new.directory,
        "params_json": row_mapping.dump(dict(pipeline.params)),
        "submission_json": row_mapping.dump(dict(new.submission)),
        "priority": new.priority,
        "created_at": created_at,
        "host": new.host,
        "place": new.place,
    }


NOT_STARTED = {
    "attempt": 0,
    "retries_used": 0,
    "stalled": False,
    "fresh": False,
    "removed": False,
}
"""The columns of a stage that has never started."""


def defined_columns(stage: StageDefinition) -> dict[str, Any]:
    """Return the columns of a stage that follow from its definition."""
    definition = row_mapping.dump(stage.to_json())
    return {"definition_json": definition, "gpus": stage.gpus, "executor": stage.executor}


def stage_rows(new: NewRun, ids: Mapping[str, str], *, first: int = 0) -> list[dict[str, Any]]:
    """Return the rows of a run's stages, of which the first has this position."""
    return [
        {
            "id": ids[stage.name],
            "run_id": new.id,
            "position": position,
            "name": stage.name,
            "status": (Status.PENDING if stage.depends_on else Status.QUEUED).value,
            **defined_columns(stage),
            "directory": new.stage_directories[stage.name],
            **NOT_STARTED,
        }
        for position, stage in enumerate(new.pipeline.stages, first)
    ]


def edges(stages: Sequence[StageDefinition], ids: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the rows of the edges between stages."""
    return [
        {"stage_id": ids[stage.name], "upstream_id": ids[upstream]}
        for stage in stages
        for upstream in stage.depends_on
    ]
