"""Curves in braille: nothing that a column holds is lost, and what is odd is marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.tui.charts import NAN, chart, figures, line
from trainui.braille import NO_DOTS
from trainui.store.points.binning import ABOVE, BELOW
from trainui.store.points.binning import NAN as NAN_BIT
from trainui.tui.curves.grid import PlotCell, PlotGrid, grid_rows
from trainui.tui.curves.model import Annotation
from trainui.tui.curves.plot import Frame, plot_rows
from trainui.tui.curves.scales import YAxis
from trainui.tui.curves.view_options import PlotOptions
from trainui.tui.render.styled_text import Row, Segment, plain, width_of

VALUES = st.floats(-1e300, 1e300) | st.floats(-1, 1)
FRAME = Frame(20, 8, feet=0)


def drawn(
    values: Sequence[float], view: PlotOptions | None = None, **changed: object
) -> Sequence[Row]:
    return plot_rows(chart(line(values, **changed)), view or PlotOptions(), FRAME)


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


def test_a_rising_line_has_no_holes() -> None:
    values = [float(x**2) for x in range(40)]
    scale = YAxis.around(values, log=False, marks=3)
    assert scale is not None
    covered = {y for low, high in scale.ranges(values, values, 20) for y in range(low, high + 1)}
    assert covered == set(range(max(covered) + 1))


def test_columns_without_points_are_bridged_between_points_and_not_beyond_them() -> None:
    values = [NAN, NAN, 0.0, NAN, NAN, NAN, 4.0, NAN]
    scale = YAxis(0, 4)
    found = scale.ranges(values, values, 9)
    assert [at for at, run in enumerate(found) if run != NO_DOTS] == [2, 3, 4, 5, 6]
    assert [found[at][1] for at in (2, 4, 6)] == [0, 4, 8]


def test_a_constant_is_a_line_in_the_middle_with_its_value() -> None:
    rows = drawn([3.0] * 40)
    summary = [at for at, row in enumerate(rows) if any(s.style == "curve-1" for s in row)]
    assert len(summary) == 1
    assert plain(rows[summary[0]]).split("┤")[0].strip() == "3.0"


def test_what_struck_is_marked_at_its_place() -> None:
    struck = (Annotation(20.0, "loss is 20 at step 20"), Annotation(500.0, "out of the window"))
    rows = plot_rows(
        chart(line([float(at) for at in range(40)]), marks=struck), PlotOptions(), FRAME
    )
    assert plain(rows[0]).index("!") == FRAME.labels + 1 + 10
    assert spans_of(rows, "warn").count("!") == 1


def test_what_is_not_finite_is_marked_where_it_is() -> None:
    values = [float(at) for at in range(40)]
    values[10] = NAN
    rows = drawn(values, odd=((10, NAN_BIT), (20, ABOVE), (30, BELOW)))
    assert "↑" in plain(rows[0])
    assert "↓" in plain(rows[-1])
    marked = next(row for row in rows if "×" in plain(row))
    assert plain(marked).index("×") == FRAME.labels + 1 + 5
    assert spans_of(rows, "bad").split() == ["↑", "×", "↓"]


def test_nothing_finite_is_said() -> None:
    text = "\n".join(map(plain, drawn([NAN] * 40, at=(1.0,) * 40, odd=((3, NAN_BIT),))))
    assert "no finite value" in text
    assert "×" in text


def test_a_log_scale_says_what_it_leaves_out() -> None:
    logarithmic = PlotOptions(log=True)
    some = "\n".join(
        map(plain, plot_rows(chart(line([-1.0, 1.0] * 30)), logarithmic, Frame(60, 8)))
    )
    assert "0 and below: not drawn (y)" in some
    none = "\n".join(map(plain, plot_rows(chart(line([-1.0] * 60)), logarithmic, Frame(60, 8))))
    assert "nothing above 0 (y: linear)" in none


def test_eighteen_powers_of_ten_are_a_straight_line_on_a_log_scale() -> None:
    values = [10.0**power for power in range(-9, 10)]
    scale = YAxis.around(values, log=True, marks=4)
    assert scale is not None
    assert [round(scale.place(value, 19)) for value in values] == list(range(19))
    assert [tick.label for tick in scale.ticks(4)] == ["1e-9", "1e-4", "10", "1e6"]


def test_a_lone_point_is_a_mark_that_can_be_seen() -> None:
    assert "●" in "".join(map(plain, drawn([NAN] * 7 + [0.5] + [NAN] * 32)))


def test_superseded_points_are_dim_and_attempts_are_marked() -> None:
    old = tuple(5.0 if at > 20 else NAN for at in range(40))
    rows = drawn([1.0] * 40, old_lows=old, old_highs=old, boundaries=((20.0, 2),))
    assert "2" in spans_of(rows[:1], "key")
    dim = [row for row in rows if any(s.style == "dim" and ord(s.text[0]) > 0x2800 for s in row)]
    assert dim, "no dots that are dim"
    assert any("┊" in plain(row) for row in rows)


def test_raw_is_dim_behind_what_is_smoothed() -> None:
    values = [float(at % 2) for at in range(40)]
    rows = drawn(values, PlotOptions(smoothing=0.9), smooths=(0.5,) * 40)
    assert [s for row in rows for s in row if s.style == "dim" and s.text[0] > "\u2800"]
    bright = [at for at, row in enumerate(rows) if any(s.style == "curve-1" for s in row)]
    assert max(bright) - min(bright) < len(rows) - 2, "smoothed as wide as raw"


def test_several_lines_differ_by_colour_mark_and_dashes() -> None:
    lines = [line([float(n)] * 40, index=n, own=n == 0) for n in range(3)]
    rows = plot_rows(chart(*lines), PlotOptions(), Frame(20, 12, feet=0))
    text = "\n".join(map(plain, rows))
    assert all(mark in text for mark in "●▲■")
    assert all(spans_of(rows, f"curve-{n}") for n in (1, 2, 3))
    solid, dashed = (next(row for row in rows if mark in plain(row)) for mark in "●▲")
    assert plain(dashed).count(" ") > plain(solid).count(" ")


def test_the_cursor_is_a_line_with_its_place_below() -> None:
    rows = plot_rows(chart(line([1.0] * 40)), PlotOptions(cursor=20.0), Frame(20, 8, feet=2))
    assert sum("│" in plain(row)[8:] for row in rows) >= 6
    assert Segment("20", "accent") in rows[-1]


@given(st.integers(20, 200), st.integers(3, 60), st.integers(1, 20))
def test_a_grid_never_is_wider_than_its_pane(width: int, height: int, count: int) -> None:
    cells = [PlotCell(figures(f"metric {n}"), chart(line([0.0, 1.0] * 20))) for n in range(count)]
    rows = grid_rows(cells, PlotOptions(), PlotGrid(width, height, count))
    assert max(width_of(row) for row in rows) <= width


def test_four_metrics_fill_a_wide_pane_two_by_two() -> None:
    grid = PlotGrid(140, 32, 4)
    assert (grid.columns, grid.plot_height) == (2, 13)
    assert len(grid_rows([PlotCell(figures(), None)] * 4, PlotOptions(), grid)) <= 32


def test_of_many_metrics_whole_plots_are_to_be_seen() -> None:
    grid = PlotGrid(60, 18, 60)
    assert 18 // grid.row_height * grid.row_height >= 17


def test_a_plot_says_name_last_value_and_round_numbers() -> None:
    one = PlotCell(figures("train/loss"), chart(line([0.0, 1.0] * 20)))
    rows = [plain(row) for row in grid_rows([one], PlotOptions(), PlotGrid(40, 12, 1))]
    assert rows[0].startswith("train/loss")
    assert rows[0].endswith("0.5000")
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["1.0", "0.5", "0"]
    assert rows[-1].split("─")[0].strip().endswith("0")
    assert "20" in rows[-1]


def test_at_the_cursor_the_value_there_is_said() -> None:
    one = PlotCell(figures(last=9.0), chart(line([float(at) for at in range(40)])))
    rows = grid_rows([one], PlotOptions(cursor=12.0), PlotGrid(40, 12, 1))
    assert Segment("12", "accent") in rows[0]


def test_values_that_are_not_finite_are_counted() -> None:
    one = PlotCell(figures(nonfinite=3, last=math.nan), chart(line([0.0] * 40)))
    assert "×3  nan" in plain(grid_rows([one], PlotOptions(), PlotGrid(60, 9, 1))[0])
