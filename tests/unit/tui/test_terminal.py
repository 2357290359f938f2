"""Bandwidth is counted and limited; keys reach the page that a person has in mind."""

from __future__ import annotations

import pytest
from textual.events import Key

from tests.unit.tui.driving import PATIENCE, opened
from tests.unit.tui.filled import Filler
from trainui.tui.readers.poller import Poller
from trainui.tui.run_page.screen import RunScreen
from trainui.tui.terminal import LONGEST_PAUSE, Bandwidth


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


def test_sent_output_is_paid_for_by_waiting() -> None:
    bandwidth = Bandwidth(budget=2000)
    bandwidth.count(1000)
    before = bandwidth.total
    bandwidth.count(3000)
    assert bandwidth.pause(before) == 1.5


def test_however_small_the_budget_something_moves() -> None:
    bandwidth = Bandwidth(budget=1)
    bandwidth.count(10**9)
    assert bandwidth.pause(before=0) == LONGEST_PAUSE


async def test_keys_typed_before_the_first_data_wait_for_it(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the list is empty for a second, and a key would act on nothing."""
    filler.run({"a": []}, name="older")
    run_id = filler.run({"a": []}, name="newest")
    filler.complete(run_id, "a")
    start = Poller.start
    monkeypatch.setattr(Poller, "start", lambda _poller: None)
    monkeypatch.setattr("trainui.tui.terminal.HELD_FOR", PATIENCE)
    async with opened() as driven:
        for key in ("enter", "R"):  # the list is empty, and so is the run's page at first
            driven.app.post_message(Key(key, None if len(key) > 1 else key))
        await driven.pilot.pause()
        assert driven.app.screen is driven.runs
        start(driven.app.poller)
        await driven.until_shown("with all dependants")
        page = driven.app.page
        assert isinstance(page, RunScreen)
        assert page.run_id == run_id


async def test_a_key_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr(Poller, "start", lambda _poller: None)
    monkeypatch.setattr("trainui.tui.terminal.HELD_FOR", 0.05)
    async with opened() as driven:
        await driven.press("u")
        await driven.until_shown("yaml")


async def test_a_page_that_is_not_read_can_be_left(
    monkeypatch: pytest.MonkeyPatch, home: object
) -> None:
    monkeypatch.setattr(Poller, "start", lambda _poller: None)
    monkeypatch.setattr("trainui.tui.terminal.HELD_FOR", PATIENCE)
    async with opened() as driven:
        for key in ("j", "q"):
            driven.app.post_message(Key(key, key))
        await driven.until(lambda: driven.app.return_value == 0)
