"""The points of an evaluation as a whole: each metric's last value at its checkpoint's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import headline
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.db.protocol import Connection
from trainui.store.points import point_sources, read_points, write_points
from trainui.store.points.chunks import Points, np
from trainui.store.read import evaluations as records
from trainui.store.read.evaluations import CURRENT, CheckpointRecord
from trainui.store.runs import evaluations, stages

SOURCE = "checkpoints of "
"""Before the evaluation's id, the key of the source of its points."""


def draw(store: Database, evaluation_id: str) -> bool:
    """Store the points of all completed evaluations of checkpoints; return True if they changed."""
    with store.read() as connection:
        if _due(connection, evaluation_id) is None:
            return False
    with store.write() as connection:
        if (rows := _due(connection, evaluation_id)) is None:
            return False
        evaluation = stages.get(connection, evaluation_id)
        drawn = {row.id: attempt for row, attempt in rows}
        steps = {row.stage_id: row for row, _attempt in rows if row.stage_id is not None}
        found = read_points.summaries(connection, list(steps))
        write_points.forget(connection, [evaluation_id])
        if found:
            key = f"{SOURCE}{evaluation_id}"
            source = point_sources.add_source(connection, evaluation_id, key, attempt=1)
            after = source._replace(rows=len(steps), offset=len(steps))
            batch = _points(found, steps)
            write_points.save(connection, source, after, batch, records=len(steps))
        metric = _metric(evaluation.definition, found)
        values = {steps[one.stage].id: one.last for one in found if one.name == metric}
        gone = {row.id: 0 for row in records.of_evaluation(connection, evaluation_id)}
        evaluations.set_drawn(connection, evaluation_id, metric, {**gone, **drawn}, values)
    return True


def _due(connection: Connection, evaluation_id: str) -> list[tuple[CheckpointRecord, int]] | None:
    """Return the checkpoints with the attempts whose metrics count; None if they are on record."""
    rows = records.of_evaluation(connection, evaluation_id)
    members = records.members_of(connection, evaluation_id)
    wanted, is_stale = [], False
    for row in rows:
        stage = members.get(row.stage_id or "")
        counts = row.state == CURRENT and stage is not None and stage.status == Status.COMPLETED
        attempt = stage.attempt if counts and stage is not None else 0
        is_stale |= attempt != row.drawn
        if counts:
            wanted.append((row, attempt))
    return sorted(wanted, key=lambda one: one[0].step or 0) if is_stale else None


def _points(
    found: Sequence[SeriesSummary], rows: Mapping[str, CheckpointRecord]
) -> dict[str, Points]:
    order = {stage_id: index for index, stage_id in enumerate(rows)}
    batch = {}
    for name in dict.fromkeys(one.name for one in found):
        own = sorted((one for one in found if one.name == name), key=lambda one: order[one.stage])
        steps = [rows[one.stage].step or 0 for one in own]
        is_whole = all(step == int(step) for step in steps)
        batch[name] = Points(
            np.array([order[one.stage] for one in own], dtype=np.int64),
            np.array(steps, dtype=np.int64 if is_whole else np.float64),
            np.array([np.nan if one.last is None else one.last for one in own], dtype=np.float64),
            np.array([rows[one.stage].written_at // 1000 for one in own], dtype=np.int64),
        )
    return batch


def _metric(definition: StageDefinition, found: Sequence[SeriesSummary]) -> str | None:
    """Return the metric by which a checkpoint is the best one: the declared one, or the usual."""
    names = list(dict.fromkeys(one.name for one in found))
    if definition.objective is None:
        return headline(names)
    return definition.objective.metric if definition.objective.metric in names else None
