"""Each event is notified once, by every channel that works."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.receiver import Receiver, receiving
from tests.unit.execution.submitted import submit
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from trainui import control
from trainui.errors import StoreError
from trainui.execution.worker import notifications
from trainui.execution.worker.notifications import Notifier, Program
from trainui.model.states import Notification
from trainui.settings import Settings
from trainui.store.db import engine, statements
from trainui.store.db.engine import Database
from trainui.store.runs import runs

TEXT = "name: digits\nstages: [{name: train, run: 'true'}]\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def notifier(store: Database, **settings: Any) -> Notifier:
    made = Notifier(store, Settings(**settings))
    made.start()
    return made


def mark(store: Database, run_id: str, kind: str, text: str) -> None:
    with store.write() as connection:
        runs.record_event(connection, run_id, kind, text, stage="train")


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def test_an_end_and_earlier_events_are_sent_by_apprise(
    store: Database, receiver: Receiver, tmp_path: Path
) -> None:
    run_id = submit(tmp_path, TEXT)
    told = notifier(store, notify_urls=(receiver.url,))
    mark(store, run_id, "nan", "train: loss is NaN from step 7 on")
    mark(store, run_id, "lively", "train: has recovered")
    told.poll(changed=True)
    wait_for(lambda: len(receiver.messages) == 1, "a message")
    control.cancel(run_id)
    told.poll(changed=True)
    wait_for(lambda: len(receiver.messages) == 2, "two messages")
    assert [message["message"] for message in receiver.messages] == [
        "digits: train: loss is NaN from step 7 on",
        "digits cancelled: train",
    ]
    assert [message["type"] for message in receiver.messages] == ["warning", "info"]


def test_a_command_gets_the_summary_and_what_happened(store: Database, tmp_path: Path) -> None:
    run_id = submit(tmp_path, TEXT)
    command = f'cd {tmp_path}; cat > summary; echo "$TRAINUI_EVENT $TRAINUI_MESSAGE" >> words'
    told = notifier(store, notify_command=command)
    mark(store, run_id, "stalled", "train: silent for 10m")
    told.poll(changed=True)
    wait_for(lambda: lines(tmp_path / "words"), "words")
    assert lines(tmp_path / "words") == ["stalled digits: train: silent for 10m"]
    assert json.loads((tmp_path / "summary").read_text())["run"] == run_id


def test_a_notice_outlives_a_store_that_cannot_be_read(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit(tmp_path, TEXT)
    told = notifier(store, notify_command=f'echo "$TRAINUI_MESSAGE" >> {tmp_path}/words')
    mark(store, run_id, "stalled", "train: silent for 10m")
    failures = iter([StoreError("the server is away")] * 3)
    real = engine.reading

    def reading() -> AbstractContextManager[statements.Connection]:
        if (error := next(failures, None)) is not None:
            raise error
        return real()

    monkeypatch.setattr(notifications, "AGAIN_AFTER", 0.01)
    monkeypatch.setattr(engine, "reading", reading)
    told.poll(changed=True)
    wait_for(lambda: lines(tmp_path / "words"), "words")
    assert next(failures, None) is None


def test_no_notification_is_sent_twice_or_for_earlier_events(
    store: Database, tmp_path: Path
) -> None:
    run_id = submit(tmp_path, TEXT)
    mark(store, run_id, "stalled", "before anybody told anything")
    command = f'echo "$TRAINUI_MESSAGE" >> {tmp_path}/words'
    first = notifier(store, notify_command=command)
    mark(store, run_id, "alert", "one")
    first.poll(changed=True)
    second = notifier(store, notify_command=command)
    mark(store, run_id, "alert", "two")
    second.poll(changed=True)
    wait_for(lambda: len(lines(tmp_path / "words")) == 2, "two words")
    assert sorted(lines(tmp_path / "words")) == ["digits: one", "digits: two"]


def test_an_alert_recorded_after_a_deletion_is_sent(store: Database, tmp_path: Path) -> None:
    """As after a run that got a NaN is deleted, and started again before the next look."""
    told = notifier(store, notify_command=f'echo "$TRAINUI_MESSAGE" >> {tmp_path}/words')
    for name in ("first", "second"):
        run_id = submit(tmp_path, TEXT.replace("digits", name))
        mark(store, run_id, "nan", "train: loss is NaN")
        told.poll(changed=True)
        wait_for(lambda name=name: f"{name}: train: loss is NaN" in lines(tmp_path / "words"))  # type: ignore[misc]
        control.cancel(run_id)
        control.remove(run_id)


def test_only_the_requested_events_are_sent(store: Database, tmp_path: Path) -> None:
    run_id = submit(tmp_path, TEXT)
    command = f'echo "$TRAINUI_EVENT" >> {tmp_path}/words'
    told = notifier(store, notify_command=command, notify_on=("nan", "failed"))
    for kind in ("stalled", "nan"):
        mark(store, run_id, kind, kind)
    told.poll(changed=True)
    wait_for(lambda: lines(tmp_path / "words"), "words")
    assert lines(tmp_path / "words") == ["nan"]


def test_a_hanging_notifier_is_ended_and_delays_no_other(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(_urls: Sequence[str], notice: Notification) -> Program:
        return Program(["sh", "-c", f"cat >> {tmp_path}/sent"], f"{notice.text}\n", {})

    monkeypatch.setattr(notifications, "TIMEOUT", 2.0)
    monkeypatch.setattr(notifications, "_apprise", append)  # loading it takes seconds at load
    run_id = submit(tmp_path, TEXT)
    hang = f"echo x >> {tmp_path}/tried; sleep 1000 & echo $! > {tmp_path}/pid; wait"
    told = notifier(store, notify_command=hang, notify_urls=("any",))
    mark(store, run_id, "alert", "one")
    mark(store, run_id, "alert", "two")
    told.poll(changed=True)
    wait_for(lambda: lines(tmp_path / "sent") == ["digits: one", "digits: two"], "both messages")
    wait_for(lambda: len(lines(tmp_path / "tried")) == 2, "the second try")
    wait_for(lambda: not is_alive(read_pid(tmp_path / "pid")), "the end of the command's child")


def test_a_notification_that_cannot_be_sent_is_logged(
    store: Database, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = submit(tmp_path, TEXT)
    told = notifier(
        store, notify_command="echo no such relay; exit 3", notify_urls=("nonsense", receiver.url)
    )
    mark(store, run_id, "alert", "one")
    told.poll(changed=True)
    wait_for(lambda: len(caplog.records) >= 2, "two warnings")
    assert "notify_command ended with exit code 3: no such relay" in caplog.text
    assert "Apprise does not support 1 of the URLs in notify_urls" in caplog.text
    assert [message["message"] for message in receiver.messages] == ["digits: one"]
