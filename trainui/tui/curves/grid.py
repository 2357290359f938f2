"""A grid of small plots, one a metric: as many as fit, as large as possible."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from trainui.domain.records import SeriesSummary
from trainui.text import harmless
from trainui.tui.axes.labels import LABEL
from trainui.tui.axes.y_axis import Frame
from trainui.tui.curves.cursor_values import best_line, last_value, ranking, value_at
from trainui.tui.curves.drawing.line_styles import LineStyle
from trainui.tui.curves.drawing.plot import plot, shared_beginning
from trainui.tui.data.curves import Chart, PlotLine
from trainui.tui.data.plot_options import PlotOptions
from trainui.tui.render.numbers import number
from trainui.tui.render.styled_text import (
    ELLIPSIS,
    Row,
    Segment,
    beside,
    cut,
    fit,
    fit_middle,
    width_of,
)
from trainui.tui.styles import CURVES

LABEL_WIDTH = LABEL + 1
"""Characters left of a plot: its labels and its axis."""

CELL_WIDTH, NAMED_WIDTH = 28, 32
"""The least width of a plot with its labels, in characters; with names beside it also theirs."""

GAP = 2
"""Characters between two plots side by side."""

LEAST_HEIGHT, ENOUGH, MOST_HEIGHT = 4, 10, 16
"""Lines of a plot: the least, those above which width counts more than height, and the most."""

PAGED_HEIGHT = 6
"""Lines of a plot if there is no room for all."""

LEAST_NAME = 10
"""Characters of a metric's name that matter more than its value beside labels with an offset."""

MOST_LABEL = 12
"""The most characters of a line's name in the title of its plot."""

LAST = Segment("last ", "dim")
"""Before the last value of a metric."""

LEAST_SHARED = 6
"""The least length of a shared suffix that is cut from names that are too long."""


class Spacing(NamedTuple):
    """The lines around a plot besides its title."""

    axis: int
    gap: int

    @property
    def total(self) -> int:
        """All lines that a plot needs besides its own."""
        return 1 + self.axis + self.gap


SPACINGS = (Spacing(1, 1), Spacing(1, 0), Spacing(0, 1), Spacing(0, 0))
"""With an axis and a gap, with one of them, and with neither. Without a gap, a rule beside each
title separates the plots."""


