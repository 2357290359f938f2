"""Curves as a person looks at them: in the pane, and one metric on a page of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from textual import events

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import SWEEP, Filler, running_demo, training
from trainui.tui.curve_data import Comparison, PlotOptions
from trainui.tui.curves import plot
from trainui.tui.curves.screen import CurvePlot, CurvesScreen
from trainui.tui.readers import series


def page(driven: Driven) -> CurvesScreen:
    assert isinstance(driven.app.screen, CurvesScreen), driven.app.screen
    return driven.app.screen


async def open_page(driven: Driven, metric: str = "train/loss") -> CurvePlot:
    """Go from a run's page to that of its first metric."""
    await driven.until_shown(metric)
    await driven.until(driven.run.panes.curves.chart, "the curve")  # the name may be elsewhere
    await driven.press("3")
    await driven.until(lambda: driven.app.focused is driven.run.panes.curves)
    await driven.press("enter")
    await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen))
    await driven.until(lambda: page(driven).plot.chart() is not None, "the chart")
    return page(driven).plot


def losses(filler: Filler, graph: dict[str, float], count: int = 100) -> str:
    """Store a run of siblings, each with a loss that falls to another value."""
    run_id = filler.run(dict.fromkeys(graph, ()))
    for place, (name, end) in enumerate(graph.items()):
        attempt = filler.start(run_id, name, ago=100.0 - place)  # the first one ran longest
        feeder = Feeder(filler.store, filler.stage(run_id, name).id)
        feeder.feed({"train/loss": [(s, end + math.exp(-s / 20)) for s in range(count)]})
        filler.end(attempt)
    return run_id


async def test_enter_opens_a_metric_and_esc_goes_back(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.until_shown("train[hidden=128] › val/accuracy  1/4", "over step", "18 points")
        await driven.press("j")
        await driven.until_shown("train/loss  2/4", "(lower is better)")
        await driven.press("escape")
        await driven.until_shown("1 Stages", "▸ train/loss")


async def test_the_cursor_shows_the_values_of_all_lines(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        curves = driven.run.panes.curves
        await driven.until(curves.chart, "the curve")
        curves.state.metric = "train/loss"
        await driven.press("3", "right_parenthesis")
        await driven.until(lambda: curves.view.cursor, "the first column's last step")
        step = curves.view.cursor or 0  # the plots are as wide as the graph's times allow
        known = {name: dict(points) for name, points in training(180).items()}
        there = [known[name][step] for name in ("train/loss", "grad_norm")]
        await driven.until_shown(*(f"{value:.4f}" for value in (*there, known["val/accuracy"][0])))
        await driven.press("right_parenthesis")
        await driven.until(lambda: (curves.view.cursor or 0) > step)
        await driven.press("0")
        await driven.until(lambda: curves.view.cursor is None)


async def test_moving_the_cursor_moves_the_log_to_that_moment(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    attempt = filler.start(run_id, "a")
    filler.log(attempt, "hello\n")
    feeder = Feeder(filler.store, filler.stage(run_id, "a").id)
    feeder.feed({"loss": [(0, 2.0), (1, 1.0)]}, time=1_700_000_000_000_000)
    async with opened(run_id) as driven:
        await driven.until_shown("loss", "hello")
        await driven.until(driven.run.panes.curves.chart, "the curve")
        asked: list[float] = []
        driven.run.panes.log_view.go_to_time = asked.append  # type: ignore[method-assign,assignment]
        await driven.press("3", "right_parenthesis")
        await driven.until(lambda: asked == [1_700_000_000.0])
        plot = await open_page(driven, "loss")
        await driven.press("right")
        await driven.until(lambda: plot.view.cursor == 1.0)
        await driven.press("escape")
        await driven.until(lambda: len(asked) == 2, "the moment on the way back")


async def test_zoom_and_pan_read_the_window_they_show(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5}, 1000)
    async with opened(run_id) as driven:
        plot = await open_page(driven)
        await driven.press("plus", "plus")
        await driven.until_shown("zoom 4x, steps 375 to 624")
        await driven.until(lambda: _window(plot) == (374.625, 624.375))
        await driven.press("greater_than_sign")
        await driven.until(lambda: (_window(plot) or (0,))[0] > 430)
        await driven.press("minus", "minus")
        await driven.until(lambda: _window(plot) == (0.0, 999.0))
        await driven.until_gone("zoom 4x")


def _window(plot: CurvePlot) -> tuple[float, float] | None:
    chart = plot.chart()
    return None if chart is None else (chart.low, chart.high)


async def test_the_mouse_points_zooms_pans_and_opens(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5}, 1000)
    async with opened(run_id) as driven:
        await driven.until(driven.run.panes.curves.chart, "the curve")
        await driven.pilot.click("#curves", offset=(30, 5), times=2)
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen))
        plot = page(driven).plot
        await driven.until(lambda: plot.chart() is not None)
        await driven.pilot.click("#plot", offset=(60, 5))
        await driven.until(lambda: plot.view.cursor is not None)
        assert plot.view.cursor is not None
        assert plot.view.cursor.is_integer()  # a step that there is
        await driven.pilot.mouse_down("#plot", offset=(2, 0))
        await driven.pilot.hover("#plot", offset=(30, 0))
        await driven.pilot.mouse_up("#plot", offset=(30, 0))
        await driven.until(lambda: "1.50┤" in driven.app.clipboard, "the copied text")
        await driven.pilot._post_mouse_events([_scroll()], widget="#plot", offset=(60, 5), button=0)
        await driven.until(lambda: plot.view.window is not None)
        before = plot.view.window
        await driven.pilot.mouse_down("#plot", offset=(60, 5))
        await driven.pilot.hover("#plot", offset=(70, 5))
        await driven.pilot.mouse_up("#plot", offset=(70, 5))
        await driven.until(lambda: plot.view.window != before, "a window further left")
        assert plot.view.window is not None
        assert before is not None
        assert plot.view.window[0] < before[0]


