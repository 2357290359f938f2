"""Estimates for a resume plan: durations of stages, and the GPU time saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainui import clock, plain_files
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import Status
from trainui.pipeline.rules import remaining_time
from trainui.pipeline.rules.remaining_time import PastDuration
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import checkpoint_step
from trainui.store.points import read_points
from trainui.store.read import run_history, views


def with_savings(
    planned: Sequence[PlannedStage],
    stages: Mapping[str, StageRecord],
    attempts: Mapping[str, Sequence[AttemptRecord]],
    run: RunRecord,
) -> list[PlannedStage]:
    """Return a plan with durations, GPU time and steps added.

    Durations are estimated from earlier runs of the pipeline, too.
    """
    with views.reading() as connection:
        past = run_history.completions(connection, run, stages.values())
    continued = [one.name for one in planned if one.action == Action.CONTINUE]
    reached = _last_steps([one.stage_id for name in continued for one in past.get(name, ())[:1]])
    return [
        _with_savings(
            one,
            stages[one.name],
            attempts.get(stages[one.name].id, ()),
            past=past.get(one.name, ()),
            last_steps=reached,
        )
        for one in planned
    ]


def _last_steps(stage_ids: Sequence[str]) -> dict[str, int]:
    """Return the last recorded step of each stage that has one."""
    if not stage_ids:
        return {}
    steps: dict[str, int] = {}
    with views.reading() as connection:
        for series in read_points.summaries(connection, stage_ids):
            if series.last_step is not None:
                steps[series.stage] = max(steps.get(series.stage, 0), int(series.last_step))
    return steps


def _with_savings(
    one: PlannedStage,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    *,
    past: Sequence[PastDuration],
    last_steps: Mapping[str, int],
) -> PlannedStage:
    """Add a stage's estimates to its plan.

    `past` are its durations in earlier runs, those of the same work if there are any; `last_steps`
    are their last steps by stage id.
    """
    completed = [attempt for attempt in attempts if attempt.status == Status.COMPLETED][-1:]
    saved, step, about = 0.0, None, None
    if one.checkpoint is not None:
        # its points show roughly which step it had reached when it wrote the checkpoint
        file = plain_files.look(Path(one.checkpoint))
        written = 0 if file is None else file.st_mtime_ns // 1000
        with views.reading() as connection:
            reached = read_points.step_at(connection, stage.id, written)
        about = None if reached is None else int(reached)
        step = checkpoint_step.find(Path(one.checkpoint), about)
        saved = sum(_gpu_seconds(attempt, until=written) for attempt in attempts)
    last = last_steps.get(past[0].stage_id) if past else None
    seconds = remaining_time.from_checkpoint(
        remaining_time.typical(past), about if step is None else step, last
    )
    if one.action == Action.SKIP:
        seconds = next((_seconds(attempt) for attempt in completed), None)
        saved = sum(_gpu_seconds(attempt) for attempt in completed)
    return replace(one, step=step, seconds=seconds, gpu_seconds_saved=saved)


def _seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    if attempt.started_at is None or attempt.completed_at is None:
        return 0.0
    end = attempt.completed_at if until is None else min(attempt.completed_at, until)
    return max(end - attempt.started_at, 0) / clock.SECOND


def _gpu_seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    return len(attempt.gpus) * _seconds(attempt, until)
