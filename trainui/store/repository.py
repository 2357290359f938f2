"""`PipelineRepository`: the Python API to read a run, with datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from trainui import clock
from trainui.domain.states import Status
from trainui.store.read import row_mapping
from trainui.store.runs.tables import StageRow


@dataclass(frozen=True, slots=True)
class TrackedStage:
    """A stage as returned by `PipelineRepository.get_stages`."""

    id: str
    stage_name: str
    status: Status
    celery_task_id: str | None
    started_at: datetime | None
    """In UTC."""
    completed_at: datetime | None
    """In UTC."""
    task_name: str | None
    """None for a stage with a command."""
    task_params: dict[str, Any]
    depends_on: list[str]
    result: Any
    error: str | None


class PipelineRepository:
    """Reads runs through a SQLAlchemy session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_stages(self, pipeline_uuid: str) -> list[TrackedStage]:
        """Return a run's stages in the file's order; empty if there is no such run."""
        query = select(StageRow).where(StageRow.run_id == pipeline_uuid)
        found = self._session.exec(query.order_by(col(StageRow.position))).all()
        tracked = [_tracked(row) for row in found]
        self._session.expunge_all()  # so that the next call reads the database again
        return tracked


def _tracked(row: StageRow) -> TrackedStage:
    stage = row_mapping.stage_record(row.model_dump())
    return TrackedStage(
        id=stage.id,
        stage_name=stage.name,
        status=stage.status,
        celery_task_id=stage.celery_task_id,
        started_at=_datetime(stage.started_at),
        completed_at=_datetime(stage.completed_at),
        task_name=stage.definition.task,
        task_params=dict(stage.definition.params),
        depends_on=list(stage.depends_on),
        result=stage.result,
        error=stage.error,
    )


def _datetime(micros: int | None) -> datetime | None:
    return None if micros is None else clock.to_datetime(micros)
