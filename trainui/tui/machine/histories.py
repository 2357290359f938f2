"""Charts of the machine's recent history, side by side, for the room below its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from trainui import formatting
from trainui.tui.data.machine_figures import PERIOD
from trainui.tui.data.snapshot import Machine
from trainui.tui.render.numbers import blocks
from trainui.tui.render.styled_text import Row, Segment, beside, fit

LEAST_HEIGHT, MOST_HEIGHT = 3, 8
"""Lines of a chart without its title; with less room there is none."""

LEAST_WIDTH, GAP, LABEL = 46, 3, 6
"""Cells: the least of a chart, between two, and of the labels at its left."""


class UsageHistory(NamedTuple):
    """A figure in per cent over time, oldest first."""

    title: str
    values: Sequence[float]


def history_rows(machine: Machine, width: int, room: int) -> list[Row]:
    """Return the charts of each GPU, else of all GPUs together; those that fit, or none."""
    columns = max((width + GAP) // (LEAST_WIDTH + GAP), 1)
    columns -= columns % 2 if columns > 1 else 0  # a GPU's two charts are side by side
    for gpus in (_each_gpu(machine), _all_gpus(machine)):
        found = [one for one in (*gpus, *_system(machine)) if len(one.values) > 1]
        lines = [found[at : at + columns] for at in range(0, len(found), columns)]
        if lines and room // len(lines) - 2 >= LEAST_HEIGHT:
            break
    while lines and room // len(lines) - 2 < LEAST_HEIGHT:
        lines.pop()
    rows: list[Row] = []
    for line in lines:
        height = min(room // len(lines) - 2, MOST_HEIGHT)
        cells = (width - GAP * (columns - 1)) // columns
        charts = [_chart(one, cells, height) for one in line]
        rows += [(), *(beside(parts, cells + GAP) for parts in zip(*charts, strict=True))]
    return rows


def _each_gpu(machine: Machine) -> Iterator[UsageHistory]:
    for index, history in sorted(machine.gpu_history.items()):
        for title, values in zip(("busy", "memory"), known(history), strict=True):
            yield UsageHistory(f"GPU {index} {title}", values)


def _all_gpus(machine: Machine) -> Iterator[UsageHistory]:
    """Yield the means over all GPUs."""
    histories = [known(history) for history in machine.gpu_history.values()]
    for title, of_all in zip(("busy", "memory"), zip(*histories, strict=True), strict=False):
        values = [one for one in of_all if one]
        count = min(map(len, values), default=0)
        means = [fmean(at) for at in zip(*(one[-count:] for one in values), strict=True)]
        yield UsageHistory(f"{len(values)} GPUs {title}, mean", means if count else ())


def _system(machine: Machine) -> Iterator[UsageHistory]:
    if machine.figures is not None:
        yield UsageHistory("CPU", machine.figures.cpu_history)
        yield UsageHistory("memory", machine.figures.memory_history)


def known(history: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return a GPU's utilisation and memory use over time, without what it did not report."""
    busy, memory = ([one for one in column if one == one] for column in zip(*history, strict=True))
    return busy, memory


def _chart(history: UsageHistory, width: int, height: int) -> list[Row]:
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
