"""Replacing a run's pipeline, when it is resumed with an edited file."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import StageRecord
from trainui.model.states import DONE, Status
from trainui.pipeline.rules.resume_plan import REMOVED
from trainui.pipeline.substitution.search import with_recorded_trials
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import batches, insert, placeholders, set_values
from trainui.store.read import row_mapping, trials, views
from trainui.store.runs import events, new_run, runs, stage_requests


def replace_pipeline(
    connection: Connection,
    run_id: str,
    pipeline: Pipeline,
    directories: Mapping[str, str],
    secret_changes: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Replace a run's pipeline; stages in both keep their state and their attempts.

    A new stage is `skipped` at first; `stage_requests.reopen` activates it in the same transaction.
    A removed stage stays on record and never runs again. Attempts keep the definition that they ran
    with. Directories are absolute; `secret_changes` are edits of secret values, in masked words.
    Both are by full stage name.
    """
    _keep_digest(connection, run_id)
    new_run.store_pipeline(connection, pipeline)
    changed = {"digest": pipeline.digest, "pipeline": pipeline.name, "file": pipeline.file}
    changed["params_json"] = row_mapping.dump(dict(pipeline.params))
    set_values(connection, "runs", run_id, **changed)
    known = {stage.name: stage for stage in runs.stages(connection, run_id)}
    counted = trials.counted(connection, run_id, known.values())
    ids = {name: stage.id for name, stage in known.items()}
    recorded = {name: stage.definition for name, stage in known.items()}
    stages = with_recorded_trials(pipeline, recorded).stages  # asked for since the comparison
    for position, stage in enumerate(stages):
        values = {"position": position, **new_run.defined_columns(stage)}
        if stage.name in known:
            is_counted = stage.name in counted
            _redefine(connection, known[stage.name], stage, values, is_counted=is_counted)
            _note_secret_changes(
                connection, ids[stage.name], (secret_changes or {}).get(stage.name)
            )
        else:
            values["directory"] = directories[stage.name]
            ids[stage.name] = _add(connection, run_id, stage.name, values)
    new_run.enroll(connection, run_id, pipeline.stages, ids)
    _replace_edges(connection, pipeline, ids)
    written = {stage.name for stage in pipeline.stages}
    gone = [record for name, record in known.items() if name not in written]
    for position, record in enumerate(gone, len(written)):
        _remove(connection, record, position)
    text = f"the pipeline is now {pipeline.file or '-'} (SHA-256 {pipeline.digest})"
    events.record(connection, run_id, "revised", text)


def _keep_digest(connection: Connection, run_id: str) -> None:
    """Record in all attempts so far the pipeline that they ran with."""
    connection.execute(
        "UPDATE attempts SET digest = (SELECT digest FROM runs WHERE id = ?) WHERE digest IS NULL "
        f"AND stage_id IN (SELECT id FROM stages WHERE run_id = ?) AND {_HAS_BEGUN}",
        (run_id, run_id, Status.QUEUED),
    )


_HAS_BEGUN = "status <> ?"
"""Condition on an attempt: a queued one will run with its stage's new definition."""


def _redefine(
    connection: Connection,
    stage: StageRecord,
    after: StageDefinition,
    values: Mapping[str, Any],
    *,
    is_counted: bool,
) -> None:
    """Change a stage's definition; its attempts keep the one that they ran with."""
    if stage.definition != after:
        connection.execute(
            "UPDATE attempts SET definition_json = ? "
            f"WHERE stage_id = ? AND definition_json IS NULL AND {_HAS_BEGUN}",
            (row_mapping.dump(stage.definition.to_json()), stage.id, Status.QUEUED),
        )
    own = _as_it_ended(connection, stage, is_counted=is_counted) if stage.removed else {}
    set_values(connection, "stages", stage.id, removed=False, **own, **values)


def _as_it_ended(connection: Connection, stage: StageRecord, *, is_counted: bool) -> dict[str, Any]:
    """Return the state and the reason that a stage had before it was removed."""
    found: dict[str, Any] = {"reason": _own_reason(connection, stage)}
    if is_counted and stage.status == Status.SKIPPED:  # no resume runs this trial again
        for last in views.attempts_of_stage(connection, stage.id)[-1:]:
            found["status"] = last.status
    return found


def _own_reason(connection: Connection, stage: StageRecord) -> str | None:
    """Return the reason that a stage had before it was removed, if it stays as it ended."""
    if stage.status == Status.PRUNED:
        last = views.attempts_of_stage(connection, stage.id)[-1]
        return None if last.pruning is None else last.pruning.words
    if stage.status in (Status.COMPLETED, Status.SKIPPED):
        query = "SELECT reason FROM trials WHERE stage_id = ?"
        found = connection.execute(query, (stage.id,)).fetchone()
        return None if found is None else found[0]
    return None


def _note_secret_changes(
    connection: Connection, stage_id: str, words: Sequence[str] | None
) -> None:
    """Record in a stage's attempts which of their secret values have changed since."""
    if not words:
        return
    for attempt in views.attempts_of_stage(connection, stage_id):
        if attempt.status != Status.QUEUED:
            known = dict.fromkeys([*attempt.secret_changes, *words])
            changes = row_mapping.dump(list(known))
            set_values(connection, "attempts", attempt.id, secret_changes_json=changes)


def _remove(connection: Connection, stage: StageRecord, position: int) -> None:
    """Remove a stage from the DAG; its history stays on record."""
    set_values(connection, "stages", stage.id, removed=True, position=position, reason=REMOVED)
    connection.execute("DELETE FROM dependencies WHERE stage_id = ?", (stage.id,))
    if not stage.removed:
        text = f"{stage.name} is {REMOVED}"
        events.record(connection, stage.run_id, "removed", text, stage=stage.name)
    if stage.status not in (*DONE, Status.SKIPPED):
        stage_requests.skip(connection, stage, REMOVED)


def _add(connection: Connection, run_id: str, name: str, values: Mapping[str, Any]) -> str:
    stage_id = str(uuid.uuid4())
    own = {"id": stage_id, "run_id": run_id, "name": name, "status": Status.SKIPPED}
    row = {**new_run.NOT_STARTED, **own, "reason": "is new", **values}
    insert(connection, "stages", [row])
    return stage_id


def _replace_edges(connection: Connection, pipeline: Pipeline, ids: Mapping[str, str]) -> None:
    mine = [ids[stage.name] for stage in pipeline.stages]
    for part in batches(mine):
        query = f"DELETE FROM dependencies WHERE stage_id IN ({placeholders(part)})"
        connection.execute(query, part)
    insert(connection, "dependencies", new_run.edges(pipeline.stages, ids))
