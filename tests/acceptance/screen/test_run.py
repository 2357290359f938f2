"""A run's page as a person uses it."""

from __future__ import annotations

import math
import os
import re
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import DIAMOND, SWEEP, Filler, failed_demo, running_demo, training
from trainui import paths, settings
from trainui.model.states import Status
from trainui.resume import code_version
from trainui.store.runs import runs
from trainui.tui.app import SnapshotReady, TrainuiApp
from trainui.tui.readers.page_reader import UNREAD
from trainui.tui.run_page.overview import FOLDED
from trainui.tui.styled_text import plain


def line_of(driven: Driven, text: str) -> str:
    return next(line for line in driven.text().splitlines() if text in line)


async def test_the_graph_shows_each_stage_once_with_its_state(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("1 Stages", "report")
        graph = "\n".join(
            "".join(span.text for span in driven.run.graph.row(index, 60)).rstrip()
            for index in range(driven.run.graph.row_count())
        )
        for name in DIAMOND:
            assert graph.count(f" {name} ") == 1
        assert "╰─● ┤".replace(" ", "─") in graph
        assert "completed" in line_of(driven, "train[hidden=32]")
        assert "running" in line_of(driven, "train[hidden=128]  ")


async def test_the_panel_shows_the_most_important_stage(filler: Filler) -> None:
    run_id = failed_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]", "RuntimeError: loss is NaN at step 412")
        await driven.until_shown("exit code 1", "attempt 1", "python train.py", "▸ details")
        assert "task id" not in driven.text()
        await driven.press("d")
        await driven.until_shown("▾ details", "task id", "directory  …/")
        overview = driven.run.panes.overview
        line = len(overview.rows) - overview.scroll_offset.y
        await driven.pilot.mouse_down("#overview", offset=(13, line))
        await driven.pilot.mouse_up("#overview", offset=(50, line))
        directory = filler.stage(run_id, "train[hidden=128]").directory
        await driven.until(lambda: driven.app.clipboard == directory, "the whole path")
        await driven.press("d")
        await driven.until_gone("task id")
        await driven.until_shown("train/loss", "val/accuracy", "4 metrics")
        await driven.until_shown("Traceback", "stderr")


