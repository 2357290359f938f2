"""The stages of other runs for which a new run has to wait."""

from __future__ import annotations

from collections.abc import Iterable

from trainui import settings
from trainui.domain.definition import StageDefinition
from trainui.execution.gpu.gpus import usable_gpus
from trainui.store.read import views


def count(run_id: str, stages: Iterable[StageDefinition]) -> int:
    """Return how many stages of other runs have or wait for the slots that a run needs first.

    0 if a first stage can start at once.
    """
    needs = {(stage.gpus, stage.cpus) for stage in stages if not stage.depends_on}
    with views.reading() as connection:
        others = views.in_slots_or_queue(connection, besides=run_id)
    return min((_ahead(others, *need) for need in needs), default=0) if others else 0


def _ahead(others: Iterable[StageDefinition], gpus: int, cpus: int) -> int:
    alike = [stage for stage in others if (stage.gpus > 0) == (gpus > 0)]
    slots = len(usable_gpus().gpus) if gpus else settings.load().cpus
    taken = sum(stage.gpus or stage.cpus for stage in alike)
    return len(alike) if taken + (gpus or cpus) > slots else 0
