"""Attempts of other stages that ran at the same time as a stage's."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from trainui import clock
from trainui.domain.definition import StageDefinition
from trainui.store.read import row_mapping
from trainui.store.runs.tables import ATTEMPTS, RUNS, STAGES


class Overlap(NamedTuple):
    """An attempt of another stage."""

    run: str
    """The run's name."""
    stage: str
    """The stage's full name."""
    definition: StageDefinition
    started_at: int
    completed_at: int
    """Now, if it is still running."""


def of_stage(connection: Connection, stage_id: str) -> list[Overlap]:
    """Return the attempts of other stages with a checkpoint that overlapped a stage's attempts."""
    now = clock.now()
    own, other = ATTEMPTS.alias("own"), ATTEMPTS.alias("other")
    found = connection.execute(
        select(
            RUNS.c.name,
            STAGES.c.name,
            func.coalesce(other.c.definition_json, STAGES.c.definition_json),
            other.c.started_at,
            func.coalesce(other.c.completed_at, now),
        )
        .distinct()
        .select_from(own)
        .join(other, other.c.stage_id != own.c.stage_id)
        .join(STAGES, STAGES.c.id == other.c.stage_id)
        .join(RUNS, RUNS.c.id == STAGES.c.run_id)
        .where(
            own.c.stage_id == stage_id,
            other.c.started_at < func.coalesce(own.c.completed_at, now),
            func.coalesce(other.c.completed_at, now) > own.c.started_at,
        )
    )
    overlaps = (
        Overlap(run, name, row_mapping.definition(text), *times)
        for run, name, text, *times in found
    )
    return [one for one in overlaps if one.definition.checkpoint is not None]
