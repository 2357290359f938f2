"""Compared lines in a grid of plots are named, and a line looks the same in every plot."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from tests.unit.tui.charts import NAN, chart, figures, line
from trainui.model.definition import Range, Search
from trainui.store.points.plot_points import Axis
from trainui.store.points.plot_windows import NAN as NAN_BIT
from trainui.store.points.plot_windows import Extent
from trainui.tui.curve_data import NOT_READ, Chart, PlotOptions
from trainui.tui.curves.grid_view import (
    CONSTANT,
    EXPLODES,
    CurvesView,
    PlotCell,
    PlotGrid,
    behaviour,
    grid_rows,
)
from trainui.tui.curves.interaction import zoom_text
from trainui.tui.curves.plot import (
    legend_rows,
    names_width,
    plot,
    shared_styles,
    styles_of,
)
from trainui.tui.curves.table import table_rows
from trainui.tui.plot_axes import Frame, XAxis, x_axis_rows
from trainui.tui.readers.curve_reader import folded, whole_extent
from trainui.tui.styled_text import plain, shared_beginning, width_of

LABEL = re.compile(r"-?[\d.]+(e-?\d+|[kMG])?|([\d.]+[dhms])+|\d+[dhm]\d+|\d+:\d+(:\d+)?|0")
"""A number or a time, as an axis labels it."""


def lines_of(name: str, values: list[float], first: int = 0) -> Chart:
    """A chart with a constant line a value, the first one the page's own."""
    lines = [
        line(
            [value] * 40, label=f"lr={at}", index=at, own=at == 0, best=(value, 0.0, 0.0), last=None
        )
        for at, value in enumerate(values, first)
    ]
    return chart(*lines, name=name)


def test_a_line_has_the_same_style_in_every_plot() -> None:
    loss = lines_of("val/loss", [float(at) for at in range(9)])
    accuracy = lines_of("val/acc", [float(at) for at in range(9)])
    shared = shared_styles([accuracy, loss], "")
    assert [label for label, style in shared.items() if style.bright] == [
        f"lr={at}" for at in range(6)
    ], "the best ones of the headline metric"
    assert styles_of(accuracy, shared) == styles_of(loss, shared)
    assert shared_styles([chart(line([1.0]))], "") == {}, "nothing is compared"
    few = lines_of("lr", [0.0, 1.0], first=7)
    assert not any(style.bright for style in styles_of(few, shared))


@pytest.mark.parametrize("count", [2, 6, 9])
def test_the_legend_names_the_bright_lines_and_counts_the_others(count: int) -> None:
    one = lines_of("loss", [float(at) for at in range(count)])
    shared = shared_styles([one], "")
    rows = legend_rows(one.lines, shared, 40)
    text = " ".join(map(plain, rows))
    assert all(width_of(row) <= 40 for row in rows)
    assert all(f"{shared[f'lr={at}'].mark} lr={at}" in text for at in range(min(count, 6)))
    assert ("3 more in grey" in text) == (count == 9)


def test_the_legend_shortens_names_before_it_leaves_any_out() -> None:
    names = [f"lr={lr},schedule=cosine_with_warmup_{at}" for lr in (1, 2, 3) for at in (5, 50)]
    pairs = [tuple(tuple(pair.split("=")) for pair in name.split(",")) for name in names]
    lines = [
        line([float(at)], label=name, index=at, own=not at, pairs=pairs[at])
        for at, name in enumerate(names)
    ]
    shared = shared_styles([chart(*lines)], "")
    rows = legend_rows(lines, shared, 67)
    assert len(rows) == 2
    assert [plain(row).count("  ") for row in rows] == [2, 2], "three names in each"


def test_names_are_beside_right_ends_and_the_plot_keeps_width() -> None:
    one = lines_of("loss", [1.0, 2.0, 3.0])
    shared = shared_styles([one], "")
    grid = PlotGrid(60, 12, 1, names_width(one.lines, 24))
    cell = PlotCell(figures("loss"), one, styles=styles_of(one, shared))
    rows = grid_rows([cell], grid)
    assert max(map(width_of, rows)) <= 60
    assert plain(rows[0]).endswith("lr=0 1"), "the name of the line whose value it is"
    ends = [plain(row).rsplit(" ", 1)[-1] for row in rows[1:] if "lr=" in plain(row)]
    assert ends == ["lr=2", "lr=1", "lr=0"], "as high as the lines"


