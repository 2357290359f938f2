"""Draws a DAG stage by stage, with its lanes as vertical lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainui.tui.graph.lanes import LaneGraph

NODE = "\0"
"""Placeholder for a stage's symbol in a drawing."""

NEXT = "↓"
"""Stands beside a stage that leads to the stage on the next line."""


@dataclass(frozen=True, slots=True)
class GraphCell:
    """One character of a drawing."""

    text: str
    lanes: frozenset[int] = frozenset()
    """The lanes that this character is part of."""


@dataclass(frozen=True, slots=True)
class GraphLine:
    """One line of a drawing."""

    node: str | None
    """The stage on this line; None: only lanes."""
    cells: tuple[GraphCell, ...]

    def text(self, symbol: str = "●") -> str:
        """Return the line as text, with `symbol` for the stage."""
        return "".join(symbol if cell.text == NODE else cell.text for cell in self.cells)


class Painter:
    """Draws stage by stage, tracking which lane is in which column."""

    def __init__(self, graph: LaneGraph, *, spaced: bool) -> None:
        self.graph = graph
        self._spaced = spaced
        self.lines: list[GraphLine] = []
        self._columns: list[int | None] = []

    def place(self, name: str) -> None:
        """Draw a stage on its own line, after lines that move lanes out of the way if necessary."""
        into = self.graph.lane_into.get(name)
        if into is not None and self._follows(into):
            self._connect(into)
        if into is not None and self._ends_in(name, into):
            self._draw_end(name, into)
            return
        if into is not None:
            self._bring_left(into)
        column = self._column_for(into)
        for lane in self.graph.lanes_from[name]:
            at = self._at(lane)
            if at is not None and at < column:
                self._move(at, self._free(after=max(column, len(self._columns) - 1)))
        column = self._column_for(into)
        self._draw(name, into, column)

    def _follows(self, lane_id: int) -> bool:
        """Return True if a lane would lead from the stage above down into the next one, unseen."""
        at = self._at(lane_id)
        if at is None or self.graph.lanes[lane_id].shared or not self.lines:
            return False
        above = self.lines[-1].cells
        return len(above) > 2 * at and above[2 * at].text == NODE

    def _connect(self, lane_id: int) -> None:
        """Draw the edge from the stage above down into the next one: beside it or on a new line."""
        at = self._at(lane_id)
        assert at is not None
        above, beside = self.lines[-1], 2 * at + 1
        if self._spaced or (above.cells[beside:] and above.cells[beside].text != " "):
            self.lines.append(_Row(self._columns).line(None))
            return
        arrow = GraphCell(NEXT, frozenset((lane_id,)))
        cells = (*above.cells[:beside], arrow, *above.cells[beside + 1 :])
        self.lines[-1] = GraphLine(above.node, cells)

    def _ends_in(self, name: str, lane_id: int) -> bool:
        """Return True if a lane joins several stages into this one alone, with room at its left."""
        lane, at = self.graph.lanes[lane_id], self._at(lane_id)
        column = self._free(after=-1)
        if at is None or lane.shared or len(lane.sources) < 2 or column > at:
            return False
        above = self.lines[-1].cells if self.lines else ()
        if len(above) > 2 * column and above[2 * column].text == NODE:
            return False  # the stage above would appear to lead into this one
        return self.graph.lanes_from[name] in ([], [self._own_lane(name)])

    def _draw_end(self, name: str, lane_id: int) -> None:
        """Draw a stage at the left, with its incoming lane from the right."""
        at = self._at(lane_id)
        assert at is not None
        row = _Row(self._columns)
        column = self._free(after=-1)
        row.put(2 * column, NODE, None)
        row.run(2 * column, 2 * at, lane_id)
        row.put(2 * at, "╯", lane_id)
        self._set(at, None)
        self._set(column, self._own_lane(name))
        self.lines.append(row.line(name))

    def _bring_left(self, lane_id: int) -> None:
        """Move a lane that joins several stages to the leftmost free column, once."""
        lane = self.graph.lanes[lane_id]
        at = self._at(lane_id)
        if at is None or lane.moved or len(lane.sources) < 2:
            return
        lane.moved = True
        free = self._free(after=-1)
        if free < at:
            self._move(at, free)

    def _column_for(self, into: int | None) -> int:
        """Return a stage's column: its lane's, or one to the right of a shared lane."""
        if into is None:
            return self._free(after=-1)
        at = self._at(into)
        if at is None:  # the lane of the stages without dependencies starts here
            return self._free(after=self._free(after=-1))
        return self._free(after=at) if self.graph.lanes[into].shared else at

    def _draw(self, name: str, into: int | None, column: int) -> None:
        row = _Row(self._columns)
        if into is not None and self.graph.lanes[into].shared:
            self._draw_inbound(row, name, into, column)
        elif into is not None:
            self._columns[column] = None
        row.put(2 * column, NODE, None)
        self._draw_outbound(row, name, column)
        self.lines.append(row.line(name))

    def _draw_inbound(self, row: _Row, name: str, into: int, column: int) -> None:
        lane = self.graph.lanes[into]
        lane.targets.discard(name)
        at = self._at(into)
        corner = "├" if lane.targets else "╰"
        if at is None:
            at = self._free(after=-1)
            self._set(at, into)
            corner = "╭"
        if not lane.targets:
            self._set(at, None)
        row.run(2 * at, 2 * column, into)
        row.put(2 * at, corner, into)

    def _draw_outbound(self, row: _Row, name: str, column: int) -> None:
        ends: dict[int, tuple[int, bool]] = {}
        own = self._own_lane(name)
        self._set(column, -1 if own is None else own)
        # stages that share its own lane will be drawn in the next column
        beside = column + 1 if own is not None and self.graph.lanes[own].shared else column
        for lane_id in self.graph.lanes_from[name]:
            if lane_id == own:
                continue
            at = self._at(lane_id)
            if fresh := at is None:
                at = self._free(after=beside)
                self._set(at, lane_id)
            assert at is not None
            ends[at] = (lane_id, fresh)
        self._set(column, own)
        for at in sorted(ends, reverse=True):
            row.run(2 * column, 2 * at, ends[at][0])
        for at, (lane_id, fresh) in ends.items():
            last = at == max(ends)
            row.put(2 * at, ("╮" if last else "┬") if fresh else ("┤" if last else "┼"), lane_id)

    def _own_lane(self, name: str) -> int | None:
        """Return the lane that only this stage feeds; it continues straight below the stage."""
        lanes = self.graph.lanes_from[name]
        return next((lane for lane in lanes if len(self.graph.lanes[lane].sources) == 1), None)

    def _move(self, before: int, after: int) -> None:
        lane_id = self._columns[before]
        assert lane_id is not None
        row = _Row(self._columns)
        row.run(2 * min(before, after), 2 * max(before, after), lane_id)
        left, right = ("╭", "╯") if after < before else ("╰", "╮")
        row.put(2 * min(before, after), left, lane_id)
        row.put(2 * max(before, after), right, lane_id)
        self._set(before, None)
        self._set(after, lane_id)
        self.lines.append(row.line(None))

    def _at(self, lane_id: int) -> int | None:
        return self._columns.index(lane_id) if lane_id in self._columns else None

    def _free(self, *, after: int) -> int:
        for column in range(after + 1, len(self._columns)):
            if self._columns[column] is None:
                return column
        return max(after + 1, len(self._columns))

    def _set(self, column: int, lane_id: int | None) -> None:
        while len(self._columns) <= column:
            self._columns.append(None)
        self._columns[column] = lane_id


class _Row:
    """The characters of one line: first vertical lanes, then what crosses or joins them."""

    def __init__(self, columns: Iterable[int | None]) -> None:
        self._cells: dict[int, GraphCell] = {
            2 * column: GraphCell("│", frozenset((lane,)))
            for column, lane in enumerate(columns)
            if lane is not None
        }

    def put(self, at: int, text: str, lane: int | None) -> None:
        """Set a character."""
        lanes = frozenset() if lane is None else frozenset((lane,))
        self._cells[at] = GraphCell(text, lanes)

    def run(self, start: int, end: int, lane: int) -> None:
        """Draw a horizontal line between two columns, without breaking vertical lanes."""
        for at in range(start + 1, end):
            known = self._cells.get(at)
            if known is None:
                self._cells[at] = GraphCell("─", frozenset((lane,)))
            elif known.text == "─":
                self._cells[at] = GraphCell("─", known.lanes | {lane})

    def line(self, node: str | None) -> GraphLine:
        """Return the line, with spaces in empty cells."""
        width = max(self._cells, default=-1) + 1
        return GraphLine(node, tuple(self._cells.get(at, GraphCell(" ")) for at in range(width)))
