"""Curves as a person looks at them: in the pane, and one metric on a page of its own."""

from __future__ import annotations

import math

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import SWEEP, Filler, running_demo
from trainui.tui.curves.plot_view import CurvePlot
from trainui.tui.curves.screen import CurvesScreen


def page(driven: Driven) -> CurvesScreen:
    assert isinstance(driven.app.screen, CurvesScreen), driven.app.screen
    return driven.app.screen


async def open_page(driven: Driven, metric: str = "train/loss") -> CurvePlot:
    """Go from a run's page to that of its first metric."""
    await driven.until_shown(metric)
    await driven.press("3")
    await driven.until(lambda: driven.app.focused is driven.run.panes.curves)
    await driven.press("enter")
    await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen))
    await driven.until(lambda: page(driven).plot.chart() is not None, "the chart")
    return page(driven).plot


def losses(filler: Filler, graph: dict[str, float], count: int = 100) -> str:
    """Store a run of siblings, each with a loss that falls to another value."""
    run_id = filler.run(dict.fromkeys(graph, ()))
    for name, end in graph.items():
        attempt = filler.start(run_id, name)
        feeder = Feeder(filler.store, filler.stage(run_id, name).id)
        feeder.feed({"train/loss": [(s, end + math.exp(-s / 20)) for s in range(count)]})
        filler.end(attempt)
    return run_id


async def test_enter_opens_a_metric_and_esc_goes_back(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.until_shown("train[hidden=128] › train/loss  1/4", "over step", "180 points")
        await driven.press("j")
        await driven.until_shown("val/accuracy  2/4", "(higher is better)")
        await driven.press("escape")
        await driven.until_shown("1 Stages", "▸ val/accuracy")


async def test_the_cursor_tells_the_values_of_all_that_is_shown(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("train/loss", "lr")
        await driven.press("3", "right")
        curves = driven.run.panes.curves
        await driven.until(lambda: curves.view.cursor == 3.0, "the first column's last step")
        await driven.until_shown("2.1505", "0.0800", "1.7081")  # loss, accuracy, gradient there
        await driven.press("right")
        await driven.until(lambda: (curves.view.cursor or 0) > 3)
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
        asked: list[float] = []
        driven.run.panes.log_view.go_to_time = asked.append  # type: ignore[method-assign,assignment]
        await driven.press("3", "right")
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
        await driven.until_shown("train/loss")
        await driven.pilot.click("#curves", offset=(30, 5), times=2)
        await driven.until(lambda: isinstance(driven.app.screen, CurvesScreen))
        plot = page(driven).plot
        await driven.until(lambda: plot.chart() is not None)
        await driven.pilot.click("#plot", offset=(60, 5))
        await driven.until(lambda: plot.view.cursor is not None)
        assert plot.view.cursor is not None
        assert plot.view.cursor.is_integer()  # a step that there is
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


async def test_axis_scale_and_smoothing_are_seen(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5})
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.press("m", "y")
        await driven.until_shown("smoothing 0.6", "log scale")
        await driven.press("a")
        await driven.until_shown("over time since the first point", "no points here")
        await driven.press("a", "a")
        await driven.until_shown("over step")


async def test_siblings_race(filler: Filler) -> None:
    run_id = losses(filler, {"train[lr=1]": 0.5, "train[lr=2]": 0.25, "train[lr=3]": 1.0})
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("all sweep members", "lr=2 leads by 0.2500 at step 99")
        lines = [line for line in driven.text().splitlines() if " lr=" in line and "#" in line]
        assert [line.split("#")[1][0] for line in lines] == ["2", "1", "3"]
        assert [mark in line for mark, line in zip("●▲■", lines, strict=True)] == [True] * 3
        await driven.press("right")
        await driven.until_shown("leads by 0.2500 at step 0")


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
        await driven.press("c")
        await driven.until_shown("attempt 1", "attempt 2 leads by 1 at step 59")


async def test_the_same_stage_of_other_runs_is_compared(filler: Filler) -> None:
    for name, end in (("old", 0.5), ("new", 0.25)):
        run_id = filler.run({"train": ()}, name=name, pipeline="digits")
        attempt = filler.start(run_id, "train")
        feeder = Feeder(filler.store, filler.stage(run_id, "train").id)
        feeder.feed({"val/accuracy": [(s, end) for s in range(50)]})
        filler.end(attempt)
    async with opened(run_id) as driven:
        await open_page(driven, "val/accuracy")
        await driven.press("c")
        await driven.until_shown("this stage in other runs", "old leads by 0.2500 at step 49")


async def test_what_there_is_nothing_for_is_said(filler: Filler) -> None:
    run_id = losses(filler, {"train": 0.5})
    async with opened(run_id) as driven:
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("nothing to compare with")
        await driven.press("slash", *"nothing", "enter")
        await driven.until_shown("no metric with that name")


async def test_a_pinned_metric_stands_first(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("grad_norm")
        await driven.press("3", "G", "space")
        await driven.until_shown("▸ ◆ grad_norm")
        curves = driven.run.panes.curves
        assert [one.name for one in curves.shown][:2] == ["grad_norm", "train/loss"]
        await driven.press("space")
        await driven.until(lambda: curves.shown[0].name == "train/loss")


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
        await driven.press("c")
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


async def test_how_curves_were_looked_at_is_remembered_but_for_the_part(filler: Filler) -> None:
    run_id = running_demo(filler)
    async with opened(run_id) as driven:
        await driven.until_shown("grad_norm")
        await driven.press("3", "G", "space", "m", "y", "a", "right", "plus")
        await driven.until_shown("▸ ◆ grad_norm", "smoothing 0.6", "log scale", "over time since")
    other = running_demo(filler, name="other")
    async with opened(other) as driven:
        await driven.until_shown("◆ grad_norm", "smoothing 0.6", "log scale", "over time since")
        assert driven.run.panes.curves.view.window is None
        await driven.press("3", "m")
        await driven.until_shown("smoothing 0.9")
        await open_page(driven, "grad_norm")
        await driven.until_shown("pinned", "smoothing 0.9", "log scale")


async def test_of_a_large_matrix_the_best_members_are_compared(filler: Filler) -> None:
    run_id = losses(filler, {f"train[seed={n}]": 2.0 - n / 100 for n in range(30)})
    async with opened(run_id) as driven:
        await driven.until_shown("2 train ×30")
        await open_page(driven)
        await driven.press("c")
        await driven.until_shown("the best 11 of 30 by train/loss", "seed=29", "seed=28")
        labels = {line.label for line in page(driven).plot.chart().lines}  # type: ignore[union-attr]
        assert {f"seed={n}" for n in range(19, 30)} < labels
