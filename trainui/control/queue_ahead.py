"""The stages of other runs for which a new run has to wait."""

from __future__ import annotations

from trainui import settings
from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status
from trainui.execution.gpu.gpus import usable_gpus
from trainui.store.read import views


def count(run_id: str) -> int:
    """Return how many stages have or wait for the slots that a run's first stages need.

    0 if a first stage can start at once.
    """
    with views.reading() as connection:
        found = views.in_slots_or_queue(connection)
    own = [one for run, status, one in found if run == run_id and status == Status.QUEUED]
    others = [(status, one) for run, status, one in found if run != run_id]
    return min((_ahead(stage, others) for stage in own), default=0)


def _ahead(stage: StageDefinition, others: list[tuple[Status, StageDefinition]]) -> int:
    alike = [(status, one) for status, one in others if bool(one.gpus) == bool(stage.gpus)]
    taken = sum(one.gpus or one.cpus for status, one in alike if status == Status.RUNNING)
    slots = len(usable_gpus().gpus) if stage.gpus else settings.load().cpus
    if all(status == Status.RUNNING for status, _ in alike) and taken < slots:
        return 0
    return len(alike)
