"""Curves in braille: nothing that a column holds is lost, and what is odd is marked."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.tui.charts import NAN, chart, figures, line
from trainui import braille
from trainui.braille import NO_DOTS
from trainui.model.definition import Search
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.store.points.plot_windows import ABOVE, BELOW
from trainui.store.points.plot_windows import NAN as NAN_BIT
from trainui.tui.axis_marks import LABEL
from trainui.tui.curve_data import (
    Annotation,
    Candidate,
    Comparison,
    PlotLine,
    PlotOptions,
    PlottedSeries,
    SeedVerdict,
    compared_x,
)
from trainui.tui.curves.comparison_screen import CandidateList
from trainui.tui.curves.grid_view import PlotCell, PlotGrid, grid_rows
from trainui.tui.curves.interaction import CurvesState, leader_text
from trainui.tui.curves.plot import MARKS, Canvas, line_styles, off_scale, outliers, plot
from trainui.tui.curves.table import table_rows
from trainui.tui.plot_axes import Frame, YAxis
from trainui.tui.readers.curve_reader import folded
from trainui.tui.styled_text import Row, Segment, cut, plain, width_of

VALUES = st.floats(-1e300, 1e300) | st.floats(-1, 1)
FRAME = Frame(20, 8, feet=0)


def drawn(
    values: Sequence[float], view: PlotOptions | None = None, **changed: object
) -> Sequence[Row]:
    return plot(chart(line(values, **changed)), view or PlotOptions(), FRAME).rows


def spans_of(rows: Sequence[Row], style: str) -> str:
    return "".join(span.text for row in rows for span in row if span.style == style)


@settings(max_examples=60)
@example([(0.0, 5e-324)], 1)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=60), st.integers(1, 12))
def test_every_column_shows_its_extremes(pairs: list[tuple[float, float]], height: int) -> None:
    lows, highs = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    scale = YAxis.around([*lows, *highs], log=False, marks=3)
    assert scale is not None
    dots = 4 * height
    for low, high, run in zip(lows, highs, scale.ranges(lows, highs, dots), strict=True):
        assert 0 <= run[0] <= round(scale.place(low, dots))
        assert round(scale.place(high, dots)) <= run[1] <= dots - 1


def test_a_spike_of_one_point_reaches_the_first_line() -> None:
    values = [0.0] * 40
    values[17] = 9.0
    assert spans_of(drawn(values)[:1], "curve-1").strip()


def labelled(label: str, index: int, values: Sequence[float]) -> PlotLine:
    return line(values, label=label, index=index, own=False)


def test_a_diverged_member_does_not_flatten_the_others() -> None:
    """The axis is that of the others, and the plot names the line that leaves it."""
    good = [labelled(f"lr={at}", at, [2.0, 1.0 + at / 10]) for at in range(3)]
    diverged = labelled("lr=9", 3, [2.0, 1e276])
    frame = Frame(50, 8, feet=0)
    rows = plot(chart(*good, diverged), PlotOptions(), frame).rows
    without = plot(chart(*good), PlotOptions(), frame).rows
    assert [plain(row)[:5] for row in rows] == [plain(row)[:5] for row in without]
    assert "lr=9 is above the scale, up to 1.0e276 (y: log)" in "\n".join(map(plain, rows))
    for view in (PlotOptions(log=True), PlotOptions(highlight="lr=9")):
        assert "the scale" not in "".join(
            map(plain, plot(chart(*good, diverged), view, frame).rows)
        )


@pytest.mark.parametrize("small", [2.0, 1e-3, 1e-300])
@pytest.mark.parametrize("far", [1e276, 1.7e308, -1.7e308])
def test_a_line_at_the_farthest_number_runs_along_the_edge(small: float, far: float) -> None:
    good = [labelled(f"lr={at}", at, [0.0, small, *[small / 2] * 18]) for at in range(3)]
    diverged = labelled("lr=9", 3, [0.0, *[far] * 19])
    rows = plot(chart(*good, diverged), PlotOptions(), Frame(60, 8, feet=0)).rows
    assert "◆" in plain(rows[0 if far > 0 else 7])


def test_the_least_positive_number_has_a_log_axis() -> None:
    assert YAxis.around([5e-324], log=True, marks=3) is not None
    plot(chart(line([5e-324])), PlotOptions(log=True), FRAME)


@pytest.mark.parametrize(
    "ends",
    [(1.0, 50.0), (1e6, 0.0, 0.0), (1.0, 1e9, 2e9), (-3.0, 40.0, 90.0)],
    ids=["within a factor of 100", "others are 0", "most are far", "step by step"],
)
def test_lines_that_only_differ_share_the_axis(ends: Sequence[float]) -> None:
    lines = [labelled(str(at), at, [0.0, end]) for at, end in enumerate(ends)]
    assert outliers(lines) == []


def test_a_line_far_below_zero_is_off_the_scale_too() -> None:
    lines = [labelled(str(at), at, [0.0, end]) for at, end in enumerate((1.0, -1e9))]
    for lower in (True, False, None):
        assert off_scale(outliers(lines, lower=lower))[0] == "1 is below the scale, down to -1.00e9"


def test_what_exploded_is_off_the_scale_of_several_others() -> None:
    good = [labelled(f"lr={at}", at, [2.5, 1.0, 0.5]) for at in range(3)]
    exploded = labelled("lr=90", 3, [40.0, 35.0, 45.0])
    assert outliers([*good, exploded], lower=True) == [exploded]
    assert outliers([*good[:1], exploded], lower=True) == [], "of two lines, both are looked at"


def test_diverged_lines_flatten_no_others() -> None:
    good = [labelled(f"lr={at}", at, [1.7, 1.0, 0.85]) for at in range(3)]
    two = [labelled(f"lr={at}", at, [12.0, 10.0]) for at in (90, 91)]
    diverged = [replace(line, nan_since=2.0) for line in two]
    assert outliers([*good, *diverged], lower=True) == diverged
    assert outliers([*good, labelled("lr=9", 9, [12.0, 10.0, 11.0])], lower=True) == []


def test_words_on_an_off_scale_line_cover_no_curve() -> None:
    falling = [2.0 - at / 20 for at in range(40)]
    good = [labelled(f"lr={at}", at, [value + at / 10 for value in falling]) for at in range(3)]
    lines = [*good, labelled("lr=9", 3, [2.0, *[1e30] * 39])]
    for width in (22, 30, 40):
        rows = plot(chart(*lines), PlotOptions(), Frame(width, 10, feet=0)).rows
        without = plot(chart(*lines[:3]), PlotOptions(), Frame(width, 10, feet=0)).rows
        pairs = zip(map(plain, rows), map(plain, without), strict=True)
        (found,) = [
            (re.search("(lr=9 (is )?|1 line |1 )(above.*1.00?e30|off scale)", a), b)
            for a, b in pairs
            if "above" in a or "off" in a
        ]
        words, other = found
        assert words is not None
        assert not other[words.start() : words.end()].strip()


def test_a_new_run_does_not_hide_the_others_accuracy() -> None:
    lines = [labelled("old", 0, [0.001, 0.76]), labelled("new", 1, [0.001, 0.002])]
    frame = Frame(50, 8, feet=0)
    for name, is_cut in (("val/accuracy", False), ("train/loss", True)):
        rows = plot(replace(chart(*lines), name=name), PlotOptions(), frame).rows
        assert ("above the scale" in "".join(map(plain, rows))) == is_cut


def test_a_rising_line_has_no_holes() -> None:
    values = [float(x**2) for x in range(40)]
    scale = YAxis.around(values, log=False, marks=3)
    assert scale is not None
    covered = {y for low, high in scale.ranges(values, values, 20) for y in range(low, high + 1)}
    assert covered == set(range(max(covered) + 1))


def test_empty_columns_are_bridged_only_between_points() -> None:
    values = [NAN, NAN, 0.0, NAN, NAN, NAN, 4.0, NAN]
    scale = YAxis(0, 4)
    found = scale.ranges(values, values, 9)
    assert [at for at, run in enumerate(found) if run != NO_DOTS] == [2, 3, 4, 5, 6]
    assert [found[at][1] for at in (2, 4, 6)] == [0, 4, 8]


def test_a_constant_is_a_middle_line_with_its_value() -> None:
    rows = drawn([3.0] * 40)
    summary = [at for at, row in enumerate(rows) if any(s.style == "curve-1" for s in row)]
    assert len(summary) == 1
    assert plain(rows[summary[0]]).split("┤")[0].strip() == "3"


def test_an_event_is_marked_at_its_place() -> None:
    struck = (Annotation(20.0, "loss is 20 at step 20"), Annotation(500.0, "out of the window"))
    rows = plot(
        chart(line([float(at) for at in range(40)]), annotations=struck), PlotOptions(), FRAME
    ).rows
    column = LABEL + 1 + 10
    assert [plain(row)[column] for row in rows[:3]] == ["╎"] * 3
    assert "╎" in spans_of(rows, "warn")
    wide = plot(
        chart(line([float(at) for at in range(80)]), annotations=struck[:1]),
        PlotOptions(),
        Frame(40, 8),
    ).rows
    assert "loss is" in spans_of(wide, "warn"), "in words where there is room"


def test_values_that_are_not_finite_are_marked_in_place() -> None:
    values = [float(at) for at in range(40)]
    values[10] = NAN
    rows = drawn(values, odd=((10, NAN_BIT), (20, ABOVE), (30, BELOW)))
    assert "↑" in plain(rows[0])
    assert "↓" in plain(rows[-1])
    marked = next(row for row in rows if "×" in plain(row))
    assert plain(marked).index("×") == LABEL + 1 + 5
    assert "".join(spans_of(rows, "bad").split()) == "↑×NaN/inf↓"


def test_nothing_finite_is_said() -> None:
    text = "\n".join(map(plain, drawn([NAN] * 40, at=(1.0,) * 40, odd=((3, NAN_BIT),))))
    assert "no finite value" in text
    assert "×" in text


def test_a_log_scale_says_what_it_leaves_out() -> None:
    logarithmic = PlotOptions(log=True)
    some = "\n".join(
        map(plain, plot(chart(line([-1.0, 1.0] * 30)), logarithmic, Frame(60, 8)).rows)
    )
    assert "0 and below: not drawn (y)" in some
    none = "\n".join(map(plain, plot(chart(line([-1.0] * 60)), logarithmic, Frame(60, 8)).rows))
    assert "nothing above 0 (y: linear)" in none


def test_eighteen_powers_of_ten_are_straight_on_a_log_scale() -> None:
    values = [10.0**power for power in range(-9, 10)]
    scale = YAxis.around(values, log=True, marks=4)
    assert scale is not None
    assert [round(scale.place(value, 19)) for value in values] == list(range(19))
    assert [tick.label for tick in scale.ticks(4)] == ["1e9", "1e-9", "1e-4", "10", "1M"]


def test_a_lone_point_is_a_mark_that_can_be_seen() -> None:
    assert "●" in "".join(map(plain, drawn([NAN] * 7 + [0.5] + [NAN] * 32)))


def test_superseded_points_are_dim_and_attempts_are_marked() -> None:
    old = tuple(5.0 if at > 20 else NAN for at in range(40))
    rows = drawn([1.0] * 40, old_lows=old, old_highs=old, boundaries=((20.0, 2),))
    assert "2" in spans_of(rows[:1], "key")
    dim = [row for row in rows if any(s.style == "faint" and ord(s.text[0]) > 0x2800 for s in row)]
    assert dim, "no dots that are dim"
    assert any("┊" in plain(row) for row in rows)


def test_superseded_points_far_away_do_not_flatten_the_curve() -> None:
    values = [at / 40 for at in range(40)]
    for old, is_seen in ((1.8, True), (500.0, False)):
        rows = drawn(values, old_lows=(old,) * 40, old_highs=(old,) * 40)
        dim = [row for row in rows if any(s.style == "faint" and s.text > "\u2800" for s in row)]
        bright = [row for row in rows if any(s.style == "curve-1" for s in row)]
        assert bool(dim) == is_seen
        assert len(bright) > len(rows) / 3


def test_raw_is_dim_behind_what_is_smoothed() -> None:
    values = [float(at % 2) for at in range(40)]
    rows = drawn(values, PlotOptions(smoothing=0.9), smooths=(0.5,) * 40)
    assert [s for row in rows for s in row if s.style == "faint" and s.text[0] > "\u2800"]
    bright = [at for at, row in enumerate(rows) if any(s.style == "curve-1" for s in row)]
    assert max(bright) - min(bright) < len(rows) - 2, "smoothed as wide as raw"


def test_several_lines_are_solid_with_colour_mark_and_name() -> None:
    lines = [line([float(n)] * 40, index=n, own=n == 0, label=f"train{n}") for n in range(3)]
    rows = plot(chart(*lines), PlotOptions(), Frame(20, 12, feet=0, right=10)).rows
    text = "\n".join(map(plain, rows))
    assert all(f"{mark} train" in text for mark in "●▲■")
    assert all(spans_of(rows, f"curve-{n}") for n in (1, 2, 3))
    drawn_on = [plain(row)[LABEL + 1 :][:20] for row in rows if " train" in plain(row)]
    assert all(" " not in row for row in drawn_on), drawn_on


def test_marks_sit_on_the_smoothed_line() -> None:
    noisy, still = [float(at % 2) for at in range(80)], (0.5,) * 80
    lines = [line(noisy, index=n, smooths=still, own=n == 0) for n in range(2)]
    rows = plot(chart(*lines), PlotOptions(smoothing=0.9), Frame(40, 9, feet=0)).rows
    assert len({at for at, row in enumerate(rows) if set("●▲") & set(plain(row))}) == 1


def test_of_many_lines_the_own_and_best_are_bright() -> None:
    ends = [9.0, 1.0, 5.0, 4.0, 3.0, 2.0, 6.0, 7.0]
    lines = [
        line([end] * 40, index=n, own=n == 0, label=f"run {n}", best=(end, 0.0, 0.0))
        for n, end in enumerate(ends)
    ]
    styles = line_styles(chart(*lines))
    assert [n for n, style in enumerate(styles) if style.bright] == [0, 1, 2, 3, 4, 5]
    assert len({style.style for style in styles if style.bright}) == 6
    chosen = line_styles(chart(*lines), "run 7")
    assert [n for n, style in enumerate(chosen) if style.bright] == [7]
    rows = plot(chart(*lines), PlotOptions(highlight="run 7"), Frame(40, 20, right=12)).rows
    assert [plain(row).split()[-1] for row in rows if "run" in plain(row)] == ["7"]


def test_bright_lines_differ_in_colour_and_in_mark() -> None:
    lines = [line([float(at)] * 9, index=at, label=f"{at}") for at in (1, 7, 9, 11, 13, 25)]
    styles = line_styles(chart(*lines))
    assert len({one.mark for one in styles}) == len({one.style for one in styles}) == 6


def test_a_pruned_line_is_dim_and_its_end_says_so() -> None:
    why = "0.9 at step 9 is above the median 0.5 of 7"
    lines = [
        line([float(at)] * 10 + [NAN] * 10 * (at == 2), label=f"t{at}", own=at == 0, index=at)
        for at in range(3)
    ]
    lines = [replace(one, pruned=why) if one.label == "t2" else one for one in lines]
    found = chart(*lines)
    assert [style.bright for style in line_styles(found)] == [True, True, False]
    assert "⊣" in spans_of(plot(found, PlotOptions(), FRAME).rows, "dim")
    legend = table_rows(found, figures(), PlotOptions(), 140, 9)
    assert [f"⊣ {why}" in plain(row) for row in legend].count(True) == 1
    assert line_styles(chart(replace(lines[2], own=True)))[0].bright


def test_a_dim_lines_number_is_on_its_end_and_covers_no_bright_line() -> None:
    best = [line([at / 10] * 80, label=f"b{at}", index=at) for at in range(5)]
    rising = line([0.5] * 70 + [1.0] * 10, label="rising", index=5)
    dim = [line([value] * 80, label=f"{value}", index=9) for value in (1.01, 1.1, 1.5, 1.51)]
    found = plot(chart(rising, *best, *dim), PlotOptions(), Frame(40, 16, feet=2)).rows
    lines = [plain(row)[6:] for row in found]
    assert [row.rstrip() for row in lines if re.search("[⣤⠒⠉] [0-9,]+ ", row)] == [
        "⣤" * 34 + " 9,10",
        "⠒" * 37 + " 8",
        "⠉" * 32 + " 7 ⡏⠉⠉⠉★",
    ]


def test_the_mean_is_a_line_before_a_dim_range() -> None:
    low, high = (0.0,) * 40, (1.0,) * 40
    rows = drawn([0.5] * 40, lows=low, highs=high)
    bright = [at for at, row in enumerate(rows) if any(s.style == "curve-1" for s in row)]
    assert len(bright) == 1
    assert all(any(s.style == "faint" and s.text[0] > "\u2800" for s in row) for row in rows[:3])


def test_a_constant_with_rounding_errors_is_a_straight_line() -> None:
    rows = drawn([0.1, 0.1 + 2e-17, 0.1 - 3e-17] * 13)
    assert sum(any(s.style == "curve-1" for s in row) for row in rows) == 1


@example(0.1, 1.25, 6, False)
@given(st.floats(-1e9, 1e9), st.floats(1e-4, 1e9), st.integers(4, 30), st.booleans())
def test_the_y_axis_labels_ends_and_middle_in_few_characters(
    low: float, span: float, height: int, log: bool
) -> None:
    low = abs(low) + 1e-6 if log else low
    view = PlotOptions(log=log)
    rows = plot(chart(line([low, low + span] * 20)), view, Frame(20, height, feet=0)).rows
    labels = [plain(row)[:LABEL].strip() for row in rows]
    if any(labels[:1]):  # else one value: its line has a label in the middle
        assert labels[-1]
        assert any(labels[1:-1]), labels
    assert sum(map(bool, labels)) in (1, *range(3, height + 1))
    assert all(len(label) <= 5 for label in labels)


def test_the_cursor_is_a_line_with_its_place_below() -> None:
    rows = plot(chart(line([1.0] * 40)), PlotOptions(cursor=20.0), Frame(20, 8, feet=2)).rows
    assert sum("│" in plain(row)[8:] for row in rows) >= 6
    assert Segment("20", "accent") in rows[-1]


def test_parts_left_out_of_labels_are_in_the_titles() -> None:
    near = chart(line([1.2341, 1.2353] * 20), low=1_000_055.0, high=1_000_366.0)
    grid = PlotGrid(28, 12, 1)
    rows = [*map(plain, grid_rows([PlotCell(figures("validation/loss"), near)], grid))]
    assert rows[0].startswith("valid")
    assert rows[0].endswith("labels + 1.23")
    assert (rows[1].split("┤")[0], rows[-1].split("─")[0]) == (".0053", "     ╰1000000 +")
    at_left = plot(near, PlotOptions(cursor=1_000_060.0), Frame(60, 8)).rows
    assert plain(at_left[-1]).startswith("     ╰1000000 +─1.00006M─")


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e3), st.integers(12, 60))
def test_a_title_is_never_wider_than_its_plot(low: float, span: float, width: int) -> None:
    one = PlotCell(figures("validation/loss"), chart(line([low, low + span] * 20)))
    assert all(width_of(row) <= width for row in grid_rows([one], PlotGrid(width, 12, 1)))


@given(st.integers(20, 200), st.integers(3, 60), st.integers(1, 20))
def test_a_grid_never_is_wider_than_its_pane(width: int, height: int, count: int) -> None:
    cells = [PlotCell(figures(f"metric {n}"), chart(line([0.0, 1.0] * 20))) for n in range(count)]
    rows = grid_rows(cells, PlotGrid(width, height, count))
    assert max(width_of(row) for row in rows) <= width


def test_four_metrics_fill_a_wide_pane_two_by_two() -> None:
    grid = PlotGrid(140, 32, 4)
    assert (grid.columns, grid.plot_height) == (2, 13)
    assert len(grid_rows([PlotCell(figures(), None)] * 4, grid)) <= 32


@given(st.integers(28, 200), st.integers(6, 60), st.integers(1, 60))
def test_no_plot_has_under_four_lines(width: int, height: int, count: int) -> None:
    grid = PlotGrid(width, height, count)
    assert grid.plot_height >= 4
    rows = -(-count // grid.columns)
    assert grid.visible_rows(height) < rows or rows * grid.row_height <= height + grid.spacing.gap


def test_five_metrics_stand_in_two_columns_with_their_axes() -> None:
    grid = PlotGrid(67, 19, 5)
    assert (grid.columns, grid.plot_height, grid.spacing.axis) == (2, 4, 1)
    assert grid.visible_rows(19) == 3


def test_a_plot_says_name_last_value_and_round_numbers() -> None:
    one = PlotCell(figures("train/loss"), chart(line([0.0, 1.0] * 20)))
    rows = [plain(row) for row in grid_rows([one], PlotGrid(40, 12, 1))]
    assert rows[0].startswith("train/loss")
    assert rows[0].endswith("0.5000")
    labels = [row.split("┤")[0].strip() for row in rows if "┤" in row]
    assert labels == ["1.00", "0.75", "0.50", "0.25", "0"]
    assert rows[-1].split("─")[0].strip().endswith("0")
    assert "20" in rows[-1]


def test_at_the_cursor_the_value_there_is_said() -> None:
    view = PlotOptions(cursor=12.0)
    one = PlotCell(figures(last=9.0), chart(line([float(at) for at in range(40)])), view)
    rows = grid_rows([one], PlotGrid(40, 12, 1))
    assert Segment("12", "accent") in rows[0]


def test_values_that_are_not_finite_are_counted() -> None:
    one = PlotCell(figures(nonfinite=3, last=math.nan), chart(line([0.0] * 40)))
    assert "3 NaN/inf  last NaN" in plain(grid_rows([one], PlotGrid(60, 9, 1))[0])


def test_a_band_is_as_wide_between_points_as_at_them() -> None:
    lows, highs = [0.0, NAN, NAN, 0.0], [8.0, NAN, NAN, 8.0]
    assert YAxis(0, 8).ranges(lows, highs, 9) == [(0, 8)] * 4


def test_a_row_of_nan_is_marked_once_and_covers_no_curve() -> None:
    values = [float(at) for at in range(40)]
    broken = line(values, odd=tuple((dot, NAN_BIT) for dot in range(10, 20)))
    plainly = drawn(values)
    for lines in ([broken], [broken, line(values, index=1)]):
        rows = plot(chart(*lines), PlotOptions(), FRAME).rows
        assert spans_of(rows, "bad").count("×") == 1
    rows = plot(chart(broken), PlotOptions(), FRAME).rows
    dots = [{at for at, one in enumerate(plain(row)) if one > "\u2800"} for row in rows]
    assert dots == [{at for at, one in enumerate(plain(row)) if one > "\u2800"} for row in plainly]


def test_a_line_has_no_hole_where_another_one_crosses() -> None:
    def dots(rows: Sequence[Row]) -> list[list[int]]:
        codes = [[ord(one) - 0x2800 for one in plain(row).ljust(40)] for row in rows]
        return [[max(one, 0) for one in row] for row in codes]

    def canvas_of(*lines: list[braille.DotRange]) -> Sequence[Row]:
        canvas = Canvas(40, 10)
        for at, ranges in enumerate(lines):
            canvas.draw(ranges, f"curve-{at + 1}")
        return canvas.rows()

    rising, falling = (
        [(at // 2, at // 2) for at in order] for order in (range(80), range(80)[::-1])
    )
    both = dots(canvas_of(rising, falling))
    for one in (rising, falling):
        for whole, own in zip(both, dots(canvas_of(one)), strict=True):
            assert all(bits & mine == mine for bits, mine in zip(whole, own, strict=True))


@pytest.mark.parametrize("height", range(4, 11))
@pytest.mark.parametrize(
    ("low", "high"), [(0.2, 2.4), (0.0, 0.6), (-0.002, 0.03), (2.3e-5, 9e-4), (1e4, 1.3e5)]
)
def test_every_axis_has_a_label_between_its_ends(low: float, high: float, height: int) -> None:
    values = [low + (high - low) * at / 39 for at in range(40)]
    rows = plot(chart(line(values)), PlotOptions(), Frame(20, height)).rows
    labels = [plain(row).split("┤")[0].strip() for row in rows if "┤" in plain(row)]
    assert len(labels) >= 3
    assert len(set(labels)) == len(labels)


def test_the_goal_of_a_search_says_which_line_leads() -> None:
    values = [line([1.0] * 4, label="a"), line([2.0] * 4, label="b", index=1)]
    search = Search("tokens/s", "maximize")
    assert leader_text(chart(*values, name="tokens/s"), PlotOptions()) == ""
    led = chart(*values, name="tokens/s", search=search)
    assert leader_text(led, PlotOptions()).startswith("b leads by 1")
    other = chart(*values, name="loss", search=search)
    assert leader_text(other, PlotOptions()).startswith("a leads by 1")


def test_lines_are_compared_past_the_first_pruned_step() -> None:
    def ending(at: int, length: int, pruned: str = "") -> PlotLine:
        values = [1.0 + at] * length + [NAN] * (40 - length)
        return line(values, label=f"t{at}", index=at, end=float(length - 1), pruned=pruned)

    some = [ending(0, 40), ending(1, 3, "median"), ending(2, 40), ending(3, 30), ending(4, 1)]
    assert compared_x(chart(*some), PlotOptions()) == 29, "as far as two thirds of them"
    rows = table_rows(chart(*some), figures(), PlotOptions(), 120, 20)
    order = [found[1] for row in rows if (found := re.match(r"━.*(t\d) ", plain(row)))]
    assert order == ["t0", "t2", "t3", "t1", "t4"], "by rank, then those without a value"
    two = chart(ending(0, 40), ending(1, 12))
    assert compared_x(two, PlotOptions()) == 11, "of two, where the shorter one ends"


def test_running_lines_a_few_points_behind_are_compared_and_may_lead() -> None:
    def at_work(at: int, length: int, live: bool = True) -> PlotLine:
        values = [1.0 - at / 10] * length + [NAN] * (40 - length)
        return line(values, label=f"t{at}", index=at, end=float(length - 1), live=live)

    some = chart(at_work(0, 40), at_work(1, 40), at_work(2, 39), at_work(3, 10))
    assert compared_x(some, PlotOptions()) == 38, "not as far as the one that has only begun"
    assert leader_text(some, PlotOptions()).startswith("t2 leads by 0.1")
    ended = chart(at_work(0, 40), at_work(1, 40), at_work(2, 39, live=False))
    assert compared_x(ended, PlotOptions()) == 39, "one that ended early gets no further"


def test_a_line_keeps_its_colour_while_others_become_bright() -> None:
    lines = [
        line([float(at)] * 9, index=at, label=f"{at}", best=(float(at), 0.0, 0.0))
        for at in range(14)
    ]
    slots: dict[str, int] = {}
    before = line_styles(chart(*lines), "", slots)
    better = [replace(one, best=(-1.0, 0.0, 0.0)) if one.index == 12 else one for one in lines]
    after = line_styles(chart(*better), "", slots)
    kept = [at for at in range(14) if before[at].bright and after[at].bright]
    assert len(kept) == 5
    assert [before[at] for at in kept] == [after[at] for at in kept]
    assert after[12].bright


def test_a_colour_with_its_mark_stands_for_one_line_on_all_pages() -> None:
    """A page for each metric, by which others are the best ones."""
    slots: dict[str, int] = {}
    owners: dict[tuple[str, str], set[str]] = {}
    for first in range(0, 24, 3):
        lines = [
            line([1.0] * 9, index=at, label=f"{at}", best=(float((at - first) % 24), 0.0, 0.0))
            for at in range(24)
        ]
        styles = line_styles(chart(*lines), "", slots)
        bright = [(one, style) for one, style in zip(lines, styles, strict=True) if style.bright]
        assert len({style.style for _, style in bright}) == 6
        for one, style in bright:
            owners.setdefault((style.style, style.mark), set()).add(one.label)
    assert all(len(labels) == 1 for labels in owners.values())


def test_of_a_whole_sweep_the_best_are_bright_and_no_own_line() -> None:
    lines = [
        line([1.0] * 9, index=at, label=f"{at}", best=(float(at), 0.0, 0.0), own=at == 7)
        for at in range(8)
    ]
    assert line_styles(chart(*lines))[7].bright
    whole = line_styles(chart(*lines, whole_sweep=True))
    assert [style.bright for style in whole] == [True] * 6 + [False] * 2


def test_lines_that_run_together_keep_their_colours_in_turn() -> None:
    canvas = Canvas(20, 3)
    for at, dot in enumerate((5, 6)):
        canvas.draw([(dot, dot)] * 40, f"curve-{at + 1}")
    drawn = [row for row in canvas.rows() if plain(row).strip()]
    assert [one.style for one in drawn[0]] == ["curve-1", "curve-2"] * 10
    heights = {one.style: one.text for one in drawn[0]}
    assert heights["curve-1"] != heights["curve-2"], "each at its own height"


def test_a_mark_stands_where_it_is_nearest_to_its_line() -> None:
    # dots at the bottom of a character, but for a short way through its middle
    values = [4.0] * 80
    values[10:14] = [6.0] * 4
    other = line([0.0] * 79 + [47.0], index=1, label="other", own=False)
    rows = plot(chart(line(values), other), PlotOptions(), Frame(40, 12, feet=0)).rows
    marks = [at for row in rows for at, one in enumerate(plain(row)) if one == "●"]
    assert any(5 <= at - LABEL - 1 < 7 for at in marks), marks


def test_a_difference_is_bold_only_if_told_from_noise() -> None:
    def bold(verdict: SeedVerdict) -> list[str]:
        some = [line([float(at)] * 9, index=at, label=f"lr={at}") for at in range(2)]
        drawn = chart(*some, verdict=verdict, name="val/loss")
        rows = table_rows(drawn, figures("val/loss"), PlotOptions(), 120, 9)
        return [one.text for row in rows[3:] for one in row if one.style == "strong"]

    words = ("best over seeds", "lr=1 minus lr=0")
    assert bold(SeedVerdict()) == bold(SeedVerdict(words)) == []
    assert bold(SeedVerdict(words, is_told=True)) == [words[1]]


def test_no_mark_stands_beside_the_name_of_another_line() -> None:
    names = "abcd"
    lines = [
        line([value] * 40, label=name, index=at, best=(value, 0.0, 0.0))
        for at, (name, value) in enumerate(zip(names, (5.0, 5.1, 5.2, 0.0), strict=True))
    ]
    rows = plot(chart(*lines), PlotOptions(), Frame(20, 12, right=8)).rows
    ends = [plain(row)[LABEL + 1 :].rstrip() for row in rows if plain(row).rstrip()[-1:] in names]
    assert len(ends) == 4, "the names of the first three have moved apart"
    for end in ends:
        assert set(end[16:-3]) & set(MARKS) <= {end[-3]}


def test_the_names_beside_means_say_so() -> None:
    some = [line([at + 1.0] * 40) for at in range(4)]
    means = [folded(some[at : at + 2], (("lr", str(at)),)) for at in (0, 2)]

    def names(*lines: PlotLine, room: int) -> list[str]:
        rows = plot(chart(*lines), PlotOptions(), Frame(20, 12, right=room)).rows
        return [found[0].strip() for row in rows if (found := re.findall("lr.*", plain(row)))]

    assert names(*means, room=16) == ["lr=2 mean", "lr=0 mean"]
    assert names(means[0], line([9.0] * 40, pairs=(("lr", "9"),)), room=16) == ["lr=9", "lr=0 mean"]
    assert names(*means, room=8) == ["lr=2", "lr=0"], "the table says it"


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_a_means_count_is_whole_in_80_columns(smoothing: float) -> None:
    mean = folded([line([1.0] * 40)] * 9, (("", "all 16"),))
    mean = replace(mean, counts=(9,) * 40, members=mean.members + mean.members[:7])
    rows = table_rows(chart(mean), figures(), PlotOptions(smoothing=smoothing), 78, 9)
    assert re.search(r"all 16  (mean of |n=)9 of 16 ", plain(rows[1]))


@pytest.mark.parametrize("name", ["0.3", "0.005", "0.00025,wd=0.01"])
@pytest.mark.parametrize("width", [78, 118])
def test_a_means_deviation_is_never_cut(width: int, name: str) -> None:
    some = [line([at + 1.0] * 40) for at in range(2)]
    mean = replace(folded(some, (("lr", name),)), deviations=(0.0497,) * 40)
    rows = table_rows(chart(mean), figures(), PlotOptions(smoothing=0.9), width, 9)
    assert "±0.0497 " in plain(rows[1])
    assert ("mean of 2" in plain(rows[1])) == (width > 80)
    assert len(name) > 6 or f"lr={name} " in plain(rows[1])


def test_every_drawn_line_has_a_row_around_the_highlighted_one() -> None:
    lines = [line([float(at)] * 9, index=at, label=f"m{at:02}") for at in range(14)]
    for at in range(14):
        rows = table_rows(chart(*lines), figures(), PlotOptions(highlight=f"m{at:02}"), 120, 7)
        assert any(f"m{at:02}" in plain(row) for row in rows[1:-1])
        assert "of 14" in plain(rows[-1])


def test_a_run_that_will_lack_the_metric_is_not_offered() -> None:
    def candidate(
        run: str, summary: SeriesSummary | None, status: Status, *, elsewhere: bool = False
    ) -> Candidate:
        series = PlottedSeries(run, run, 0, run=run, status=status, elsewhere=elsewhere)
        return Candidate(series, {}, summary, None, None)

    offered = CandidateList(CurvesState(compared=Comparison(runs=("chosen",))))
    found = [
        candidate("has it", figures(), Status.COMPLETED),
        candidate("chosen", None, Status.COMPLETED),
        candidate("may get it", None, Status.RUNNING),
        candidate("lacks it", None, Status.FAILED),
        candidate("of another kind", None, Status.RUNNING, elsewhere=True),
    ]
    offered.set_candidates(found, lower=True)
    assert {one.series.run for one in offered.shown} == {"has it", "chosen", "may get it"}
    assert offered.without == 2


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_state_and_the_nan_of_a_candidate_are_shown_whole(width: int) -> None:
    def candidate(at: int, nonfinite: int, **changed: Any) -> Candidate:
        params = {f"parameter{one}": str(at) for one in range(8)}
        series = PlottedSeries(f"run {at}", f"run {at}", 0, run=str(at), **changed)
        summary = figures(nonfinite=nonfinite)
        return Candidate(series, params, summary, 1.0, 32.0 if nonfinite else None)

    offered = CandidateList(CurvesState())
    found = [
        candidate(0, 0, own=True),
        candidate(1, 23),
        candidate(2, 0, status=Status.PRUNED),
        candidate(3, 0, status=Status.RUNNING),
    ]
    offered.set_candidates(found, lower=True)
    rows = [plain(cut(offered.row(at, width), width)).rstrip() for at in range(5)]
    assert rows[1].endswith("  this one")
    assert rows[2].endswith("  pruned")
    assert rows[3].endswith("  running")
    assert rows[4].endswith("  ×23 not finite since step 32")


def test_compared_curves_show_no_parameter_that_is_always_the_same() -> None:
    def candidate(run: str, params: dict[str, str], *, elsewhere: bool = False) -> Candidate:
        series = PlottedSeries(run, run, 0, run=run, elsewhere=elsewhere)
        return Candidate(series, params, figures(), None, None)

    offered = CandidateList(CurvesState())
    first, second = {"lr": "1", "pace": "2", "width": "8"}, {"lr": "3", "pace": "2"}
    found = [candidate("a", first), candidate("b", second), candidate("c", {}, elsewhere=True)]
    offered.set_candidates(found, lower=True)
    assert offered.params == ["lr", "width"]


def test_labels_of_compared_curves_are_whole_where_there_is_room() -> None:
    names = [f"digits-mlp lr={at},wd=0.0,batch=32,hidden=128 › train" for at in range(3)]
    series = [PlottedSeries(name, name, 0, run=name) for name in names]
    offered = CandidateList(CurvesState())
    found = [Candidate(one, {}, figures(nonfinite=23), None, 32.0) for one in series]
    offered.set_candidates(found, lower=True)
    rows = [plain(offered.row(at + 1, 120)) for at in range(3)]
    assert [name in row for name, row in zip(names, rows, strict=True)] == [True] * 3
    assert all(row.rstrip().endswith("since step 32") and len(row) <= 120 for row in rows)