def _scroll() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_axis_scale_and_smoothing_are_shown_and_one_key_resets(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5})
    async with opened(run_id) as driven:
        plot = await open_page(driven)
        await driven.press("m", "y")
        await driven.until_shown("smoothing 0.6", "log y", "D resets")
        await driven.press("a")
        await driven.until_shown("over time since the first point", "no points here")
        await driven.press("a", "a")
        await driven.until_shown("over step")
        await driven.press("X")
        await driven.until_shown("log x")
        await driven.until(lambda: _window(plot) == (1.0, 99.0))
        await driven.press("D")
        await driven.until_gone("smoothing")
        await driven.until(lambda: _window(plot) == (0.0, 99.0))
        assert "log" not in "".join(driven.text().splitlines()[:2])


async def test_another_axis_keeps_the_part_and_the_cursor(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train")
    feeder = Feeder(filler.store, filler.stage(run_id, "train").id)
    points = range(1000)
    feeder.feed({"loss": [(s, 1.0) for s in points], "epoch": [(s, s / 100) for s in points]})
    filler.end(attempt)
    async with opened(run_id) as driven:
        plot = await open_page(driven, "loss")
        await driven.press("plus", "left")
        await driven.until(lambda: plot.view.cursor is not None, "the cursor")
        await driven.until_shown("zoom 2x")
        window, cursor = _window(plot), plot.view.cursor
        assert window is not None
        assert cursor is not None
        await driven.press("a")
        await driven.until_shown("over epoch", "zoom 2x, epochs")
        await driven.until(lambda: plot.view.convert is None, "the conversion")
        assert _window(plot) == pytest.approx((window[0] / 100, window[1] / 100))
        assert plot.view.cursor == pytest.approx(cursor / 100)


async def compare_all(driven: Driven) -> None:
    """Choose everything in the list of curves."""
    await driven.press("c")
    await driven.until_shown("averaged over")
    await driven.press("a", "enter")


async def test_c_compares_from_every_pane(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss", "c compare")
        for pane in "1234":
            await driven.press(pane, "c")
            await driven.until_shown("averaged over", "lr=2")
            await driven.press("escape")
            await driven.until_shown("1 Stages", "c compare")
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("✓ completed after")
        await driven.press("c")  # the curves are not read while they are hidden
        await driven.until_shown("averaged over", "lr=2")
        await driven.press("escape")
        await driven.until_shown("train/loss ")


async def test_a_comparison_left_before_its_curves_were_read_stays_closed(
    filler: Filler,
) -> None:
    run_id = filler.run({"train": ()})
    filler.complete(run_id, "train")
    filler.curves(run_id, "train")
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("✓ completed after")
        page = driven.run
        page.panes.curves.forget()
        page.panes.action_compare()  # and leave it before any curves can arrive
        page.set_focus(page.graph)
        await driven.until(lambda: page.panes.curves.chart() is not None, "the curves")
        await driven.press("3", "m")
        await driven.until_shown("smoothing 0.6")
        await driven.until(
            lambda: driven.run.panes.curves.curves.wanted.view.smoothing > 0, "smoothed curves"
        )
        assert driven.app.screen is driven.run


async def test_c_compares_after_a_stage_without_metrics(filler: Filler) -> None:
    run_id = filler.run({"prepare": (), "train": ("prepare",)})
    filler.complete(run_id, "prepare", "train")
    filler.curves(run_id, "train")
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("✓ completed after")
        await driven.press("1", "g", "3")
        await driven.until_shown("no metrics")
        await driven.press("2", "1", "j")
        await driven.until_shown("metric ", "best 0.97")
        await driven.press("c")
        await driven.until_shown("train › val/accuracy › compare", "this one")


async def test_siblings_race(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25, "train[lr=3]": 1.0})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=1]")
        await driven.until_shown("Curves: train[lr=1]")
        await open_page(driven)
        await compare_all(driven)
        await driven.until_shown("chosen: 3 sweep members", "lr=2 leads by 0.2500 at step 99")
        lines = [line for line in driven.text().splitlines() if line.startswith(" ━")]
        assert [line.split()[1] for line in lines] == ["1", "2", "3"]
        assert [mark in line for mark, line in zip("▲●■", lines, strict=True)] == [True] * 3
        await driven.press("right")
        await driven.until_shown("leads by 0.2500 at step 0")
        await driven.press("0", "escape")
        await driven.until_shown("3 Curves", "● lr=1", "▲ lr=2", "■ lr=3")


