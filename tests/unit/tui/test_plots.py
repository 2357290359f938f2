"""Curves in braille: nothing that a column holds is lost."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from trainui.braille import _DOTS, plot_lines
from trainui.tui.plots import Grid, grid_rows
from trainui.tui.snapshots import CurveData
from trainui.tui.spans import plain, width_of

NAN = math.nan
VALUES = st.floats(-1e300, 1e300) | st.floats(-1, 1)


def lit(lines: list[str]) -> set[tuple[int, int]]:
    """The dots of a plot, as columns from the left and rows from the bottom."""
    found = set()
    for line_number, line in enumerate(lines):
        for at, character in enumerate(line):
            bits = 0 if character == " " else ord(character) - 0x2800
            for column, dots in enumerate(_DOTS):
                for row, bit in enumerate(dots):
                    if bits & bit:
                        found.add((2 * at + column, 4 * len(lines) - 1 - 4 * line_number - row))
    return found


def curve(name: str = "loss", **changed: object) -> CurveData:
    values: dict[str, object] = {
        "count": 4,
        "last": 0.5,
        "minimum": 0.0,
        "maximum": 1.0,
        "first_step": 0,
        "last_step": 100,
        "nonfinite": 0,
        "lows": (0.0, 0.25, 0.5, 1.0) * 10,
        "highs": (0.0, 0.25, 0.5, 1.0) * 10,
    }
    return CurveData(name, **{**values, **changed})  # type: ignore[arg-type]


@settings(max_examples=60)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=60), st.integers(1, 12))
def test_every_column_shows_its_extremes(pairs: list[tuple[float, float]], height: int) -> None:
    lows, highs = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    dots = lit(plot_lines(lows, highs, height))
    for column in range(len(pairs)):
        assert any(x == column for x, _ in dots), f"nothing in column {column}"
    if min(lows) < max(highs):
        assert (lows.index(min(lows)), 0) in dots
        assert (highs.index(max(highs)), 4 * height - 1) in dots


def test_a_spike_of_one_point_reaches_the_top() -> None:
    values = [0.0] * 100
    values[41] = 9.0
    assert (41, 15) in lit(plot_lines(values, values, 4))


def test_a_rising_line_has_no_holes() -> None:
    values = [float(x**2) for x in range(40)]
    dots = lit(plot_lines(values, values, 5))
    assert {y for _, y in dots} == set(range(20))


def test_columns_without_points_are_bridged_between_points_and_not_beyond_them() -> None:
    values = [NAN, NAN, 0.0, NAN, NAN, NAN, 4.0, NAN]
    assert {x for x, _ in lit(plot_lines(values, values, 2))} == {2, 3, 4, 5, 6}


def test_nothing_finite_is_an_empty_plot() -> None:
    assert plot_lines([NAN] * 8, [NAN] * 8, 2) == ["    ", "    "]


def test_a_constant_is_a_line_in_the_middle() -> None:
    assert lit(plot_lines([3.0] * 4, [3.0] * 4, 3)) == {(x, 6) for x in range(4)}


@given(st.integers(20, 200), st.integers(3, 60), st.integers(1, 20))
def test_a_grid_never_is_wider_than_its_pane(width: int, height: int, count: int) -> None:
    rows = grid_rows([curve(f"metric {n}") for n in range(count)], Grid(width, height, count))
    assert max(width_of(row) for row in rows) <= width


def test_four_metrics_fill_a_wide_pane_two_by_two() -> None:
    grid = Grid(140, 32, 4)
    assert (grid.columns, grid.plot_height) == (2, 13)
    assert len(grid_rows([curve()] * 4, grid)) <= 32


def test_a_plot_says_name_last_value_extremes_and_steps() -> None:
    rows = [plain(row) for row in grid_rows([curve("train/loss")], Grid(40, 9, 1))]
    assert rows[0].startswith("train/loss")
    assert rows[0].endswith("0.5000")
    assert rows[1].split()[0] == "1"
    assert rows[-2].split()[0] == "0"
    assert rows[-1].split()[0] == "0"
    assert rows[-1].split()[-1] == "100"


def test_values_that_are_not_finite_are_counted() -> None:
    rows = grid_rows([curve(nonfinite=3, last=math.nan)], Grid(60, 9, 1))
    assert "3 not finite  nan" in plain(rows[0])
