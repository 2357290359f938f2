"""Values read off the curves: at the cursor, the leader of a comparison, and the best point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from trainui.store.points.plot_series import Axis
from trainui.tui import axis_marks
from trainui.tui.numbers import number, step
from trainui.tui.plot_axes import XAxis
from trainui.tui.snapshot.curves import Chart, PlotLine, PlotOptions


class CursorValue(NamedTuple):
    """A line's last point at or before an x position."""

    column: int
    """Column of dots; -1: outside of the window."""
    x: float
    step: float
    value: float
    smoothed: float
    time: float
    """Seconds since 1970; NaN if unknown."""


def value_at(line: PlotLine, view: PlotOptions, x: float) -> CursorValue | None:
    """Return a line's last point at or before `x`; None outside the line."""
    if x > line.end:
        return None
    is_best = line.best is not None and x == line.best[2]
    if is_best:
        column = next((at for at, place in enumerate(line.at) if place >= x), None)
    else:
        backwards = reversed(range(len(line.at)))
        column = next((at for at in backwards if line.at[at] <= x), None)
    if column is None:
        return None
    value, step, x = line.lasts[column], line.steps[column], line.at[column]
    if is_best and line.best is not None:  # it need not be the last point of its column
        value, step, x = line.best
    smoothed = line.smooths[column] if view.smoothing else value
    return CursorValue(column, x, step, value, smoothed, line.times[column])


def last_value(line: PlotLine, view: PlotOptions) -> CursorValue | None:
    """Return a line's last point, also outside of the window; its value is the one stored."""
    visible = value_at(line, view, last_x(line))
    if line.last is None:
        return visible
    value, step = line.last
    if visible is not None and visible.x == line.end:
        smoothed = visible.smoothed if view.smoothing else value
        return visible._replace(step=step, value=value, smoothed=smoothed)
    return CursorValue(-1, line.end, step, value, math.nan if view.smoothing else value, math.nan)


def last_x(line: PlotLine) -> float:
    """Return the x position of a line's last visible point; NaN if it has none."""
    return max(line.known, default=math.nan)


def x_positions(chart: Chart) -> list[float]:
    """Return the x positions of all visible points, in order."""
    return sorted({x for line in chart.lines for x in line.known})


ENOUGH = 2 / 3
"""Share of the lines that must reach the place where all are compared, if there is no cursor."""


def compared_x(chart: Chart, view: PlotOptions) -> float:
    """Return where lines are compared: at the cursor, else as far as most lines reach.

    Of two lines this is the end of the shorter one. A pruned line, or one without a visible point,
    does not count, nor does a line that has only begun among several: they have no value there. NaN
    if no line has a visible point.
    """
    if view.cursor is not None:
        return view.cursor
    known = [line for line in chart.lines if line.known]
    known = [line for line in known if not line.pruned] or known
    ends = sorted(map(last_x, known), reverse=True)
    return ends[math.ceil(ENOUGH * len(ends)) - 1] if ends else math.nan


def ranking(chart: Chart, view: PlotOptions) -> list[tuple[float, PlotLine]]:
    """Return the lines with their values at the compared position, the best first, NaN last.

    Empty for a single line, or if the metric's name does not say whether higher or lower is better.
    """
    lower = chart.lower_is_better
    if lower is None or len(chart.lines) < 2:
        return []
    x = compared_x(chart, view)
    found = [(one.smoothed, line) for line in chart.lines if (one := value_at(line, view, x))]
    known = [(value, line) for value, line in found if math.isfinite(value)]
    sign = 1 if lower else -1
    return sorted(known, key=lambda pair: (pair[1].diverged, sign * pair[0]))


def best_line(chart: Chart) -> PlotLine | None:
    """Return the line with the best value; None for a single line, or if that is unknown.

    Lines of pruned trials and those with a NaN come last, as in tables.
    """
    lower = chart.lower_is_better
    known = [(line.best[0], line) for line in chart.lines if line.best is not None]
    if lower is None or len(chart.lines) < 2 or not known:
        return None
    sign = 1 if lower else -1

    def key(pair: tuple[float, PlotLine]) -> tuple[bool, float]:
        return pair[1].diverged or bool(pair[1].pruned), sign * pair[0]

    return min(known, key=key)[1]


def leader_text(chart: Chart, view: PlotOptions) -> str:
    """Return which line leads, by how much and where; empty if nothing can be compared."""
    ranked = ranking(chart, view)
    if len(ranked) < 2:
        return ""
    (best, leader), (second, other) = ranked[:2]
    where = position_text(compared_x(chart, view), view.axis, chart.unit)
    if best == second:
        return f"{leader.label} and {other.label} are equal {where}"
    return f"{leader.label} leads by {number(abs(best - second))} {where}"


def position_text(x: float, axis: Axis, unit: str) -> str:
    """Return e.g. `at step 4k` or `after 3m20s`; empty for NaN. `unit`: what a step counts."""
    if math.isnan(x):
        return ""
    if axis == Axis.STEP:
        return f"at {unit} {step(x)}"
    if axis == Axis.EPOCH:
        return f"at epoch {x:.4g}"
    if axis == Axis.WALL:
        return f"at {axis_marks.moment(x)}"
    return f"after {axis_marks.duration(x)}" + (" of GPU time" if axis == Axis.GPU else "")


MANY_STEPS = 10
"""The least span of a window whose ends are whole steps."""


def zoom_text(chart: Chart, view: PlotOptions) -> str:
    """Return e.g. `zoom 2x, steps 18k to 36k`; empty if the whole axis is shown."""
    if view.window is None:
        return ""
    span = chart.high - chart.low
    whole = XAxis(*chart.extent, 1, chart.log_x)
    factor = 1 / ((whole.share(chart.high) - whole.share(chart.low)) or 1.0)
    times = f"{factor:,.{1 if factor < 9.95 else 0}f}".removesuffix(".0")
    if view.axis in (Axis.STEP, Axis.EPOCH):
        stride = span / 100
        if view.axis == Axis.STEP and span >= MANY_STEPS:
            stride = max(stride, 1.0)  # most steps are whole numbers
        low, high = (axis_marks.count(x, stride) for x in (chart.low, chart.high))
        unit = chart.unit if view.axis == Axis.STEP else str(view.axis)
        return f"zoom {times}x, {unit}s {low} to {high}"
    write = axis_marks.moment if view.axis == Axis.WALL else axis_marks.duration
    return f"zoom {times}x, {write(chart.low)} to {write(chart.high)}"


def best_text(line: PlotLine) -> str:
    """Return e.g. `0.1123 at 3.2k`; of a mean the value alone. Empty if there is no best value."""
    if line.best is None:
        return ""
    value, at, _ = line.best
    return f"{number(value)} at {step(at)}" if math.isfinite(at) else number(value)


def next_x(
    known: Sequence[float], across: XAxis, view: PlotOptions, direction: int
) -> float | None:
    """Return the next point to the right (1) or left (-1) in another character of the plot."""
    cursor = view.cursor
    if cursor is None:
        return next(iter(known[::direction]), None)
    here = across.column(cursor)
    if direction > 0:
        return next((x for x in known if x > cursor and across.column(x) != here), None)
    before = [(across.column(x), x) for x in known if x < cursor and across.column(x) != here]
    return next((x for column, x in before if column == before[-1][0]), None)