def test_a_values_words_go_before_the_metrics_name() -> None:
    shown = chart(line([3.0] * 40), name="val/loss")
    band = replace(shown, lines=(folded(shown.lines * 2, (("", "all 2"),)),))

    def title(one: Chart, width: int) -> str:
        cell = PlotCell(figures("val/loss"), one, PlotOptions(log=True))
        return " ".join(plain(grid_rows([cell], PlotGrid(width, 12, 1))[0]).split())

    assert title(shown, 40) == "val/loss log y last 0.5000"
    assert title(shown, 24) == "val/loss log y 0.5000"
    assert title(band, 33) == "val/loss log y last mean of 2 3"
    assert title(band, 24) == "val/loss log y mean 3"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "val/loss 2 with NaN last all 2 mean of 2 0.3771"),
        (32, "val/loss 2 with NaN mean 0.3771"),
        (31, "val/loss !2 NaN mean 0.3771"),
        (26, "val/loss NaN mean 0.3771"),
    ],
)
def test_the_words_for_nan_go_before_the_metrics_name(width: int, shown: str) -> None:
    mean = folded((line([0.3771] * 40), line([0.3771] * 40)), (("", "all 2"),))
    odd = [replace(mean, odd=((9, NAN_BIT),), label=label) for label in ("a", "b")]
    one = chart(*odd, name="val/loss")
    styles = styles_of(one, shared_styles([one], ""))
    cell = PlotCell(figures("val/loss"), one, PlotOptions(), styles=styles)
    title = plain(grid_rows([cell], PlotGrid(width, 12, 1))[0])
    assert " ".join(title.replace("─", "").split()) == shown


def test_a_mean_with_a_nan_in_one_of_its_members_says_so() -> None:
    mean = folded((line([3.0, 2.0]), line([3.0, NAN], odd=((1, NAN_BIT),))), (("", "all 2"),))
    cell = PlotCell(figures("val/loss"), chart(mean, name="val/loss"), PlotOptions())
    assert "NaN" in plain(grid_rows([cell], PlotGrid(60, 12, 1))[0])


def test_a_last_value_that_is_nan_has_the_colour_of_trouble() -> None:
    broken = figures("val/loss", last=NAN, nonfinite=2)
    cell = PlotCell(broken, chart(line([3.0, NAN]), name="val/loss"), PlotOptions())
    title = grid_rows([cell], PlotGrid(60, 12, 1))[0]
    assert [one.style for one in title if one.text.strip() == "NaN"] == ["bad"]


def test_a_title_has_the_last_value_that_is_drawn() -> None:
    drawn = chart(line([3.0, 2.0], last=(2.0, 1.0)), name="val/loss")
    newer = figures("val/loss", last=1.5, last_step=2)
    assert plain(grid_rows([PlotCell(newer, drawn)], PlotGrid(60, 12, 1))[0]).endswith("last 2")
    ahead = PlotCell(newer, drawn, PlotOptions(cursor=5.0))
    assert plain(grid_rows([ahead], PlotGrid(60, 12, 1))[0]).endswith("last 2")


def test_the_metric_of_a_search_is_drawn() -> None:
    search = Search("loss", "maximize", {"lr": Range(0.1, 1.0)})
    drawn = chart(line([5.0, 2.0]), name="loss", search=search)
    rows = grid_rows([PlotCell(figures("loss"), drawn)], PlotGrid(60, 12, 1))
    assert "loss" in plain(rows[0])


def test_a_cursor_behind_a_metrics_end_shows_its_last_value() -> None:
    one = chart(line([3.0] * 40), name="val/loss")
    view = PlotOptions(cursor=100.0)
    rows = grid_rows([PlotCell(figures("val/loss"), one, view)], PlotGrid(60, 12, 1))
    assert plain(rows[0]).endswith("last 0.5000")
    before = replace(view, cursor=-1.0)
    rows = grid_rows([PlotCell(figures("val/loss"), one, before)], PlotGrid(60, 12, 1))
    assert plain(rows[0]).endswith("–")


def test_a_long_name_first_loses_the_common_part() -> None:
    labels = [f"finetune lr={lr} batch=64 wd=0.001" for lr in ("0.1", "0.03")]
    assert shared_beginning(labels, " ,") == "finetune "
    assert shared_beginning(["lr=0.1,seed=1", "lr=0.1,seed=2"], " ,") == "lr=0.1,"
    assert shared_beginning(["lr=0.1", "lr=0.2"], " ,") == shared_beginning(labels[:1], " ,") == ""
    lines = [line([at] * 40, label=label, index=at) for at, label in enumerate(labels)]
    rows = plot(chart(*lines), PlotOptions(), Frame(40, 8, right=20)).rows
    ends = [re.search(r"[●▲] (lr=\S+)", plain(row)) for row in rows]
    assert [end[1] for end in ends if end] == ["lr=0.03", "lr=0.1"]


