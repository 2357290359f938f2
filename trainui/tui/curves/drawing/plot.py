"""Draws a metric as text: braille lines, a y axis at the left and an x axis at the bottom.

The mean is a connected line; behind it each column's minimum to maximum is dim, so that no spike
is hidden. Values that are not finite are marked, and superseded points stay visible, dimmed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from os.path import commonprefix
from typing import NamedTuple

from rich.cells import cell_len

from trainui.braille import NO_DOTS
from trainui.domain.states import Status
from trainui.store.plotting.x_axis import Axis
from trainui.text import SYMBOLS
from trainui.tui.axes.x_axis import XAxis, x_axis_rows
from trainui.tui.axes.y_axis import (
    LEAST_MARKS,
    TICK_ROWS,
    Frame,
    YAxis,
    with_y_axis,
)
from trainui.tui.curves.drawing import nonfinite
from trainui.tui.curves.drawing.braille_canvas import Canvas
from trainui.tui.curves.drawing.line_styles import LineStyle, line_styles
from trainui.tui.curves.drawing.outliers import off_scale, outliers
from trainui.tui.data.curves import Chart, PlotLine
from trainui.tui.data.plot_options import PlotOptions
from trainui.tui.render.styled_text import Row, Segment, fit, fit_middle

MOST_DRAWN = 32
"""Size of the cache of drawn plots: summaries change more often than plots."""

MARK_EVERY = 24
"""Characters between two marks on a line, if the plot has several lines."""

StyledLine = tuple[PlotLine, LineStyle]

MOST_BANDS = 3
"""Most lines of a plot with a band behind each; more bands would cover each other."""


class Plot(NamedTuple):
    """A metric as text."""

    rows: tuple[Row, ...]
    y_title: str
    """What to do with the labels of the y axis, e.g. `labels + 1.23`; empty: nothing."""


@lru_cache(maxsize=MOST_DRAWN)
def plot(
    chart: Chart, view: PlotOptions, frame: Frame, styles: tuple[LineStyle, ...] | None = None
) -> Plot:
    """Draw a metric; cached. Without `styles`, the lines have their own."""
    styles = styles or line_styles(chart, view.highlight)
    marks = max(frame.height // TICK_ROWS + 1, LEAST_MARKS)
    lines = list(zip(chart.lines, styles, strict=True))
    banded = _banded(lines, view.highlight)
    is_scaled_to_all = view.log or view.highlight
    away = [] if is_scaled_to_all else outliers(chart.lines, lower=chart.lower_is_better)
    values = list(_values(lines, banded, {line.label for line in away}))
    scale = YAxis.around(values, log=view.log, marks=marks)
    across = XAxis(chart.low, chart.high, frame.width, chart.log_x)
    canvas = Canvas(frame.width, frame.height)
    if scale is not None:
        _draw_lines(canvas, lines, banded, scale, view)
        if len(lines) > 1:
            _put_marks(canvas, lines, scale)
        _put_ends(canvas, lines, scale, across)
    for x, number in chart.lines[0].boundaries if chart.lines else ():
        canvas.put_vertical(across.column(x), ("┊", "dim"), (f"{number}", "key"))
    nonfinite.put_marks(canvas, chart.lines, scale)
    nonfinite.put_first_step(canvas, chart.lines, scale, view.axis)
    for mark in chart.annotations:
        canvas.put_vertical(across.column(mark.x), ("╎", "warn"), ("!", "warn"))
    if view.cursor is not None:
        canvas.recolour(across.column(view.cursor), "strong")
        canvas.put_vertical(across.column(view.cursor), ("│", "accent"))
    if message := _message(chart, view, scale, values):
        _put_message(canvas, [message])
    elif away:
        _put_message(canvas, off_scale(away))
    right = _names(lines, scale, frame)
    end = max((line.end for line in chart.lines), default=math.nan)
    rows = (
        *with_y_axis(canvas.rows(), scale, marks, frame, right),
        *x_axis_rows(across, view.axis, frame, end, view.cursor),
    )
    return Plot(rows, "" if scale is None else scale.form.title)


def _banded(lines: Sequence[StyledLine], highlight: str) -> list[PlotLine]:
    """Return the lines with their full range drawn behind them."""
    if len(lines) == 1:
        return [lines[0][0]]
    bright = [line for line, style in lines if style.bright]
    few = len(bright) <= MOST_BANDS
    return [line for line in bright if (line.members and few) or line.label == highlight]


def _values(
    lines: Sequence[StyledLine], banded: Sequence[PlotLine], away: Collection[str]
) -> Iterator[float]:
    """Yield all values that the y axis is to have room for: all but those of lines `away`."""
    for line, _ in lines:
        yield from line.smooths if line.label not in away else ()
    for line in banded:
        if line.label not in away:
            yield from itertools.chain(line.lows, line.highs, line.old_lows, line.old_highs)


def _draw_lines(
    canvas: Canvas,
    lines: Sequence[StyledLine],
    banded: Sequence[PlotLine],
    scale: YAxis,
    view: PlotOptions,
) -> None:
    """Draw the bands, then the dim lines, then the bright ones, the first one on top."""
    dots = 4 * canvas.height
    for line in banded:
        _draw_band(canvas, line, scale, view, members=len(banded) == 1)
    first_on_top = list(reversed(lines))
    for line, style in sorted(first_on_top, key=lambda pair: pair[1].bright):
        drawn = scale.ranges(line.smooths, line.smooths, dots, _pauses(line, view))
        canvas.draw(drawn, style.style if style.bright else "faint", covering=style.bright)


def _draw_band(
    canvas: Canvas, line: PlotLine, scale: YAxis, view: PlotOptions, *, members: bool
) -> None:
    """Draw superseded points and the whole range; with `members` also each folded series."""
    dots, pauses = 4 * canvas.height, _pauses(line, view)
    if line.old_lows:
        old = scale.ranges(line.old_lows, line.old_highs, dots, pauses)
        # every other column alone, so that dimming is visible without colour
        canvas.draw([run if at % 2 == 0 else NO_DOTS for at, run in enumerate(old)], "faint")
    shown = line.members if members else ()
    band = scale.ranges(line.lows, line.highs, dots, pauses)
    canvas.draw(band, "line" if shown else "faint")
    for values in shown:
        canvas.draw(scale.ranges(values, values, dots), "faint", covering=True)


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


def _put_marks(canvas: Canvas, lines: Sequence[StyledLine], scale: YAxis) -> None:
    """Put each bright line's mark on it at regular distances and at its right end."""
    for at, (line, style) in enumerate(lines):
        columns = set(range((at * 5 + 3) % MARK_EVERY, canvas.width, MARK_EVERY))
        known = [dot for dot, value in enumerate(line.smooths) if math.isfinite(value)]
        columns.update(dot // 2 for dot in known[-1:])
        for column in columns if style.bright else ():
            values = line.smooths[2 * column : 2 * column + 2]
            rows = (scale.row(value, canvas.height) for value in values)
            row = next((row for row in rows if row is not None), None)
            canvas.put(row, column, style.mark, style.style)


def _put_ends(canvas: Canvas, lines: Sequence[StyledLine], scale: YAxis, across: XAxis) -> None:
    """Mark a line's only point, since a single dot is hard to see, and ends of pruned trials."""
    for line, style in lines:
        known = [at for at, value in enumerate(line.lasts) if math.isfinite(value)]
        if len(known) == 1:
            row = scale.row(line.lasts[known[0]], canvas.height)
            canvas.put(row, across.column(line.at[known[0]]), "●", style.style)
        known = [at for at, value in enumerate(line.smooths) if math.isfinite(value)]
        if line.pruned and known:
            row = scale.row(line.smooths[known[-1]], canvas.height)
            canvas.put(row, known[-1] // 2, SYMBOLS[Status.PRUNED], style.style)


def _message(chart: Chart, view: PlotOptions, scale: YAxis | None, values: Sequence[float]) -> str:
    """Return a message if nothing, or not everything, can be drawn."""
    if not any(line.known for line in chart.lines):
        return "no points here; 0 shows all"
    if view.log and scale is None and any(value <= 0 for value in values):
        return "nothing above 0 (y: linear)"
    if view.log and any(value <= 0 for value in values):
        return "0 and below: not drawn (y)"
    return "no finite value" if scale is None else ""


def _put_message(canvas: Canvas, wordings: Sequence[str]) -> None:
    """Write the longest wording that covers nothing, else the shortest where it covers least."""
    texts = [text for text in wordings if len(text) <= canvas.width]
    texts = texts or [fit(wordings[-1], canvas.width)]
    row, left, text = min(
        (
            (row, left, text)
            for text in texts
            for row in range(canvas.height)
            for left in ((canvas.width - len(text)) // 2, 0, canvas.width - len(text))
        ),
        key=lambda place: canvas.covered(place[0], place[1], len(place[2])),
    )
    canvas.write(row, left, text, "warn")


def _names(lines: Sequence[StyledLine], scale: YAxis | None, frame: Frame) -> list[Row]:
    """Return each bright line's name beside its right end; names in one place move apart."""
    found: list[Row] = [()] * frame.height
    wanted = []
    for line, style in lines if frame.right and scale is not None else ():
        last = next((value for value in reversed(line.smooths) if math.isfinite(value)), None)
        if style.bright and last is not None and scale is not None:
            row = scale.row(last, frame.height)
            wanted += [(row, -last, line.label, style)] if row is not None else []
    wanted.sort()
    shared = shared_beginning([line.label for line, _ in lines], " ,")
    at = -1
    for left, (row, _, label, style) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        at = min(max(row, at + 1), frame.height - left)
        if at >= 0:
            is_long = cell_len(label) > frame.right - 3
            own = label.removeprefix(shared) if is_long else label
            name = fit_middle(f"{style.mark} {own}", frame.right - 1)
            found[at] = (Segment(" "), Segment(name, style.style))
    return found


def shared_beginning(texts: Sequence[str], separators: str) -> str:
    """Return what all texts share up to a separator, which is cut first from those too long."""
    common = commonprefix(texts) if len(texts) > 1 else ""  # noqa: RUF071 (they are no paths)
    return common[: max(common.rfind(sign) for sign in separators) + 1]
