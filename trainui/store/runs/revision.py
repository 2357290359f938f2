"""Replacing a run's pipeline, when it is resumed with an edited file."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import StageRecord
from trainui.domain.states import DONE, Status
from trainui.pipeline.rules.resume_reasons import REMOVED
from trainui.pipeline.substitution.search import with_recorded_trials
from trainui.store.db.engine import raw
from trainui.store.db.rows import insert_all, run, set_values
from trainui.store.db.statements import batches, placeholders
from trainui.store.read import row_mapping, trials, views
from trainui.store.runs import events, new_run, runs, stage_requests


def revise(
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
    new_run.store_pipeline(raw(connection), pipeline)
    changed = {"digest": pipeline.digest, "pipeline": pipeline.name, "file": pipeline.file}
    changed["params_json"] = row_mapping.dump(dict(pipeline.params))
    set_values(connection, "runs", run_id, **changed)
    known = {stage.name: stage for stage in runs.stages(connection, run_id)}
    counted = trials.counted(raw(connection), run_id, known.values())
    ids = {name: stage.id for name, stage in known.items()}
    recorded = {name: stage.definition for name, stage in known.items()}
    stages = with_recorded_trials(pipeline, recorded).stages  # asked for since the comparison
    for position, stage in enumerate(stages):
        values = {"position": position, "definition_json": row_mapping.dump(stage.to_json())}
        if stage.name in known:
            is_counted = stage.name in counted
            _redefine(connection, known[stage.name], stage, values, is_counted=is_counted)
            _note_secret_changes(
                connection, ids[stage.name], (secret_changes or {}).get(stage.name)
            )
        else:
            ids[stage.name] = str(uuid.uuid4())
            place = (run_id, position, directories[stage.name])
            row = new_run.stage_row(stage, ids[stage.name], *place)
            row |= {"status": Status.SKIPPED, "reason": "is new"}
            insert_all(connection, "stages", [row])
    new_run.enroll(raw(connection), run_id, pipeline.stages, ids)
    for part in batches([ids[stage.name] for stage in pipeline.stages]):
        run(connection, f"DELETE FROM dependencies WHERE stage_id IN ({placeholders(part)})", part)
    insert_all(connection, "dependencies", new_run.edges(pipeline.stages, ids))
    written = {stage.name for stage in pipeline.stages}
    gone = [record for name, record in known.items() if name not in written]
    for position, record in enumerate(gone, len(written)):
        _remove(connection, record, position)
    text = f"the pipeline is now {pipeline.file or '-'} (SHA-256 {pipeline.digest})"
    events.record(connection, run_id, "revised", text)


_HAS_BEGUN = f"status <> '{Status.QUEUED}'"
"""SQL condition on an attempt: one not yet claimed will run with its stage's new definition."""


def _keep_digest(connection: Connection, run_id: str) -> None:
    """Record in all attempts so far the pipeline that they ran with."""
    run(
        connection,
        "UPDATE attempts SET digest = (SELECT digest FROM runs WHERE id = ?) WHERE digest IS NULL "
        f"AND {_HAS_BEGUN} AND stage_id IN (SELECT id FROM stages WHERE run_id = ?)",
        (run_id, run_id),
    )


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
        run(
            connection,
            "UPDATE attempts SET definition_json = ? "
            f"WHERE stage_id = ? AND definition_json IS NULL AND {_HAS_BEGUN}",
            (row_mapping.dump(stage.definition.to_json()), stage.id),
        )
    own = _as_it_ended(connection, stage, is_counted=is_counted) if stage.removed else {}
    set_values(connection, "stages", stage.id, removed=False, **own, **values)


def _as_it_ended(connection: Connection, stage: StageRecord, *, is_counted: bool) -> dict[str, Any]:
    """Return the state and the reason that a stage had before it was removed."""
    found: dict[str, Any] = {"reason": _own_reason(connection, stage)}
    attempts = views.attempts_of_stage(raw(connection), stage.id)
    if is_counted and stage.status == Status.SKIPPED and attempts:
        found["status"] = attempts[-1].status  # no resume runs this trial again
    return found


def _own_reason(connection: Connection, stage: StageRecord) -> str | None:
    """Return the reason that a stage had before it was removed, if it stays as it ended."""
    if stage.status == Status.PRUNED:
        last = views.attempts_of_stage(raw(connection), stage.id)[-1]
        return None if last.pruning is None else last.pruning.words
    if stage.status in (Status.COMPLETED, Status.SKIPPED):
        query = "SELECT reason FROM trials WHERE stage_id = ?"
        row = run(connection, query, (stage.id,)).fetchone()
        return None if row is None else row[0]
    return None


def _note_secret_changes(
    connection: Connection, stage_id: str, words: Sequence[str] | None
) -> None:
    """Record in a stage's attempts which of their secret values have changed since."""
    if not words:
        return
    for attempt in views.attempts_of_stage(raw(connection), stage_id):
        if attempt.status != Status.QUEUED:
            known = dict.fromkeys([*attempt.secret_changes, *words])
            changes = row_mapping.dump(list(known))
            set_values(connection, "attempts", attempt.id, secret_changes_json=changes)


def _remove(connection: Connection, stage: StageRecord, position: int) -> None:
    """Remove a stage from the DAG; its history stays on record."""
    set_values(connection, "stages", stage.id, removed=True, position=position, reason=REMOVED)
    run(connection, "DELETE FROM dependencies WHERE stage_id = ?", (stage.id,))
    if not stage.removed:
        text = f"{stage.name} is {REMOVED}"
        events.record(connection, stage.run_id, "removed", text, stage=stage.name)
    if stage.status not in (*DONE, Status.SKIPPED):
        stage_requests.skip(connection, stage, REMOVED)
