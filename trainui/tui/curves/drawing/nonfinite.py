"""Marks values that are not finite on a plot, and the step of the first one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from trainui.store.plotting.x_axis import Axis
from trainui.tui.axes.y_axis import YAxis
from trainui.tui.curves.drawing.braille_canvas import Canvas
from trainui.tui.data.curves import ABOVE, BELOW, NAN, PlotLine
from trainui.tui.render.numbers import exact_step


def put_marks(canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None) -> None:
    """Mark the values: infinities at the edges, NaN next to the curve.

    Each is marked on the only line of a plot; on others the first of several neighbours is.
    """
    for line in lines:
        is_alone = len(lines) == 1 and not line.members
        for dot, kind in line.odd if is_alone else _begins(line):
            if kind & ABOVE:
                canvas.put(0, dot // 2, "↑", "bad")
            if kind & BELOW:
                canvas.put(canvas.height - 1, dot // 2, "↓", "bad")
            if kind & NAN:
                canvas.put(_row_beside(line, dot, scale, canvas.height), dot // 2, "×", "bad")


def _begins(line: PlotLine) -> list[tuple[int, int]]:
    """Return the first of neighbouring columns with the same kinds of values, gaps aside."""
    kinds = dict(line.odd)
    found, last = [], 0
    for dot, x in enumerate(line.at):
        kind = kinds.get(dot, 0)
        if kind and kind != last:
            found.append((dot, kind))
        last = kind if kind or not math.isnan(x) else last
    return found


def put_first_step(
    canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None, axis: Axis
) -> None:
    """Write the step of the first NaN near its mark, if only one line has one."""
    known = [line for line in lines if line.nan_since is not None and line.odd]
    if len(known) != 1 or known[0].nan_since is None:
        return
    dot, kind = known[0].odd[0]
    text = f"{'NaN' if kind & NAN else 'infinite'} since {'step ' * (axis != Axis.STEP)}"
    text = f"{known[0].label} " * (len(lines) > 1) + text + exact_step(known[0].nan_since)
    mark, size = _row_beside(known[0], dot, scale, canvas.height), len(text)
    above = max(min(dot // 2 - size // 2, canvas.width - size), 0)
    for row in sorted(range(canvas.height), key=lambda row: abs(row - mark)):
        for left in (above, dot // 2 + 2, dot // 2 - size - 1):
            if 0 <= left <= canvas.width - size and not canvas.covered(row, left, size):
                canvas.write(row, left, text, "bad")
                return


def _row_beside(line: PlotLine, dot: int, scale: YAxis | None, height: int) -> int:
    """Return the curve's row at a column or the nearest one before it, else after it.

    Without any, return the middle row.
    """
    nearest = itertools.chain(range(dot, -1, -1), range(dot + 1, len(line.means)))
    rows = (scale.row(line.means[at], height) for at in nearest if scale is not None)
    return next((row for row in rows if row is not None), height // 2)