async def test_the_choice_of_curves_stays_and_averaging_does_not(
    filler: Filler,
) -> None:
    graph = {f"train[lr={lr},seed={seed}]": lr + seed / 8 for lr in (1, 2) for seed in (0, 1)}
    run_id = losses(filler, graph)
    broken = Feeder(filler.store, filler.stage(run_id, "train[lr=1,seed=1]").id, key="b")
    broken.feed({"train/loss": [(100, math.nan)]})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=1,seed=0]")
        await driven.until_shown("Curves: train[lr=1,seed=0]")
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("1 of 4 drawn", "[ ]   lr=2,seed=1", "2.1321", "×1 not finite")
        await driven.press("slash", *"lr=2", "enter")
        await driven.until_gone("lr=1,seed=1")
        await driven.press("escape")
        await driven.until_shown("lr=1,seed=1", "1 of 4 drawn")
        await driven.press("slash", *"lr=2", "enter")
        await driven.until_gone("lr=1,seed=1")
        await driven.press("a", "enter")
        await driven.until_shown("chosen: 3 sweep members", "lr=2  mean of 2", "train 3 of ")
        await driven.press("c")
        await driven.until_shown("3 of 4 drawn", "averaged over: ")
        await driven.press("f", "f")
        await driven.until_shown("averaged over: lr", "3 of 4 drawn")
    other = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25})
    async with opened(other) as driven:
        plot = await open_page(driven)
        assert not plot.state.compared
    async with opened(run_id) as driven:
        await driven.until_shown("chosen: 3 sweep members")
        assert driven.run.panes.curves.state.compared.fold is None


