"""Reads evaluations of each checkpoint: the checkpoints found for them, and the best one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trainui import paths
from trainui.model.headline_metric import ComparedMetric
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.db.statements import IS_UNREAD, Connection
from trainui.store.read import views

WAITING, CURRENT, LEFT_OUT, SUPERSEDED = "waiting", "current", "left_out", "superseded"
"""States of a checkpoint: a stage for it is still to be made; it counts; `every: newest` or another
checkpoint of its step left it out; a later attempt of the training went back before it."""


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A whole checkpoint that was found for an evaluation."""

    id: int
    evaluation_id: str
    """The stage that gathers its evaluation."""
    stage_id: str | None
    """The stage that evaluates it; None: there is none."""
    path: str
    """Where the training wrote it."""
    written_at: int
    """Nanoseconds."""
    attempt: int
    """Number of the training's attempt that wrote it."""
    step: float | None
    """None: not known yet."""
    identity: Sequence[tuple[str, int, int]]
    """For its largest files: name, size, modification time."""
    state: str
    """`waiting`, `current`, `left_out` or `superseded`."""
    reason: str | None
    held: str | None
    """The directory with its held copy, in the run's; None: there is none any more."""
    value: float | None
    """The value of the evaluation's metric."""
    drawn: int
    """Number of the attempt whose metrics are points of the evaluation; 0: none."""


_COLUMNS = (
    "id, evaluation_id, stage_id, path, written_at, attempt, step, identity_json, state, reason, "
    "held, value, drawn"
)


HELD = "held"
"""The directory of all held copies, in the run's `.trainui`."""


def held_directory(run_directory: str | Path) -> Path:
    """Return the directory of a run's held copies."""
    return Path(run_directory) / paths.OURS / HELD


def held_copy(directory: Path, key: str, checkpoint: str) -> Path:
    """Return the path of a checkpoint's held copy in the directory of all."""
    return directory / key / Path(checkpoint).name


def held_path(run_directory: str | Path, key: str, checkpoint: str) -> Path:
    """Return the path of a checkpoint's held copy in a run's directory."""
    return held_copy(held_directory(run_directory), key, checkpoint)


def _records(rows: Iterable[Sequence[Any]]) -> list[CheckpointRecord]:
    return [CheckpointRecord(*(*row[:7], _identity(row[7]), *row[8:])) for row in rows]


def _identity(text: str) -> list[tuple[str, int, int]]:
    return [(str(name), int(size), int(time)) for name, size, time in json.loads(text)]


def of_evaluation(connection: Connection, evaluation_id: str) -> list[CheckpointRecord]:
    """Return the checkpoints of an evaluation, in the order in which they were written."""
    query = f"SELECT {_COLUMNS} FROM checkpoints WHERE evaluation_id = ? ORDER BY written_at, id"
    return _records(connection.execute(query, (evaluation_id,)))


def members_of(
    connection: Connection, evaluation_id: str, *, read: bool = False
) -> dict[str, StageRecord]:
    """Return the stages that evaluate an evaluation's checkpoints, by id.

    `read`: only those whose metrics are read to their end.
    """
    condition = f"AND {is_read('stages')}" if read else ""
    found = connection.execute(
        "SELECT * FROM stages WHERE id IN "
        f"(SELECT stage_id FROM checkpoints WHERE evaluation_id = ?) {condition}",
        (evaluation_id,),
    )
    return {one.id: one for one in views.records(found, views.stage_record)}


def is_read(stage: str) -> str:
    """Return the condition that the metrics of a stage's last attempt are read to their end."""
    return (
        f"NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.stage_id = {stage}.id "
        f"AND number = {stage}.attempt AND {IS_UNREAD})"
    )


OUTDATED = "was evaluated before the edit, and its checkpoint no longer exists"
"""Why an edited evaluation leaves a checkpoint out."""


def of_earlier_definitions(connection: Connection, evaluation_id: str) -> list[CheckpointRecord]:
    """Return the checkpoints that were evaluated before their stage was edited.

    They count, or are left out for that alone.
    """
    columns = ", ".join(f"checkpoints.{name}" for name in _COLUMNS.split(", "))
    query = (
        f"SELECT {columns} FROM checkpoints JOIN stages ON stages.id = checkpoints.stage_id "
        "JOIN attempts ON attempts.stage_id = stages.id AND attempts.number = stages.attempt "
        "WHERE evaluation_id = ? AND (checkpoints.state = ? OR checkpoints.reason = ?) "
        "AND stages.status = ? AND attempts.definition_json IS NOT NULL"
    )
    parameters = (evaluation_id, CURRENT, OUTDATED, Status.COMPLETED)
    return _records(connection.execute(query, parameters))


