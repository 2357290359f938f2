"""The line styles that all plots of a grid share, and the legend above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from trainui.domain.headline_metric import headline
from trainui.tui.curves.drawing.line_styles import LineStyle, line_styles, mark_of
from trainui.tui.curves.model import Chart
from trainui.tui.render.styled_text import Row, Segment, packed

MOST_NAME = 24
"""Most characters of the names at the right end of the lines."""

MOST_ROWS = 2
"""Most lines of the legend."""

Styles = Mapping[str, LineStyle]
"""By label, the style of a line in every plot of the grid."""


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
