"""The digest with its next steps and the line after an absence; the history, notes and verdicts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import DIAMOND, Filler
from trainui import control, paths
from trainui.control import digest
from trainui.control.digest_records import Digest, Step, Trouble
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import run_history, run_in_json
from trainui.store.runs import stages
from trainui.text import SYMBOLS, TROUBLE
from trainui.tui.dialogs import StacksScreen
from trainui.tui.machine_screen import MachineScreen
from trainui.tui.page import Page
from trainui.tui.past_screens import UNPAUSE, DigestScreen, HistoryScreen, digest_entries
from trainui.tui.plan_screen import PlanScreen
from trainui.tui.run_page.screen import RunScreen
from trainui.tui.styled_text import joined, plain, width_of
from trainui.tui.widgets import SearchBar

HOUR = 3600


@pytest.fixture
def failed(filler: Filler) -> str:
    """A run that failed an hour ago."""
    run = filler.run({"train": ()}, name="night")
    attempt = filler.start(run, "train", ago=2 * HOUR)
    filler.end(attempt, Status.FAILED, ago=HOUR, error="KeyError: 'x'", exit_code=1)
    return run


def leave(home: Path, hours: float) -> None:
    """Let the last screen have been open so many hours ago."""
    seen = paths.home().screen_seen
    assert seen.is_relative_to(home)
    paths.make_private(seen.parent)
    seen.touch()
    at = time.time() - hours * HOUR
    os.utime(seen, (at, at))


async def open_digest(driven: Driven) -> DigestScreen:
    await driven.until_shown("night")
    await driven.press("W")
    await driven.until(lambda: isinstance(driven.app.screen, DigestScreen), "the page")
    page = driven.app.screen
    assert isinstance(page, DigestScreen)
    await driven.until(lambda: page.view.selected is not None, "the next steps")
    return page


@pytest.mark.parametrize(("key", "page"), [("W", DigestScreen), ("M", MachineScreen)])
async def test_a_page_without_search_says_so(
    home: Path, failed: str, key: str, page: type[Page]
) -> None:
    async with opened(size=(100, 30)) as driven:
        await driven.until_shown("night")
        await driven.press(key)
        await driven.until(lambda: isinstance(driven.app.screen, page), "the page")
        await driven.press("/")
        await driven.until_shown("this page has no search")
        assert not driven.app.screen.query_one(SearchBar).display


async def test_a_line_after_an_absence_goes_at_the_first_key(home: Path, failed: str) -> None:
    leave(home, 7)
    async with opened() as driven:
        await driven.until_shown("since you left, 7h 00m: 1 failed", "W shows")
        assert driven.runs.absence.display
        await driven.press("j")
        assert not driven.runs.absence.display
        page = await open_digest(driven)  # of the same time, although this screen has been seen
        assert "1 failed" in joined([entry.row for entry in page.view.entries])
        assert page.report().startswith("# Digest")


async def test_a_short_absence_has_no_line(home: Path, failed: str) -> None:
    leave(home, 0.9)
    async with opened() as driven:
        await driven.until_shown("night")
        await driven.app.workers.wait_for_complete()
        assert not driven.runs.absence.display


async def test_a_next_step_resumes_its_run(home: Path, failed: str) -> None:
    leave(home, 3)
    async with opened() as driven:
        page = await open_digest(driven)
        assert [run.id for run in page.targets()] == [failed]
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, PlanScreen), "the plan")
        await driven.press("escape")
        await driven.until(lambda: driven.app.screen is page, "the page")
        await driven.press("escape")
        await driven.until_shown("STATE")


async def test_a_low_page_begins_at_its_top(home: Path, failed: str) -> None:
    leave(home, 3)
    async with opened(size=(80, 7)) as driven:
        await driven.until_shown("night")
        await driven.press("W")
        await driven.until_shown("1 failed", "Trouble")
        assert "Next" not in driven.text()
        await driven.press("enter")
        assert isinstance(driven.app.screen, DigestScreen)
        await driven.press("down")
        await driven.until_shown("trainui resume")
        assert [run.id for run in driven.app.screen.targets()] == [failed]


async def test_a_next_step_shows_the_stacks_of_the_silent_stage(home: Path, filler: Filler) -> None:
    run = filler.run({"prepare": (), "train": ()}, name="night")
    attempt = filler.start(run, "train", ago=2 * HOUR)
    with filler.store.write() as connection:
        stages.set_stalled(connection, attempt, True, "silent for 20m")
    leave(home, 3)
    async with opened() as driven:
        await open_digest(driven)
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, StacksScreen), "the stacks")
        await driven.press("escape")
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen), "the run's page")
        await driven.until(lambda: driven.run.graph.selected is not None, "its stage")
        selected = driven.run.graph.selected
        assert (driven.run.run_id, selected and selected.name) == (run, "train")


async def test_a_next_step_lets_the_queue_start_again(home: Path, filler: Filler) -> None:
    filler.run(DIAMOND, name="night")
    control.set_paused(True)
    leave(home, 3)
    async with opened() as driven:
        page = await open_digest(driven)
        assert [one.item.command for one in page.view.entries if one.item] == [UNPAUSE]
        await driven.press("enter")
        await driven.until(lambda: page.view.selected is None, "the end of the step")
        assert digest.read(0, 1).next == []


def trouble(number: int) -> Trouble:
    step = Step("resume " + "night " * 9, f"trainui resume {number:08x}")
    words = f"the GPU's memory is full, {number} " + "and more " * 9
    return Trouble(f"id-{number}", "night", "train", "failed", words, 1, step)


@pytest.mark.parametrize(("width", "height", "steps"), [(40, 20, 3), (77, 20, 3), (117, 60, 9)])
def test_lines_fit_and_each_step_has_its_run(width: int, height: int, steps: int) -> None:
    troubles = [trouble(number) for number in range(9)]
    found = Digest(1, 2, trouble=troubles, next=[one.suggestion for one in troubles])
    entries = digest_entries(found, width, height)
    assert max(width_of(entry.row) for entry in entries) <= width
    at = [place for place, entry in enumerate(entries) if entry.item is not None]
    assert len(at) == steps
    for number, (begin, end) in enumerate(zip(at, [*at[1:], len(entries)], strict=True)):
        item = entries[begin].item
        assert item is not None
        words = " ".join(plain(entry.row) for entry in entries[begin:end]).split()
        assert item.command in " ".join(words)
        assert found.run_of(item) == f"id-{number}"


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


@pytest.mark.parametrize("kind", ["stalled", "silent"])
async def test_a_silent_stages_cell_is_no_calm_one(filler: Filler, kind: str) -> None:
    run = filler.run({"train": ()}, name="digits")
    attempt = filler.start(run, "train", ago=HOUR)
    with filler.store.write() as writing:
        stages.set_stalls_after(writing, attempt, 60.0)
        stages.set_stalled(writing, attempt, kind == "stalled", "no output")
    async with opened(run, (80, 24)) as driven:
        await driven.until_shown("2 Overview")
        await driven.press("O")
        await driven.until_shown("history of digits", "train")
        line = next(line for line in driven.text().splitlines() if line.startswith(" train "))
        assert TROUBLE[kind][0] in line
        assert SYMBOLS[Status.RUNNING] not in line
        assert f"train  ◌ {kind}" in driven.text()


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
        await driven.press("O")
        await driven.until_shown("history of second", "- discard", "“warm up”")
    assert len(notes_of(second)) == 2


async def test_a_runs_page_names_the_run_it_came_from(filler: Filler) -> None:
    parent = filler.run({"a": ()}, name="parent")
    child = filler.run({"a": ()}, name="child", origin=parent)
    async with opened(child) as driven:
        await driven.until_shown(f"from parent {parent[:8]}", "submitted")
