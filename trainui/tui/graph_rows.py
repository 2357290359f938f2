"""A run's DAG as lines: its lanes, and each stage's symbol, name, state and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len

from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.text import SYMBOLS, harmless
from trainui.tui.figures import elapsed, state_style
from trainui.tui.graph_layout import NODE, Drawing, Line
from trainui.tui.spans import Row, Span, fit, fit_middle

WORD, TIME = 11, 8
"""Cells of the state's word and of the time."""

LEAST_NAME, MOST_NAME = 12, 28
"""Cells that names get at least, and those for which the time gives way."""


@dataclass(frozen=True, slots=True)
class GraphColumns:
    """How the cells of a line are given out."""

    graph: int
    name: int
    word: int
    time: int

    @classmethod
    def of(cls, drawing: Drawing, width: int) -> GraphColumns:
        """Give the name what the others leave; the time goes first where there is little."""
        graph = min(drawing.width, max(width - LEAST_NAME - WORD - 3, 3))
        rest = width - graph - 2
        named = min(longest_name(drawing), MOST_NAME)
        time = TIME if rest >= named + WORD + TIME + 2 else 0
        word = WORD if rest >= LEAST_NAME + WORD + 1 else 0
        room = max(rest - (word + 1 if word else 0) - (time + 1 if time else 0), 1)
        return cls(graph, min(longest_name(drawing) + 1, room), word, time)


def longest_name(drawing: Drawing) -> int:
    """Return the cells of the longest name, or what names have at least."""
    longest = max((cell_len(harmless(name)) for name in drawing.order), default=0)
    return max(longest, LEAST_NAME)


def preferred_width(drawing: Drawing) -> int:
    """Return the cells that every line of a graph fits into."""
    return drawing.width + 2 + longest_name(drawing) + 1 + WORD + 1 + TIME


def graph_row(
    line: Line,
    stages: Mapping[str, StageRecord],
    columns: GraphColumns,
    *,
    lit: frozenset[int],
    offset: int,
    now: int,
) -> Row:
    """Return a line of the graph.

    Args:
        line: of the drawing.
        stages: by name.
        columns: from `GraphColumns.of`.
        lit: the lanes that are made to stand out.
        offset: cells of the lanes that are left out at the left.
        now: the time, in microseconds, for what runs.
    """
    stage = stages[line.node] if line.node is not None else None
    lanes = _lanes(line, stage, lit, offset, columns.graph)
    if stage is None:
        return lanes
    style = state_style(stage.status)
    cells = [
        *lanes,
        Span(" "),
        Span(fit(fit_middle(harmless(stage.name), columns.name), columns.name)),
    ]
    if columns.word:
        word = "stalled" if stage.stalled else str(stage.status)
        cells += [Span(" "), Span(fit(word, columns.word), style)]
    if columns.time:
        cells += [Span(" "), Span(fit(_time(stage, now), columns.time, right=True), "dim")]
    return tuple(cells)


def _time(stage: StageRecord, now: int) -> str:
    if stage.status in (Status.PENDING, Status.QUEUED, Status.BLOCKED, Status.SKIPPED):
        return ""
    return elapsed(stage.started_at, stage.completed_at, now)


def _lanes(
    line: Line, stage: StageRecord | None, lit: frozenset[int], offset: int, width: int
) -> Row:
    """Return the lanes, neighbouring characters of one style as one span."""
    spans: list[Span] = [Span(" ")]
    for cell in line.cells[offset : offset + width]:
        if cell.text == NODE and stage is not None:
            span = Span(SYMBOLS[stage.status], state_style(stage.status))
        else:
            span = Span(cell.text, "line-on" if cell.lanes & lit else "line")
        if spans[-1].style == span.style:
            span = Span(spans.pop().text + span.text, span.style)
        spans.append(span)
    missing = width - len(line.cells[offset : offset + width])
    return (*spans, Span(" " * max(missing, 0)))
