"""A run submitted to a store of its own, its stages brought to an attempt each, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainui import control
from trainui.execution.attempt import executors
from trainui.execution.attempt.prepared_process import AttemptContext, context_of
from trainui.execution.planner import host
from trainui.model.records import AttemptRecord, Slot
from trainui.pipeline import loader
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import attempts


def submit(directory: Path, text: str, **fields: Any) -> str:
    """Submit a pipeline whose file lies in a directory; return the run's id."""
    file = directory / "pipeline.yaml"
    file.write_text(text)
    return control.submit(loader.load(str(file), {}), **fields)


def begin(store: Database, run_id: str, name: str, *places: Slot) -> AttemptContext:
    """Grant and claim the next attempt of a stage, its directories made."""
    with store.write() as connection:
        stage = views.stage(connection, run_id, name)
        assert stage is not None
        granted = attempts.grant(connection, stage, places, host=host())
        assert granted is not None
        executors.make_records(Path(granted.directory))
        Path(stage.directory).mkdir(exist_ok=True)
        claimed = attempts.claim(connection, run_id, name, str(granted.celery_task_id))
        assert claimed is not None
    return context_of(store, claimed.id)


def of_stage(run_id: str, name: str) -> list[AttemptRecord]:
    """The attempts of a stage."""
    with open_store().read() as connection:
        stage = views.stage(connection, run_id, name)
        assert stage is not None
        return views.attempts_of_stage(connection, stage.id)
