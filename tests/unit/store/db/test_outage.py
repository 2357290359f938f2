"""What is logged of a store that cannot be used: little, and that it can be used again."""

from __future__ import annotations

import logging

import pytest

from trainui.errors import StoreError
from trainui.store.db.outage import QUIET, OutageLog

ERROR = StoreError("the server is away")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_of_an_hour_is_some_lines_and_its_end_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    log = OutageLog(clock)
    log.succeeded()
    for _ in range(3600):
        log.failed(ERROR)
        clock.now += 1.0
    log.succeeded()
    log.succeeded()
    first, second, *_, last = caplog.messages
    assert first == "the server is away; retrying until it succeeds"
    assert second == "11 failures in 10s: the server is away"
    assert last == "the database is writable again, after 1h 00m"
    assert len(caplog.messages) == 12


def test_what_fails_much_later_is_another_outage(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = OutageLog(clock)
    log.failed(ERROR)
    clock.now += QUIET + 1
    log.failed(ERROR)
    assert caplog.messages == ["the server is away; retrying until it succeeds"] * 2
