"""A run's pipeline, stages and edges: stored with a new run, replaced by an edited file's."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trainui import clock
from trainui.errors import UsageError
from trainui.formatting import quantity
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import OWN, StageRecord
from trainui.model.states import DONE, Status
from trainui.pipeline.filling import with_recorded_checkpoints, with_recorded_trials
from trainui.pipeline.rules.resume_plan import REMOVED
from trainui.record import dataclass
from trainui.store.db.statements import Connection, batches, insert, placeholders, set_values
from trainui.store.read import evaluations, sweeps, views
from trainui.store.runs import runs, stage_requests

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
    started_by: str | None = None
    """The kind of agent that submits it; None: a person."""


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
    """Store the members of a matrix with a search as trials, in the file's order.

    Also which stages gather evaluations.
    """
    query = "SELECT stage_id FROM evaluations WHERE run_id = ?"
    gathering = {stage_id for (stage_id,) in connection.execute(query, (run_id,))}
    gatherers = [ids[one.name] for one in stages if one.gathers]
    new = [{"stage_id": one, "run_id": run_id} for one in gatherers if one not in gathering]
    if new:
        insert(connection, "evaluations", new)
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
        "params_json": views.dump(dict(pipeline.params)),
        "submission_json": views.dump(dict(new.submission)),
        "priority": new.priority,
        "created_at": created_at,
        "host": new.host,
        "place": new.place,
        "started_by": new.started_by,
    }


NOT_STARTED = {
    "attempt": 0,
    "retries_used": 0,
    "stalled": False,
    "stalls_after": None,
    "fresh": False,
    "removed": False,
}
"""The columns of a stage that has never started."""


def defined_columns(stage: StageDefinition) -> dict[str, Any]:
    """Return the columns of a stage that follow from its definition."""
    definition = views.dump(stage.to_json())
    return {
        "definition_json": definition,
        "gpus": stage.gpus,
        "executor": stage.executor,
        "for_host": stage.host,
        "for_queue": stage.queue,
    }


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


def replace_pipeline(
    connection: Connection,
    run_id: str,
    pipeline: Pipeline,
    directories: Mapping[str, str],
    secret_changes: Mapping[str, Sequence[str]] | None = None,
    moved: Mapping[str, str] | None = None,
) -> None:
    """Replace a run's pipeline; stages in both keep their state and their attempts.

    `moved` are stages with another name and directory: the name from now on -> the name before.

    A new stage is `skipped` at first; `stage_requests.reopen` activates it in the same transaction.
    A removed stage stays on record and never runs again. Attempts keep the definition that they ran
    with. Directories are absolute; `secret_changes` are edits of secret values, in masked words.
    Both are by full stage name.
    """
    _keep_digest(connection, run_id)
    store_pipeline(connection, pipeline)
    changed = {"digest": pipeline.digest, "pipeline": pipeline.name, "file": pipeline.file}
    changed["params_json"] = views.dump(dict(pipeline.params))
    set_values(connection, "runs", run_id, **changed)
    for name, before in (moved or {}).items():
        _move(connection, run_id, before, name, directories[name])
    known = {stage.name: stage for stage in views.stages(connection, run_id)}
    counted = sweeps.counted(connection, run_id, known.values())
    ids = {name: stage.id for name, stage in known.items()}
    recorded = {name: stage.definition for name, stage in known.items()}
    # asked for, or made for new checkpoints, since the comparison
    pipeline = with_recorded_trials(pipeline, recorded)
    left = {name: stage.definition for name, stage in known.items() if not stage.removed}
    places = {name: stage.directory for name, stage in known.items()}
    pipeline = with_recorded_checkpoints(pipeline, left, places)
    stages = _best_first(connection, run_id, pipeline.stages, ids)
    for position, stage in enumerate(stages):
        values = {"position": position, **defined_columns(stage)}
        if stage.name in known:
            is_counted = stage.name in counted
            _redefine(connection, known[stage.name], stage, values, is_counted=is_counted)
            _note_secret_changes(
                connection, ids[stage.name], (secret_changes or {}).get(stage.name)
            )
        else:
            values["directory"] = directories[stage.name]
            ids[stage.name] = _add(connection, run_id, stage.name, values)
    enroll(connection, run_id, pipeline.stages, ids)
    _replace_edges(connection, pipeline, ids)
    written = {stage.name for stage in pipeline.stages}
    gone = [record for name, record in known.items() if name not in written]
    for position, record in enumerate(gone, len(written)):
        _remove(connection, record, position)
    text = f"the pipeline is now {pipeline.file or '-'} (SHA-256 {pipeline.digest})"
    runs.record_event(connection, run_id, "revised", text)


def _best_first(
    connection: Connection,
    run_id: str,
    stages: Sequence[StageDefinition],
    ids: Mapping[str, str],
) -> list[StageDefinition]:
    """Return stages with the evaluations of checkpoints at the end, the best first."""
    members = [one for one in stages if one.each_checkpoint and not one.gathers]
    if not members:
        return list(stages)
    groups = dict.fromkeys(one.group for one in members)
    found = [
        one
        for group in groups
        for one in evaluations.best_first(
            connection, evaluations.evaluated(connection, run_id, group)
        )
    ]
    rank = {one.stage.id: place for place, one in enumerate(found)}
    members.sort(key=lambda one: rank.get(ids.get(one.name, ""), len(rank)))
    return [*(one for one in stages if one.gathers or not one.each_checkpoint), *members]


def _move(connection: Connection, run_id: str, before: str, name: str, directory: str) -> None:
    """Give a stage another name and directory; its attempts and events stay its own.

    The trial that it was has ended: its study has the values of before.
    """
    connection.execute(
        "UPDATE trials SET state = 'fail', reason = 'its values were edited' WHERE state = 'asked' "
        "AND stage_id IN (SELECT id FROM stages WHERE run_id = ? AND name = ?)",
        (run_id, before),
    )
    connection.execute(
        "UPDATE stages SET name = ?, directory = ? WHERE run_id = ? AND name = ?",
        (name, directory, run_id, before),
    )
    connection.execute(
        "UPDATE events SET stage = ? WHERE run_id = ? AND stage = ?", (name, run_id, before)
    )


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
            (views.dump(stage.definition.to_json()), stage.id, Status.QUEUED),
        )
    if stage.definition.gathers and stage.definition.each_checkpoint != after.each_checkpoint:
        # another one may be the best now
        connection.execute("UPDATE checkpoints SET drawn = 0 WHERE evaluation_id = ?", (stage.id,))
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
            changes = views.dump(list(known))
            set_values(connection, "attempts", attempt.id, secret_changes_json=changes)


def _remove(connection: Connection, stage: StageRecord, position: int) -> None:
    """Remove a stage from the DAG; its history stays on record."""
    set_values(connection, "stages", stage.id, removed=True, position=position, reason=REMOVED)
    connection.execute("DELETE FROM dependencies WHERE stage_id = ?", (stage.id,))
    if not stage.removed:
        text = f"{stage.name} is {REMOVED}"
        runs.record_event(connection, stage.run_id, "removed", text, stage=stage.name)
    if stage.status not in (*DONE, Status.SKIPPED):
        stage_requests.skip(connection, stage, REMOVED)


def _add(connection: Connection, run_id: str, name: str, values: Mapping[str, Any]) -> str:
    stage_id = str(uuid.uuid4())
    own = {"id": stage_id, "run_id": run_id, "name": name, "status": Status.SKIPPED}
    row = {**NOT_STARTED, **own, "reason": "is new", **values}
    insert(connection, "stages", [row])
    return stage_id


def _replace_edges(connection: Connection, pipeline: Pipeline, ids: Mapping[str, str]) -> None:
    mine = [ids[stage.name] for stage in pipeline.stages]
    for part in batches(mine):
        query = f"DELETE FROM dependencies WHERE stage_id IN ({placeholders(part)})"
        connection.execute(query, part)
    insert(connection, "dependencies", edges(pipeline.stages, ids))
