"""Metrics side by side: as many plots as a pane has room for, as large as they can be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from trainui.tui.curves import ticks
from trainui.tui.curves.cursor_values import CursorValue, reading
from trainui.tui.curves.line_styles import LineStyle
from trainui.tui.curves.model import Chart, CurveData
from trainui.tui.curves.plot import Frame, plot_rows
from trainui.tui.curves.view_options import PlotOptions
from trainui.tui.render.numbers import number
from trainui.tui.render.styled_text import ELLIPSIS, Row, Segment, fit, fit_middle, width_of
from trainui.tui.styles import CURVES

LABEL_WIDTH = ticks.LABEL + 1
"""Cells left of a plot: its labels and its axis."""

CELL_WIDTH = 28
"""Cells that a plot should have at least with its labels."""

GAP = 2
"""Cells between two plots side by side."""

FULL, COMPACT, MOST_HEIGHT = 4, 2, 16
"""Lines of a plot: with its axis and a gap below at least, without them at least, and at most."""


LEAST_SHARED = 6
"""Characters of an ending from which on it is left out of names that are too long."""


class PlotGrid:
    """How plots are laid out in a pane: as large as they can be with all of them to be seen."""

    def __init__(self, width: int, height: int, count: int) -> None:
        """Lay out `count` plots in a pane of this many cells and lines."""
        most = max(1, min(count, (width + GAP) // (CELL_WIDTH + GAP)))
        layouts = [_layout(height, count, columns) for columns in range(1, most + 1)]
        full = [found for found in layouts if found.full >= FULL]
        compact = [found for found in layouts if found.compact >= COMPACT]
        if full:
            chosen = max(full, key=lambda found: found.full * (width // found.columns))
        elif compact:
            chosen = max(compact, key=lambda found: found.compact * (width // found.columns))
        else:
            chosen = layouts[-1]
        self.compact = bool(compact) and not full
        """Whether axes and gaps are left out, so that every plot is to be seen."""
        self.columns = chosen.columns
        self.cell_width = max((width - GAP * (self.columns - 1)) // self.columns, 12)
        self.plot_height = chosen.compact if self.compact else max(chosen.full, FULL)
        if not full and not compact:  # whole rows of plots, however many there is room for
            rows = max((height + 1) // (FULL + 3), 1)
            self.plot_height = max((height + 1) // rows - 3, FULL)

    @property
    def plot_width(self) -> int:
        """Characters of a plot without its labels."""
        return self.cell_width - LABEL_WIDTH

    @property
    def row_height(self) -> int:
        """Lines from one plot to the one below it."""
        return self.plot_height + (1 if self.compact else 3)

    @property
    def frame(self) -> Frame:
        """The room of a plot."""
        return Frame(self.plot_width, self.plot_height, ticks.LABEL, 0 if self.compact else 1)


@lru_cache(maxsize=64)
def laid_out(width: int, height: int, count: int) -> PlotGrid:
    """Return how so many plots are laid out."""
    return PlotGrid(width, height, count)


class _PlotLayout(NamedTuple):
    columns: int
    full: int
    """Lines of a plot that has its name, its axis and a gap."""
    compact: int
    """Lines of a plot that has only its name."""


def _layout(height: int, count: int, columns: int) -> _PlotLayout:
    rows = -(-count // columns)
    room = (height + 1) // rows - 3, height // rows - 1
    return _PlotLayout(columns, min(room[0], MOST_HEIGHT), min(room[1], MOST_HEIGHT))


class PlotCell(NamedTuple):
    """What stands at a place of the grid."""

    figures: CurveData
    chart: Chart | None
    """None: not read yet."""
    pinned: bool = False
    selected: bool = False


def grid_rows(cells: Sequence[PlotCell], view: PlotOptions, grid: PlotGrid) -> list[Row]:
    """Draw metrics in the order of reading."""
    lines: list[Row] = []
    ending = shared_ending([cell.figures.name for cell in cells])
    for start in range(0, len(cells), grid.columns):
        part = [
            cell_rows(cell, view, grid, start + at, ending)
            for at, cell in enumerate(cells[start : start + grid.columns])
        ]
        if lines and not grid.compact:
            lines.append(())
        lines += [_beside(rows, grid) for rows in zip(*part, strict=True)]
    return lines


def _beside(cells: Sequence[Row], grid: PlotGrid) -> Row:
    line: list[Segment] = []
    for at, cell in enumerate(cells):
        if at:
            before = sum(len(span.text) for span in line)
            line.append(Segment(" " * (at * (grid.cell_width + GAP) - before)))
        line += cell
    return tuple(line)


def cell_rows(
    cell: PlotCell, view: PlotOptions, grid: PlotGrid, at: int, ending: str = ""
) -> list[Row]:
    """Draw one metric: its name and last value, and its plot.

    Args:
        cell: the metric.
        view: how it is looked at.
        grid: the room there is.
        at: its place among all.
        ending: how all names end: what is left out first where there is no room.
    """
    chart = cell.chart
    own = LineStyle(f"curve-{at % CURVES + 1}", (), "●", "━━")
    if chart is None:
        rows: list[Row] = [(Segment(" " * ticks.LABEL), Segment("│", "line"))] * grid.plot_height
        rows += [()] * grid.frame.feet
    else:
        pens = (own,) if len(chart.lines) == 1 else None
        rows = [*plot_rows(chart, view, grid.frame, pens)]
    return [_title(cell, view, grid, own.style, ending), *rows]


def _title(cell: PlotCell, view: PlotOptions, grid: PlotGrid, style: str, ending: str) -> Row:
    """Return the name, and at the right the value at the cursor or the last one."""
    right: list[Segment] = []
    if cell.figures.nonfinite:
        right.append(Segment(f"×{cell.figures.nonfinite}  ", "bad"))
    if cell.chart is not None and cell.chart.marks:
        right.append(Segment("!  ", "warn"))
    found = _at_cursor(cell.chart, view)
    if found is not None:
        right.append(Segment(number(found.smoothed), "accent"))
    elif view.cursor is None:
        right.append(Segment(number(cell.figures.last), style))
    else:
        right.append(Segment("–", "dim"))
    room = grid.cell_width - width_of(tuple(right)) - 1
    sign = "▸ " * cell.selected + "◆ " * cell.pinned
    name = fit(sign + _shortened(cell.figures.name, room - len(sign), ending), room)
    return (Segment(name, "title" if cell.selected else "strong"), Segment(" "), *right)


def _at_cursor(chart: Chart | None, view: PlotOptions) -> CursorValue | None:
    if chart is None or view.cursor is None or not chart.lines:
        return None
    return reading(chart.lines[0], view, view.cursor)


def shared_ending(names: Sequence[str]) -> str:
    """Return how all names end, from a separator on; empty where that is short."""
    if len(names) < 2:
        return ""
    one, other = min(name[::-1] for name in names), max(name[::-1] for name in names)
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    common = "".join(sign for sign, _ in pairs)[::-1]
    begin = next((at for at, sign in enumerate(common) if sign in "/._-"), len(common))
    return common[begin:] if len(common) - begin >= LEAST_SHARED else ""


def _shortened(name: str, room: int, ending: str) -> str:
    """Return a name in so many cells at most, without what all have in common if need be."""
    if width_of((Segment(name),)) <= room or not ending:
        return fit_middle(name, room)
    return fit_middle(name.removesuffix(ending), room - 1) + ELLIPSIS
