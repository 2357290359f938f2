"""Curves in a pane: how they are laid out, each with its name, its extremes and its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trainui.braille import plot_lines
from trainui.tui.figures import number, step
from trainui.tui.snapshots import CurveData
from trainui.tui.spans import Row, Span, fit

LABEL_WIDTH = 8
"""Cells left of a plot, for its greatest and least value."""

CELL_WIDTH = 28
"""Cells that a plot should have at least with its labels."""

GAP = 2
"""Cells between two plots side by side."""

FULL, COMPACT, MOST_HEIGHT = 4, 2, 16
"""Lines of a plot: with its steps and a gap below at least, without them at least, and at most."""


class Grid:
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
        """Whether steps and gaps are left out, so that every plot is to be seen."""
        self.columns = chosen.columns
        self.cell_width = max((width - GAP * (self.columns - 1)) // self.columns, 12)
        self.plot_height = chosen.compact if self.compact else max(chosen.full, FULL)

    @property
    def plot_width(self) -> int:
        """Characters of a plot without its labels."""
        return self.cell_width - LABEL_WIDTH


class _Layout(NamedTuple):
    columns: int
    full: int
    """Lines of a plot that has its name, its steps and a gap."""
    compact: int
    """Lines of a plot that has only its name."""


def _layout(height: int, count: int, columns: int) -> _Layout:
    rows = -(-count // columns)
    room = (height + 1) // rows - 3, height // rows - 1
    return _Layout(columns, min(room[0], MOST_HEIGHT), min(room[1], MOST_HEIGHT))


_CLOCKS = frozenset(
    {"epoch", "time", "timestamp", "wall_time", "elapsed", "_runtime", "_timestamp"}
)
"""Series that only tell how far or how late it is."""


def by_interest(curves: Sequence[CurveData]) -> list[CurveData]:
    """Return curves with those last that only tell how far or how late it is."""
    return sorted(curves, key=lambda curve: curve.name.casefold() in _CLOCKS)


def grid_rows(curves: Sequence[CurveData], grid: Grid) -> list[Row]:
    """Draw all curves of a stage."""
    lines: list[Row] = []
    for start in range(0, len(curves), grid.columns):
        part = [
            curve_rows(curve, f"curve-{(start + at) % 6 + 1}", grid)
            for at, curve in enumerate(curves[start : start + grid.columns])
        ]
        if lines and not grid.compact:
            lines.append(())
        lines += [_beside(cells) for cells in zip(*part, strict=True)]
    return lines


def _beside(cells: Sequence[Row]) -> Row:
    line: list[Span] = []
    for at, cell in enumerate(cells):
        line += [Span(" " * GAP), *cell] if at else cell
    return tuple(line)


def curve_rows(curve: CurveData, style: str, grid: Grid) -> list[Row]:
    """Draw one curve: its name and last value, the plot between its extremes, its steps."""
    last = number(curve.last)
    if curve.nonfinite:
        last = f"{curve.nonfinite} not finite  {last}"
    name_width = grid.cell_width - len(last) - 1
    rows: list[Row] = [
        (Span(fit(curve.name, name_width), "strong"), Span(" "), Span(last, style)),
    ]
    labels = [""] * grid.plot_height
    labels[0], labels[-1] = number(curve.maximum), number(curve.minimum)
    lines = plot_lines(curve.lows, curve.highs, grid.plot_height)
    for label, line in zip(labels, lines, strict=True):
        left = Span(fit(label, LABEL_WIDTH - 1, right=True) + " ", "dim")
        rows.append((left, Span(fit(line, grid.plot_width), style)))
    if not grid.compact:
        rows.append((Span(_axis(curve, grid), "dim"),))
    return rows


def _axis(curve: CurveData, grid: Grid) -> str:
    first, last = step(curve.first_step), step(curve.last_step)
    middle = "─" * max(grid.plot_width - len(first) - len(last) - 2, 0)
    return " " * LABEL_WIDTH + fit(f"{first} {middle} {last}", grid.plot_width)
