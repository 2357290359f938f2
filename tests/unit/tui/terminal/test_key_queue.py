"""Keys reach the page that a person has in mind when they are typed."""

from __future__ import annotations

import pytest

from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler
from trainui.tui.data.poller import Poller
from trainui.tui.run.screen import RunScreen


async def test_keys_typed_before_the_first_data_wait_for_it(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the list is empty for a second, and a key would act on nothing."""
    filler.run({"a": []}, name="older")
    run_id = filler.run({"a": []}, name="newest")
    start = Poller.start
    monkeypatch.setattr(Poller, "start", lambda _poller: None)
    async with opened() as driven:
        await driven.press("enter")
        assert driven.app.screen is driven.runs
        start(driven.app.poller)
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen), "the run's page")
        assert isinstance(driven.app.screen, RunScreen)
        assert driven.app.screen.run_id == run_id
        await driven.until_shown("newest")


async def test_a_key_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr(Poller, "start", lambda _poller: None)
    monkeypatch.setattr("trainui.tui.terminal.key_queue.HELD_FOR", 0.05)
    async with opened() as driven:
        await driven.press("u")
        await driven.until_shown("yaml")
