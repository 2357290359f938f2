"""A stage whose GPU fails gets a warning, also one that starts after a deleted one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.gpus.stand_in import Machine
from tests.unit.metrics.attempts import Attempt, start_attempt
from trainui.execution import nvml
from trainui.execution.slots import host
from trainui.execution.worker.gpu_health import GpuHealthMonitor
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.store.db.engine import Store
from trainui.store.read import row_mapping
from trainui.store.runs import attempts, runs, stages
from trainui.store.runs.attempts import Outcome


def start_on_gpu(store: Store, root: Path, name: str) -> Attempt:
    attempt = start_attempt(store, root, name=name)
    with store.write() as connection:
        connection.execute(
            "UPDATE attempts SET host = ?, slots_json = ? WHERE id = ?",
            (host(), row_mapping.slots_json((Slot(host(), "gpu", 0),)), attempt.id),
        )
    return attempt


def warning(store: Store, attempt: Attempt) -> str | None:
    with store.read() as connection:
        return stages.get(connection, attempt.stage_id).reason


def test_an_attempt_after_a_deleted_one_gets_the_same_warning(
    only_on_sqlite: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path / "nvml", 1)
    machine.load(monkeypatch)
    machine.lose(0)
    with closing(nvml):
        monitor = GpuHealthMonitor(store)
        deleted = start_on_gpu(store, tmp_path, "deleted")
        monitor.poll()
        assert warning(store, deleted) == "GPU 0 has fallen off the bus"
        with store.write() as connection:
            attempts.end(connection, deleted.id, Outcome(Status.FAILED, 2, error="x", retry=False))
            runs.remove(connection, "run-of-deleted")
        monitor.poll()
        kept = start_on_gpu(store, tmp_path, "kept")
        assert kept.id > deleted.id
        monitor.poll()
        assert warning(store, kept) == "GPU 0 has fallen off the bus"
