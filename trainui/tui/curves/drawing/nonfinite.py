"""Marks values that are not finite on a plot, and the step of the first one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from trainui.store.points.x_axis import Axis
from trainui.tui.curves.drawing.axes import YAxis
from trainui.tui.curves.drawing.braille_canvas import Canvas
from trainui.tui.curves.model import ABOVE, BELOW, NAN, PlotLine
from trainui.tui.render.numbers import exact_step


def put_marks(canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None) -> None:
    """Mark the values: infinities at the edges, NaN next to the curve.

    Each is marked on the only line of a plot; on others the first of several neighbours is.
    """
    for line in lines:
        is_alone = len(lines) == 1 and not line.members
        _put_marks_of_line(canvas, line.odd if is_alone else _begins(line), line, scale)


def _put_marks_of_line(
    canvas: Canvas, odd: Sequence[tuple[int, int]], line: PlotLine, scale: YAxis | None
) -> None:
    for dot, kind in odd:
        if kind & ABOVE:
            canvas.put(0, dot // 2, "↑", "bad")
        if kind & BELOW:
            canvas.put(canvas.height - 1, dot // 2, "↓", "bad")
        if kind & NAN:
            row = None if scale is None else _row_beside(line, dot, scale, canvas.height)
            canvas.put(canvas.height // 2 if row is None else row, dot // 2, "×", "bad")


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
    mark = None if scale is None else _row_beside(known[0], dot, scale, canvas.height)
    mark = canvas.height // 2 if mark is None else mark
    nearest = sorted(range(canvas.height), key=lambda row: abs(row - mark))
    above = max(min(dot // 2 - len(text) // 2, canvas.width - len(text)), 0)
    lefts = (above, dot // 2 + 2, dot // 2 - len(text) - 1)
    free = (
        (row, left) for row in nearest for left in lefts if canvas.has_room(row, left, len(text))
    )
    row, left = next(free, (0, None))
    if left is not None:
        canvas.write(row, left, text, "bad")


def _row_beside(line: PlotLine, dot: int, scale: YAxis, height: int) -> int | None:
    """Return the curve's line of text at a column or the nearest one before it, else after it."""
    nearest = itertools.chain(range(dot, -1, -1), range(dot + 1, len(line.means)))
    rows = (scale.row(line.means[at], height) for at in nearest)
    return next((row for row in rows if row is not None), None)
