"""The list of runs as a person uses it."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest
from textual import events as textual_events

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import (
    DIAMOND,
    MEMBERS,
    SWEEP,
    Filler,
    failed_demo,
    multiply,
    running_demo,
)
from trainui import settings
from trainui.control import requests
from trainui.model.definition import Search
from trainui.model.states import Status
from trainui.store.db.engine import open_store
from trainui.store.db.statements import set_values
from trainui.store.runs import runs, stage_requests, stages
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui import styles
from trainui.tui.app import HelpScreen
from trainui.tui.curves.screen import CurvesScreen
from trainui.tui.readers.page_reader import RunPageReader
from trainui.tui.readers.stage_values import MetricReader
from trainui.tui.snapshot import RunPage
from trainui.tui.styled_text import Row


async def test_a_first_start_gives_advice_and_notices_the_first_run(home: Path) -> None:
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("No runs yet", "trainui demo", "trainui run FILE")
        assert not home.exists()
        Filler(open_store(), home / "runs").run(DIAMOND, name="the first")
        await driven.until_shown("the first", "queued", "0/5")
        await driven.until_gone("No runs yet")


async def test_runs_stand_newest_first_with_the_cursor_on_the_newest(filler: Filler) -> None:
    filler.complete(filler.run({"a": ()}, name="older"), "a")
    running_demo(filler, name="newer")
    async with opened() as driven:
        await driven.until_shown("newer", "older")
        lines = driven.text().splitlines()
        at = next(at for at, line in enumerate(lines) if "newer" in line)
        assert "● running" in lines[at]
        assert "2/5" in lines[at]
        assert "train[hidden=128]" in lines[at]
        assert "✓ completed" in lines[at + 2]
        assert driven.runs.table.selected is not None
        assert driven.runs.table.selected.name == "newer"


async def test_a_completed_sweep_opens_at_its_best_member(filler: Filler) -> None:
    run_id = filler.run(SWEEP, name="tuned")
    filler.complete(run_id, *SWEEP)
    for place, name in enumerate(MEMBERS):
        loss = abs(place - 1) + 0.5  # the second one is best
        filler.feed(run_id, name, {"val/loss": [(step, loss) for step in range(20)]})
    async with opened() as driven:
        await driven.until_shown("tuned", "0.5000")
        await driven.press("enter")
        await driven.until_shown(f"2 {MEMBERS[1]}")
        await driven.press("F", "3")
        await driven.until_shown("train ×6")
        await driven.press("enter")
        await driven.until_shown("1   lr=0.03", "lr=0.03 leads by 1")


async def test_it_is_live(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ("a",)}, name="live")
    async with opened() as driven:
        await driven.until_shown("live", "◔ queued", "0/2")
        attempt = filler.start(run_id, "a")
        await driven.until_shown("● running")
        filler.end(attempt)
        await driven.until_shown("1/2")


async def test_the_cursor_follows_its_run_not_its_row(filler: Filler) -> None:
    first = filler.run({"a": ()}, name="first")
    filler.run({"a": ()}, name="second")
    async with opened() as driven:
        await driven.until_shown("first", "second")
        await driven.press("j")
        assert driven.runs.table.selected.id == first  # type: ignore[union-attr]
        filler.run({"a": ()}, name="third")
        await driven.until_shown("third")
        assert driven.runs.table.selected.id == first  # type: ignore[union-attr]
        await driven.press("s", "s")
        assert driven.runs.table.selected.id == first  # type: ignore[union-attr]


async def test_a_filter_narrows_while_one_types_and_esc_shows_all(filler: Filler) -> None:
    failed_demo(filler, name="broken")
    filler.run(SWEEP, name="sweep")
    async with opened() as driven:
        await driven.until_shown("broken", "sweep")
        await driven.press("slash", *"failed")
        await driven.until_gone("sweep")
        await driven.press("enter")
        await driven.until(lambda: driven.app.focused is driven.runs.table)
        assert "broken" in driven.text()
        await driven.press("escape")
        await driven.until_shown("sweep")


async def test_a_second_filter_replaces_the_first_one(filler: Filler) -> None:
    for name in ("alpha", "beta"):
        filler.run({"a": ()}, name=name)
    async with opened() as driven:
        await driven.until_shown("alpha", "beta")
        await driven.press("slash", *"alp", "enter")
        await driven.until_gone("beta")
        await driven.press("slash", *"bet", "enter")
        await driven.until_shown("/ bet 1 match  esc shows all")


async def test_a_filter_that_nothing_fits_says_so(filler: Filler) -> None:
    filler.run({"a": ()}, name="one")
    async with opened() as driven:
        await driven.until_shown("one")
        await driven.press("slash", *"zzz")
        await driven.until_shown("no run matches")
        await driven.press("escape")
        await driven.until_shown("one")


async def test_enter_opens_a_run_and_esc_comes_back_to_it(filler: Filler) -> None:
    filler.run({"a": ()}, name="upper")
    filler.run({"b": ()}, name="lower")
    async with opened() as driven:
        await driven.until_shown("upper", "lower")
        await driven.press("j", "enter")
        await driven.until_shown("› upper", "1 Stages")
        await driven.press("escape")
        await driven.until_shown("NAME", "lower")
        assert driven.runs.table.selected.name == "upper"  # type: ignore[union-attr]


@pytest.mark.usefixtures("only_on_sqlite")
async def test_ten_thousand_runs_scroll(filler: Filler, home: Path) -> None:
    multiply(home / "trainui.db", filler.run(DIAMOND, name="many"), 10_000)
    async with opened(size=(100, 30)) as driven:
        await driven.until_shown("10,001 runs")
        await driven.press("G")
        await driven.until_shown("many-10000")
        await driven.press("ctrl+u", "k", "g")
        assert driven.runs.table.selected.name == "many"  # type: ignore[union-attr]
        assert len(driven.runs.table._strips) < 500


async def test_a_run_that_is_removed_leaves_the_list(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, name="going")
    filler.complete(run_id, "a")
    filler.run({"a": ()}, name="staying")
    async with opened() as driven:
        await driven.until_shown("going", "staying")
        await driven.press("j")
        with filler.store.write() as connection:
            runs.remove(connection, run_id)
        await driven.until_gone("going")
        assert driven.runs.table.selected.name == "staying"  # type: ignore[union-attr]


async def test_names_are_shown_and_never_obeyed(filler: Filler) -> None:
    filler.run({"a": ()}, name="[red]not markup[/red] \x1b[31mnot red")
    async with opened() as driven:
        await driven.until_shown("[red]not markup[/red]")
        assert "\x1b" not in driven.text()


async def test_the_help_shows_the_keys_that_are_in_force(filler: Filler) -> None:
    filler.run({"a": ()}, name="one")
    configured = settings.Settings(keys={"runs.sort": "f7"})
    async with opened(configured=configured) as driven:
        await driven.until_shown("one")
        await driven.press("f7")
        await driven.until_shown("STATE▾")
        await driven.press("question_mark")
        await driven.until(lambda: isinstance(driven.app.screen, HelpScreen))
        await driven.until_shown("Run list", "f7", "Sort by the next column")
        await driven.press("escape")
        await driven.until_shown("one")


async def test_a_click_does_what_a_key_does(filler: Filler) -> None:
    filler.run({"a": ()}, name="upper")
    filler.run({"a": ()}, name="lower")
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("upper", "lower")
        await driven.pilot.click("RunTable", offset=(20, 3))
        assert driven.runs.table.selected.name == "upper"  # type: ignore[union-attr]
        help_at = driven.text().splitlines()[-1].index("? help")
        await driven.pilot.click("KeyBar", offset=(help_at + 2, 0))
        await driven.until(lambda: isinstance(driven.app.screen, HelpScreen))
        await driven.press("escape")
        await driven.pilot.double_click("RunTable", offset=(20, 3))
        await driven.until_shown("› upper")


async def test_the_palette_does_what_a_key_does(filler: Filler) -> None:
    filler.run({"a": ()}, name="one")
    async with opened() as driven:
        await driven.until_shown("one")
        await driven.press("colon")
        await driven.pilot.pause()
        await driven.press(*"tree")
        await driven.until_shown("No matches")
        await driven.press("ctrl+u", *"next sort")
        await driven.until_shown("Sort by the next column")
        assert "Reverse the sort order" not in driven.text()
        await driven.press("enter")
        await driven.until_shown("STATE▾")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_every_size_shows_state_name_and_progress(
    filler: Filler,
    size: tuple[int, int],
) -> None:
    running_demo(filler, name="digits")
    async with opened(size=size) as driven:
        await driven.until_shown("digits", "● running", "2/5", "quit", "ELAPSED")
        assert max(map(len, driven.text().splitlines())) <= size[0]


@pytest.mark.parametrize("name", ["trainui-light", "gruvbox", "nord"])
async def test_it_opens_under_other_themes(filler: Filler, name: str) -> None:
    run_id = failed_demo(filler)
    async with opened(run_id, configured=settings.Settings(theme=name)) as driven:
        await driven.until_shown("✗ failed", "train[hidden=128]")
        assert driven.app.theme == name


async def test_nothing_is_drawn_while_nothing_changes(filler: Filler) -> None:
    filler.complete(filler.run({"a": ()}, name="done"), "a")
    async with opened() as driven:
        await driven.until_shown("done")
        await driven.pilot.pause()
        drawn: list[Row] = []
        original = driven.runs.table.strip
        driven.runs.table.strip = lambda row, *at: drawn.append(row) or original(row, *at)  # type: ignore
        ticks = driven.app.poller._source
        looked = 0
        has_changed = ticks.has_changed

        def counted(*, beyond: bool) -> bool:
            nonlocal looked
            looked += 1
            return has_changed(beyond=beyond)

        ticks.has_changed = counted  # type: ignore[method-assign, assignment]
        await driven.until(lambda: looked > 3, "a look of the feed")
        assert drawn == []


def params(filler: Filler, run_id: str, text: str) -> None:
    with filler.store.write() as connection:
        set_values(connection, "runs", run_id, params_json=text)


async def test_a_filter_names_unknown_terms_and_counts_matches(
    filler: Filler,
) -> None:
    low, high = filler.run({"a": ()}, name="low"), filler.run({"a": ()}, name="high")
    params(filler, low, '{"lr": "1e-4"}')
    params(filler, high, '{"lr": "0.1"}')
    async with opened() as driven:
        await driven.until_shown("low", "high", "1e-4")
        await driven.press("slash", *"params.lr")
        await driven.until_shown(" lr>1e-3 ", "no run matches")  # the grammar; a bare word
        await driven.press(*">1e-3")
        await driven.until_gone("queued      low")
        await driven.press(*" status:fialed")
        await driven.until_shown("unknown state 'fialed'", "1 match")
        await driven.press("enter")
        await driven.until_gone("unknown state 'fialed': running")
        await driven.until_shown("✗ unknown state 'fialed' 1 match")
        await driven.press("slash")
        await driven.until_shown("unknown state 'fialed': running")
        await driven.press("escape")
        await driven.until_shown("low", "1e-4")


async def test_runs_are_filtered_by_a_metric(filler: Filler) -> None:
    failed_demo(filler, name="worse")
    running_demo(filler, name="better")
    async with opened() as driven:
        await driven.until_shown("worse", "better", "0.8361", "0.9728", "val/accuracy")
        await driven.press("slash", *"metric.val/accuracy>0.9")
        await driven.until_gone("worse")
        await driven.until_shown("better", "1 match")


async def test_keys_after_a_filter_wait_until_its_values_are_read(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        running_demo(filler, name=name)
    may_read, read = threading.Event(), MetricReader.read

    def read_later(self: MetricReader, connection: Any, names: Any, runs: Any) -> Any:
        assert not names or may_read.wait(60)
        return read(self, connection, names, runs)

    monkeypatch.setattr(MetricReader, "read", read_later)
    async with opened() as driven:
        await driven.until_shown("one", "two", "val/accuracy")
        await driven.press("slash", *"metric.val/accuracy>0.9", "enter", "A", "c")
        assert driven.runs.table.count == 0, "no value is known yet"
        may_read.set()
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen), "the comparison")


async def test_a_key_right_after_a_filter_is_the_lists(filler: Filler) -> None:
    for name in ("one", "two"):
        running_demo(filler, name=name)
    async with opened() as driven:
        await driven.until_shown("one", "two", "val/accuracy")
        await driven.press("slash", *"o")
        for key in ("enter", "A", "c"):
            driven.app.post_message(textual_events.Key(key, key if len(key) == 1 else None))
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen), "the comparison")


async def test_marked_runs_are_cancelled_by_one_question_that_names_them(
    filler: Filler,
) -> None:
    ids = [filler.run(DIAMOND, name=name) for name in ("keep", "first", "second")]
    filler.complete(filler.run({"a": ()}, name="over"), "a")
    async with opened() as driven:
        await driven.until_shown("over", "keep")
        await driven.press("space", "space", "space")
        await driven.until_shown("▌3 marked")
        assert driven.runs.table.selected.name == "keep"  # type: ignore[union-attr]
        await driven.press("x")
        named = f"second {ids[2][:8]}, first {ids[1][:8]}"
        await driven.until_shown("Cancel 2 runs?", named, "1 run is finished already")
        await driven.press("n")
        await driven.until_shown("▌3 marked")
        await driven.press("x")
        await driven.until_shown("Cancel 2 runs?")
        await driven.press("y")
        await driven.until_shown("cancelling 10 stages of 2 runs...")
        await driven.until_gone("marked")
        await driven.press("g", "space", "space", "x")  # `over` and `second`
        await driven.until_shown("all 2 marked runs have finished: nothing to cancel")
    states = [filler.stage(run_id, "report").status for run_id in ids]
    assert states == [Status.PENDING, Status.CANCELLED, Status.CANCELLED]


async def test_a_run_is_deleted_with_its_files_after_a_question(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, name="old")
    filler.complete(run_id, "a")
    filler.run({"a": ()}, name="alive")
    kept = filler.directory / run_id / "a" / "model.npz"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(bytes(4200))
    async with opened() as driven:
        await driven.until_shown("old", "alive")
        await driven.press("delete")
        await driven.until_shown("alive is queued; cancel with x")
        await driven.press("j", "delete")
        await driven.until_shown(
            f"Delete the run old {run_id[:8]}?", "kB will be deleted permanently"
        )
        assert driven.text().count(f"old {run_id[:8]}") == 1  # in the title alone
        await driven.press("enter")  # what enter gives is to leave it
        await driven.until_gone(f"Delete the run old {run_id[:8]}?")
        assert kept.exists()
        await driven.press("A", "delete")
        await driven.until_shown(
            f"Delete the run old {run_id[:8]}?", "1 run is not finished and will be kept"
        )
        await driven.press("y")
        await driven.until_shown("deleted: 1 run")
        await driven.until_gone(" old ")
        await driven.until_shown("alive")
    assert not kept.exists()


async def test_an_invalid_term_is_named_after_enter(filler: Filler) -> None:
    filler.run({"a": ()}, name="alpha")
    async with opened() as driven:
        await driven.press("slash", *"is:failed", "enter")
        await driven.until_shown("/ is:failed ✗ unknown field 'is'", "alpha")
        await driven.press("escape")
        await driven.until_gone("unknown field")


async def test_a_new_screen_begins_at_the_newest_of_all_runs(filler: Filler) -> None:
    for name in ("alpha one", "alpha two", "alpha three", "beta"):
        filler.run({"a": ()}, name=name)
    async with opened() as driven:
        await driven.until_shown("beta")
        await driven.press("slash", *"name:alpha", "enter", "s", "s", "S", "j")
        await driven.until_shown("NAME▴", "3 matches")
        chosen = driven.runs.table.selected.name  # type: ignore[union-attr]
        assert chosen == "alpha three"  # a sort goes to the first, and j from there
    async with opened() as driven:
        await driven.until_shown("WHEN▾", "beta", "alpha one")
        assert not driven.runs.table.filter
        assert driven.runs.table.selected.name == "beta"  # type: ignore[union-attr]
        filler.run({"a": ()}, name="alpha new")
        await driven.until_shown("alpha new")
        assert driven.runs.table.selected.name == "beta"  # type: ignore[union-attr]


async def test_running_runs_that_a_filter_hides_are_counted(filler: Filler) -> None:
    for name in ("alpha", "beta", "gamma"):
        filler.start(filler.run({"a": ()}, name=name), "a")
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("gamma", "● 3")
        await driven.press("slash", *"name:alpha", "enter")
        await driven.until_shown("1 match", "2 running not shown", "● 3")


async def test_trouble_stays_in_the_top_bar_of_a_narrow_list(filler: Filler) -> None:
    run_id = filler.run({f"train[i={place}]": () for place in range(12)})
    filler.fail(run_id, "train[i=0]", "no")
    filler.start(run_id, "train[i=1]")
    failed_demo(filler, name="other")
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("stages: ✗1 failed", "no worker")
        driven.runs.table.set_order("STAGES", reverse=False)
        await driven.until_shown("sorted by STAGES", "stages: ✗1")


async def test_a_heading_that_is_clicked_sorts_and_sorts_back(filler: Filler) -> None:
    for name in ("b", "c", "a"):
        filler.run({"a": ()}, name=name)
    async with opened() as driven:
        await driven.until_shown("NAME", "WHEN▾", "no worker")
        heading = next(line for line in driven.text().splitlines() if "STATE " in line)
        at = heading.index("NAME")
        await driven.pilot.click("RunTable", offset=(at, 0))
        await driven.until_shown("NAME▾")
        assert [run.name for run in driven.runs.table._shown] == ["a", "b", "c"]
        await driven.pilot.click("RunTable", offset=(at, 0))
        await driven.until_shown("NAME▴")
        assert [run.name for run in driven.runs.table._shown] == ["c", "b", "a"]


async def test_text_typed_right_after_the_key_reaches_the_field(filler: Filler) -> None:
    filler.run({"a": ()}, name="express")
    filler.run({"a": ()}, name="other")
    async with opened() as driven:
        await driven.until_shown("express", "other")
        for key, character in (("slash", "/"), *((one, one) for one in "xpress")):
            driven.app.post_message(
                textual_events.Key(key, character)
            )  # as they come of one packet
        await driven.until_shown("/ xpress", "1 match")
        assert "paused" not in driven.text()
        assert driven.app.screen is driven.app.page
        await driven.press("enter", "slash")
        await driven.until_shown("status:failed")
        await driven.press("slash")  # in a field it is a character, which replaces the text
        await driven.until(lambda: driven.runs.search_bar.value == "/", "the typed character")


async def test_marked_runs_are_compared_in_one_plot(filler: Filler) -> None:
    failed_demo(filler, name="ancient")
    failed_demo(filler, name="worse", pipeline="another")
    running_demo(filler, name="better")
    async with opened() as driven:
        await driven.until_shown("worse", "better", "0.8361", "0.9728")
        await driven.press("c")
        await driven.until_shown("mark two or more runs")
        await driven.press("space", "space", "c")
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen), "the plot")
        await driven.until_shown("› better", "val/accuracy", "worse")
        assert "ancient" not in driven.text()
        await driven.press("escape")
        await driven.until_shown("▌2 marked")


async def test_two_marked_runs_are_compared_in_what_they_ran(filler: Filler) -> None:
    for lr in ("0.1", "0.2"):
        command = f"python train.py --lr {lr} --secret {'x' * 80}"
        filler.run({"train": ()}, name=f"lr{lr}", run_params={"lr": lr}, command=command)
    async with opened() as driven:
        await driven.until_shown("lr0.1", "lr0.2")
        await driven.press("space", "D")
        await driven.until_shown("mark exactly two runs")
        await driven.press("space", "D")
        await driven.until_shown("What differs: lr0.1", "lr: 0.1 → 0.2", "- python train.py")
        await driven.press("Y")
        await driven.until(lambda: driven.app.clipboard, "the copy")
        first, second, *rest = driven.app.clipboard.splitlines()
        assert first.startswith("lr0.1 ")
        assert second == "parameter    lr: 0.1 → 0.2"
        assert rest[-1].startswith("             + python train.py --lr 0.2 --secret x")
        assert rest[-1].endswith("x")
        await driven.press("escape", "A", "D")
        await driven.until_shown("→ the files as they are now")


async def test_marked_runs_of_other_stages_are_compared_by_the_metric(filler: Filler) -> None:
    trained(filler, "second", "finetune", 0.25)
    for lr in ("0.1", "0.2"):
        trained(filler, "first", "train", float(lr), params={"lr": lr, "seed": "1"})
    filler.run({"train": ()}, name="idle")
    async with opened(size=(160, 36)) as driven:
        await driven.until_shown("idle", "0.2500")
        await driven.press("j", *["space"] * 3, "g", "space", "c")
        await driven.until_shown("with 4 runs", "3 of 4 drawn", "second › finetune")
        await driven.until_shown("first lr=0.1 leads by 0.1000 at step 49")


async def test_runs_are_sorted_by_their_metric_the_best_first(filler: Filler) -> None:
    for name, accuracy in (("middling", 0.5), ("best", 0.75), ("worst", 0.25)):
        trained(filler, name, "train", accuracy, metric="val/accuracy")
    filler.run({"train": ()}, name="idle")

    def order() -> list[str]:
        return [run.name for run in driven.runs.table._shown]

    async with opened() as driven:
        await driven.until_shown("val/accuracy", "0.7500")
        heading = next(line for line in driven.text().splitlines() if "STATE " in line)
        at = heading.index("val/accuracy")
        await driven.pilot.click("RunTable", offset=(at, 0))
        await driven.until_shown("val/accuracy best▾")
        await driven.until(lambda: order() == ["best", "middling", "worst", "idle"], "the order")
        await driven.press("S")
        await driven.until(lambda: order() == ["worst", "middling", "best", "idle"], "the reverse")


async def test_a_filter_finds_a_metric_however_it_is_spelled(filler: Filler) -> None:
    for name, metric in (("slashed", "val/loss"), ("scored", "val_loss"), ("worse", "Val Loss")):
        trained(filler, name, "train", 0.9 if name == "worse" else 0.1, metric=metric)
    async with opened(size=(160, 24)) as driven:
        await driven.until_shown("Val Loss best", "0.9000")
        await driven.press("slash", *"valid_loss<0.5", "enter")
        await driven.until_shown("2 matches")
        heading = next(line for line in driven.text().splitlines() if "STATE " in line)
        assert heading.casefold().count("loss best") == 1


async def test_s_goes_through_all_columns_and_comes_round(filler: Filler) -> None:
    for name, params in (
        ("a", {"steps": "1", "lr": "3"}),
        ("b", {"lr": "2", "steps": "2"}),
        ("c", {"opt": "sgd", "lr": "1", "steps": "3"}),
    ):
        filler.run({"train": ()}, name=name, run_params=params)
    async with opened(size=(160, 36)) as driven:
        await driven.until_shown("WHEN▾", "opt", "steps", "lr")
        columns = driven.runs.table._columns.titles
        seen = []
        for _ in range(8):
            await driven.press("s")
            seen.append(driven.runs.table.order[0])
            assert driven.runs.table._columns.titles == columns
        assert seen == ["STATE", "NAME", "STAGES", "ELAPSED", "lr", "steps", "opt", "WHEN"]


async def test_sorting_by_a_metric_follows_its_searchs_goal(filler: Filler) -> None:
    for name, gap in (("high", 0.9), ("low", 0.1)):
        run_id = filler.run({"s[a=1]": ()}, name=name, search=Search("gap loss", "maximize"))
        attempt = filler.start(run_id, "s[a=1]")
        Feeder(filler.store, attempt.stage_id).feed({"gap loss": [(0, gap)]})
        filler.end(attempt)
    async with opened() as driven:
        await driven.until_shown("low", "high")
        driven.runs.table.set_order("metric.gap loss", reverse=False)  # saved, before it is read
        await driven.until_shown("0.9000")
        await driven.until(
            lambda: [run.name for run in driven.runs.table._shown] == ["high", "low"]
        )


def trained(
    filler: Filler,
    name: str,
    stage: str,
    end: float,
    *,
    metric: str = "loss",
    params: dict[str, str] | None = None,
) -> None:
    """Store a run with one stage that came to a value of a metric."""
    run_id = filler.run({stage: ()}, name=name, run_params=params)
    attempt = filler.start(run_id, stage)
    Feeder(filler.store, filler.stage(run_id, stage).id).feed(
        {metric: [(s, end) for s in range(50)]}
    )
    filler.end(attempt)


async def test_the_chosen_theme_is_kept(filler: Filler) -> None:
    running_demo(filler)
    async with opened() as driven:
        await driven.until_shown("digits")
        chosen = styles.after(driven.app.theme)
        await driven.press("T")
        await driven.until(lambda: driven.app.theme == chosen)
    async with opened() as driven:
        assert driven.app.theme == chosen
    async with opened(configured=settings.Settings(theme="nord")) as driven:
        assert driven.app.theme == "nord"


async def test_an_unknown_theme_is_reported_with_the_valid_ones(
    filler: Filler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filler.run({"a": ()})
    monkeypatch.setenv("TRAINUI_THEME", "light")
    async with opened() as driven:
        await driven.until_shown("setting theme: unknown theme 'light'", "trainui-safe-dark")


async def test_trouble_is_on_the_first_screen_wherever_its_stage_is(
    filler: Filler,
) -> None:
    members = {f"train[lr={lr}]": () for lr in ("0.1", "0.2", "0.3", "0.4")}
    run_id = filler.run(members, name="sweep")
    filler.complete(filler.run({"a": ()}, name="fine"), "a")
    losses = {"0.1": [3.0, 2.0], "0.2": [2.0, 0.5, math.nan], "0.3": [3.0, 2.5]}
    for lr, values in losses.items():
        attempt = filler.start(run_id, f"train[lr={lr}]")
        Feeder(filler.store, attempt.stage_id).feed({"val/loss": list(enumerate(values))})
        if lr == "0.2":
            found = AlertRecord.of_nan("NaN in val/loss since step 2", "val/loss", 2)
            with filler.store.write() as connection:
                stage_requests.record_alerts(connection, attempt.stage_id, 1, [found])
        if lr == "0.3":
            with filler.store.write() as connection:
                stages.set_stalled(connection, attempt, True, "no output")
    filler.fail(run_id, "train[lr=0.4]", "exit code 1")
    async with opened(size=(200, 60)) as driven:
        row = "✗1 failed  ◌1 stalled  !1 NaN"
        await driven.until_shown(f"stages: {row}", f"0/4     {row}", "val/loss best", "2 lr=0.1")
        await driven.press("slash", *"trouble", "enter")
        await driven.until_gone("fine")
        await driven.press("enter")
        await driven.until_shown("1 Stages", "train[lr=0.2]", "running NaN", "! 1 NaN  ◌ 1 stalled")
        await driven.press("F")
        await driven.until_shown("!1 ◌1", "val/loss best", "best      val/loss 2 ", "!0.5000")
        table = driven.text()
        assert table.index("0.1  ") < table.index("!0.5000")


async def test_a_sort_scrolls_to_the_top_and_names_its_order(filler: Filler) -> None:
    for name, lr in (("old", "0.3"), ("middle", "0.1"), ("new", "0.2")):
        filler.run({"a": ()}, name=name, run_params={"lr": lr})
    async with opened() as driven:
        await driven.until_shown("old", "middle", "new")
        await driven.press("G", *"sssss")
        await driven.until_shown("sorted by lr, smallest first")
        assert driven.runs.table.selected.name == "middle"  # type: ignore[union-attr]
        await driven.press("S")
        await driven.until_shown("sorted by lr, largest first")
        assert driven.runs.table.selected.name == "old"  # type: ignore[union-attr]


async def test_sorting_by_a_smoothed_value_shows_that_value(filler: Filler) -> None:
    spike = [0.1 if step == 30 else 2.0 for step in range(60)]
    losses = {"lucky": spike, "steady": [1.0] * 60, "slow": [3.0] * 60}
    feeders = {}
    for name, values in losses.items():
        attempt = filler.start(filler.run({"train": ()}, name=name), "train")
        feeders[name] = Feeder(filler.store, attempt.stage_id)
        feeders[name].feed({"loss": list(enumerate(values))})

    def order(driven: Driven) -> list[str]:
        return [name for line in driven.text().splitlines() for name in losses if name in line]

    async with opened() as driven:
        await driven.until_shown("loss best")
        await driven.press(*"sssss")
        await driven.until_shown("sorted by loss best, best first")
        await driven.until(lambda: order(driven) == ["lucky", "steady", "slow"], "the best first")
        await driven.press("s")
        await driven.until_shown("sorted by loss smoothed, best first", "smoothed▾")
        await driven.until(lambda: order(driven) == ["steady", "lucky", "slow"], "the others")
        feeders["slow"].feed({"loss": [(step, 0.5) for step in range(60, 160)]})
        await driven.until(lambda: order(driven) == ["slow", "steady", "lucky"], "the new order")
        await driven.until_shown("0.5001")


def heading(driven: Driven) -> str:
    """Return the titles of the columns, at their places."""
    return next(line for line in driven.text().splitlines() if "STATE " in line)


def is_laid_out(driven: Driven) -> bool:
    """Return True if a list that is higher than the screen is drawn beside its scrollbar."""
    table = driven.runs.table
    width = table.scrollable_content_region.width
    return table.show_vertical_scrollbar and table._columns.width == width


async def test_columns_stay_while_one_scrolls(filler: Filler) -> None:
    for number in range(30):
        metric = "val/acc" if number % 2 else "loss"
        trained(filler, f"old{number}", "train", 0.5, metric=metric)
    for number in range(30):
        filler.run({"s": ()}, name=f"new{number}")
    async with opened(size=(120, 24)) as driven:
        await driven.until_shown("60 runs", "new29", "val/acc best", "loss best")
        await driven.until(lambda: is_laid_out(driven), "the scrollbar, which takes a cell")
        before = heading(driven)
        await driven.press("G")
        await driven.until_shown("old0 ", "0.5000")  # the values of these runs are read, too
        assert heading(driven) == before
        await driven.press("slash", *"name:old1 -name:old10", "enter")
        await driven.until_shown("old19")
        await driven.until(lambda: "val/acc best" in driven.runs.table._columns.titles, "a column")
        await driven.until_shown("0.5000")


async def test_with_room_for_it_each_run_has_a_second_line(filler: Filler) -> None:
    names = ("first" * 9, "second", "third")
    ids = {name: filler.run({"s": ()}, name=name) for name in names}
    filler.fail(ids["second"], "s", "exit code 1: ValueError: no data")
    for note, verdict in (("cold", "keep"), ("too hot", None)):
        requests.add_note(ids["third"], note, verdict)
    async with opened(size=(120, 10)) as driven:
        await driven.until_shown(*names, "✗ s: exit code 1: ValueError: no data", "“too hot”")
        await driven.until_shown("VERDICT", "+ keep")
        await driven.press("down")
        await driven.until(lambda: selected(driven) == "second", "the second run")
        await driven.pilot.click("RunTable", offset=(30, 6))
        await driven.until(lambda: selected(driven) == names[0], "the clicked run")
        await driven.press("k", "space", "slash", *"third", "enter")
        await driven.until_gone("first")
        await driven.press("escape")
        await driven.pilot.resize_terminal(120, 9)
        await driven.until_gone("ValueError")
        await driven.until_shown("firstfirst", *names[1:])
        assert selected(driven) == "third"


def selected(driven: Driven) -> str:
    run = driven.runs.table.selected
    assert run is not None
    return run.name


async def test_runs_that_match_in_turn_are_marked_together(filler: Filler) -> None:
    for name in ("alpha", "beta", "gamma"):
        filler.run({"s": ()}, name=name)
    async with opened() as driven:
        await driven.until_shown("alpha", "beta", "gamma")
        for name in ("alpha", "gamma"):
            await driven.press("slash", *name, "enter", "space", "escape")
            await driven.until_shown("beta")
        await driven.until_shown("▌2 marked")
        await driven.press("escape")
        await driven.until_gone("marked")


async def test_all_that_match_are_marked_by_one_key(filler: Filler) -> None:
    for name in ("a-1", "a-2", "b-1"):
        filler.run({"s": ()}, name=name)
    async with opened() as driven:
        await driven.until_shown("a-1", "a-2", "b-1")
        await driven.press("slash", *"name:a", "enter", "A")
        await driven.until_shown("▌2 marked")
        await driven.press("e")
        await driven.until_shown("cannot edit several runs at once; esc clears the marks")
        await driven.press("s")
        await driven.pilot.resize_terminal(80, 24)
        await driven.until_shown("▌2 marked  / name:a 2 matches", "STATE▾")
        await driven.press("A")
        await driven.until_gone("marked")


async def test_a_message_is_shown_once_however_often_it_is_caused(filler: Filler) -> None:
    filler.run({"s": ()}, name="only")
    async with opened() as driven:
        await driven.until_shown("only")
        await driven.press("n", "n", "n", "N")
        await driven.until_shown("no filter is set")
        assert driven.text().count("no filter is set") == 1


async def test_the_palette_opens_runs_stages_and_metrics(filler: Filler) -> None:
    running_demo(filler, name="wanted")
    filler.run({"other": ()}, name="newest")
    async with opened() as driven:
        await driven.until_shown("newest", "wanted")
        await driven.press("colon", *"wanted")
        await driven.until_shown("run         wanted")
        await driven.press("enter")
        await driven.until_shown("1 Stages", "2 train[hidden=128]", "train/loss")
        await driven.press("3", "colon")
        await driven.until_shown("the name of a run, a stage or a metric")
        await driven.until(
            lambda: 0 < driven.text().find("Curves pane") < driven.text().find("Actions on a run"),
            "the keys of the focused pane first",
        )
        await driven.press(*"hidden=3")
        await driven.until_shown("stage       train[hidden=32]")
        await driven.press("ctrl+u", *"evalu")
        await driven.until_shown("stage       evaluate")
        await driven.press("enter")
        await driven.until_shown("2 evaluate")
        await driven.press("k")
        await driven.until_shown("2 train[hidden=128]", "grad_norm")
        await driven.press("colon", *"grad_n")
        await driven.until_shown("metric      grad_norm")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen), "the plot")
        await driven.until_shown("› grad_norm")
        await driven.press("colon", *"train/l")
        await driven.until_shown("metric      train/loss")
        await driven.press("enter")
        await driven.until_shown("› train/loss")


async def test_a_filter_by_a_metric_without_a_column_adds_one(filler: Filler) -> None:
    for name, value in (("low", 0.25), ("high", 2.5)):
        run_id = filler.run({"train": ()}, name=name)
        filler.start(run_id, "train")
        losses = [(float(step), 1.0) for step in range(9)]
        filler.feed(run_id, "train", {"val/loss": losses, "grad_norm": [(0, value)]})
    async with opened() as driven:
        await driven.until_shown("low", "high", "val/loss best")
        assert "grad_norm" not in driven.text()
        await driven.press("slash", *"grad_norm>1", "enter")
        await driven.until_shown("grad_norm last", "2.5000")
        await driven.until_gone("low")
        await driven.press("escape")
        await driven.until_shown("low")
        await driven.until_gone("grad_norm")


async def test_the_palette_finds_metrics_and_stages_in_the_list(filler: Filler) -> None:
    run_id = filler.run({"train": (), "evaluate": ("train",)}, name="digits")
    filler.start(run_id, "train")
    filler.feed(run_id, "train", {"val/loss": [(step, 1.0) for step in range(9)]})
    async with opened() as driven:
        await driven.until_shown("val/loss best")
        await driven.press("ctrl+p", *"val/loss")
        await driven.until_shown("metric      val/loss best")
        await driven.press("down", "enter")
        await driven.until_shown("sorted by val/loss best")
        await driven.press("ctrl+p", *"train of")
        await driven.until_shown("stage       train of digits")
        await driven.press("down", "enter")
        await driven.until_shown("1 Stages", "2 train")


async def test_the_palette_has_first_what_begins_with_the_words(filler: Filler) -> None:
    run_id = filler.run({"train": ()}, name="digits")
    filler.start(run_id, "train")
    filler.feed(run_id, "train", {"val/loss": [(step, 1.0) for step in range(9)]})
    async with opened(run_id) as driven:
        await driven.until_shown("val/loss")
        await driven.press("ctrl+p", *"val")
        await driven.until_shown("metric      val/loss", "values")
        text = driven.text()
        assert text.find("metric      val/loss") < text.find("Pan to earlier values")


async def test_a_run_that_opens_shows_its_name_before_it_is_read(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, released, read = filler.run({"train": ()}), threading.Event(), RunPageReader.read

    def waits(reader: RunPageReader, *given: Any) -> RunPage | None:
        released.wait(60)
        return read(reader, *given)

    monkeypatch.setattr(RunPageReader, "read", waits)
    async with opened() as driven:
        await driven.until_shown("digits")
        await driven.press("enter")
        await driven.until_shown(f"› digits  {run_id[:8]}")
        assert "submitted" not in driven.text()
        released.set()
        await driven.until_shown("◔ queued", "submitted")
