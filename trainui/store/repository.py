"""The Python API to the database: sessions, and `PipelineRepository`, which reads a run."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlmodel import Session, col, select

from trainui import clock
from trainui.model.states import Status
from trainui.store.db import postgres, sqlite_file
from trainui.store.db.engine import Database, file_of, open_store
from trainui.store.read import row_mapping
from trainui.store.tables import StageRow


def open_session() -> Session:
    """A SQLModel session on the configured database, in autocommit mode: no statement locks it."""
    return session_of(open_store())


def session_of(store: Database) -> Session:
    """A SQLModel session on a database."""
    return Session(_engine(store.url))


@cache
def _engine(url: str) -> Engine:
    if (file := file_of(url)) is None:
        return create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            creator=lambda: postgres.connect(url),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
        )

    def connect() -> sqlite3.Connection:
        connection = sqlite_file.connect(file)
        sqlite_file.prepare(connection)
        return connection

    address = URL.create("sqlite", database=str(file))  # built, since a parsed one ends at a `?`
    return create_engine(address, creator=connect, isolation_level="AUTOCOMMIT")


def store_of(session: Session) -> Database:
    """Return the store for a session's database."""
    address = session.get_bind().engine.url
    if address.get_backend_name() == "sqlite":
        return open_store(f"sqlite:///{address.database}")
    # SQLAlchemy does not encode a space in a password, which libpq requires
    return open_store(address.render_as_string(hide_password=False).replace(" ", "%20"))


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
