"""The page of a pipeline's last runs, and what is written on a run from there: notes, verdicts."""

from __future__ import annotations

import pytest

from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import DIAMOND, Filler
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import run_history, run_in_json
from trainui.text import SYMBOLS
from trainui.tui.history_screen import HistoryScreen
from trainui.tui.run_page.screen import RunScreen


def notes_of(run_id: str) -> list[tuple[str | None, str | None]]:
    with engine.reading() as connection:
        return [(one["text"], one["verdict"]) for one in run_in_json.notes(connection, run_id)]


def test_the_history_has_the_last_twenty_runs_of_the_pipeline(filler: Filler) -> None:
    """Members of a sweep are one line; other pipelines' runs are not in it."""
    ids = [filler.run(DIAMOND, name=f"run-{n}", pipeline="digits") for n in range(22)]
    other = filler.run({"train": ()}, name="other")
    with engine.reading() as connection:
        found = run_history.last_runs(connection, ids[3])
        alone = run_history.last_runs(connection, other)
        assert run_history.last_runs(connection, "none") == ()
    assert [one.run.id for one in found] == ids[:1:-1]
    assert [one.run.id for one in alone] == [other]
    assert {name: len(stages) for name, stages in found[0].stages.items()} == {
        "prepare": 1,
        "train": 2,
        "evaluate": 1,
        "report": 1,
    }


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_a_cell_shows_the_sweeps_most_important_state(
    filler: Filler, size: tuple[int, int]
) -> None:
    first = filler.run(DIAMOND)
    filler.complete(first, "prepare", "train[hidden=32]")
    filler.fail(first, "train[hidden=128]", "exit code 1: out of memory")
    for _ in range(19):
        last = filler.run(DIAMOND)
    async with opened(last, size) as driven:
        await driven.until_shown("1 Stages" if size[0] > 80 else "2 Overview")
        await driven.press("O")
        await driven.until_shown("history of digits", "its last 20 runs", "evaluate")
        lines = {line.split()[0]: line for line in driven.text().splitlines() if line.split()}
        assert lines["train"].count(SYMBOLS[Status.FAILED]) == 1
        assert lines["prepare"].count(SYMBOLS[Status.COMPLETED]) == 1
        await driven.press("down", *["left"] * 19)
        await driven.until_shown("train[hidden=128]", "1 of 2 members", "out of memory")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen))
        assert driven.run.run_id == first
        await driven.press("escape")
        await driven.until(lambda: isinstance(driven.app.screen, HistoryScreen))


async def written(driven: Driven, *keys: str) -> None:
    await driven.press("i")
    await driven.until_shown("Note on")
    await driven.press(*keys)
    await driven.press("enter")
    await driven.until_shown("noted")


async def test_a_note_and_a_verdict_have_keys(filler: Filler) -> None:
    """On the list they go to the marked runs; an empty note and esc write nothing."""
    first, second = filler.run({"a": ()}, name="first"), filler.run({"a": ()}, name="second")
    async with opened() as driven:
        await driven.until_shown("second")
        await written(driven, *"warm up")
        await driven.until(lambda: notes_of(second) == [("warm up", None)])
        await driven.press("A")
        await driven.press("V")
        await driven.until_shown("Verdict on 2 runs")
        await driven.press("d")
        await driven.until(lambda: notes_of(first) == [("", "discard")])
        assert notes_of(second)[-1] == ("", "discard")
        await driven.press("enter")
        await driven.until_shown("› second", "- discard", "“warm up”")
        await driven.press("i")
        await driven.until_shown("Note on second", "“warm up”")
        await driven.press("x", "escape")
        await driven.press("i")
        await driven.until_shown("Note on second")
        await driven.press("enter")
        await driven.until_gone("Note on second")
    assert len(notes_of(second)) == 2


async def test_a_runs_page_names_the_run_it_came_from(filler: Filler) -> None:
    parent = filler.run({"a": ()}, name="parent")
    child = filler.run({"a": ()}, name="child", origin=parent)
    async with opened(child) as driven:
        await driven.until_shown(f"from parent {parent[:8]}", "submitted")
