"""Run history: a pipeline's last runs, how long their stages took, and a run's remaining time.

A stage takes the median of its last few completions, so that one outlier does not distort the
estimate; one that never completed has none. Slots that other runs have now are assumed to stay
theirs. Plain SQL on a read-only driver connection, since the screen uses it.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.records import RemainingTime, RunRecord, StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline.graph import Graph
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.statements import placeholders
from trainui.store.read import run_list, views
from trainui.store.read.run_list import RunLine

NEWEST = 5
"""Number of earlier durations used."""

LEAST_ELAPSED = 5.0
"""Seconds before a stage's own step rate is used; early on, most of the time is imports."""

RUNS_LOOKED_AT = 10
"""Earlier runs of a pipeline whose durations are read."""

STAGES_LOOKED_AT = 3000
"""Limit for all those runs together: for a pipeline of many stages, fewer runs are read."""

RUNS_SHOWN = 20
"""Runs of a pipeline's history: more columns would not fit into 80 characters."""


@dataclass(frozen=True, slots=True)
class PastDuration:
    """An earlier completion of a stage."""

    stage_id: str
    seconds: float
    work: str
    """A text that identifies the work done; compared for equality."""


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Progress of a running stage."""

    elapsed: float
    """Seconds since its attempt's start."""
    first_step: float | None = None
    """First step of this attempt."""
    step: float | None = None
    """Latest step of this attempt."""
    last_step: float | None = None
    """Final step of the stage's previous completion."""
    idle: float = 0.0
    """Seconds since the latest step, after those of `elapsed`."""
    every: float = math.inf
    """Steps from one that is reported to the next, as far as that is known."""
    left: float | None = None
    """Seconds left, if they are not in proportion to the steps: with what evaluations take."""


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

    Of a stage's, only those of the same work, if there are any; of a sweep's member without any,
    those of the other members. Reads the runs with the same name and file, including this one; of
    many stages, fewer runs.
    """
    most = min(max(STAGES_LOOKED_AT // max(len(stages), 1), 1), RUNS_LOOKED_AT)
    found: dict[str, list[PastDuration]] = {}
    of_groups: dict[str, list[PastDuration]] = {}
    is_sqlite = isinstance(connection, sqlite3.Connection)
    query = _SQL.replace("WORK", _WORK if is_sqlite else _WORK_ON_POSTGRESQL)
    for name, stage_id, seconds, work in connection.execute(query, (run.pipeline, run.file, most)):
        past = PastDuration(stage_id, seconds, work)
        found.setdefault(name, []).append(past)
        of_groups.setdefault(name.partition("[")[0], []).append(past)
    return {
        stage.name: comparable(those, work_of(run, stage))
        for stage in stages
        if (those := found.get(stage.name) or of_groups.get(stage.definition.group))
    }


def work_of(run: RunRecord, stage: StageRecord) -> str:
    """Return a stage's command or task with its parameters, in the form that `completions` uses."""
    definition = stage.definition
    parts = [definition.command, definition.task, definition.params]
    return views.dump(parts).replace(run.directory, "")


def usual(past: Mapping[str, Sequence[PastDuration]]) -> dict[str, float | None]:
    """Return how long each stage usually takes, by full name; only for stages with a history."""
    return {name: typical(those) for name, those in past.items()}


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
        else remaining(usual.get(stage.name), progress.get(stage.name))
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
    return run_remaining(seconds, upstreams, needs, slots)


def _needs(definition: StageDefinition) -> dict[str, int]:
    if not definition.is_local:
        return {}
    return {"gpu": definition.gpus} if definition.gpus else {"cpu": definition.cpus}


def typical(past: Sequence[PastDuration]) -> float | None:
    """Return a stage's usual duration in seconds; None if it never completed."""
    from statistics import median  # slow to import, and few processes estimate

    return median(one.seconds for one in past[:NEWEST]) if past else None


def comparable(past: Sequence[PastDuration], work: str) -> Sequence[PastDuration]:
    """Return the completions of the same work, newest first; all if there are none."""
    return [one for one in past if one.work == work] or past


