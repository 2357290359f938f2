"""What a resume saves: how long stages took, and the GPU time that need not be spent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainui import clock
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import Status
from trainui.pipeline.resume import Action, PlannedStage
from trainui.store import curves, views


def with_savings(
    planned: Sequence[PlannedStage],
    stages: Mapping[str, StageRecord],
    attempts: Mapping[str, Sequence[AttemptRecord]],
) -> list[PlannedStage]:
    """Return a plan with times, GPU time and steps.

    Args:
        planned: what happens with each stage.
        stages: the run's stages by full name.
        attempts: their attempts by stage id.
    """
    continued = [stages[one.name].id for one in planned if one.action == Action.CONTINUE]
    steps = last_steps(continued)
    return [
        _with_savings(one, stages[one.name], attempts.get(stages[one.name].id, ()), steps)
        for one in planned
    ]


def last_steps(stage_ids: Sequence[str]) -> dict[str, int]:
    """Return the last step on record of each stage that has one."""
    if not stage_ids:
        return {}
    steps: dict[str, int] = {}
    with views.reading() as connection:
        for series in curves.summaries(connection, stage_ids):
            if series.last_step is not None:
                steps[series.stage] = max(steps.get(series.stage, 0), int(series.last_step))
    return steps


def _with_savings(
    one: PlannedStage,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    steps: Mapping[str, int],
) -> PlannedStage:
    completed = [attempt for attempt in attempts if attempt.status == Status.COMPLETED][-1:]
    saved = 0.0
    if one.action == Action.SKIP:
        saved = sum(_gpu_seconds(attempt) for attempt in completed)
    elif one.checkpoint is not None:
        written = _written_at(Path(one.checkpoint))
        saved = sum(_gpu_seconds(attempt, until=written) for attempt in attempts)
    return replace(
        one,
        step=steps.get(stage.id),
        seconds=next((_seconds(attempt) for attempt in completed), None),
        gpu_seconds_saved=saved,
    )


def _seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    if attempt.started_at is None or attempt.completed_at is None:
        return 0.0
    end = attempt.completed_at if until is None else min(attempt.completed_at, until)
    return max(end - attempt.started_at, 0) / clock.SECOND


def _gpu_seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    return len(attempt.gpus) * _seconds(attempt, until)


def _written_at(checkpoint: Path) -> int:
    try:
        return checkpoint.stat().st_mtime_ns // 1000
    except OSError:
        return 0
