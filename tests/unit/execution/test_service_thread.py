"""A service's thread repeats its step when it is due, when it is woken, and after an error."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from trainui.errors import StoreError
from trainui.execution import processes
from trainui.execution.processes import ServiceThread
from trainui.store.db import engine

WITHIN = 60.0


class Steps:
    """Steps of a service, counted."""

    def __init__(self, step: Callable[[], float | None] = lambda: None) -> None:
        self.stopping, self.done = threading.Event(), threading.Semaphore(0)
        self.threads = set[int]()
        self._own = step
        self.thread = ServiceThread("steps", self._step, self.stopping, self._note_thread)

    def _note_thread(self) -> None:
        self.threads.add(threading.get_ident())

    def _step(self) -> float | None:
        self._note_thread()
        try:
            return self._own()
        finally:
            self.done.release()

    def are(self, count: int) -> bool:
        return all(self.done.acquire(timeout=WITHIN) for _ in range(count))

    def stop(self) -> None:
        self.stopping.set()
        self.thread.stop(WITHIN)


def test_without_a_time_the_next_step_awaits_a_wakeup() -> None:
    steps = Steps()
    steps.thread.start()
    assert steps.are(1)
    assert not steps.done.acquire(blocking=False)
    steps.thread.wake()
    assert steps.are(1)
    steps.stop()
    assert len(steps.threads) == 1, "also what is closed at the end is closed in the thread"


def test_a_wake_during_a_step_is_not_lost() -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def step() -> None:
        begun.release()
        assert may_end.wait(WITHIN)

    steps = Steps(step)
    steps.thread.wake()
    assert begun.acquire(timeout=WITHIN)
    steps.thread.wake()
    may_end.set()
    assert steps.are(2)
    steps.stop()


@pytest.mark.parametrize("error", [StoreError("gone"), ZeroDivisionError()])
def test_an_error_is_logged_and_retried(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    monkeypatch.setattr(processes, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(engine, "outages", engine.OutageLog())

    def step() -> None:
        raise error

    steps = Steps(step)
    steps.thread.start()
    assert steps.are(3)
    steps.stop()
    outages = [one for one in caplog.records if one.name == engine.__name__]
    assert len(outages) == isinstance(error, StoreError), "an outage is logged once"
    assert len(caplog.records) >= 3 or outages


def test_a_thread_that_never_started_ends_at_once() -> None:
    Steps().stop()
