"""Lays out a DAG as lines of text: one line a stage, edges drawn as vertical lanes.

All stages with the same set of dependencies share one lane, fed by those dependencies. So 6 x 6
edges between two sweeps are one lane, and no edge is left out. A lane at the left of a stage leads
into it; a lane at its right or below it leads out of it. A lane that is crossed, but not joined,
is drawn unbroken.

    ✓     prepare
    ├─✓─╮ train[hidden=32]
    ╰─●─┤ train[hidden=128]
    ○───╯ evaluate
    ○     report

At the right, ╯ is a lane from above that leads into the stage, and ╮ one that leads down out of it.
A stage that leads to the one on the next line alone has ↓ beside it, or a line with │ below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainui.tui.graph.lanes import LaneGraph
from trainui.tui.graph.painter import NODE, GraphCell, GraphLine, Painter

MOST_CELLS = 20_000
"""The limit on the drawing's size, counted as lanes times the lines that they pass. Larger graphs
are drawn as a list without lanes: the drawing would take seconds, and no one could read it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A laid-out graph."""

    lines: tuple[GraphLine, ...]
    width: int
    """Width of the widest line in characters."""
    graph: LaneGraph
    """Its lanes, by stage."""


def layout(stages: Sequence[tuple[str, Sequence[str]]], *, most_lines: int = 0) -> Drawing:
    """Lay out stages, each given with its dependencies.

    Unknown dependencies are ignored; stages of a cycle are drawn without dependencies. A line
    of edges is drawn between two stages of a chain if the drawing has at most `most_lines` lines
    then; otherwise the two are on adjacent lines, the first with `NEXT`.
    """
    graph = LaneGraph.of(stages)
    if graph.cells() > MOST_CELLS:
        lines = [GraphLine(name, (GraphCell(NODE),)) for name in graph.order]
    else:
        lines = Painter(graph, spaced=True).lines if len(stages) <= most_lines else []
        if not 0 < len(lines) <= most_lines:
            lines = Painter(graph, spaced=False).lines
    width = max((len(line.cells) for line in lines), default=0)
    return Drawing(tuple(lines), width, graph)