def test_a_bands_value_is_its_mean_with_its_name() -> None:
    several = lines_of("loss", [1.0, 2.0, 6.0])
    band = replace(several, lines=(folded(several.lines, (("", "all 3"),)),))
    rows = grid_rows([PlotCell(figures("loss"), band)], PlotGrid(60, 12, 1))
    assert plain(rows[0]).endswith("last mean of 3 3"), "and not the last value of the stage"


def test_a_sweep_plots_title_names_the_best_and_the_leader() -> None:
    falls = line([5.0, 0.5, 3.0], label="lr=1", best=(0.5, 1.0, 1.0), last=None)
    lasts = line([4.0, 2.0, 2.0], label="lr=2", index=1, best=(2.0, 1.0, 1.0), last=None)
    broken = replace(falls, label="lr=3", index=2, best=(0.1, 0.0, 0.0), odd=((2, 1),))
    grid, one = PlotGrid(60, 12, 1), chart(broken, falls, lasts, whole_sweep=True)
    styles = styles_of(one, shared_styles([one], ""))

    def title(cursor: float | None = None) -> str:
        view = PlotOptions(cursor=cursor)
        cell = PlotCell(figures(), one, view, styles=styles)
        return plain(grid_rows([cell], grid)[0])

    assert title().endswith("best lr=1 0.5000"), "a line with a NaN is not the best"
    grid.cell_width = 31
    assert title().split(maxsplit=1)[1].strip() == "!1 NaN  best 0.5000"
    grid.cell_width = 60
    one = replace(one, name="grad_norm")
    assert title().endswith("last 2 to 3"), "none of the lines is the best"
    one = chart(broken, falls, lasts, whole_sweep=True)
    assert title(2.0).endswith("lr=2 2")


def test_metrics_of_one_value_are_lines_of_text() -> None:
    view = CurvesView()
    some = tuple(figures(f"test/{name}", count=1, last=0.5) for name in ("net", "linear"))
    charts = tuple(chart(line([0.5]), name=one.name) for one in some)
    view.curves = replace(NOT_READ, figures=some, charts=charts)
    grid = PlotGrid.of_values(60, 20)
    assert view._are_values()
    rows = grid_rows([PlotCell(one, each) for one, each in zip(some, charts, strict=True)], grid)
    shown = [plain(row).replace("─", "").split() for row in rows]
    assert shown == [[one.name, "last", "0.5000"] for one in some]
    several = replace(some[0], count=2)
    view.curves = replace(view.curves, figures=(several, some[1]))
    assert not view._are_values()


def test_a_nan_among_gaps_is_marked_once_with_other_lines() -> None:
    values = [1.0 if at % 5 == 0 else NAN for at in range(40)]
    places = tuple(float(at) if at % 5 == 0 else NAN for at in range(40))
    odd = ((10, 1), (15, 1), (20, 1), (30, 1))
    rows = plot(
        chart(line(values, odd=odd, at=places), line(values, index=1)), PlotOptions(), Frame(20, 8)
    ).rows
    assert "".join(map(plain, rows)).count("×") == 2, "25 is finite"


@pytest.mark.parametrize("width", [60, 120])
def test_a_line_with_a_nan_is_marked_in_the_table(width: int) -> None:
    broken = line([1.0] * 40, odd=((10, 1),), label="lr=1", best=(1.0, 0.0, 0.0))
    sound = line([2.0] * 40, odd=((5, 2),), label="lr=2", index=1, own=False)
    table = table_rows(chart(broken, sound), figures(), PlotOptions(), width, 9)
    marked = [plain(row) for row in table if "×" in plain(row)]
    assert ["lr=1" in row for row in marked] == ["NaN" in row for row in marked]
    assert ["lr=2" in row for row in marked] == ["inf" in row for row in marked], "no NaN"
    assert len(marked) == 2


@pytest.mark.parametrize(
    ("width", "since"), [(58, " 1"), (66, "× NaN"), (120, "× NaN since 1,204")]
)
def test_the_table_of_lines_says_since_when_with_room(width: int, since: str) -> None:
    broken = line([1.0] * 40, odd=((10, 1),), label="lr=1", nan_since=1204.0)
    table = table_rows(chart(broken, line([2.0] * 40, index=1)), figures(), PlotOptions(), width, 9)
    (marked,) = (plain(row).rstrip() for row in table if "lr=1" in plain(row) and "━" in plain(row))
    assert marked.endswith(since)


@pytest.mark.parametrize("count", [1, 4, 5, 6, 9, 42])
def test_plots_one_below_another_are_set_apart(count: int) -> None:
    """By an empty line, or by a rule beside the title; no line is longer than the pane."""
    for width in (30, 57, 68, 120):
        for height in range(6, 40, 2):
            grid = PlotGrid(width, height, count)
            some = [chart(line([0.0, 1.0, 3.0]), name=f"train/loss-{at}") for at in range(count)]
            rows = grid_rows([PlotCell(figures(one.name), one) for one in some], grid)
            assert max(map(width_of, rows)) <= width
            tops = range(0, len(rows), grid.row_height)
            assert all("train/" in plain(rows[at]) for at in tops)
            apart = (not plain(rows[at - 1]).strip() or "──" in plain(rows[at]) for at in tops[1:])
            assert all(apart), (width, height)
            assert grid.plot_height >= 4


