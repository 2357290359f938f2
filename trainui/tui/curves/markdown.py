"""A Markdown report of one metric: its plot as text, and a table of the lines in it."""

from __future__ import annotations

from trainui.text import harmless
from trainui.tui.curves.cursor_values import best_text, last_value, leader_text
from trainui.tui.curves.line_styles import line_style
from trainui.tui.curves.model import Chart, PlotLine
from trainui.tui.curves.plot import Frame, plot_rows
from trainui.tui.curves.view_options import AXES, PlotOptions
from trainui.tui.data.snapshot import CurvesPage
from trainui.tui.render.numbers import number
from trainui.tui.render.styled_text import joined

WIDTH, HEIGHT = 60, 12
"""Size of the plot in characters."""


def text_plot(chart: Chart, view: PlotOptions, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return a plot as plain text without colours."""
    return joined(plot_rows(chart, view, Frame(width, height, feet=2)))


def curve_report(page: CurvesPage, chart: Chart, view: PlotOptions) -> str:
    """Return a metric with its current plot options as Markdown."""
    title = f"### {harmless(page.run.name)} / {harmless(page.stage.name)}: {harmless(chart.name)}"
    lines = [title, "", f"run `{page.run.id}`, over {AXES[view.axis]}", ""]
    lines += ["```", text_plot(_thin(chart), view), "```", ""]
    lines += ["| | curve | last | best |", "|---|---|---|---|"]
    lines += [_line(line, view) for line in chart.lines]
    if words := leader_text(chart, view):
        lines += ["", f"{words}."]
    return "\n".join(lines) + "\n"


def _line(line: PlotLine, view: PlotOptions) -> str:
    last = last_value(line, view)
    cells = (line_style(line.index).mark, line.label, number(last and last.value), best_text(line))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _thin(chart: Chart) -> Chart:
    """Downsample a chart to the columns of the text plot."""
    from dataclasses import replace

    return replace(chart, lines=tuple(_merged(line) for line in chart.lines))


def _merged(line: PlotLine) -> PlotLine:
    """Downsample a line, keeping each column's minimum and maximum so that no spike is lost."""
    from dataclasses import replace

    count = len(line.lows)
    parts = [
        range(count * at // (2 * WIDTH), count * (at + 1) // (2 * WIDTH)) for at in range(2 * WIDTH)
    ]
    if count <= 2 * WIDTH:
        parts = [
            range(at * count // (2 * WIDTH), at * count // (2 * WIDTH) + 1)
            for at in range(2 * WIDTH)
        ]

    def merge(values: tuple[float, ...], choose: object) -> tuple[float, ...]:
        found = []
        for part in parts:
            known = [values[at] for at in part if values[at] == values[at]]
            found.append(choose(known) if known else float("nan"))  # type: ignore[operator]
        return tuple(found)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    def last(values: list[float]) -> float:
        return values[-1]

    odd = tuple((at * 2 * WIDTH // count, kind) for at, kind in line.odd)
    return replace(
        line,
        at=merge(line.at, last),
        lows=merge(line.lows, min),
        highs=merge(line.highs, max),
        means=merge(line.means, mean),
        smooths=merge(line.smooths, last),
        lasts=merge(line.lasts, last),
        odd=odd,
        old_lows=merge(line.old_lows, min) if line.old_lows else (),
        old_highs=merge(line.old_highs, max) if line.old_highs else (),
    )
