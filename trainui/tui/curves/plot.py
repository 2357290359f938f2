"""Draws a metric as text: braille lines, a y axis at the left and an x axis at the bottom.

No data is hidden: each column spans its minimum to its maximum, values that are not finite are
marked, and superseded points stay visible, dimmed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from trainui.store.points.x_axis import Axis
from trainui.tui.curves import ticks
from trainui.tui.curves.braille_canvas import Canvas
from trainui.tui.curves.line_styles import LineStyle, line_style
from trainui.tui.curves.model import Chart, PlotLine
from trainui.tui.curves.scales import XAxis, YAxis
from trainui.tui.curves.ticks import Tick
from trainui.tui.curves.view_options import PlotOptions
from trainui.tui.render.styled_text import Row, Segment, fit

NAN, ABOVE, BELOW = 1, 2, 4
"""Bit flags of the values in a column that are not finite, as in `store.points.binning`."""

TICK_ROWS = 3
"""Lines of a plot for each mark of the y axis."""

LOW = 3
"""Height in lines up to which the two ends of the y axis are labelled and not round numbers."""

MOST_DRAWN = 32
"""Size of the cache of drawn plots: summaries change more often than plots."""

MARK_EVERY = 24
"""Characters between two marks on a line, if the plot has several lines."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a plot, in characters."""

    width: int
    """Of the curves alone."""
    height: int
    labels: int = ticks.LABEL
    """Width of the labels, without the axis itself."""
    feet: int = 1
    """Lines below: 0 none, 1 an axis with its labels in it, 2 an axis with labels below it."""


@lru_cache(maxsize=MOST_DRAWN)
def plot_rows(
    chart: Chart, view: PlotOptions, frame: Frame, line_styles: tuple[LineStyle, ...] | None = None
) -> tuple[Row, ...]:
    """Draw a metric; cached.

    Args:
        chart: the chart.
        view: the plot options.
        frame: the size.
        line_styles: the line styles in the order of the lines; None: by the lines' indices.
    """
    line_styles = line_styles or tuple(line_style(line.index) for line in chart.lines)
    marks = frame.height // TICK_ROWS + 1
    scale = YAxis.around(_values(chart.lines), log=view.log, marks=marks)
    across = XAxis(chart.low, chart.high, frame.width)
    canvas = Canvas(frame.width, frame.height)
    if scale is not None:
        thin = bool(view.smoothing) or len(chart.lines) > 1
        for line in chart.lines:
            _draw_behind(canvas, line, scale, view, thin=thin)
        for line, own in reversed(list(zip(chart.lines, line_styles, strict=True))):
            _draw_line(canvas, line, own, scale, view, thin=thin)
        if len(chart.lines) > 1:
            for at, (line, own) in enumerate(zip(chart.lines, line_styles, strict=True)):
                _put_marks(canvas, line, own, scale, at * 5 + 3)
        _put_single_points(canvas, chart, line_styles, scale, across)
    _put_boundaries(canvas, chart.lines, across)
    for line in chart.lines:
        _put_nonfinite(canvas, line, scale)
    _put_annotations(canvas, chart, across)
    _put_cursor(canvas, view, across)
    if words := _message(chart, view, scale):
        _put_message(canvas, words)
    end = max((line.end for line in chart.lines), default=math.nan)
    return (*_with_y_axis(canvas, scale, marks, frame), *_x_axis_rows(across, view, frame, end))


def _values(lines: Sequence[PlotLine]) -> Iterator[float]:
    for line in lines:
        yield from itertools.chain(line.lows, line.highs, line.old_lows, line.old_highs)


def _draw_behind(
    canvas: Canvas, line: PlotLine, scale: YAxis, view: PlotOptions, *, thin: bool
) -> None:
    """Draw the dimmed layers: superseded points, and the full range behind a thin line."""
    dots, pauses = 4 * canvas.height, _pauses(line, view)
    if line.old_lows:
        old = scale.ranges(line.old_lows, line.old_highs, dots, pauses)
        canvas.draw(_thinned(old), "dim")
    if thin and line.own:
        canvas.draw(scale.ranges(line.lows, line.highs, dots, pauses), "dim")


def _draw_line(
    canvas: Canvas, line: PlotLine, own: LineStyle, scale: YAxis, view: PlotOptions, *, thin: bool
) -> None:
    """Draw a line's range from minimum to maximum, or with `thin` its mean."""
    dots, pauses = 4 * canvas.height, _pauses(line, view)
    if thin:
        drawn = scale.ranges(line.smooths, line.smooths, dots, pauses)
    else:
        drawn = scale.ranges(line.lows, line.highs, dots, pauses)
    canvas.draw(own.dashed(drawn), own.style, covering=thin)


