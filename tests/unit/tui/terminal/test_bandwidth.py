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
    bandwidth = Bandwidth(now=clock)
    for second in range(100):
        clock.now = second
        bandwidth.count(500)
    assert bandwidth.rate == pytest.approx(500, rel=0.11)
    clock.now = 1000
    assert bandwidth.rate == 0


def test_without_a_budget_nothing_pauses() -> None:
    bandwidth = Bandwidth()
    bandwidth.count(10**9)
    assert bandwidth.pause(before=0) == 0


def test_what_was_sent_is_paid_for_by_waiting() -> None:
    bandwidth = Bandwidth(budget=2000)
    bandwidth.count(1000)
    before = bandwidth.total
    bandwidth.count(3000)
    assert bandwidth.pause(before) == 1.5


def test_however_small_the_budget_something_moves() -> None:
    bandwidth = Bandwidth(budget=1)
    bandwidth.count(10**9)
    assert bandwidth.pause(before=0) == LONGEST_PAUSE
