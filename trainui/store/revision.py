"""A run's pipeline replaced by another one: what a resume with an edited file writes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from trainui.domain.definition import Pipeline
from trainui.domain.states import Status
from trainui.store import events, rows
from trainui.store.tables import DEPENDENCIES, PIPELINES, RUNS, STAGES


def revise(
    connection: Connection, run_id: str, pipeline: Pipeline, directories: Mapping[str, str]
) -> None:
    """Give a run another pipeline; stages that it had keep their state and their attempts.

    A new stage is `skipped` at first, for `stages.reopen` to bring to life in the same
    transaction.

    Args:
        connection: a write transaction.
        run_id: the run.
        pipeline: submitted, and holding every stage that the run has.
        directories: absolute, by the stages' full names.
    """
    connection.execute(
        upsert(PIPELINES)
        .values(digest=pipeline.digest, name=pipeline.name, text=pipeline.text)
        .on_conflict_do_nothing()
    )
    changed = {"digest": pipeline.digest, "pipeline": pipeline.name, "file": pipeline.file}
    changed["params_json"] = rows.dump(dict(pipeline.params))
    connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**changed))
    known = _ids(connection, run_id)
    for position, stage in enumerate(pipeline.stages):
        values = {"position": position, "definition_json": rows.dump(stage.to_json())}
        if stage.name in known:
            _redefine(connection, known[stage.name], values)
        else:
            values["directory"] = directories[stage.name]
            known[stage.name] = _add(connection, run_id, stage.name, values)
    _replace_edges(connection, pipeline, known)
    events.record(connection, run_id, "revised", f"the pipeline is now {pipeline.file or '-'}")


def _ids(connection: Connection, run_id: str) -> dict[str, str]:
    found = connection.execute(select(STAGES.c.name, STAGES.c.id).where(STAGES.c.run_id == run_id))
    return {row.name: row.id for row in found}


def _redefine(connection: Connection, stage_id: str, values: Mapping[str, Any]) -> None:
    connection.execute(update(STAGES).where(STAGES.c.id == stage_id).values(**values))


def _add(connection: Connection, run_id: str, name: str, values: Mapping[str, Any]) -> str:
    stage_id = str(uuid.uuid4())
    connection.execute(
        insert(STAGES).values(
            id=stage_id, run_id=run_id, name=name, status=Status.SKIPPED, reason="is new", **values
        )
    )
    return stage_id


def _replace_edges(connection: Connection, pipeline: Pipeline, ids: Mapping[str, str]) -> None:
    mine = [ids[stage.name] for stage in pipeline.stages]
    connection.execute(delete(DEPENDENCIES).where(DEPENDENCIES.c.stage_id.in_(mine)))
    edges = [
        {"stage_id": ids[stage.name], "upstream_id": ids[upstream]}
        for stage in pipeline.stages
        for upstream in stage.depends_on
    ]
    if edges:
        connection.execute(insert(DEPENDENCIES), edges)