async def test_a_sweep_is_one_band_by_one_key(filler: Filler) -> None:
    run_id = losses(filler, {f"train[lr={n}]": n / 4 for n in range(4)})
    async with opened(run_id) as driven:
        plot = await open_page(driven)
        await driven.press("B")
        await driven.until_shown("sweep as one band", "all 4  mean of 4")
        (line,) = plot.chart().lines  # type: ignore[union-attr]
        curves = np.array([[n / 4 + math.exp(-s / 20) for s in range(100)] for n in range(4)])
        places = [int(step) for step in line.steps if step == step]
        assert [x for x in line.means if x == x] == pytest.approx(
            curves.mean(axis=0)[places], rel=1e-9
        )
        assert [x for x in line.lows if x == x] == pytest.approx(curves.min(axis=0)[places])
        await driven.press("B")
        await driven.until_gone("one band")
    alone = losses(filler, {"train": 0.5})
    async with opened(alone) as driven:
        await open_page(driven)
        await driven.press("B")
        await driven.until_shown("only a sweep can be drawn as a band")
        assert "one band" not in driven.text()


async def test_keys_on_a_sweeps_plot_act_on_all_members(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=1]")
        await driven.press("F")
        await driven.until_shown("3 Curves: train ×2")
        await open_page(driven)
        await driven.until_shown("train ×2 › train/loss")
        await driven.press("R")
        await driven.until_shown("Rerun train ×2?")
        await driven.press("n", "escape", "1", "F")
        await driven.until_shown("3 Curves: train[lr=2]")  # the newest
        await open_page(driven)
        await driven.press("R")
        await driven.until_shown("Rerun train[lr=2]?")


async def test_attempts_stand_side_by_side(filler: Filler) -> None:
    run_id = filler.run({"a": ()}, retries=1)
    filler.fail(run_id, "a", "exit code 1")
    stage = filler.stage(run_id, "a").id
    Feeder(filler.store, stage, attempt=1).feed({"loss": [(s, 2.0) for s in range(60)]})
    filler.start(run_id, "a")
    Feeder(filler.store, stage, key="b", attempt=2).feed(
        {"loss": [(s, 1.0) for s in range(40, 100)]}
    )
    async with opened(run_id) as driven:
        await open_page(driven, "loss")
        await driven.until_shown("20 superseded (dimmed)")
        await compare_all(driven)
        await driven.until_shown("attempt 1", "attempt 2 leads by 1 at step 59")
        await driven.press("tab")
        await driven.press("tab")
        assert page(driven).plot.view.highlight == "attempt 1"


async def test_the_choice_of_curves_shows_the_state_of_each(
    filler: Filler,
) -> None:
    run_id = filler.run(dict.fromkeys(("train[lr=1]", "train[lr=2]", "train[lr=3]"), ()), retries=1)
    filler.fail(run_id, "train[lr=1]", "exit code 1")
    for name in ("train[lr=1]", "train[lr=2]"):
        filler.start(run_id, name)
    filler.feed(run_id, "train[lr=1]", {"loss": [(0, 2.0)]})
    async with opened(run_id) as driven:
        await open_page(driven, "loss")
        await driven.press("c")
        await driven.until_shown("1 of 5 drawn")
        lines = [line for line in driven.text().splitlines() if line.startswith(" [")]
    ends = ("this one", "running", "queued", "failed", "this one")
    assert all(line.endswith(end) for line, end in zip(lines, ends, strict=True)), lines


async def test_the_same_stage_of_other_runs_is_compared(filler: Filler) -> None:
    for name, end in (("old", 0.5), ("new", 0.25)):
        run_id = filler.run({"train": ()}, name=name, pipeline="digits")
        attempt = filler.start(run_id, "train")
        feeder = Feeder(filler.store, filler.stage(run_id, "train").id)
        feeder.feed({"val/accuracy": [(s, end) for s in range(50)]})
        filler.end(attempt)
    async with opened(run_id) as driven:
        await open_page(driven, "val/accuracy")
        await compare_all(driven)
        await driven.until_shown("with 1 run", "old leads by 0.2500 at step 49")


async def test_members_and_other_runs_are_listed_with_their_parameters(
    filler: Filler,
) -> None:
    for hidden in ("16", "32"):
        params = {"epochs": "30", "hidden": hidden}
        members = {f"train[lr={lr}]": () for lr in (1, 2)}
        run_id = filler.run(members, name=f"h{hidden}", pipeline="digits", run_params=params)
        for name in members:
            attempt = filler.start(run_id, name)
            filler.feed(run_id, name, {"val/accuracy": [(float(s), 0.5) for s in range(50)]})
            filler.end(attempt)
    async with opened(run_id) as driven:
        await open_page(driven, "val/accuracy")
        await driven.press("c")
        await driven.until_shown("1 of 3 drawn")
        rows = [line.split() for line in driven.text().splitlines()]
        assert ["curve", "hidden", "lr", "best", "last"] in rows
        for listed in (["lr=1", "32", "1"], ["lr=2", "32", "2"]):
            assert any(listed == row[1:4] or listed == row[2:5] for row in rows)
        own = "1" if "train[lr=1] ›" in driven.text() else "2"
        assert any(row[2:5] == ["h16", "16", own] for row in rows)


