"""The worker's loop while the store cannot be used."""

from __future__ import annotations

import threading

import pytest

from trainui.errors import StoreError, UsageError
from trainui.execution.worker.change_detector import ChangeDetector
from trainui.execution.worker.services import WorkerServices
from trainui.store.db import outage
from trainui.store.db.engine import Store


@pytest.fixture
def services() -> WorkerServices:
    """A loop without services: none of its threads, sockets and processes."""
    services = object.__new__(WorkerServices)
    services._stopping = threading.Event()
    services._changes = ChangeDetector()
    return services


def test_a_locked_store_is_an_outage_and_ends_the_pass(
    store: Store,
    hasty: Store,
    services: WorkerServices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outage, "log", outage.OutageLog())
    with store.write():
        for _ in range(3):
            services._do(hasty.await_writable)
            assert services._is_locked
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.endswith("retrying until it succeeds")
    services._do(hasty.await_writable)
    assert not services._is_locked
    assert outage.log._since is None


def test_other_errors_of_a_service_do_not_end_the_pass(services: WorkerServices) -> None:
    for error in (StoreError("gone"), UsageError("x"), ZeroDivisionError("x")):

        def fail(error: Exception = error) -> None:
            raise error

        services._do(fail)
        assert not services._is_locked
