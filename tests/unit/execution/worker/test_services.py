"""The worker's loop while the store cannot be used."""

from __future__ import annotations

import logging
import threading

import pytest

from trainui.errors import StoreError, StoreLockedError, UsageError
from trainui.execution.worker.services import ChangeDetector, WorkerServices
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
            services._run(hasty.await_writable)
            assert services._is_locked
    records = [one for one in caplog.records if one.levelno == logging.WARNING]
    (warning,) = [record.getMessage() for record in records]
    assert warning.endswith("retrying until it succeeds")
    services._run(hasty.await_writable)
    assert not services._is_locked
    assert outage.log._since is None


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
def test_a_pass_ends_at_the_first_service_that_finds_the_store_locked(
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


def test_the_pass_after_an_error_sees_a_change(store: Store, services: WorkerServices) -> None:
    services._changes.seen()
    assert not services._changes.seen()

    def fail() -> None:
        raise StoreLockedError("locked")

    services._run(fail)
    assert services._changes.seen()