async def test_runs_of_other_pipelines_with_a_common_metric_are_offered(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(name: str, pipeline: str, **metrics: float) -> str:
        run_id = filler.run({"train": ()}, name=name, pipeline=pipeline)
        attempt = filler.start(run_id, "train")
        points = {key: [(float(s), end) for s in range(50)] for key, end in metrics.items()}
        filler.feed(run_id, "train", {**points, "epoch": [(float(s), s) for s in range(50)]})
        filler.end(attempt)
        return run_id

    trained("ancient_100%", "third", loss=0.125)
    trained("elsewhere", "second", loss=0.25, accuracy=1.0)
    trained("unlike", "fourth", accuracy=1.0)
    run_id = trained("here", "first", loss=0.5)
    monkeypatch.setattr(series, "MOST_RUNS", 2)
    async with opened(run_id) as driven:
        await open_page(driven, "loss")
        await driven.press("c")
        await driven.until_shown("1 of 2 drawn", "elsewhere", "0.2500")
        assert "unlike" not in driven.text()
        await driven.press("slash", *"T_100%", "enter")
        await driven.until_shown("ancient_100%", "0.1250")
        assert "elsewhere" not in driven.text()
        await driven.press("j", "space", "slash", "escape")
        await driven.until_shown("2 of 3 drawn", "elsewhere")
        await driven.press("enter")
        await driven.until_shown("with 1 run", "ancient_100% leads by 0.3750")


async def test_another_sweeps_best_member_is_compared_and_can_be_chosen(
    filler: Filler,
) -> None:
    losses(filler, {"fit[lr=1]": 0.5, "fit[lr=2]": 0.25, "fit[lr=3]": 1.0})
    losses(filler, {"train": 2.0})
    async with opened() as driven:
        await driven.until_shown("digits", "train/loss best")
        await driven.press("A", "c")
        await driven.until_shown("with 2 runs", "fit[lr=2] leads by 1.7500")
        await driven.press("c")
        await driven.until_shown("2 of 2 drawn", "› fit[lr=2]")
        await driven.press("space")
        await driven.until_shown("1 of 2 drawn")
        await driven.press("k", "space", "enter")
        await driven.until_shown("fit[lr=2] leads by 1.7500")


async def test_the_only_curve_drawn_is_not_removed_and_the_page_says_so(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=2]")
        await driven.until_shown("Curves: train[lr=2]")
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("1 of 2 drawn")
        await driven.press("space")
        await driven.until_shown("one curve is always drawn")


async def test_the_best_one_or_none_are_chosen_by_a_key_each(filler: Filler) -> None:
    ends = {f"train[lr={at},seed={seed}]": at / 4 + seed / 9 for at in range(4) for seed in (0, 1)}
    run_id = losses(filler, ends)
    losses(filler, {"other": 0.0})  # of the same pipeline, and better
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=3,seed=1]")
        await driven.until_shown("Curves: train[lr=3,seed=1]")
        plot = await open_page(driven)

        def names() -> list[str]:
            chart = plot.chart()
            return sorted(line.label for line in chart.lines) if chart else []

        await driven.press("c")
        await driven.until_shown("1 of 9 drawn")
        rows = [line for line in driven.text().splitlines() if line.startswith(" [")]
        assert [row.split("]")[1].split()[0] for row in rows[:3]] == [
            "lr=0,seed=0",
            "lr=0,seed=1",
            "lr=1,seed=0",
        ], "the best first"
        await driven.press("b")
        await driven.until_shown("5 of 9 drawn", "averaged over: the seeds")
        await driven.press("f")
        await driven.until_shown("averaged over: nothing")
        await driven.press("enter")
        await driven.until(lambda: len(names()) == 5, "the best five of the sweep, and no more")
        assert names()[0] == "lr=0,seed=0"
        assert "lr=3,seed=1" not in names()
        await driven.press("c", "0")
        await driven.until_shown("1 of 9 drawn")
        await driven.press("j", "o", "enter")
        await driven.until(lambda: names() == ["lr=0,seed=1"], "only this one")
        assert "lr=0,seed=1" in driven.text()


