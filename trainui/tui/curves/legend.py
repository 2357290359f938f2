"""The table below a large plot: each line's value at the cursor, its best and its last value."""

from __future__ import annotations

import math

from trainui.domain.records import SeriesSummary
from trainui.domain.states import Status
from trainui.formatting import quantity
from trainui.text import SYMBOLS
from trainui.tui.axes import labels
from trainui.tui.curves.cursor_values import (
    best_text,
    compared_x,
    last_value,
    leader_text,
    position_text,
    ranking,
    value_at,
)
from trainui.tui.curves.drawing.line_styles import SAMPLE, LineStyle, line_styles
from trainui.tui.data.curves import Chart, PlotLine
from trainui.tui.data.plot_options import PlotOptions
from trainui.tui.render.numbers import exact_step, number
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle, width_of

OWN = "curve-1"
"""The style of a plot's only line."""

NAN_WORD, SINCE = "  × NaN", " since "
"""At the end of the line of a series with NaN, and before the step of the first one."""

VALUE, BEST = 10, 17
"""Widths of the columns in characters."""


def table_rows(
    chart: Chart, figures: SeriesSummary, view: PlotOptions, width: int, most: int
) -> list[Row]:
    """Return the lines below a plot, at most `most` of them."""
    if not chart.lines:
        return []
    line, found = chart.lines[0], chart.annotations
    if len(chart.lines) > 1 or line.members:
        return [_shortest(row, width) for row in _compared(chart, view, most)[:most]]
    rows = [_here(line, view), _in_all(line, figures, lower=chart.lower_is_better)]
    if found:
        more = f"   {len(found) - 1} earlier" if len(found) > 1 else ""
        struck = (Segment("!      ", "warn"), Segment(found[-1].words), Segment(more, "dim"))
        rows.append(struck)
    return [_whole(row, width) for row in rows]


def _shortest(row: Row, width: int) -> Row:
    """Drop the step of a NaN, then its word, then cut the line, until it fits."""
    for end in (SINCE, NAN_WORD):
        if width_of(row) > width:
            row = tuple(s._replace(text=s.text.partition(end)[0]) for s in row)
    return cut(row, width)


def _whole(row: Row, width: int) -> Row:
    """Drop figures from the end of a line until it fits."""
    while width_of(row) > width or (row and row[-1].text.endswith(" ")):
        row = row[:-1]
    return row


def _here(line: PlotLine, view: PlotOptions) -> Row:
    """Return the values at the cursor; without a cursor those of the last point."""
    cursor = view.cursor
    found = last_value(line, view) if cursor is None else value_at(line, view, cursor)
    if found is None:
        where = "" if cursor is None else f" {position_text(cursor, view.axis)}"
        return (Segment(f"no point{where}", "dim"),)
    where = f"step {exact_step(found.step)}" if math.isfinite(found.step) else "here"
    spans = [Segment("cursor " if cursor is not None else "last   ", "dim"), Segment(where)]
    if math.isfinite(found.time):
        spans.append(Segment(f"  {labels.moment(found.time)}", "dim"))
    spans += [Segment("   value ", "dim"), Segment(number(found.value), OWN)]
    if view.smoothing:
        spans += [Segment("   smoothed ", "dim"), Segment(number(found.smoothed), OWN)]
    low, high = line.lows[found.column], line.highs[found.column]
    if found.column >= 0 and number(low) != number(high):
        spans += [Segment("   range ", "dim"), Segment(f"{number(low)} to {number(high)}")]
    return tuple(spans)