@pytest.mark.parametrize("log_x", [False, True])
def test_labels_of_the_x_axis_do_not_touch(log_x: bool) -> None:
    for width in range(5, 90, 4):
        for high in (1.0, 7.0, 99.0, 900.0, 1500.0, 2213.0, 123_456.0, 9_999_999.0):
            across = XAxis(1.0 if log_x else 0.0, high, width, log_x)
            for axis in (Axis.STEP, Axis.EPOCH, Axis.RELATIVE):
                rows = x_axis_rows(across, axis, Frame(width, 8), high, None)
                labels = re.sub(r"[─┬╰ ]+", " ", "".join(map(plain, rows))).split()
                assert all(LABEL.fullmatch(one) for one in labels), labels


def test_what_is_constant_or_explodes_is_marked() -> None:
    def word(values: list[float], **changed: float) -> str | None:
        least, most = min(values), max(values)
        found = figures("m", count=len(values), **{"min": least, "max": most, **changed})
        return behaviour(found, chart(line(values)))

    assert word([0.5] * 40) == CONSTANT
    assert word([0.0175694 + 1e-17 * at for at in range(40)]) == CONSTANT, "rounding errors"
    assert word([0.5] * 3) is None, "too early to say"
    assert word([math.exp(at / 2) for at in range(60)]) == EXPLODES
    assert word([float(at) for at in range(60)]) is None, "a counter"
    assert word([math.exp(-at / 2) for at in range(60)]) is None
    assert word([1e-9 * 1.2**at for at in range(60)]) is None, "a warm-up of the learning rate"


@pytest.mark.parametrize("count", [1, 6, 42])
def test_every_plot_of_the_pane_has_an_x_axis(count: int) -> None:
    for width, height in ((68, 18), (57, 12), (120, 40)):
        grid = PlotGrid(width, height, count)
        some = [chart(line([0.0, 1.0, 3.0]), name=f"train/loss-{at}") for at in range(count)]
        rows = grid_rows([PlotCell(figures(one.name), one) for one in some], grid)
        assert sum(plain(row).count("╰") for row in rows) == count


def test_a_raw_number_beside_a_smoothed_line_is_named_raw() -> None:
    view = PlotOptions(smoothing=0.9)
    one = lines_of("loss", [1.0, 2.0])
    head = plain(table_rows(one, figures("loss"), view, 120, 9)[0])
    assert "raw best" in head
    assert "raw last" in head
    alone = chart(line([3.0] * 40), name="loss")
    assert "raw value" in plain(table_rows(alone, figures("loss"), view, 120, 9)[0])
    rows = grid_rows([PlotCell(figures("loss"), alone, view)], PlotGrid(60, 12, 1))
    assert plain(rows[0]).endswith("raw last 0.5000")


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("place", [0.0, 0.004, 1.0, 1250.0, 1_250_000.0, 1.79e9])
def test_a_single_point_is_alone_on_its_axis(axis: Axis, place: float) -> None:
    low, high = whole_extent([Extent(place, place)], live=False)
    single = line([0.5], at=(place,), steps=(place,), end=place)
    frame = Frame(31, 8)
    rows = plot(
        chart(single, low=low, high=high, extent=(low, high)), PlotOptions(axis=axis), frame
    ).rows
    across = XAxis(low, high, frame.width)
    label = across.label(place, axis)
    below = "".join(map(plain, rows[frame.height :]))
    assert re.sub(r"[─╰ ]+", "", below) == label.replace(" ", "")
    assert across.column(place) == frame.width // 2
    assert abs(below.index(label) + len(label) / 2 - (6 + frame.width / 2)) <= 1


@pytest.mark.parametrize("seconds", [0.003, 0.03, 0.3, 2.4, 9.0])
def test_a_short_times_places_differ(seconds: float) -> None:
    across = XAxis(0.0, seconds, 60)
    labels = {across.label(seconds * at / 60, Axis.RELATIVE) for at in range(61)}
    assert len(labels) == 61
    low, high = 0.25 * seconds, 0.5 * seconds
    view = PlotOptions(axis=Axis.RELATIVE, window=(low, high))
    zoomed = chart(line([1.0]), low=low, high=high, extent=(0.0, seconds))
    first, last = zoom_text(zoomed, view).partition(", ")[2].split(" to ")
    assert first != last
