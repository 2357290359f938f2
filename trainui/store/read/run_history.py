"""Run history: a pipeline's last runs, how long their stages took, and a run's remaining time.

Plain SQL on a read-only driver connection, since the screen uses it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline import graph
from trainui.pipeline.graph import PastDuration, RemainingTime, StepProgress
from trainui.store.db import statements
from trainui.store.db.statements import placeholders
from trainui.store.read import run_list, views
from trainui.store.read.run_list import RunLine

RUNS_LOOKED_AT = 10

STAGES_LOOKED_AT = 3000
"""Limit for all those runs together: for a pipeline of many stages, fewer runs are read."""

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
    connection: statements.Connection, run: RunRecord, stages: Collection[StageRecord]
) -> dict[str, Sequence[PastDuration]]:
    """Return the durations of earlier completions of stages, newest first, by full name.

    Of a stage's, only those of the same work, if there are any. Reads the runs with the same name
    and file, including this one; of many stages, fewer runs.
    """
    most = min(max(STAGES_LOOKED_AT // max(len(stages), 1), 1), RUNS_LOOKED_AT)
    found: dict[str, list[PastDuration]] = {}
    is_sqlite = isinstance(connection, sqlite3.Connection)
    query = _SQL.replace("WORK", _WORK if is_sqlite else _WORK_ON_POSTGRESQL)
    for name, stage_id, seconds, work in connection.execute(query, (run.pipeline, run.file, most)):
        found.setdefault(name, []).append(PastDuration(stage_id, seconds, work))
    return {
        stage.name: graph.comparable(found[stage.name], work_of(run, stage))
        for stage in stages
        if stage.name in found
    }


def work_of(run: RunRecord, stage: StageRecord) -> str:
    """Return a stage's command or task with its parameters, in the form that `completions` uses."""
    definition = stage.definition
    parts = [definition.command, definition.task, definition.params]
    return views.dump(parts).replace(run.directory, "")


def usual(past: Mapping[str, Sequence[PastDuration]]) -> dict[str, float | None]:
    """Return how long each stage usually takes, by full name; only for stages with a history."""
    return {name: graph.typical(those) for name, those in past.items()}


def seconds_left(
    stages: Sequence[StageRecord],
    usual: Mapping[str, float | None],
    progress: Mapping[str, StepProgress],
) -> dict[str, float | None]:
    """Return the remaining seconds of each unfinished stage, by full name; None: unknown.

    A stalled stage has no estimate: it may never end. Nor has one that is lost.
    """
    return {
        stage.name: None
        if stage.stalled or stage.lost_at is not None
        else graph.remaining(usual.get(stage.name), progress.get(stage.name))
        for stage in stages
        if stage.status in UNFINISHED
    }


def elapsed(
    connection: statements.Connection, stages: Sequence[StageRecord], now: int
) -> dict[str, StepProgress]:
    """Return the progress of running stages as time worked only.

    An attempt that continues from a checkpoint has the time of those before it, too.
    """
    found = {}
    for stage in stages:
        if stage.status == Status.RUNNING and stage.started_at is not None:
            spent = max(now - stage.started_at, 0)
            if stage.earlier and _continues(connection, stage):
                spent += stage.earlier
            found[stage.name] = StepProgress(spent / clock.SECOND)
    return found


def _continues(connection: statements.Connection, stage: StageRecord) -> bool:
    found = connection.execute(
        "SELECT 1 FROM attempts WHERE stage_id = ? AND number = ? AND checkpoint IS NOT NULL",
        (stage.id, stage.attempt),
    )
    return found.fetchone() is not None


def remaining_time_of(
    stages: Sequence[StageRecord], seconds: Mapping[str, float | None], slots: Mapping[str, int]
) -> RemainingTime | None:
    """Return the estimated remaining time of a run on a number of slots of each kind."""
    unfinished = [stage for stage in stages if stage.name in seconds]
    upstreams = {stage.name: stage.depends_on for stage in unfinished}
    needs = {stage.name: _needs(stage.definition) for stage in unfinished}
    return graph.run_remaining(seconds, upstreams, needs, slots)


def _needs(definition: StageDefinition) -> dict[str, int]:
    if not definition.is_local:
        return {}
    return {"gpu": definition.gpus} if definition.gpus else {"cpu": definition.cpus}


class SlotsInUse(NamedTuple):
    """The occupied slots of this machine, by kind."""

    own: Counter[str]
    """Those of one run."""
    others: Counter[str]

    @classmethod
    def read(cls, connection: statements.Connection, run_id: str, host: str) -> SlotsInUse:
        """Read them for a run."""
        found = cls(Counter(), Counter())
        for slot, holder in views.holders(connection, host).items():
            found[holder.run_id != run_id][slot.kind] += 1
        return found

    def left(self, stages: Sequence[StageRecord], cpus: int, gpus: int) -> dict[str, int]:
        """Return the slots that the run may use, of those of the machine, by kind.

        `gpus` are those that were seen in use. They count once a stage waits for one: then there
        are no others.
        """
        found = {"cpu": max(cpus - self.others["cpu"], 1)}
        if any(one.status == Status.QUEUED and one.definition.gpus for one in stages):
            found["gpu"] = max(gpus - self.others["gpu"], 1)
        return found


RUNS_SHOWN = 20
"""Runs of a pipeline's history: more columns would not fit into 80 characters."""


class PastStage(NamedTuple):
    """A stage of an earlier run."""

    name: str
    status: Status
    stalled: bool
    attempt: int
    reason: str | None


class PastRun(NamedTuple):
    """A run of a pipeline's history."""

    run: RunLine
    stages: Mapping[str, Sequence[PastStage]]
    """By the name before a member's brackets, in the file's order."""


def last_runs(connection: statements.Connection, run_id: str) -> tuple[PastRun, ...]:
    """Return the last runs of a run's pipeline, newest first; none if the run does not exist."""
    ids = [
        row[0]
        for row in connection.execute(
            "SELECT runs.id FROM runs JOIN runs AS own ON own.pipeline = runs.pipeline "
            "WHERE own.id = ? ORDER BY runs.created_at DESC, runs.id LIMIT ?",
            (run_id, RUNS_SHOWN),
        )
    ]
    lines = run_list.lines_of(connection, ids)
    found: dict[str, dict[str, list[PastStage]]] = {}
    for run, name, status, stalled, attempt, reason in connection.execute(
        "SELECT run_id, name, status, stalled, attempt, reason FROM stages "
        f"WHERE run_id IN ({placeholders(ids)}) AND NOT removed ORDER BY run_id, position",
        ids,
    ):
        stage = PastStage(name, Status(status), bool(stalled), attempt, reason)
        found.setdefault(run, {}).setdefault(name.partition("[")[0], []).append(stage)
    return tuple(PastRun(lines[one], found.get(one, {})) for one in ids if one in lines)