class PlotGrid:
    """The layout of plots in a pane: the tallest at which all are visible, then the widest."""

    def __init__(self, width: int, height: int, count: int, names: int = 0) -> None:
        """Lay out plots; `names` is the width of the names at the right of each one, 0: none."""
        self.names = names
        least = NAMED_WIDTH + names if names else CELL_WIDTH
        most = max(1, min(count, (width + GAP) // (least + GAP)))
        found = (_fitting(height, count, most, spacing) for spacing in SPACINGS)
        chosen = next(filter(None, found), None)
        self.columns, self.plot_height, self.spacing = chosen or _paged(height, most)
        self.cell_width = max((width - GAP * (self.columns - 1)) // self.columns, 12)

    @property
    def plot_width(self) -> int:
        """Width of a plot without its labels, in characters."""
        return max(self.cell_width - LABEL_WIDTH - self.names, 5)

    @property
    def row_height(self) -> int:
        """Lines from one plot to the one below it."""
        return self.plot_height + self.spacing.total

    def visible_rows(self, height: int) -> int:
        """Return how many rows of whole plots a pane of `height` lines shows, at least one."""
        return max((height + self.spacing.gap) // self.row_height, 1)


laid_out = lru_cache(maxsize=64)(PlotGrid)
"""Lays out plots; cached."""

_PlotLayout = tuple[int, int, Spacing]
"""Columns, lines of a plot, and what is around it."""


def _fitting(height: int, count: int, most: int, spacing: Spacing) -> _PlotLayout | None:
    """Return the best layout of all plots with a spacing; None if they do not fit."""
    rooms = (
        (columns, (height + spacing.gap) // -(-count // columns) - spacing.total)
        for columns in range(1, most + 1)
    )
    found = [(columns, room) for columns, room in rooms if room >= LEAST_HEIGHT]
    if not found:
        return None
    columns, room = max(found, key=lambda one: (min(one[1], ENOUGH), -one[0]))
    return columns, min(room, MOST_HEIGHT), spacing


def _paged(height: int, most: int) -> _PlotLayout:
    """Return the layout of plots of which not all fit."""
    spacing = SPACINGS[1]
    few = min(height // (LEAST_HEIGHT + spacing.total), 2)
    rows = max(height // (PAGED_HEIGHT + spacing.total), few, 1)
    plot_height = max(height // rows - spacing.total, LEAST_HEIGHT)
    if rows * (plot_height + SPACINGS[0].total) - SPACINGS[0].gap <= height:
        spacing = SPACINGS[0]
    return most, min(plot_height, MOST_HEIGHT), spacing


class PlotCell(NamedTuple):
    """One cell of the grid: a metric and its plot."""

    figures: SeriesSummary
    chart: Chart | None
    """None: not read yet."""
    view: PlotOptions = PlotOptions()
    pinned: bool = False
    selected: bool = False
    styles: tuple[LineStyle, ...] | None = None
    """The styles of compared lines; None: nothing is compared."""
    of_sweep: bool = False
    """True if the lines are a whole sweep, so that none of them is the page's own."""


def grid_rows(cells: Sequence[PlotCell], grid: PlotGrid) -> list[Row]:
    """Draw metrics row by row."""
    lines: list[Row] = []
    ending = shared_ending([harmless(cell.figures.name) for cell in cells])
    for start in range(0, len(cells), grid.columns):
        part = [
            cell_rows(cell, grid, start + at, ending)
            for at, cell in enumerate(cells[start : start + grid.columns])
        ]
        if lines:
            lines += [()] * grid.spacing.gap
        lines += [beside(rows, grid.cell_width + GAP) for rows in zip(*part, strict=True)]
    return lines


def cell_rows(cell: PlotCell, grid: PlotGrid, at: int, ending: str = "") -> list[Row]:
    """Draw one metric: a title line with its name and last value, and its plot.

    `at` is its index among all cells; `ending` is the suffix that all names share, cut first if a
    name is too long.
    """
    chart, y_title, feet = cell.chart, "", grid.spacing.axis
    styles = cell.styles or (LineStyle(f"curve-{at % CURVES + 1}", "●"),)
    rows: Sequence[Row] = [(Segment(" " * LABEL), Segment("│", "line"))] * grid.plot_height
    rows = [*rows, *[()] * feet]
    if chart is not None:
        frame = Frame(grid.plot_width, grid.plot_height, feet, grid.names)
        rows, y_title = plot(chart, cell.view, frame, styles[: len(chart.lines)])
    return [_title(cell, grid, styles, ending, y_title), *rows]


def _title(
    cell: PlotCell, grid: PlotGrid, styles: Sequence[LineStyle], ending: str, y_title: str
) -> Row:
    """Return the name, and at the right what to do with the labels, and a value.

    The value's words go before the name is shortened, and all of it before the labels' meaning.
    """
    right = [Segment(f"{y_title}  ", "warn")] if y_title else []
    if cell.view.log:
        right.append(Segment("log y  ", "key"))
    if cell.figures.nonfinite:
        right.append(Segment(f"×{cell.figures.nonfinite}  ", "bad"))
    if cell.chart is not None and cell.chart.annotations:
        right.append(Segment("!  ", "warn"))
    sign = "▸ " * cell.selected + "◆ " * cell.pinned
    value = _value(cell, styles)
    least = len(sign) + cell_len(harmless(cell.figures.name)) + 1
    while len(value) > 1 and least + width_of((*right, *value)) > grid.cell_width:
        value = value[1:]
    if y_title and grid.cell_width - width_of((*right, *value)) <= LEAST_NAME:
        value = ()
        right[-1] = Segment(right[-1].text.rstrip(), right[-1].style)
    right = [*cut((*right, *value), grid.cell_width - 2)]
    room = grid.cell_width - width_of(tuple(right)) - 1
    name = fit(
        sign + _shortened(harmless(cell.figures.name), room - len(sign), ending), room
    ).rstrip()
    rule = "" if grid.spacing.gap else "─" * (room - cell_len(name) - 1)
    between = (Segment(" "), Segment(fit(rule, room - cell_len(name)), "line"))
    return (Segment(name, "title" if cell.selected else "strong"), *between, *right)


def _value(cell: PlotCell, styles: Sequence[LineStyle]) -> Row:
    """Return the first line's value at the cursor, else its last one, with the line's name.

    Of a whole sweep, it is the leader's value at the cursor, else the best value of all.
    """
    view, chart = cell.view, cell.chart
    if chart is None or not chart.lines:
        return (LAST, Segment(number(cell.figures.last), styles[0].style))
    line = chart.lines[0]
    best = best_line(chart) if cell.of_sweep and view.cursor is None else None
    if best is not None and best.best is not None:
        style = styles[chart.lines.index(best)].style
        shown = Segment(number(best.best[0]), style)
        return (Segment("best ", "dim"), Segment(_named(best), style), shown)
    if cell.of_sweep and (ranked := ranking(chart, view)):
        line = ranked[0][1]
    name = _named(line) if len(chart.lines) > 1 or line.members else ""
    style = styles[chart.lines.index(line)].style
    end = last_value(line, view) if name else None
    last = number(cell.figures.last if end is None else end.value)
    names = (Segment(name, style),) * bool(name)
    if view.cursor is None:
        return (LAST, *names, Segment(last, style))
    found = value_at(line, view, view.cursor)
    if found is None:
        return (Segment(f"{name}last {last}" if view.cursor > line.end else "–", "dim"),)
    return (*names, Segment(number(found.smoothed), "accent"))


def _named(line: PlotLine) -> str:
    return f"{fit_middle(line.label, MOST_LABEL)} "


def shared_ending(names: Sequence[str]) -> str:
    """Return the suffix that all names share, from a separator on; empty if it is short."""
    ending = shared_beginning([name[::-1] for name in names], "/._-")[::-1]
    return ending if len(ending) >= LEAST_SHARED else ""


def _shortened(name: str, room: int, ending: str) -> str:
    """Shorten a name to `room` cells, cutting the shared suffix first."""
    if width_of((Segment(name),)) <= room or not ending:
        return fit_middle(name, room)
    return fit_middle(name.removesuffix(ending), room - 1) + ELLIPSIS
