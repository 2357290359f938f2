"""The stages of other runs for which a new run has to wait."""

from __future__ import annotations

from collections.abc import Iterable

from trainui import settings
from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status
from trainui.execution.gpu.gpus import usable_gpus
from trainui.store.read import views


def count(run_id: str, stages: Iterable[StageDefinition]) -> int:
    """Return how many stages of other runs have or wait for the slots that a run needs first.

    0 if a first stage can start at once.
    """
    kinds = {stage.gpus > 0 for stage in stages if not stage.depends_on}
    with views.reading() as connection:
        others = views.in_slots_or_queue(connection, besides=run_id)
    return min((_ahead(others, gpus=kind) for kind in kinds), default=0) if others else 0


def _ahead(others: Iterable[tuple[Status, StageDefinition]], *, gpus: bool) -> int:
    alike = [(status, one) for status, one in others if (one.gpus > 0) == gpus]
    taken = sum(one.gpus or one.cpus for status, one in alike if status == Status.RUNNING)
    slots = len(usable_gpus().gpus) if gpus else settings.load().cpus
    if all(status == Status.RUNNING for status, _ in alike) and taken < slots:
        return 0
    return len(alike)
