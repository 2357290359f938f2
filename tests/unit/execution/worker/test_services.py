"""The worker's loop, changes of the store, and warnings of changed code and failing GPUs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.gpus.stand_in import Machine
from tests.unit.metrics.attempts import Attempt, start_attempt
from trainui import paths
from trainui.errors import StoreError, StoreLockedError, UsageError
from trainui.execution import gpus
from trainui.execution.planner import host
from trainui.execution.worker.services import (
    ChangeDetector,
    CodeDriftWatch,
    GpuHealthMonitor,
    WorkerServices,
)
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.resume import code_version
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, runs, stages
from trainui.store.runs.attempts import Outcome


@pytest.fixture
def services() -> Iterator[WorkerServices]:
    """A loop without services: none of its threads, sockets and processes."""
    services = object.__new__(WorkerServices)
    services._stopping = threading.Event()
    services._changes = ChangeDetector()
    yield services
    services._changes.close()


def test_a_locked_store_is_an_outage_and_ends_the_pass(
    store: Database,
    hasty: Database,
    services: WorkerServices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "outages", engine.OutageLog())
    with store.write():
        for _ in range(3):
            services._run(hasty.await_writable)
            assert services._is_locked
    records = [one for one in caplog.records if one.levelno == logging.WARNING]
    (warning,) = [record.getMessage() for record in records]
    assert warning.endswith("retrying until it succeeds")
    services._run(hasty.await_writable)
    assert not services._is_locked
    assert engine.outages._since is None


def test_other_errors_of_a_service_do_not_end_the_pass(services: WorkerServices) -> None:
    for error in (StoreError("gone"), UsageError("x"), ZeroDivisionError("x")):

        def fail(error: Exception = error) -> None:
            raise error

        services._run(fail)
        assert not services._is_locked


class Service:
    """A service that notes when it is called, and may find the store locked."""

    is_ours = is_active = True

    def __init__(self, calls: list[str], name: str, *, locked: bool = False) -> None:
        self._calls, self._name, self._locked = calls, name, locked

    def poll(self, **_options: bool) -> None:
        self._calls.append(self._name)
        if self._locked:
            raise StoreLockedError("locked")


@pytest.mark.parametrize(
    ("locked", "called"), [("_host", 2), ("monitor", 3), ("_gpus", 10), ("", 12)]
)
def test_a_pass_ends_at_the_first_locked_service(
    services: WorkerServices, monkeypatch: pytest.MonkeyPatch, locked: str, called: int
) -> None:
    """The others would wait for the same lock, and the worker would seem to hang."""
    names = ["_host", "monitor", "_planner", "_searches", "_reader", "_external"]
    names += ["_remote", "_notifier", "_gpus", "_stalls", "_stall_alerts"]
    calls: list[str] = []
    services._due = {}
    for name in names:
        setattr(services, name, Service(calls, name, locked=name == locked))
    monkeypatch.setattr(services, "_check_guard", Service(calls, "_guard").poll)
    services._poll()
    assert calls == ["_guard", *names][:called]


def test_the_pass_after_an_error_sees_a_change(store: Database, services: WorkerServices) -> None:
    services._changes.seen()
    assert not services._changes.seen()

    def fail() -> None:
        raise StoreLockedError("locked")

    services._run(fail)
    assert services._changes.seen()


def start_with_deleted_script(store: Database, root: Path, name: str) -> Attempt:
    """Start an attempt whose run had a script at its submission that no longer exists."""
    script = root / "work" / "train.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text("1")
    attempt = start_attempt(store, root, name=name)
    code_version.record(script.parent, [], attempt.stage_dir.parent)
    script.unlink()
    return attempt


def has_changed_code(store: Database, attempt: Attempt) -> bool:
    query = "SELECT code_change IS NOT NULL FROM attempts WHERE id = ?"
    with store.read() as connection:
        return bool(connection.execute(query, (attempt.id,)).fetchone()[0])


def delete(store: Database, attempt: Attempt, name: str) -> None:
    with store.write() as connection:
        attempts.end(connection, attempt.id, Outcome(Status.FAILED, 2, error="x", retry=False))
        runs.remove(connection, f"run-of-{name}")


@pytest.mark.parametrize("most", [0, 500])
def test_an_attempt_after_a_deleted_one_is_checked(
    only_on_sqlite: None,
    store: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr("trainui.execution.worker.services.IDS_BACK", most)
    watch = CodeDriftWatch(store)
    watch.poll()
    deleted = {
        name: start_with_deleted_script(store, tmp_path, name) for name in ("first", "second")
    }
    watch.poll()
    assert all(has_changed_code(store, attempt) for attempt in deleted.values())
    for name, attempt in deleted.items():
        delete(store, attempt, name)
    kept = start_with_deleted_script(store, tmp_path, "kept")
    assert kept.id > deleted["second"].id
    with store.write() as connection:  # the others have the same start
        connection.execute("UPDATE attempts SET started_at = 2 WHERE id = ?", (kept.id,))
    watch.poll()
    assert has_changed_code(store, kept)


def start_on_gpu(store: Database, root: Path, name: str) -> Attempt:
    attempt = start_attempt(store, root, name=name)
    with store.write() as connection:
        connection.execute(
            "UPDATE attempts SET host = ?, slots_json = ? WHERE id = ?",
            (host(), views.slots_json((Slot(host(), "gpu", 0),)), attempt.id),
        )
    return attempt


def warning(store: Database, attempt: Attempt) -> str | None:
    with store.read() as connection:
        return stages.get(connection, attempt.stage_id).reason


def test_an_attempt_after_a_deleted_one_gets_the_same_warning(
    only_on_sqlite: None, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path / "nvml", 1)
    machine.load(monkeypatch)
    machine.lose(0)
    with closing(gpus):
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


def test_a_store_that_cannot_be_read_may_have_changed(store: Database) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "a", "1")
    with closing(ChangeDetector()) as detector:
        assert [detector.seen(), detector.seen()] == [True, False]
        with store.write() as connection:
            runs.set_flag(connection, "a", "2")
        assert [detector.seen(), detector.seen()] == [True, False]
    file = paths.home().database
    away = file.rename(file.with_name("away"))
    with closing(ChangeDetector()) as detector:
        assert [detector.seen(), detector.seen()] == [True, True]
        away.rename(file)
        assert [detector.seen(), detector.seen()] == [True, False]


def test_a_store_without_a_version_is_not_outdated(store: Database) -> None:
    with closing(ChangeDetector()) as detector:
        detector.seen()
        with store.write() as connection:
            connection.execute("ALTER TABLE alembic_version RENAME TO away")
        assert not detector.is_outdated()
        with store.write() as connection:
            connection.execute("ALTER TABLE away RENAME TO alembic_version")
        assert detector.seen()
        assert not detector.is_outdated()
