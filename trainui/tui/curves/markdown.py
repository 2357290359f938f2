"""A Markdown report of one metric: its plot as text, and a table of the lines in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter

from trainui.pipeline.folding import mean
from trainui.text import markdown_cell
from trainui.tui.axes.y_axis import Frame
from trainui.tui.curves.cursor_values import best_text, last_value, leader_text
from trainui.tui.curves.drawing.line_styles import mark_of
from trainui.tui.curves.drawing.plot import plot
from trainui.tui.data.curves import Chart, PlotLine
from trainui.tui.data.plot_options import AXES, PlotOptions
from trainui.tui.data.snapshot import CurvesPage
from trainui.tui.render.numbers import number
from trainui.tui.render.styled_text import joined

WIDTH, HEIGHT = 60, 12
"""Size of the plot in characters."""


def curve_report(page: CurvesPage, chart: Chart, view: PlotOptions) -> str:
    """Return a metric with its current plot options as Markdown."""
    run, stage, name = map(markdown_cell, (page.run.name, page.stage.name, chart.name))
    lines = [f"### {run} / {stage}: {name}", "", f"run `{page.run.id}`, over {AXES[view.axis]}", ""]
    thin = replace(chart, lines=tuple(map(_merged, chart.lines)))
    drawn = plot(thin, view, Frame(WIDTH, HEIGHT, feet=2))
    lines += ["```", *([drawn.y_title] if drawn.y_title else []), joined(drawn.rows), "```", ""]
    lines += ["| | curve | last | best |", "|---|---|---|---|"]
    lines += [_line(line, view) for line in chart.lines]
    if words := leader_text(chart, view):
        lines += ["", f"{words}."]
    return "\n".join(lines) + "\n"


def _line(line: PlotLine, view: PlotOptions) -> str:
    last = last_value(line, view)
    cells = (mark_of(line.index), line.label, number(last and last.value), best_text(line))
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def _merged(line: PlotLine) -> PlotLine:
    """Downsample a line to the columns of the text plot; no spike is lost."""
    count, width = len(line.lows), 2 * WIDTH
    starts = [count * at // width for at in range(width + 1)]
    parts = [range(start, max(end, start + 1)) for start, end in pairwise(starts)]

    def merge(values: Sequence[float], choose: Callable[[list[float]], float]) -> tuple[float, ...]:
        if not values:
            return ()
        columns = ([values[at] for at in part if values[at] == values[at]] for part in parts)
        return tuple(choose(known) if known else math.nan for known in columns)

    last = itemgetter(-1)
    return replace(
        line,
        at=merge(line.at, last),
        lows=merge(line.lows, min),
        highs=merge(line.highs, max),
        means=merge(line.means, mean),
        smooths=merge(line.smooths, mean),
        lasts=merge(line.lasts, last),
        odd=tuple((at * width // count, kind) for at, kind in line.odd),
        old_lows=merge(line.old_lows, min),
        old_highs=merge(line.old_highs, max),
        members=tuple(merge(one, mean) for one in line.members),
    )
