"""Compared lines in a grid of plots are named, and a line looks the same in every plot."""

from __future__ import annotations

import pytest

from tests.unit.tui.charts import NAN, chart, figures, line
from trainui.tui.curves.axes import Frame
from trainui.tui.curves.grid import PlotCell, PlotGrid, grid_rows
from trainui.tui.curves.grid_legend import legend_rows, names_width, shared_styles, styles_of
from trainui.tui.curves.legend import table_rows
from trainui.tui.curves.model import Chart
from trainui.tui.curves.plot import plot_rows
from trainui.tui.curves.view_options import PlotOptions
from trainui.tui.render.styled_text import plain, width_of


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
    shared = shared_styles([lines_of("loss", [float(at) for at in range(count)])], "")
    rows = legend_rows(shared, 40)
    text = " ".join(map(plain, rows))
    assert all(width_of(row) <= 40 for row in rows)
    assert all(f"{shared[f'lr={at}'].mark} lr={at}" in text for at in range(min(count, 6)))
    assert ("3 dim" in text) == (count == 9)


def test_names_stand_beside_the_right_ends_and_the_plot_keeps_its_width() -> None:
    one = lines_of("loss", [1.0, 2.0, 3.0])
    shared = shared_styles([one], "")
    grid = PlotGrid(60, 12, 1, names_width(list(shared)))
    cell = PlotCell(figures("loss"), one, styles=styles_of(one, shared))
    rows = grid_rows([cell], grid)
    assert max(map(width_of, rows)) <= 60
    assert plain(rows[0]).endswith("lr=0 1"), "the name of the line whose value it is"
    ends = [plain(row).rsplit(" ", 1)[-1] for row in rows[1:] if "lr=" in plain(row)]
    assert ends == ["lr=2", "lr=1", "lr=0"], "as high as the lines"


def test_a_nan_in_a_row_with_gaps_is_marked_once_if_there_are_other_lines() -> None:
    values = [1.0 if at % 5 == 0 else NAN for at in range(40)]
    places = tuple(float(at) if at % 5 == 0 else NAN for at in range(40))
    odd = ((10, 1), (15, 1), (20, 1), (30, 1))
    rows = plot_rows(
        chart(line(values, odd=odd, at=places), line(values, index=1)), PlotOptions(), Frame(20, 8)
    )
    assert "".join(map(plain, rows)).count("×") == 2, "25 is finite"


@pytest.mark.parametrize("width", [60, 120])
def test_a_line_with_a_nan_is_marked_in_the_table_of_compared_lines(width: int) -> None:
    broken = line([1.0] * 40, odd=((10, 1),), label="lr=1", best=(1.0, 0.0, 0.0))
    sound = line([2.0] * 40, odd=((5, 2),), label="lr=2", index=1, own=False)
    table = table_rows(chart(broken, sound), figures(), PlotOptions(), width, 9)
    marked = [plain(row) for row in table if "×" in plain(row)]
    assert ["lr=1" in row for row in marked] == [True], "an infinity is no NaN"
    assert ("NaN" in marked[0]) == (width == 120)