def _in_all(line: PlotLine, figures: SeriesSummary, *, lower: bool | None) -> Row:
    spans: list[Segment] = []
    least, most = figures.min, figures.max
    if line.best is not None:
        value, step, _ = line.best
        least, most = (value, most) if lower else (least, value)  # the figures may be newer
        word = "lower is better" if lower else "higher is better"
        spans += [
            Segment("best   ", "dim"),
            Segment(f"{number(value)} at step {exact_step(step)} ", "good"),
            Segment(f"({word})   ", "dim"),
        ]
    if figures.nonfinite:
        since = "" if line.nan_since is None else f" since step {exact_step(line.nan_since)}"
        spans.append(Segment(f"× {figures.nonfinite} not finite{since}   ", "bad"))
    spans += [
        Segment("min ", "dim"),
        Segment(number(least)),
        Segment("   max ", "dim"),
        Segment(number(most)),
        Segment(f"   {quantity(figures.count, 'point')}", "dim"),
    ]
    if figures.superseded:
        spans.append(Segment(f"   {figures.superseded} superseded (dimmed)", "dim"))
    return tuple(spans)


def _compared(chart: Chart, view: PlotOptions, most: int) -> list[Row]:
    x = compared_x(chart, view)
    places = {id(line): at for at, (_, line) in enumerate(ranking(chart, view), 1)}
    own_styles = line_styles(chart, view.highlight)
    styles = {id(line): style for line, style in zip(chart.lines, own_styles, strict=True)}
    label = min(max(len(_named(line, view, x)) for line in chart.lines), 40)
    lines = sorted(chart.lines, key=lambda line: line.index)
    if len(lines) > most - 2:  # keep the stage's own line, and the leaders
        lines.sort(key=lambda line: (not line.own, places.get(id(line), len(lines))))
        lines = lines[: max(most - 2, 1)]
    mean = "mean " if all(line.members for line in chart.lines) else ""
    where = position_text(x, view.axis).removeprefix("at ").removeprefix("after ")
    head = (
        Segment(" " * 8 + fit("", label + 2), "dim"),
        Segment(fit(where, VALUE, right=True), "dim"),
        Segment(fit("", 5)),
        Segment(fit(f"{mean}best", BEST, right=True), "dim"),
        Segment(fit("last", VALUE, right=True), "dim"),
    )
    rows = [
        head,
        *(_line(one, styles[id(one)], view, x, label, places.get(id(one))) for one in lines),
    ]
    words = leader_text(chart, view)
    left_out = len(chart.lines) - len(lines)
    more = f"   {left_out} more drawn" if left_out else ""
    return [*rows, (Segment(words, "strong"), Segment(more, "dim"))] if words or more else rows


def _named(line: PlotLine, view: PlotOptions, x: float) -> str:
    """Return a line's label; for a mean with its deviation and number of series at `x`."""
    if not line.members:
        return line.label
    found = value_at(line, view, x)
    count = line.counts[found.column] if found is not None else 0
    spread = line.deviations[found.column] if found is not None else math.nan
    deviation = f"  ±{number(spread)}" if math.isfinite(spread) else ""
    return f"{line.label}  {count} of {len(line.members)}{deviation}"


def _line(
    line: PlotLine, own: LineStyle, view: PlotOptions, x: float, label: int, place: int | None
) -> Row:
    here, last = value_at(line, view, x), last_value(line, view)
    rank = f" #{place}" if place is not None else ""
    since = "" if line.nan_since is None else f"{SINCE}{exact_step(line.nan_since)}"
    return (
        Segment(f" {SAMPLE}{own.mark}{SAMPLE} ", own.style),
        Segment("▸ " if line.own else "  ", "key"),
        Segment(fit(fit_middle(_named(line, view, x), label), label), "strong" if line.own else ""),
        Segment(" ×" if line.has_nan else "  ", "bad"),
        Segment(fit(number(here and here.smoothed), VALUE - 2, right=True), own.style),
        Segment(fit(rank, 5), "good" if place == 1 else "dim"),
        Segment(fit(best_text(line), BEST, right=True)),
        Segment(
            fit(number(last and last.value), VALUE, right=True),
            "dim" if last is None or math.isfinite(last.value) else "bad",
        ),
        Segment(NAN_WORD + since if line.has_nan else "", "bad"),
        Segment(f"  {SYMBOLS[Status.PRUNED]} {line.pruned}" if line.pruned else "", "dim"),
    )
