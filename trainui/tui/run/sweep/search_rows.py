"""The lines of a search's table about all trials: the best so far, and the importance."""

from __future__ import annotations

from trainui.braille import plot_lines
from trainui.text import harmless
from trainui.tui.data.run_page import MatrixDetail, SearchDetail
from trainui.tui.render.numbers import number
from trainui.tui.render.styled_text import Row, Segment, cut, packed

PLOT_HEIGHT, LEAST_POINTS = 3, 3
"""Lines of the plot of the best value so far, and the completed trials without which it is not."""


def search_rows(group: MatrixDetail, width: int) -> list[Row]:
    """Return the lines of a search; empty if the stage has none."""
    if group.search is None:
        return []
    values = best_so_far(group.search, lower=bool(group.lower))
    rows = _plot(values, width) if len(values) >= LEAST_POINTS else []
    if shares := group.search.importance:
        parts = (Segment(f"{harmless(name)} {share:.0%}  ") for name, share in shares.items())
        rows += packed((Segment("importance  ", "dim"), *parts), width)
    return rows


def best_so_far(search: SearchDetail, *, lower: bool) -> list[float]:
    """Return the best value up to each completed trial, in the order of their numbers."""
    values: list[float] = []
    for one in sorted(search.trials.values(), key=lambda one: one.number):
        if one.state == "complete" and one.value is not None:
            best = min if lower else max
            values.append(best(values[-1], one.value) if values else one.value)
    return values


def _plot(values: list[float], width: int) -> list[Row]:
    """Plot the best value over the completed trials, between its first and its last value."""
    first, last = number(values[0]), number(values[-1])
    columns = max(2, min(2 * (width - len(first) - len(last) - 2), 2 * width // 3 * 2))
    drawn = [values[index * len(values) // columns] for index in range(columns)]
    lines = plot_lines(drawn, drawn, PLOT_HEIGHT)
    starts = [first, *[" " * len(first)] * (PLOT_HEIGHT - 1)]
    ends = ["", "", last]
    if values[0] < values[-1]:
        starts, ends = starts[::-1], ends[::-1]
    rows: list[Row] = [(), (Segment(f"best so far, over {len(values)} completed trials", "dim"),)]
    for start, line, end in zip(starts, lines, ends, strict=True):
        rows.append((Segment(f"{start} ", "dim"), Segment(line, "good"), Segment(f" {end}")))
    return [cut(row, width) for row in rows]