def _pauses(line: PlotLine, view: PlotOptions) -> frozenset[int]:
    """Return the columns in which an attempt begins after a pause between attempts."""
    if view.axis not in (Axis.RELATIVE, Axis.WALL):
        return frozenset()
    begins = [x for x, _ in line.boundaries]
    known = [(at, x) for at, x in enumerate(line.at) if not math.isnan(x)]
    return frozenset(
        at
        for (_, before), (at, x) in itertools.pairwise(known)
        if any(before < begin <= x for begin in begins)
    )


def _thinned(old: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out every other column, so that dimming is visible without colour."""
    return [run if at % 2 == 0 else (1, 0) for at, run in enumerate(old)]


def _row_of(place: float, canvas: Canvas) -> int:
    """Return the line of text in which a dot lies."""
    dots = 4 * canvas.height
    return canvas.height - 1 - min(max(round(place), 0), dots - 1) // 4


def _put_marks(canvas: Canvas, line: PlotLine, own: LineStyle, scale: YAxis, first: int) -> None:
    """Put a line's mark on it at regular distances."""
    for column in range(first % MARK_EVERY, canvas.width, MARK_EVERY):
        values = [line.means[dot] for dot in (2 * column, 2 * column + 1) if dot < len(line.means)]
        place = next((scale.place(value, 4 * canvas.height) for value in values), math.nan)
        if not math.isnan(place):
            canvas.put(_row_of(place, canvas), column, own.mark, own.style)


def _put_single_points(
    canvas: Canvas, chart: Chart, line_styles: Sequence[LineStyle], scale: YAxis, across: XAxis
) -> None:
    """Mark a line's only point, since a single dot is hard to see."""
    for line, own in zip(chart.lines, line_styles, strict=True):
        known = [at for at, value in enumerate(line.lasts) if math.isfinite(value)]
        if len(known) == 1:
            place = scale.place(line.lasts[known[0]], 4 * canvas.height)
            column = across.column(line.at[known[0]])
            if not math.isnan(place):
                canvas.put(_row_of(place, canvas), column, "●", own.style)


def _put_boundaries(canvas: Canvas, lines: Sequence[PlotLine], across: XAxis) -> None:
    """Mark where attempts begin."""
    for line in lines[:1]:
        for x, number in line.boundaries:
            column = across.column(x)
            if not 0 <= column < canvas.width:
                continue
            for row in range(1, canvas.height):
                canvas.put(row, column, "┊", "dim", under=True)
            for at, character in enumerate(f"{number}"):
                canvas.put(0, column + at, character, "key")


def _put_annotations(canvas: Canvas, chart: Chart, across: XAxis) -> None:
    """Mark alerts and stalls."""
    for mark in chart.marks:
        column = across.column(mark.x)
        if 0 <= column < canvas.width:
            for row in range(1, canvas.height):
                canvas.put(row, column, "╎", "warn", under=True)
            canvas.put(0, column, "!", "warn")


def _put_nonfinite(canvas: Canvas, line: PlotLine, scale: YAxis | None) -> None:
    """Mark values that are not finite: infinities at the edges, NaN next to the curve."""
    for dot, kind in line.odd:
        if kind & ABOVE:
            canvas.put(0, dot // 2, "↑", "bad")
        if kind & BELOW:
            canvas.put(canvas.height - 1, dot // 2, "↓", "bad")
        if kind & NAN:
            place = math.nan if scale is None else _beside(line, dot, scale, 4 * canvas.height)
            row = canvas.height // 2 if math.isnan(place) else _row_of(place, canvas)
            canvas.put(row, dot // 2, "×", "bad")


def _beside(line: PlotLine, dot: int, scale: YAxis, dots: int) -> float:
    """Return the curve's height at a column or the nearest one before it, else after it."""
    for at in itertools.chain(range(dot, -1, -1), range(dot + 1, len(line.means))):
        place = scale.place(line.means[at], dots)
        if not math.isnan(place):
            return place
    return math.nan


def _put_cursor(canvas: Canvas, view: PlotOptions, across: XAxis) -> None:
    if view.cursor is None:
        return
    column = across.column(view.cursor)
    if 0 <= column < canvas.width:
        canvas.recolour(column, "strong")
        for row in range(canvas.height):
            canvas.put(row, column, "│", "accent", under=True)


def _message(chart: Chart, view: PlotOptions, scale: YAxis | None) -> str:
    """Return a message if nothing, or not everything, can be drawn."""
    if not any(not math.isnan(x) for line in chart.lines for x in line.at):
        return "no points here; 0 shows all"
    if view.log and scale is None and any(value <= 0 for value in _values(chart.lines)):
        return "nothing above 0 (y: linear)"
    if view.log and any(value <= 0 for value in _values(chart.lines)):
        return "0 and below: not drawn (y)"
    return "no finite value" if scale is None else ""


def _put_message(canvas: Canvas, words: str) -> None:
    """Write a message into the first free line, else the last line."""
    text = fit(words, min(len(words), canvas.width))
    left = (canvas.width - len(text)) // 2
    places = range(left, left + len(text))
    free = (row for row in range(canvas.height) if all(canvas.is_free(row, at) for at in places))
    row = next(free, canvas.height - 1)
    for at, character in zip(places, text, strict=True):
        canvas.put(row, at, character, "warn")


def _with_y_axis(canvas: Canvas, scale: YAxis | None, most: int, frame: Frame) -> list[Row]:
    """Return the lines of a plot with the y axis at their left."""
    labels: dict[int, str] = {}
    if scale is not None:
        for value, label in scale.ticks(most) if canvas.height > LOW else scale.ends():
            labels.setdefault(_row_of(scale.place(value, 4 * canvas.height), canvas), label)
    rows: list[Row] = []
    for index, row in enumerate(canvas.rows()):
        label = fit(labels.get(index, ""), frame.labels, right=True)
        rows.append((Segment(label, "dim"), Segment("┤" if index in labels else "│", "line"), *row))
    return rows


def axis_ticks(axis: Axis, across: XAxis) -> list[Tick]:
    """Return the marks of the x axis."""
    mark, cells = {
        Axis.STEP: (ticks.steps, 9),
        Axis.EPOCH: (ticks.steps, 9),
        Axis.RELATIVE: (ticks.durations, 9),
        Axis.GPU: (ticks.durations, 9),
        Axis.WALL: (ticks.moments, 11),
    }[axis]
    return mark(across.low, across.high, max(across.width // cells, 2))


def _x_axis_rows(across: XAxis, view: PlotOptions, frame: Frame, end: float) -> list[Row]:
    if not frame.feet:
        return []
    found = [(across.column(tick.value), tick.label) for tick in axis_ticks(view.axis, across)]
    within = [(column, label) for column, label in found if 0 <= column < frame.width]
    left = " " * frame.labels
    if frame.feet == 1:
        return [(Segment(left), *_labels(within, across, view, end, ("─", "╰")))]
    line = ["─"] * frame.width
    for column, _ in within:
        line[column] = "┬"
    return [
        (Segment(left), Segment("╰" + "".join(line), "line")),
        (Segment(left), *_labels(within, across, view, end, (" ", " "))),
    ]


def _labels(
    places: Sequence[tuple[int, str]],
    across: XAxis,
    view: PlotOptions,
    end: float,
    drawn: tuple[str, str],
) -> list[Segment]:
    """Return the labels below their marks; the cursor's and the last point's take precedence.

    Args:
        places: the columns of the marks, and their labels.
        across: the axis.
        view: the options with the cursor.
        end: x position of the last point.
        drawn: the character that fills the line, and its corner.
    """
    filling, corner = drawn
    wanted = [(column, label, "dim") for column, label in places]
    for x, style in ((end, "strong"), (view.cursor, "accent")):
        if x is not None and 0 <= across.column(x) < across.width:
            wanted.insert(0, (across.column(x), cursor_label(x, view.axis, across), style))
    taken: list[tuple[int, str, str]] = []
    for column, label, style in wanted:
        start = _start(column, label, across)
        if all(start > at + len(text) or start + len(label) < at for at, text, _ in taken):
            taken.append((start, label, style))
    spans, used = [Segment(corner, "line")], 0
    for start, label, style in sorted(taken):
        spans += [Segment(filling * (start - used), "line"), Segment(label, style)]
        used = start + len(label)
    return [*spans, Segment(filling * (across.width - used), "line")]


def _start(column: int, label: str, across: XAxis) -> int:
    return max(min(column - len(label) // 2, across.width - len(label)), 0)


def cursor_label(x: float, axis: Axis, across: XAxis) -> str:
    """Return the cursor's x position with as many digits as it can move by."""
    grain = (across.high - across.low) / max(2 * across.width, 1)
    if axis in (Axis.STEP, Axis.EPOCH):
        return ticks.count(x, grain) if abs(x) >= 1e6 else f"{x:.10g}"
    return ticks.moment(x) if axis == Axis.WALL else ticks.duration(x)
