"""How long a pipeline's stages took in its last runs, and how long a run will still take.

Plain SQL on a read-only driver connection, since the screen reads through here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from trainui import clock
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.pipeline import estimate
from trainui.pipeline.estimate import Past, Progress, ToGo
from trainui.store import driver, rows

RUNS_LOOKED_AT = 10

STAGES_LOOKED_AT = 3000
"""Of all those runs together: a pipeline of many stages is known by fewer runs."""

_SQL = """
WITH lately AS (
    SELECT id, directory, created_at FROM runs
    WHERE pipeline = ? AND file IS ? ORDER BY created_at DESC LIMIT ?
)
SELECT stages.name, stages.id, (attempts.completed_at - attempts.started_at) / 1e6,
    replace(WORK, lately.directory, '')
FROM lately
JOIN stages ON stages.run_id = lately.id
JOIN attempts ON attempts.stage_id = stages.id
WHERE attempts.status = 'completed' AND attempts.checkpoint IS NULL
    AND attempts.started_at IS NOT NULL
ORDER BY lately.created_at DESC, attempts.id DESC
"""
_WORK = """json_array(
    json_extract(stages.definition_json, '$.command'),
    json_extract(stages.definition_json, '$.task'),
    json_extract(stages.definition_json, '$.params')
)"""
_WORK_ON_POSTGRESQL = """(SELECT '[' || string_agg(
    coalesce(stages.definition_json::json -> field, 'null')::text, ',' ORDER BY at
) || ']' FROM unnest(ARRAY['command', 'task', 'params']) WITH ORDINALITY AS fields (field, at))"""


def completions(
    connection: driver.Connection, run: RunRecord, stages: int
) -> dict[str, list[Past]]:
    """Return how long a pipeline's stages took from beginning to end, newest first, by full name.

    Runs of the same name and file count, this one among them.

    Args:
        connection: to read with.
        run: a run of the pipeline.
        stages: how many stages it has.
    """
    most = min(max(STAGES_LOOKED_AT // max(stages, 1), 1), RUNS_LOOKED_AT)
    found: dict[str, list[Past]] = {}
    is_sqlite = isinstance(connection, sqlite3.Connection)
    query = _SQL.replace("WORK", _WORK if is_sqlite else _WORK_ON_POSTGRESQL)
    for name, stage_id, seconds, work in connection.execute(query, (run.pipeline, run.file, most)):
        found.setdefault(name, []).append(Past(stage_id, seconds, work))
    return found


def work_of(run: RunRecord, stage: StageRecord) -> str:
    """Return what a stage executes as `completions` has it."""
    definition = stage.definition
    parts = [definition.command, definition.task, definition.params]
    return rows.dump(parts).replace(run.directory, "")


def usual(
    run: RunRecord, stages: Sequence[StageRecord], past: Mapping[str, Sequence[Past]]
) -> dict[str, float | None]:
    """Return how long each stage usually takes, by full name; only of those with a past.

    Args:
        run: the run.
        stages: its stages.
        past: as `completions` returns it.
    """
    return {
        stage.name: estimate.usual(past[stage.name], work_of(run, stage))
        for stage in stages
        if stage.name in past
    }


def seconds_left(
    stages: Sequence[StageRecord],
    usual: Mapping[str, float | None],
    progress: Mapping[str, Progress],
) -> dict[str, float | None]:
    """Return how long each unfinished stage will still take, by full name.

    Args:
        stages: of a run.
        usual: as `usual` returns it.
        progress: of the stages that run.
    """
    return {
        stage.name: estimate.left(usual.get(stage.name), progress.get(stage.name))
        for stage in stages
        if stage.status in UNFINISHED
    }


def elapsed(stages: Sequence[StageRecord], now: int) -> dict[str, Progress]:
    """Return the progress of the stages that run, as far as a clock tells."""
    return {
        stage.name: Progress(max(now - stage.started_at, 0) / clock.SECOND)
        for stage in stages
        if stage.status == Status.RUNNING and stage.started_at is not None
    }


def to_go(
    stages: Sequence[StageRecord], seconds: Mapping[str, float | None], cpus: int
) -> ToGo | None:
    """Return how long a run will still take.

    Args:
        stages: its stages.
        seconds: as `seconds_left` returns it.
        cpus: how many CPU places there are.
    """
    unfinished = [stage for stage in stages if stage.name in seconds]
    upstreams = {stage.name: stage.depends_on for stage in unfinished}
    places = {
        stage.name: 0 if stage.definition.gpus else stage.definition.cpus for stage in unfinished
    }
    return estimate.to_go(seconds, upstreams, places, cpus)
