"""Charts of the machine's recent history, side by side, for the room below its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trainui import formatting
from trainui.tui.data.snapshot import Machine
from trainui.tui.machine.system_reader import PERIOD
from trainui.tui.render.numbers import blocks
from trainui.tui.render.styled_text import Row, Segment, fit

LEAST_HEIGHT, MOST_HEIGHT = 3, 8
"""Lines of a chart without its title; with less room there is none."""

LEAST_WIDTH, GAP, LABEL = 56, 3, 5
"""Cells: the least of a chart, between two, and of the labels at its left."""


class History(NamedTuple):
    """A figure in per cent over time, oldest first."""

    title: str
    values: Sequence[float]


def history_rows(machine: Machine, width: int, room: int) -> list[Row]:
    """Return the charts that fit, or none."""
    found = [one for one in _histories(machine) if len(one.values) > 1]
    columns = max(min((width + GAP) // (LEAST_WIDTH + GAP), len(found)), 1)
    lines = [found[at : at + columns] for at in range(0, len(found), columns)]
    while lines and room // len(lines) - 2 < LEAST_HEIGHT:
        lines.pop()
    rows: list[Row] = []
    for line in lines:
        height = min(room // len(lines) - 2, MOST_HEIGHT)
        cells = (width - GAP * (columns - 1)) // columns
        rows += [(), *_side_by_side([_chart(one, cells, height) for one in line], cells)]
    return rows


def _histories(machine: Machine) -> Iterator[History]:
    for index, history in sorted(machine.gpu_history.items()):
        yield History(f"GPU {index} busy", [busy for busy, _ in history])
        yield History(f"GPU {index} memory", [memory for _, memory in history])
    if machine.figures is not None:
        yield History("CPU", machine.figures.cpu_history)
        yield History("memory", machine.figures.memory_history)


def _chart(history: History, width: int, height: int) -> list[Row]:
    """Return the title and the lines of a chart from 0 to 100 per cent, the newest at the right."""
    cells = width - LABEL - 1
    shown = [min(max(value, 0.0), 100.0) for value in history.values[-cells:]]
    span = formatting.duration(round(len(shown) * PERIOD))
    rows: list[Row] = [(Segment(f" {history.title}", "strong"), Segment(f"  last {span}", "dim"))]
    for line in range(height):
        floor, step = 100 * (height - 1 - line) / height, 100 / height
        drawn = "".join(_block(value, floor, step) for value in shown)
        label = "100%" if line == 0 else "0%" if line == height - 1 else ""
        axis = Segment(f"{fit(label, LABEL - 1, right=True)} │", "dim")
        rows.append((axis, Segment(drawn.rjust(cells), "accent")))
    return rows


def _block(value: float, floor: float, step: float) -> str:
    """Return the part of a column between `floor` and `floor + step` per cent."""
    if value <= floor:
        return " "
    return blocks([100 * min((value - floor) / step, 1.0)])


def _side_by_side(charts: Sequence[Sequence[Row]], width: int) -> Iterator[Row]:
    for parts in zip(*charts, strict=True):
        row: list[Segment] = []
        for part in parts:
            used = sum(len(segment.text) for segment in part)
            row += [*part, Segment(" " * (width - used + GAP))]
        yield tuple(row[:-1])