async def test_a_folded_sweep_is_averaged_over_nothing_or_a_seed(filler: Filler) -> None:
    run_id = losses(filler, {f"train[lr={lr},seed={s}]": lr for lr in (1, 2) for s in (0, 1)})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=1,seed=0]")
        await driven.press("F")
        await driven.until_shown("3 Curves: train ×4")
        plot = await open_page(driven)

        def labels() -> list[str]:
            chart = plot.chart()
            return sorted(line.label for line in chart.lines) if chart else []

        await driven.until(lambda: labels() == ["lr=1", "lr=2"], "the means over seeds")
        await driven.press("c", "f")
        await driven.until_shown("4 of 4 drawn", "averaged over: nothing")
        await driven.press("enter")
        await driven.until(lambda: len(labels()) == 4, "each member")


async def test_averaging_stays_where_it_was_asked_for(filler: Filler) -> None:
    run_id = losses(filler, {f"train[lr={lr},seed={s}]": lr for lr in (1, 2) for s in (0, 1)})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        driven.run.graph.select("train[lr=1,seed=0]")
        await driven.press("F", "3", "f")
        await driven.until_shown("each curve by itself")
        await open_page(driven)
        await driven.until_shown("averaged over the seeds", "mean of 2")
        await driven.press("f", "f")
        await driven.until_shown("averaged over lr")
        await driven.press("escape")
        await driven.until_shown("3 Curves: train ×4", "lr=1,seed=0")
        assert "mean of" not in driven.text().partition("3 Curves")[2]
        await driven.press("f", "f")
        await driven.until_shown("averaged over all", "mean of 4")


async def test_a_key_without_an_object_says_so(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5})
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("nothing to compare with")
        await driven.press("escape")
        await driven.until_gone("nothing to compare with")
        await driven.press("slash", *"nothing")
        await driven.until_shown("no metric with that name")


async def test_keys_typed_before_the_curves_are_read_act(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5})
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        await driven.press("3")
        await driven.until(lambda: driven.app.focused is driven.run.panes.curves)
        for key in ("enter", "c"):  # at once, as over a slow link
            driven.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await driven.until_shown("nothing to compare with")


