"""The Celery task of a stage, without a broker."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.exceptions import Ignore

from tests.unit.execution.submitted import of_stage, submit
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.planner import host
from trainui.execution.worker import services
from trainui.execution.worker.task import execute_stage_with_tracking as task
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts


def test_a_message_that_meets_a_locked_store_is_ignored(
    store: Database, hasty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its attempt stays unclaimed, so that the planner sends it again."""
    run = submit(tmp_path, "stages: [{name: a, run: 'true'}]")
    with store.write() as connection:
        stage = views.stage(connection, run, "a")
        assert stage is not None
        attempt = attempts.grant(connection, stage, (), host=host())
    assert attempt is not None
    monitor = AttemptMonitor(hasty, threading.Event())
    monkeypatch.setattr(services, "running", SimpleNamespace(monitor=monitor))
    task.push_request(id=attempt.celery_task_id)
    try:
        with store.write(), pytest.raises(Ignore):
            task.run(run, "a", None, {})
    finally:
        task.pop_request()
        monitor.release()
    assert [one.status for one in of_stage(run, "a")] == [Status.QUEUED]