def remaining(usual_seconds: float | None, progress: StepProgress | None) -> float | None:
    """Return a stage's remaining time in seconds; None if unknown.

    Uses the attempt's own step rate if the final step of an earlier completion is known, otherwise
    the usual duration. A stage that has already run longer than usual has no estimate. `progress`
    is None for a stage that has not started.
    """
    if progress is None:
        return usual_seconds
    if progress.left is not None:
        return progress.left
    by_steps = _remaining_by_steps(progress)
    if by_steps is not None:
        return by_steps
    if usual_seconds is None or progress.elapsed > usual_seconds:
        return None
    return usual_seconds - progress.elapsed


def _remaining_by_steps(progress: StepProgress) -> float | None:
    step, last = progress.step, progress.last_step
    if step is None or last is None or progress.elapsed < LEAST_ELAPSED:
        return None
    done = step - (progress.first_step or 0)
    if done <= 0 or step > last:
        return None
    pace, left = progress.elapsed / done, last - step
    # a step that takes longer than the others is almost reached
    return max(left * pace - progress.idle, (left - progress.every) * pace, 0.0)


def from_checkpoint(
    usual_seconds: float | None, step: float | None, last_step: float | None
) -> float | None:
    """Return the remaining time from a checkpoint, in proportion to the steps left.

    None beyond the last step of the earlier completion: that one had fewer steps.
    """
    if usual_seconds is None or step is None or not last_step:
        return usual_seconds
    return None if step > last_step else usual_seconds * min(1 - step / last_step, 1)


def run_remaining(
    stages: Mapping[str, float | None],
    upstreams: Mapping[str, Sequence[str]],
    needs: Mapping[str, Mapping[str, int]],
    slots: Mapping[str, int],
) -> RemainingTime | None:
    """Return a run's remaining time; None if no stage has an estimate.

    This is the longer of the critical path and the total work divided by the slots. No schedule
    can be shorter (R. L. Graham, 1966), and on an idle machine ours takes at most the sum of both.

    Args:
        stages: remaining seconds of each unfinished stage, in any order; None: unknown.
        upstreams: dependencies of each unfinished stage.
        needs: slots of each, by their kind.
        slots: number of those that the run may use, by kind; a kind that is not known has enough.
    """
    if all(seconds is None for seconds in stages.values()):
        return None
    graph = Graph.from_parents({name: tuple(upstreams[name]) for name in stages})
    finish: dict[str, float] = {}
    for name in graph.order():
        begin = max((finish[up] for up in graph.parents[name]), default=0.0)
        finish[name] = begin + (stages[name] or 0.0)
    work = (
        sum((stages[name] or 0.0) * min(needs[name].get(kind, 0), count) for name in stages) / count
        for kind, count in slots.items()
    )
    whole = all(seconds is not None for seconds in stages.values())
    return RemainingTime(max(*finish.values(), *work), whole)


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

    def hold_up(self, stages: Sequence[StageRecord], cpus: int, gpus: int) -> bool:
        """Return True if other runs have the slots that each queued stage waits for."""
        free = {"cpu": cpus - self.others["cpu"], "gpu": gpus - self.others["gpu"]}
        needs = [_needs(one.definition) for one in stages if one.status == Status.QUEUED]
        taken = (any(count > free[kind] for kind, count in need.items()) for need in needs)
        return bool(needs) and all(taken)


class PastStage(NamedTuple):
    """A stage of an earlier run."""

    name: str
    status: Status
    stalled: bool
    attempt: int
    reason: str | None
    silent: bool = False
    """True if it runs and is silent, but not for long enough to be stalled."""


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
    for run, name, status, stalled, attempt, reason, limit in connection.execute(
        "SELECT run_id, name, status, stalled, attempt, reason, stalls_after FROM stages "
        f"WHERE run_id IN ({placeholders(ids)}) AND NOT removed ORDER BY run_id, position",
        ids,
    ):
        is_silent = limit is not None and not stalled
        stage = PastStage(name, Status(status), bool(stalled), attempt, reason, is_silent)
        found.setdefault(run, {}).setdefault(name.partition("[")[0], []).append(stage)
    return tuple(PastRun(lines[one], found.get(one, {})) for one in ids if one in lines)
