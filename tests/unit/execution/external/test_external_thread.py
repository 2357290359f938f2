"""External runs are watched in a thread of their own."""

from __future__ import annotations

import threading

import pytest

from trainui.execution.external.external_thread import ExternalThread
from trainui.execution.external.external_watch import ExternalWatch
from trainui.store.db.engine import Store

WITHIN = 60.0


def test_a_directory_that_does_not_answer_delays_no_other_service(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, answers, looked = threading.Event(), threading.Event(), threading.Semaphore(0)

    def look(_watch: ExternalWatch, *, changed: bool) -> None:
        looked.release()
        assert answers.wait(WITHIN)
        assert changed

    monkeypatch.setattr(ExternalWatch, "look", look)
    external = ExternalThread(store, "host", stopping)
    external.look(changed=True)
    assert looked.acquire(timeout=WITHIN)
    external.look(changed=True)  # returns at once
    answers.set()
    assert looked.acquire(timeout=WITHIN), "what has changed meanwhile is looked at"
    stopping.set()
    external.stop(WITHIN)


def test_an_error_is_followed_by_another_look(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, looked = threading.Event(), threading.Semaphore(0)

    def look(_watch: ExternalWatch, *, changed: bool) -> None:
        looked.release()
        assert changed
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ExternalWatch, "look", look)
    external = ExternalThread(store, "host", stopping)
    external.look(changed=True)
    for _ in range(3):
        assert looked.acquire(timeout=WITHIN)
        while not external._has_changed:
            pass
        external.look(changed=False)
    stopping.set()
    external.stop(WITHIN)