async def test_a_pinned_metric_stands_first(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("grad_norm")
        await driven.press("3", "G", "space")
        await driven.until_shown("▸ ◆ grad_norm")
        curves = driven.run.panes.curves
        assert [one.name for one in curves.shown][:2] == ["grad_norm", "val/accuracy"]
        await driven.press("space")
        await driven.until(lambda: curves.shown[0].name == "val/accuracy")


async def test_a_filter_without_a_match_says_how_to_leave_it(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss")
        await driven.press("3", "slash", *"zebra", "enter")
        await driven.until_shown("no metric matches the filter; esc shows all")


async def test_Y_copies_plot_and_table_as_markdown(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25})
    async with opened(run_id) as driven:
        await open_page(driven)
        await compare_all(driven)
        await driven.until_shown("leads")
        await driven.press("Y")
        await driven.until(lambda: driven.app.clipboard)
    copied = driven.app.clipboard
    assert copied.startswith("### digits / train[lr=")
    assert copied.count("```") == 2
    assert "| ▲ | lr=2 | 0.2571 | 0.2571 at 99 |" in copied
    assert "lr=2 leads by 0.2500 at step 99." in copied
    assert max(map(len, copied.splitlines())) < 100


async def test_live_curves_leave_room_for_what_comes(filler: Filler) -> None:
    run_id = filler.run(SWEEP)
    filler.start(run_id, "prepare")
    feeder = Feeder(filler.store, filler.stage(run_id, "prepare").id)
    feeder.feed({"loss": [(s, 1.0) for s in range(95)]})
    async with opened(run_id) as driven:
        plot = await open_page(driven, "loss")
        shown = _window(plot)
        assert shown is not None
        assert shown == (0.0, 100.0)
        feeder.feed({"loss": [(95, 0.5)]})
        await driven.until_shown("96 points")
        assert _window(plot) == shown


async def test_options_stay_with_the_run_and_pinned_metrics_with_all(filler: Filler) -> None:
    run_id = running_demo(filler)
    options = ("smoothing 0.6", "over time since")
    async with opened(run_id) as driven:
        await driven.until_shown("grad_norm")
        await driven.press("3", "G", "space", "m", "y", "a", "right_parenthesis", "plus")
        await driven.until_shown("▸ ◆ grad_norm", "log y", *options)
    other = running_demo(filler, name="other")
    async with opened(other) as driven:
        await driven.until_shown("◆ grad_norm")
        assert driven.run.panes.curves.view == PlotOptions()
        assert "log y" not in driven.text()
    async with opened(run_id) as driven:
        await driven.until_shown("◆ grad_norm", "log y", *options)
        assert driven.run.panes.curves.view.window is None
        await driven.press("3", "m")
        await driven.until_shown("smoothing 0.9")
        await open_page(driven, "grad_norm")
        await driven.until_shown("pinned", "smoothing 0.9", "log y")


async def test_of_a_large_sweep_the_best_members_are_compared(filler: Filler) -> None:
    run_id = losses(filler, {f"train[seed={n}]": 2.0 - n / 100 for n in range(30)})
    async with opened(run_id) as driven:
        await driven.until_shown("2 train ×30")
        plot = await open_page(driven)
        plot.state.compared = Comparison(sweep=True, fold="-")
        plot.apply(plot.view)
        await driven.until_shown("the best 24 of 30 by train/loss", "seed=29", "seed=28")
        labels = {line.label for line in plot.chart().lines}  # type: ignore[union-attr]
        assert {f"seed={n}" for n in range(6, 30)} == labels


async def test_there_is_a_key_to_what_does_not_fit(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train")
    feeder = Feeder(filler.store, filler.stage(run_id, "train").id)
    feeder.feed({f"layer{n:02}/norm": [(s, 1.0) for s in range(9)] for n in range(20)})
    filler.end(attempt)
    async with opened(run_id) as driven:
        await driven.until_shown("16 out of view  20 metrics", "layer00/norm")
        await driven.press("3", "G")
        await driven.until_shown("▸ layer19/norm")
        await driven.until_gone("layer01/norm")
    async with opened(run_id, size=(80, 24)) as driven:
        await driven.until_shown("2 Overview")
        await driven.press("3", "m")
        await driven.until_shown(
            "16 out of view  smoothing 0.6  D resets  20 metrics", "layer00/norm"
        )


async def compared(driven: Driven, *names: str) -> CurvesScreen:
    """Mark these runs in the list, and open their comparison."""
    await driven.until_shown(*names)
    for run in driven.runs.table._shown:
        if run.name in names:
            driven.runs.table.select(run.id)
            await driven.press("space")
    await driven.until(lambda: len(driven.runs.table.marked) == len(names))
    await driven.press("c")
    await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen))
    screen = page(driven)
    await driven.until(lambda: screen.plot.chart() is not None, "the chart")
    return screen


async def test_c_draws_the_validation_metric_that_marked_runs_share(filler: Filler) -> None:
    decay = [(float(step), 1 / (1 + step)) for step in range(20)]
    metrics = {"train/loss": decay, "lr": decay, "Loss/val": decay}
    for name, stage, own in (
        ("first", "train", {**metrics, "val/f1": decay}),
        ("second", "fit", metrics),
        ("third", "train", {"reward": decay}),
    ):
        run_id = filler.run({stage: (), "evaluate": (stage,)}, name=name, pipeline=name)
        filler.feed(run_id, stage, own)
        filler.complete(run_id, stage, took=60)
        filler.feed(run_id, "evaluate", {"val/f1": [(0, 0.5)], "Loss/val": [(0, 0.1)]})
        filler.complete(run_id, "evaluate")
    async with opened() as driven:
        screen = await compared(driven, "first", "second")
        assert (screen.state.metric, screen.state.first) == (
            "Loss/val",
            ("Loss/val", "train/loss", "lr"),
        )
        chart = screen.plot.chart()
        assert chart is not None
        assert [len(line.known) for line in chart.lines] == [20, 20]
        await driven.press("}")
        await driven.until(lambda: screen.state.metric == "train/loss")
        await driven.press("}", "}")
        await driven.until(lambda: screen.state.metric == "Loss/val", "the first one again")
        await driven.press("{")
        await driven.until(lambda: screen.state.metric == "lr")