async def test_when_all_is_done_the_panel_shows_what_took_longest(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = filler.run({"train": (), "evaluate": ("train",)})
    filler.complete(run_id, "train", took=600.0, ago=100.0)
    attempt = filler.start(run_id, "evaluate")
    async with opened(run_id) as driven:
        await driven.until_shown("2 evaluate", "● running for")
        with monkeypatch.context() as slow:
            slow.setattr(driven.run, "ask", lambda: None)  # the next stage's details are not read
            filler.end(attempt)
            await driven.until_shown("2/2", "2 evaluate", "✓ completed after")
        driven.run.ask()
        await driven.until_shown("2 train")


async def test_arrows_walk_the_stages_and_their_edges(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]")
        await driven.press("right")
        await driven.until_shown("2 evaluate", "waits for train[hidden=128]")
        await driven.press("j")
        await driven.until_shown("2 report")
        await driven.press("left", "left", "h")
        await driven.until_shown("2 prepare")
        await driven.press("G")
        await driven.until_shown("2 report", "not started yet")


async def test_states_curves_and_logs_are_live(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    attempt = filler.start(run_id, "prepare")
    async with opened(run_id) as driven:
        await driven.until_shown("● running for", "no output yet", "no metrics yet")
        filler.log(attempt, "hello from the stage\n")
        await driven.until_shown("hello from the stage")
        feeder = filler.curves(run_id, "prepare", 50)
        await driven.until_shown("train/loss", "49")
        feeder.feed(training(50, 50))
        await driven.until_shown("99")
        filler.end(attempt)
        await driven.until_shown("✓ completed after", "1/5")
        assert "queued" in line_of(driven, "train[hidden=32]")


async def test_searched_places_are_named_once_metrics_are_read(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train")
    async with opened(run_id) as driven:
        await driven.until_shown("no metrics yet")
        filler.log(attempt, "hello from the stage\n")
        filler.end(attempt, is_read=False)
        await driven.until_shown(f"no metrics: {UNREAD}")
        filler.read_metrics(attempt)
        await driven.until_shown(
            "no metrics: looked at stdout.log (1 line)", "$TRAINUI_METRICS_FILE"
        )


async def test_the_last_outputs_age_is_right_after_the_end_too(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ()})
    attempt = filler.start(run_id, "a", ago=70)
    file = filler.log(attempt, "done\n")
    filler.end(attempt, ago=57)
    minute = file.stat().st_mtime - 57
    os.utime(file, (minute, minute))
    async with opened(run_id) as driven:
        # on a busy machine the page may come after the first minute
        ages = ("output     5", "output     1m ago (")
        await driven.until(lambda: any(age in driven.text() for age in ages), "an age")
        await driven.until_shown("output     1m ago (")
        assert "checkpoint none" in driven.text()


async def test_a_stage_is_found_by_its_name(filler: Filler) -> None:
    run_id = filler.run(SWEEP)
    async with opened(run_id) as driven:
        await driven.until_shown("prepare")
        await driven.press("slash", *"lr=3", "enter")
        await driven.until_shown("2 train[lr=3,seed=1]")
        await driven.press("n")
        await driven.until_shown("2 train[lr=3,seed=2]")
        await driven.press("n")
        await driven.until_shown("2 train[lr=3,seed=1]")


async def test_metrics_are_filtered_by_name(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss", "grad_norm")
        await driven.press("3")
        await driven.until(lambda: driven.app.focused is driven.run.panes.curves)
        await driven.press("slash", *"loss", "enter")
        await driven.until_gone("grad_norm")
        assert "train/loss" in driven.text()
        await driven.press("escape")
        await driven.until_shown("grad_norm")


async def test_z_shows_a_pane_alone_and_esc_all_again(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("1 Stages", "3 Curves", "4 Log")
        await driven.press("3")
        await driven.until(lambda: driven.app.focused is driven.run.panes.curves)
        await driven.press("z")
        await driven.until_gone("1 Stages")
        await driven.until_shown("train/loss")
        await driven.press("escape")
        await driven.until_shown("1 Stages", "4 Log")
        await driven.press("L")
        await driven.until_gone("3 Curves")
        await driven.press("L")
        await driven.until_shown("3 Curves")


async def test_esc_goes_back_one_level_at_a_time(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]")
        await driven.press("enter")
        await driven.until(lambda: driven.app.focused is driven.run.panes.overview)
        await driven.press("escape")
        await driven.until(lambda: driven.app.focused is driven.run.graph)
        page, known = driven.run, driven.app.snapshot
        assert known is not None
        driven.app.post_message(SnapshotReady(known._replace(page=None, problem="it is busy")))
        await driven.until_shown("it is busy")
        driven.app.post_message(SnapshotReady(known))
        await driven.until_shown("2 train[hidden=128]")
        await driven.pilot.pause()
        await driven.until(lambda: driven.app.focused is page.graph)
        await driven.press("escape")
        await driven.until_shown("NAME", "digits")


@pytest.mark.parametrize("size", [(80, 24), (100, 24), (120, 36), (200, 60)])
async def test_every_size_shows_every_stage_whole(
    filler: Filler,
    size: tuple[int, int],
) -> None:
    run_id = running_demo(filler)
    async with opened(run_id, size) as driven:
        await driven.until_shown(*DIAMOND, "Resume", "running for")
        assert max(map(len, driven.text().splitlines())) <= size[0]


async def test_a_narrow_terminal_has_tabs(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("2 Overview", "3 Curves", "4 Log", "command")
        await driven.press("3")
        await driven.until_shown("train/loss")
        assert "command" not in driven.text()
        await driven.press("4")
        await driven.until_shown("epoch 59/30")
        await driven.pilot.click("Tabs", offset=(3, 0))
        await driven.until_shown("command")


async def test_a_tab_in_the_border_can_be_clicked(filler: Filler) -> None:
    async with opened(failed_demo(filler)) as driven:
        await driven.until_shown("2 overview", "6 outputs")
        pane = driven.run.panes.overview
        for tab in ("7 events", "6 outputs"):
            bottom = pane.outer_size.height - 1
            at = line_of(driven, "2 overview").index(tab) + 3
            await driven.pilot.click("#overview", offset=(at, bottom))
            await driven.until_shown(tab.title())


async def test_the_tabs_name_what_the_pane_below_shows(filler: Filler) -> None:
    run_id = filler.run({f"train[seed={seed}]": () for seed in range(12)})
    filler.complete(run_id, "train[seed=0]")
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("2 Overview", "✓ 1 completed")
        assert line_of(driven, "2 Overview").endswith(" train ×12")
        await driven.press("4")
        await driven.until(lambda: "train[seed=" in line_of(driven, "2 Overview"), "the stage")
        await driven.press("2")
        await driven.until(lambda: "train ×12" in line_of(driven, "2 Overview"), "the sweep")


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.long)])
async def test_every_pane_can_be_shown_alone(filler: Filler, size: tuple[int, int]) -> None:
    run_id = running_demo(filler)
    shown = {1: "evaluate", 2: "python train.py", 3: "train/loss", 4: "epoch 59/30"}

    def is_alone(driven: Driven, pane: int) -> bool:
        return [n for n, text in shown.items() if text in driven.text()] == [pane]

    def is_named(driven: Driven) -> bool:
        names = ("› train[hidden=128]", "train[hidden=128] ─", "train[hidden=128]  running")
        return any(name in driven.text() for name in names)

    async with opened(run_id, size) as driven:
        await driven.until_shown("evaluate", "python train.py")
        for pane in shown:
            await driven.press(str(pane))
            await driven.pilot.pause()
            await driven.press("z")
            await driven.until(partial(is_alone, driven, pane), f"pane {pane} alone")
            await driven.until(partial(is_named, driven), "the stage of the pane")
            await driven.press("z")


async def test_it_can_be_resized_at_any_time(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id, (120, 36)) as driven:
        await driven.until_shown("1 Stages", "train/loss")
        for size in ((60, 16), (200, 60), (20, 6), (120, 36)):
            await driven.pilot.resize_terminal(*size)
            await driven.pilot.pause()
        await driven.until_shown("1 Stages", "train/loss", "epoch 59/30")


async def test_a_chain_has_edges_at_every_size(filler: Filler) -> None:
    names = [f"part{number}" for number in range(6)]
    run_id = filler.run({name: names[at : at + 1] for at, name in enumerate([*names, "end"], -1)})
    async with opened(run_id, (200, 60)) as driven:
        for size, beside in (((200, 60), ""), ((80, 24), "↓"), ((120, 36), ""), ((100, 30), "↓")):
            await driven.pilot.resize_terminal(*size)
            await driven.until_shown(*(f"○{beside} {name} " for name in names[1:]))
            assert ("│  │  " in driven.text()) is not bool(beside)


@pytest.mark.parametrize("more", ["", "-the-model-with-a-name-that-is-longer-than-any-terminal"])
async def test_the_timeline_has_bars_and_axis_at_every_width(filler: Filler, more: str) -> None:
    names = [f"{name}{more}" for name in ("download", "pretrain", "evaluate")]
    run_id = filler.run({names[0]: (), names[1]: names[:1], names[2]: names[1:2]})
    filler.complete(run_id, *names[:2])
    async with opened(run_id, (80, 24)) as driven:
        for width in (80, 100, 110, 120, 140, 200):
            await driven.pilot.resize_terminal(width, 30)
            await driven.until_shown("▄ longest chain", " 0──", "─12s")
            of_second = re.compile(r" pretrain\S*(…\S+)? +completed .*▄")
            assert of_second.search(driven.text())


async def test_a_run_that_is_removed_says_so(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    filler.complete(run_id, "a")
    async with opened(run_id) as driven:
        await driven.until_shown("✓ completed")
        with filler.store.write() as connection:
            runs.remove(connection, run_id)
        await driven.until_shown("no longer exists; esc shows all runs")
        await driven.press("escape")
        await driven.until_shown("No runs yet")


async def test_no_worker_is_reported_only_if_something_waits(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, done = filler.run({"a": ()}), filler.run({"a": ()})
    filler.complete(done, "a")
    async with opened(waiting) as driven:
        await driven.until_shown("no worker: nothing new starts")
    async with opened(done) as driven:
        await driven.until_shown("✓ completed")
        assert "nothing new starts" not in driven.text()
    monkeypatch.setattr(TrainuiApp, "starts_worker", True)  # as by a key that has just been pressed
    async with opened(waiting) as driven:
        await driven.until_shown("◔ queued", "1 Stages")
        assert "no worker" not in driven.text()


async def test_many_members_are_one_line_that_unfolds(filler: Filler) -> None:
    members = [f"train[seed={seed}]" for seed in range(12)]
    run_id = filler.run(
        {"prepare": (), **dict.fromkeys(members, ("prepare",)), "select": tuple(members)}
    )
    filler.complete(run_id, "prepare", *members[:4])
    filler.fail(run_id, members[5], "no")
    async with opened(run_id) as driven:
        await driven.until_shown("train ×12", "✓4", "✗1", "2 train ×12")
        await driven.press("d")
        await driven.until_shown("a sweep has no details", "enter unfold")
        await driven.press("enter")
        await driven.until_shown("train[seed=0]", "train[seed=5]", "train[seed=11]", "enter open")
        await driven.until_gone("train ×12")
        await driven.press("F")
        await driven.until_shown("train ×12")
        await driven.press("right")
        await driven.until_shown("2 select")
        await driven.press("F")
        await driven.until_shown("train[seed=0]", "2 select")


async def test_curves_of_a_folded_sweep_name_their_member(
    filler: Filler,
) -> None:
    members = [f"train[seed={seed}]" for seed in range(30)]
    run_id = filler.run(dict.fromkeys(members, ()))
    for name in members[:2]:
        filler.complete(run_id, name)
    filler.curves(run_id, members[1], 20)
    filler.fail(run_id, members[2], "no")
    filler.fail(run_id, members[4], "no")
    async with opened(run_id) as driven:
        await driven.until_shown("3 Curves: train ×30", "last seed=1 ", "train/loss")
        await driven.until_shown("4 Log: train[seed=4] (newest of 2 failed)")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_detail_tabs_show_parameters_files_and_events(
    filler: Filler,
    size: tuple[int, int],
) -> None:
    run_id = filler.run({"train[lr=0.3]": ()})
    attempt = filler.start(run_id, "train[lr=0.3]", ago=5)
    Path(filler.stage(run_id, "train[lr=0.3]").directory, "model.npz").write_bytes(b"x" * 3400)
    async with opened(run_id, size=size) as driven:
        await driven.until_shown("command")
        await driven.press("5")
        await driven.until_shown("of the run", "epochs")
        await driven.press("6")
        await driven.until_shown("✓ model.npz", "3.4 kB")
        await driven.press("7")
        await driven.until_shown("train[lr=0.3] started")
        filler.end(attempt)
        await driven.until_shown("train[lr=0.3] completed")
        await driven.press("d")
        await driven.until_shown("command", "▾ details")


async def test_earlier_attempts_are_looked_at_with_their_logs(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, retries=1)
    first = filler.start(run_id, "a", ago=60)
    filler.log(first, "the log of the first\n")
    filler.end(first, Status.FAILED, ago=30, error="exit code 3: too hot", exit_code=3)
    second = filler.start(run_id, "a", ago=600)
    filler.log(second, "the log of the second\n")
    async with opened(run_id) as driven:
        await driven.until_shown("the log of the second", "attempt 2 of 2", "running for 10m 0")
        assert re.search(r"● a  +running  +10m [34]\d", driven.text()), "all attempts' time"
        await driven.press("comma")
        await driven.until_shown("the log of the first", "attempt 1 of 2", "exit code 3: too hot")
        await driven.press("full_stop")
        await driven.until_shown("the log of the second", "attempt 2 of 2")


async def test_curves_files_and_events_follow_the_selected_attempt(
    filler: Filler,
) -> None:
    run_id = filler.run({"a": (), "b": ()}, retries=1)
    directory = Path(filler.stage(run_id, "a").directory)
    first = filler.start(run_id, "a", ago=60)
    feeder = filler.curves(run_id, "a", 50)
    filler.end(first, Status.FAILED, ago=30, error="exit code 3: too hot", exit_code=3)
    second = filler.start(run_id, "a")
    feeder.feed(training(50, 100), attempt=2)
    in_order = ("started", first), ("old.bin", None), ("started", second), ("new.bin", None)
    for second_of_the_day, (name, attempt) in enumerate(in_order):
        file = Path(attempt.directory if attempt else directory) / name
        file.write_bytes(b"x")
        os.utime(file, (second_of_the_day, second_of_the_day))
    async with opened(run_id) as driven:
        await driven.until_shown("attempt 2 of 2", "149")
        await driven.press("6")
        await driven.until_shown("old.bin", "new.bin")
        await driven.press("comma")
        await driven.until_shown("6 Outputs: a, attempt 1", "3 Curves: a, attempt 1", "old.bin")
        await driven.until_gone("new.bin")
        await driven.until_gone("149")
        await driven.press("7")
        await driven.until_shown("too hot")
        await driven.until_gone("attempt 2")
        await driven.press("1", "j")  # another stage is looked at as it is now
        await driven.until_shown("Events: b")
        assert "attempt 1" not in driven.text()


async def test_the_overview_names_variables_that_differ_and_no_values(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, retries=2)
    shell = {"PATH": "/bin", "HF_TOKEN": "hush-1", "GONE": "hush-2"}
    kept = ({**shell, "SEED": "1"}, {**shell, "SEED": "7"}, {"HF_TOKEN": "hush-3", "OMP": "1"})
    for number, environ in enumerate(kept, 1):
        attempt = filler.start(run_id, "a", ago=60)
        own = {"TRAINUI_ATTEMPT": str(number), "MASTER_PORT": f"2000{number}"}
        code_version.note_environment(paths.home(), Path(attempt.directory), {**environ, **own})
        if number < len(kept):
            filler.end(attempt, Status.FAILED, ago=30 - number, error="no", exit_code=3)
    async with opened(run_id, (200, 60)) as driven:
        await driven.until_shown(
            "output     nothing printed yet", "▸ details"
        )  # all lines above have come
        for _ in range(20):  # it moves with the lines above
            if FOLDED not in (rows := driven.run.panes.overview.rows):
                break
            await driven.pilot.click("#overview", offset=(4, rows.index(FOLDED) + 1))
            await driven.pilot.pause()
        await driven.until_shown("since attempt 2: HF_TOKEN, new OMP, unset GONE PATH", "SEED")
        assert "hush" not in driven.text()
        await driven.press("comma")
        await driven.until_shown("since attempt 1: SEED")
        await driven.until_gone("HF_TOKEN")


async def test_images_among_the_files_are_shown(
    filler: Filler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    run_id = filler.run({"a": ()})
    filler.start(run_id, "a")
    directory = Path(filler.stage(run_id, "a").directory)
    (directory / "samples").mkdir()
    Image.new("RGB", (64, 32), (255, 0, 0)).save(directory / "samples" / "grid.png")
    async with opened(run_id) as driven:
        await driven.until_shown("command")
        await driven.press("6")
        await driven.until_shown("samples/grid.png", "▀" * 40)
        Path(directory, "samples", "grid.png").write_bytes(b"no image any more")
        driven.app.poller.reread()
        await driven.until_shown("cannot be shown: UnidentifiedImageError")


@pytest.mark.parametrize(("term", "as_ascii"), [("xterm", False), ("xterm-256color", True)])
async def test_without_colours_or_characters_for_images_there_are_none(
    filler: Filler,
    monkeypatch: pytest.MonkeyPatch,
    term: str,
    as_ascii: bool,
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM", raising=False)
    run_id = filler.run({"a": ()})
    filler.start(run_id, "a")
    Image.new("RGB", (64, 32)).save(Path(filler.stage(run_id, "a").directory) / "grid.png")
    async with opened(run_id, configured=settings.Settings(ascii=as_ascii)) as driven:
        await driven.until_shown("command")
        await driven.press("6")
        await driven.until_shown("grid.png", "1 file")
        assert driven.text().count("grid.png") == 1


async def test_a_folded_matrix_lists_its_members_best_first(filler: Filler) -> None:
    members = [f"train[lr={lr},opt=adam,seed={seed}]" for lr in ("0.1", "1") for seed in range(5)]
    run_id = filler.run(dict.fromkeys(members, ()))
    for place, name in enumerate(members[:4]):
        attempt = filler.start(run_id, name, ago=60)
        feeder = Feeder(filler.store, filler.stage(run_id, name).id)
        feeder.feed({"val/loss": [(0, 3.0), (1, abs(place - 2) + 0.25), (2, 2.0 + place)]})
        filler.end(attempt, ago=20)
    filler.fail(run_id, members[4], "exit code 1: no")
    async with opened(run_id) as driven:
        await driven.until_shown("2 train ×10", "✓ 4 completed", "✗ 1 failed", "of 10")
        await driven.until_shown("all have  opt=adam", "best      val/loss 0.2500  lr=0.1  seed=2")
        lines = driven.text().splitlines()
        head = next(at for at, line in enumerate(lines) if "lr" in line and "time" in line)
        told = [line.split("│")[1].split() for line in lines[head + 1 : head + 11]]
        assert told[0] == ["✓", "0.1", "2", "40s", "0.2500"]
        assert sorted(line[2] for line in told[1:3]) == ["1", "3"]
        assert told[4][:3] == ["✗", "0.1", "4"]
        assert told[4][-1] == "failed"
        await driven.press("5")
        await driven.until_shown("5 Params: train[lr=0.1,opt=adam,seed=4]")
        await driven.until_shown("4 Log: train[lr=0.1,opt=adam,seed=4] (the failed member)")
        await driven.press("2", "1", "enter")
        await driven.until_shown("2 train[lr=0.1,opt=adam,seed=4]", "exit code 1")


async def test_s_sorts_a_sweep_by_its_smoothed_values_and_back(filler: Filler) -> None:
    members = [f"train[lr={lr}]" for lr in ("1", "2", "3", "4")]
    run_id = filler.run(dict.fromkeys(members, ()))
    losses = {"steady": [0.5] * 40, "lucky": [0.9] * 20 + [0.1] + [0.9] * 20, "slow": [2.0] * 40}
    losses["broken"] = [0.01] * 20 + [math.nan]
    for name, values in zip(members, losses.values(), strict=True):
        filler.feed(run_id, name, {"val/loss": list(enumerate(values))})
        filler.complete(run_id, name)

    def order(driven: Driven) -> list[str]:
        return re.findall(r"✓ ([1-4])  ", driven.text())

    async with opened(run_id) as driven:
        await driven.until_shown("✓ train[lr=1]")
        await driven.press("F")
        await driven.until_shown("val/loss best", "best      val/loss 0.1000  lr=2")
        assert order(driven) == ["2", "1", "3", "4"]
        await driven.press("s")
        await driven.until_shown("val/loss smoothed", "best      val/loss 0.1000  lr=2")
        assert order(driven) == ["1", "2", "3", "4"]
        assert "0.8901" in line_of(driven, "✓ 2 ")
        await driven.press("s")
        await driven.until_gone("val/loss smoothed")
        assert order(driven) == ["2", "1", "3", "4"]
        await driven.press("enter", "s")
        await driven.until_shown("only the table of a folded sweep can be sorted")


async def test_a_sheet_is_searched(filler: Filler) -> None:
    run_id = failed_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("2 train[hidden=128]")
        await driven.press("7")
        await driven.until_shown("7 Events", "train[hidden=128] failed")
        sheet = driven.run.panes.overview
        await driven.until(lambda: driven.app.focused is sheet)
        await driven.press("slash", *"STARTED", "enter")
        await driven.until(lambda: "started" in plain(sheet.rows[sheet._found]), "the first")
        first = sheet._found
        await driven.press("n")
        await driven.until(lambda: sheet._found > first, "the next")
        await driven.press("N")
        await driven.until(lambda: sheet._found == first, "the one before")
        assert driven.run.graph.selected_name == "train[hidden=128]"
        await driven.press("escape", "n")
        await driven.until_shown("no match; / searches")


async def test_the_command_is_copied_whole(filler: Filler) -> None:
    run_id = filler.run({"prepare": ()})
    async with opened(run_id) as driven:
        await driven.until_shown("command")
        await driven.press("C")
        await driven.until_shown("command copied")
        assert driven.app.clipboard.endswith("\npython prepare.py --out /data/runs/here\n")
