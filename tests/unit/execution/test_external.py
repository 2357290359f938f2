"""External runs are watched in a thread of their own."""

from __future__ import annotations

import threading

import pytest

from trainui.execution import processes
from trainui.execution.external import ExternalThread, ExternalWatch
from trainui.store.db.engine import Database

WITHIN = 60.0


def test_a_directory_that_does_not_answer_delays_no_other_service(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, answers, looked = threading.Event(), threading.Event(), threading.Semaphore(0)

    def poll(_watch: ExternalWatch, *, changed: bool) -> None:
        looked.release()
        assert answers.wait(WITHIN)
        assert changed

    monkeypatch.setattr(ExternalWatch, "poll", poll)
    external = ExternalThread(store, "host", stopping)
    external.poll(changed=True)
    assert looked.acquire(timeout=WITHIN)
    external.poll(changed=True)  # returns at once
    answers.set()
    assert looked.acquire(timeout=WITHIN), "what has changed meanwhile is looked at"
    stopping.set()
    external.stop(WITHIN)


def test_an_error_is_followed_by_another_look(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, looked = threading.Event(), threading.Semaphore(0)
    changes: list[bool] = []

    def poll(_watch: ExternalWatch, *, changed: bool) -> None:
        changes.append(changed)
        looked.release()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ExternalWatch, "poll", poll)
    monkeypatch.setattr(processes, "RETRY_AFTER", 0.01)
    external = ExternalThread(store, "host", stopping)
    external.poll(changed=True)
    for _ in range(3):
        assert looked.acquire(timeout=WITHIN)
    stopping.set()
    external.stop(WITHIN)
    assert all(changes)


def test_a_host_of_another_worker_is_not_looked_at(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, is_ours = threading.Event(), threading.Event()
    asked, looked = threading.Semaphore(0), threading.Semaphore(0)
    changes: list[bool] = []

    def may_look() -> bool:
        asked.release()
        return is_ours.is_set()

    def poll(_watch: ExternalWatch, *, changed: bool) -> None:
        changes.append(changed)
        stopping.set()
        looked.release()

    monkeypatch.setattr(ExternalWatch, "poll", poll)
    monkeypatch.setattr("trainui.execution.external.POLL_EVERY", 0.01)
    external = ExternalThread(store, "host", stopping, may_look=may_look)
    external.poll(changed=True)
    for _ in range(2):
        assert asked.acquire(timeout=WITHIN)
    assert not looked.acquire(blocking=False)
    is_ours.set()
    assert looked.acquire(timeout=WITHIN)
    external.stop(WITHIN)
    assert changes == [True], "a change of meanwhile is not lost"


def test_a_change_just_before_a_check_is_not_lost(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetMeanwhile(threading.Event):
        def is_set(self) -> bool:
            was_set = super().is_set()
            self.set()  # another thread has seen a change
            return was_set

    stopping, looked = threading.Event(), threading.Semaphore(0)
    changes: list[bool] = []

    def poll(_watch: ExternalWatch, *, changed: bool) -> None:
        changes.append(changed)
        looked.release()

    monkeypatch.setattr(ExternalWatch, "poll", poll)
    monkeypatch.setattr("trainui.execution.external.POLL_EVERY", 0.01)
    external = ExternalThread(store, "host", stopping)
    external._has_changed = SetMeanwhile()
    external.poll(changed=False)
    for _ in range(2):
        assert looked.acquire(timeout=WITHIN)
    stopping.set()
    external.stop(WITHIN)
    assert changes[:2] == [False, True]
