"""What depends on a sweep starts, or is blocked, as its members end."""

from __future__ import annotations

from pathlib import Path

from tests.unit.execution.submitted import begin, submit
from trainui import clock
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts
from trainui.store.runs.attempts import Outcome

TEXT = """
stages:
  - {name: train, matrix: {trial: [0, 1]}, allow_failure: true, run: "exit 1"}
  - {name: after, depends_on: [train], run: "true"}
"""


def test_a_matrix_whose_key_is_called_trial_is_no_search(store: Database, tmp_path: Path) -> None:
    run_id = submit(tmp_path, TEXT)
    for number in range(2):
        context = begin(store, run_id, f"train[trial={number}]")
        with store.write() as connection:
            attempts.end(connection, context.attempt.id, Outcome(Status.FAILED, clock.now()))
    with store.read() as connection:
        after = views.stage(connection, run_id, "after")
    assert after is not None
    assert after.status == Status.QUEUED
