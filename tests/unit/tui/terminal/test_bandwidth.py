"""What is sent to the terminal is counted, and kept within a budget."""

from __future__ import annotations

import pytest

from trainui.tui.terminal.bandwidth import LONGEST_PAUSE, Bandwidth


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    traffic = Bandwidth(now=clock)
    for second in range(100):
        clock.now = second
        traffic.count(500)
    assert traffic.rate == pytest.approx(500, rel=0.11)
    clock.now = 1000
    assert traffic.rate == 0


def test_without_a_budget_nothing_pauses() -> None:
    traffic = Bandwidth()
    traffic.count(10**9)
    assert traffic.pause(before=0) == 0


def test_what_was_sent_is_paid_for_by_waiting() -> None:
    traffic = Bandwidth(budget=2000)
    traffic.count(1000)
    before = traffic.total
    traffic.count(3000)
    assert traffic.pause(before) == 1.5


def test_however_small_the_budget_something_moves() -> None:
    traffic = Bandwidth(budget=1)
    traffic.count(10**9)
    assert traffic.pause(before=0) == LONGEST_PAUSE