def of_member(connection: Connection, stage_id: str) -> CheckpointRecord | None:
    """Return the checkpoint that a stage evaluates: the last one that it was given."""
    query = f"SELECT {_COLUMNS} FROM checkpoints WHERE stage_id = ? ORDER BY id DESC LIMIT 1"
    return next(iter(_records(connection.execute(query, (stage_id,)))), None)


def of_run(connection: Connection, run_id: str) -> list[CheckpointRecord]:
    """Return all checkpoints of a run's evaluations."""
    query = (
        f"SELECT {_COLUMNS} FROM checkpoints WHERE evaluation_id IN "
        "(SELECT stage_id FROM evaluations WHERE run_id = ?) ORDER BY written_at, id"
    )
    return _records(connection.execute(query, (run_id,)))


def gatherers(connection: Connection, run_id: str, group: str | None = None) -> list[StageRecord]:
    """Return the stages of a run that gather evaluations, or those of one stage of the file."""
    found = connection.execute(
        "SELECT stages.* FROM evaluations JOIN stages ON stages.id = evaluations.stage_id "
        "WHERE evaluations.run_id = ? AND NOT removed ORDER BY position",
        (run_id,),
    )
    records = views.records(found, views.stage_record)
    return [one for one in records if group is None or one.definition.group == group]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A checkpoint that counts, with the stage that evaluates it."""

    checkpoint: CheckpointRecord
    stage: StageRecord
    evaluation: StageRecord
    """The stage that gathers its evaluation."""

    @property
    def is_done(self) -> bool:
        """True if its evaluation has completed, and its metrics are points of the whole."""
        return self.stage.status == Status.COMPLETED and self.checkpoint.drawn == self.stage.attempt


def evaluated(connection: Connection, run_id: str, group: str) -> list[Evaluated]:
    """Return the checkpoints of an evaluation that count, in the order of their steps."""
    by_id = {one.id: one for one in views.stages(connection, run_id)}
    found = [
        Evaluated(row, by_id[row.stage_id], gatherer)
        for gatherer in gatherers(connection, run_id, group)
        for row in of_evaluation(connection, gatherer.id)
        if row.state == CURRENT and row.stage_id in by_id
    ]
    return sorted(found, key=lambda one: one.checkpoint.step or 0)


def metric_of(connection: Connection, evaluation: StageRecord) -> ComparedMetric | None:
    """Return the metric by which an evaluation's checkpoints are compared; None before the first.

    Its direction is that of the stage's `goal`, or the one that its name shows.
    """
    query = "SELECT metric FROM evaluations WHERE stage_id = ?"
    row = connection.execute(query, (evaluation.id,)).fetchone()
    if row is None or row[0] is None:
        return None
    return ComparedMetric.of(str(row[0]), evaluation.definition.objective)


def bests(
    connection: Connection, evaluation: StageRecord, rows: Iterable[CheckpointRecord]
) -> list[tuple[CheckpointRecord, CheckpointRecord]]:
    """Return an evaluation's checkpoints by step, each with the best one up to it.

    Of equals the earlier is the best. Empty if it is not known which values are better.
    """
    metric = metric_of(connection, evaluation)
    if metric is None or metric.lower is None:
        return []
    sign = 1 if metric.lower else -1
    found: list[tuple[CheckpointRecord, CheckpointRecord]] = []
    for row in sorted(rows, key=lambda one: one.step or 0.0):
        best = found[-1][1] if found else None
        has_value = row.state == CURRENT and row.drawn and row.value is not None
        if has_value and (best is None or sign * row.value < sign * best.value):  # type: ignore[operator]
            best = row
        if best is not None:
            found.append((row, best))
    return found


def best_first(connection: Connection, found: Sequence[Evaluated]) -> list[Evaluated]:
    """Return the checkpoints whose evaluation is done, the best first; of equals the earlier.

    Empty if it is not known which values are better.
    """
    metrics = {one.evaluation.id: one.evaluation for one in found}
    known = {key: metric_of(connection, evaluation) for key, evaluation in metrics.items()}
    done = [
        (one, metric.lower)
        for one in found
        if one.is_done
        and one.checkpoint.value is not None
        and (metric := known[one.evaluation.id]) is not None
        and metric.lower is not None
    ]

    def rank(item: tuple[Evaluated, bool]) -> tuple[float, float]:
        one, lower = item
        value = one.checkpoint.value or 0.0
        return value if lower else -value, one.checkpoint.step or 0.0

    return [one for one, _lower in sorted(done, key=rank)]
