"""External runs are read again only where their files have changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.metrics.trackers.test_databases import MLFLOW
from trainui.control import external
from trainui.domain.states import Status
from trainui.execution.worker.external_watch import ExternalWatch
from trainui.metrics.discovery import trainings
from trainui.settings import host
from trainui.store.db.engine import Store
from trainui.store.read import views


def statuses(store: Store) -> dict[str, Status]:
    with closing(views.connect()) as connection:
        return {run.name: run.status for run in views.runs(connection)}


def test_a_database_of_many_running_runs_is_read_once_for_each_change(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    reads, below = list[Path](), trainings.below

    def count(one: Path) -> list[trainings.Training]:
        reads.append(one)
        return below(one)

    watch = ExternalWatch(store, host())
    monkeypatch.setattr("trainui.execution.worker.external_watch.PERIOD", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(MLFLOW)
        for name in "abc":
            row = (name, name, "RUNNING", 1000, None, "active")
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)
        external.add(external.find(path))
        monkeypatch.setattr(trainings, "below", count)
        watch.look()
        watch.look()
        assert reads == [path]
        assert set(statuses(store).values()) == {Status.RUNNING}
        connection.execute("UPDATE runs SET status = 'FINISHED' WHERE name = 'b'")
        watch.look()
        assert reads == [path, path]
        assert statuses(store) == {"a": "running", "b": "completed", "c": "running"}
    watch.look()
    assert statuses(store) == {"a": "ended", "b": "completed", "c": "ended"}
