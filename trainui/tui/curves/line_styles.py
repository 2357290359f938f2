"""Line styles: colour and mark, which lines are bright if there are many, and their legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from trainui.model.headline_metric import headline
from trainui.tui.snapshot.curves import Chart, PlotLine
from trainui.tui.styled_text import Row, Segment, packed
from trainui.tui.styles import CURVES

_MARKS = "●▲■◆▼★○△□◇▽☆"

SAMPLE = "━━"
"""A piece of a line, for the legend."""


MOST_NAME = 24
"""Most characters of the names at the right end of the lines."""

MOST_ROWS = 2
"""Most lines of the legend."""


class LineStyle(NamedTuple):
    """Colour and mark of a line."""

    style: str
    mark: str
    bright: bool = True
    """False for a line in the background: dim, without marks and name."""


Styles = Mapping[str, LineStyle]
"""By label, the style of a line in every plot of a grid."""


def mark_of(index: int) -> str:
    """Return the mark of the line with this index among all comparable lines."""
    return _MARKS[index % len(_MARKS)]


def line_styles(chart: Chart, highlight: str = "") -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; of more than six the own line and the best are bright.

    Lines of pruned trials are in the background, except the own one. A line keeps its colour and
    its mark unless two bright lines have the same. If a label is highlighted, its line alone is
    bright.
    """
    lines = list(enumerate(chart.lines))
    found = [pair for pair in lines if pair[1].label == highlight]
    known = [pair for pair in lines if pair[1].own or not pair[1].pruned]
    bright = found or sorted(known, key=lambda pair: _rank(chart.lower_is_better, pair[1]))[:CURVES]
    colors, marks = _distinct(bright, CURVES), _distinct(bright, len(_MARKS))
    return tuple(
        LineStyle(f"curve-{colors[at] + 1}", _MARKS[marks[at]])
        if at in colors
        else LineStyle("dim", mark_of(line.index), bright=False)
        for at, line in lines
    )


def _distinct(lines: Sequence[tuple[int, PlotLine]], count: int) -> dict[int, int]:
    """Return a different number below `count` for each place: the line's index, or the next one."""
    found: dict[int, int] = {}
    for at, line in sorted(lines, key=lambda pair: pair[1].index):
        free = (number % count for number in range(line.index, line.index + count))
        found[at] = next(number for number in free if number not in found.values())
    return found


def _rank(lower: bool | None, line: PlotLine) -> tuple[bool, float]:
    """Return the sort key of a line: the own one first, then the best values."""
    if lower is None or line.best is None:
        return not line.own, 0.0 if lower is None else math.inf
    return not line.own, line.best[0] if lower else -line.best[0]


def shared_styles(charts: Sequence[Chart], highlight: str) -> Styles:
    """Return the styles of compared lines; empty if no plot has several lines.

    The bright lines are those of the plot with the most lines, first of the headline metric's. With
    `highlight`, only the line with this label is bright.
    """
    compared = [chart for chart in charts if len(chart.lines) > 1]
    if not compared:
        return {}
    first = headline([chart.name for chart in compared], compared[0].search)
    chart = max(compared, key=lambda one: (len(one.lines), one.name == first))
    styles = zip(chart.lines, line_styles(chart, highlight), strict=True)
    return {line.label: style for line, style in styles}


def styles_of(chart: Chart, shared: Styles) -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; one that has no shared style is dim."""
    return tuple(
        shared.get(line.label, LineStyle("dim", mark_of(line.index), bright=False))
        for line in chart.lines
    )


def names_width(labels: Sequence[str]) -> int:
    """Return the width of the lines' names at the right of a plot, with their marks."""
    return min(max(map(cell_len, labels), default=0) + 3, MOST_NAME)


def legend_rows(shared: Styles, width: int) -> list[Row]:
    """Return the marks and names of the bright lines, and how many are dim."""
    bright = {label: style for label, style in shared.items() if style.bright}
    named = [Segment(f"{one.mark} {label}  ", one.style) for label, one in bright.items()]
    dim = len(shared) - len(bright)
    return packed((*named, *([Segment(f"{dim} dim", "dim")] * bool(dim))), width)[:MOST_ROWS]
