"""The digest is sent once a day, with what happened since the last one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.receiver import receiving
from tests.unit.execution.submitted import submit
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control
from trainui.execution.worker import notifications
from trainui.execution.worker.notifications import DigestSender, Notifier, last_time
from trainui.settings import Settings
from trainui.store.db.engine import Database

TEXT = "name: digits\nstages: [{name: train, run: 'true'}]\n"
HOUR = 3600 * clock.SECOND
DAY = 24 * HOUR

Make = Callable[..., DigestSender]


class Clock:
    """A clock that a test sets; it begins two hours before the digest."""

    def __init__(self) -> None:
        self.at = clock.to_datetime(clock.now() + 2 * HOUR).astimezone().strftime("%H:%M")
        self.ahead = 0

    def now(self) -> int:
        return clock.now() + self.ahead


@pytest.fixture
def times() -> Clock:
    return Clock()


@pytest.fixture
def make(store: Database, times: Clock) -> Iterator[Make]:
    stopping, made = threading.Event(), []

    def make(**ways: Any) -> DigestSender:
        configured = Settings(notify_digest=times.at, **ways)
        notifier = Notifier(store, configured)
        notifier.start()
        made.append(DigestSender(store, configured, notifier, stopping, times.now))
        return made[-1]

    yield make
    stopping.set()
    for one in made:
        one.stop(10)


def end_a_run(directory: Path) -> None:
    control.cancel(submit(directory, TEXT))


def until_sent(sender: DigestSender) -> None:
    def is_sent() -> bool:
        sender.poll(changed=False)
        return not sender.is_waiting

    wait_for(is_sent, "the digest")


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def test_apprise_sends_one_at_the_time_of_day(make: Make, times: Clock, tmp_path: Path) -> None:
    with receiving() as receiver:
        sender = make(notify_urls=(receiver.url,))
        sender.poll(changed=True)
        assert not sender.is_waiting
        end_a_run(tmp_path)
        sender.poll(changed=True)
        assert sender.is_waiting
        assert receiver.messages == []
        times.ahead = 3 * HOUR
        until_sent(sender)
        (message,) = receiver.messages
        assert "1 cancelled" in message["title"]
        assert "1 cancelled" in message["message"]
        times.ahead += DAY
        sender.poll(changed=True)
        until_sent(sender)  # nothing happened meanwhile
        assert len(receiver.messages) == 1


def test_a_command_gets_the_markdown_and_the_first_line(
    make: Make, times: Clock, tmp_path: Path
) -> None:
    command = f'cd {tmp_path}; cat > body; echo "$TRAINUI_EVENT $TRAINUI_MESSAGE" >> words'
    sender = make(notify_command=command)
    sender.poll(changed=True)
    end_a_run(tmp_path)
    times.ahead = 3 * HOUR
    until_sent(sender)
    (words,) = lines(tmp_path / "words")
    assert words.startswith("digest since ")
    assert words.endswith(": 1 cancelled")
    assert lines(tmp_path / "body")[0] == "# Digest"


def test_two_workers_send_one_digest_together(make: Make, times: Clock, tmp_path: Path) -> None:
    senders = [make(notify_command=f"echo x >> {tmp_path}/words") for _ in range(2)]
    for sender in senders:
        sender.poll(changed=True)
    end_a_run(tmp_path)
    times.ahead = 3 * HOUR
    for sender in senders:
        sender.poll(changed=True)
    for sender in senders:
        until_sent(sender)
    assert lines(tmp_path / "words") == ["x"]


def test_a_digest_that_cannot_be_made_is_tried_again(
    make: Make, times: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(notifications, "DIGEST_AGAIN_AFTER", 0.01)
    sender = make(notify_command=f"echo x >> {tmp_path}/words")
    sender.poll(changed=True)
    end_a_run(tmp_path)
    times.ahead = 3 * HOUR
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        sender.poll(changed=True)
        wait_for(lambda: "trainui digest ended with exit code 1" in caplog.text, "a failure")
    assert lines(tmp_path / "words") == []
    until_sent(sender)
    assert lines(tmp_path / "words") == ["x"]


def test_without_a_channel_nothing_waits_for_a_digest(make: Make, tmp_path: Path) -> None:
    sender = make()
    end_a_run(tmp_path)
    sender.poll(changed=True)
    assert not sender.is_waiting


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-06-10 08:00:00", "2026-06-10 08:00:00"),
        ("2026-06-10 07:59:59", "2026-06-09 08:00:00"),
        ("2026-03-29 07:30:00", "2026-03-28 08:00:00"),  # the clock went forward that night
        ("2026-03-29 08:30:00", "2026-03-29 08:00:00"),
    ],
)
def test_the_last_time_of_day_is_local(
    now: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        given, found = (
            int(datetime.fromisoformat(text).astimezone().timestamp()) * clock.SECOND
            for text in (now, expected)
        )
        assert last_time("08:00", given) == found
    finally:
        monkeypatch.undo()
        time.tzset()
