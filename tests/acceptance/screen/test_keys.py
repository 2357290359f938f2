"""Every key that acts, in every state of a run and a stage, ends in something seen or a reason."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import Filler, running_demo
from trainui.model.states import Status
from trainui.store.runs import stage_requests
from trainui.tui.keymap import KEYS, Key
from trainui.tui.page import Page
from trainui.tui.widgets import SearchBar

GRAPH = {"first": (), "second": ("first",), "third": ("second",)}

LEAVES = {"app.leave", "app.interrupt"}

QUIET = {"runs.back"}
"""Keys that say nothing where there is nothing for them to do."""

PATIENCE = 10.0


def queued(filler: Filler) -> str:
    return filler.run(GRAPH)


def running(filler: Filler) -> str:
    run_id = filler.run(GRAPH)
    filler.start(run_id, "first", ago=60)
    return run_id


def completed(filler: Filler) -> str:
    run_id = filler.run(GRAPH)
    filler.complete(run_id, *GRAPH)
    return run_id


def ended(status: Status) -> Callable[[Filler], str]:
    def made(filler: Filler) -> str:
        run_id = filler.run(GRAPH)
        filler.complete(run_id, "first")
        filler.end(filler.start(run_id, "second"), status, exit_code=1, error="exit code 1")
        return run_id

    return made


def cancelled(filler: Filler) -> str:
    run_id = filler.run(GRAPH)
    with filler.store.write() as connection:
        stage_requests.cancel(connection, run_id, [filler.stage(run_id, name) for name in GRAPH])
    return run_id


def nothing(filler: Filler) -> None:
    """Leave the list empty."""


STATES = {
    "none": nothing,
    "queued": queued,
    "running": running,
    "completed": completed,
    "failed": ended(Status.FAILED),
    "interrupted": ended(Status.INTERRUPTED),
    "cancelled": cancelled,
}


def keys_of(*scopes: str) -> list[Key]:
    return [key for key in KEYS if key.scope in scopes and key.id not in LEAVES | QUIET]


def seen(driven: Driven) -> tuple[object, ...]:
    """What a person sees, clocks apart."""
    words = re.sub(r"[0-9]+", "", driven.text())
    told = [note.message for note in driven.app._notifications]
    return type(driven.app.screen), words, tuple(told), driven.app.theme


async def press_and_look(driven: Driven, key: Key) -> bool:
    """Press a key; return whether something was seen, and go back to the page."""
    driven.app.clear_notifications()
    await driven.pilot.pause()
    page, before = driven.app.screen, seen(driven)
    await driven.press(key.keys.split(",")[0])
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while seen(driven) == before and asyncio.get_running_loop().time() < give_up_at:
        await asyncio.sleep(0.02)
    something = seen(driven) != before
    if isinstance(driven.app.focused, SearchBar):  # it would take the next key as text
        await driven.press("escape")
    while driven.app.screen is not page:
        if isinstance(driven.app.screen, Page) and page not in driven.app.screen_stack:
            return something  # the key left the page
        driven.app.pop_screen()
        await driven.pilot.pause()
    return something


def cases(*names: str, short: tuple[str, ...]) -> list[Any]:
    """Return the cases, of which only those in `short` are in the short suite."""
    return [
        pytest.param(*name.split("-"), marks=[] if name in short else [pytest.mark.long])
        for name in names
    ]


@pytest.mark.parametrize("state", cases(*STATES, short=("running",)))
async def test_on_the_list(filler: Filler, home: Path, state: str) -> None:
    STATES[state](filler)
    async with opened() as driven:
        await driven.until_shown("No runs yet" if state == "none" else "digits")
        silent = [
            key.id
            for key in keys_of("runs", "acting", "search", "app")
            if not await press_and_look(driven, key)
        ]
    assert silent == []


DIFFERENT = {
    "queued": ("first", "second"),
    "running": ("first", "second"),
    "completed": ("first",),
    "failed": tuple(GRAPH),
    "interrupted": tuple(GRAPH),
    "cancelled": ("first",),
}
"""The stages of each run that differ in their state."""


@pytest.mark.parametrize(
    ("state", "stage"),
    cases(
        *(f"{state}-{stage}" for state, of in DIFFERENT.items() for stage in of),
        short=("running-first", "failed-second"),
    ),
)
async def test_on_a_stage(filler: Filler, state: str, stage: str) -> None:
    run_id = STATES[state](filler)
    assert run_id is not None
    async with opened(run_id) as driven:
        await driven.until_shown("1 Stages", "third")
        driven.run.graph.select(stage)
        await driven.until(lambda: driven.run.graph.selected is not None)
        silent = [key.id for key in keys_of("acting") if not await press_and_look(driven, key)]
    assert silent == []


async def test_notifications_do_not_pile_up_and_esc_dismisses_them(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        await driven.press("3", "enter")
        await driven.until_shown("18 points")
        shown = driven.app._notifications
        for _ in range(3):
            for text in ("first", "second"):
                driven.app.notify(text)
        await driven.until_shown("first", "second")
        assert [note.message for note in shown] == ["first", "second"]
        for text in ("third", "fourth", "fifth"):
            driven.app.notify(text)
            await driven.until_shown(text)
        assert [note.message for note in shown] == ["fourth", "fifth"]
        await driven.press("escape")
        await driven.until_gone("fifth")
        assert not shown