async def test_lines_a_comparison_does_not_draw_have_a_reason(filler: Filler) -> None:
    decay = [(float(step), 1 / (1 + step)) for step in range(20)]
    for name, metrics in (
        ("one", {"loss": decay}),
        ("two", {"loss": decay}),
        ("odd", {"gap": decay}),
    ):
        run_id = filler.run({"train": ()}, name=name)
        filler.feed(run_id, "train", metrics)
        filler.complete(run_id, "train")
    async with opened() as driven:
        screen = await compared(driven, "one", "two", "odd")
        assert screen.state.metric == "loss"
        await driven.until(lambda: len(screen.plot.curves.left_out) == 1)
        await driven.until_shown("not drawn: odd", "(no loss)", "2 of 3 drawn")


async def test_two_marked_runs_show_what_they_differ_in(filler: Filler) -> None:
    for name, lr, end in (("one", "0.1", 1.0), ("two", "0.3", 2.0)):
        run_id = filler.run({"train": ()}, name=name, pipeline="p", run_params={"lr": lr})
        filler.feed(run_id, "train", {"loss": [(float(step), end) for step in range(20)]})
        filler.complete(run_id, "train")
    async with opened() as driven:
        screen = await compared(driven, "one", "two")
        await driven.until(lambda: screen.plot.differences is not None, "what differs")
        styles = [plot.line_styles(one) for one in [screen.plot.chart()] if one is not None]
        own, other = (style.mark for style in styles[0])
        values = ("0.1", "0.3") if screen.run_id != run_id else ("0.3", "0.1")
        await driven.until_shown(f"differ in  lr {own} {values[0]} {other} {values[1]}")


async def test_runs_of_one_edited_command_are_named_by_its_options(filler: Filler) -> None:
    for lr, wd in ((0.1, ()), (0.3, ("--wd", "1"))):
        command = ("python", "t.py", f"--lr={lr}", *wd)
        run_id = filler.run({"train": ()}, name="cmd", run_params={}, command=command)
        filler.feed(run_id, "train", {"loss": [(float(step), lr) for step in range(20)]})
        filler.complete(run_id, "train")
    async with opened(run_id) as driven:
        await open_page(driven, "loss")
        await compare_all(driven)
        await driven.until_shown("lr=0.1 leads by", "lr=0.3,wd=1")


@pytest.mark.parametrize("params", [True, False])
async def test_runs_of_several_names_are_named_by_what_differs(
    params: bool, filler: Filler
) -> None:
    names = ("one", "two", "three")
    for name, lr in zip(names, ("0.1", "0.2", "0.3"), strict=True):
        command = ("python", f"{name}.py", *(() if params else (f"--lr={lr}",)), f"--{name}=1")
        values = {"lr": lr, f"only-{name}": "1"} if params else {}
        run_id = filler.run({"train": ()}, name=name, run_params=values, command=command)
        filler.feed(run_id, "train", {"loss": [(float(step), float(lr)) for step in range(20)]})
        filler.complete(run_id, "train")
    async with opened() as driven:
        await compared(driven, *names)
        await driven.until_shown("one lr=0.1 leads by", "two lr=0.2 ", "three lr=0.3 ")


async def test_a_run_without_the_option_of_another_says_so(filler: Filler) -> None:
    for seed in ((), ("--seed", "5")):
        command = ("python", "t.py", *seed)
        run_id = filler.run({"train": ()}, name="cmd", run_params={}, command=command)
        filler.feed(run_id, "train", {"loss": [(float(step), len(seed)) for step in range(20)]})
        filler.complete(run_id, "train")
    async with opened(run_id) as driven:
        await open_page(driven, "loss")
        await compare_all(driven)
        await driven.until_shown("seed=– leads by", "seed=5")
