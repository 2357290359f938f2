"""A run's DAG, walked by keyboard: along the lines, or along the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from trainui import clock
from trainui.domain.records import StageRecord
from trainui.tui.graph_layout import NODE, Drawing, layout
from trainui.tui.graph_rows import GraphColumns, graph_row, preferred_width
from trainui.tui.keys import bindings
from trainui.tui.spans import Row
from trainui.tui.widgets.cursor import CursorView


class StageGraph(CursorView):
    """The stages of a run and what they depend on."""

    scopes = ("stages",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("stages")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawing: Drawing = layout(())
        self._shape: object = None
        self._stages: dict[str, StageRecord] = {}

    @property
    def selected(self) -> StageRecord | None:
        """The stage under the cursor."""
        name = self._name_at(self.cursor)
        return self._stages.get(name) if name is not None else None

    @property
    def preferred_width(self) -> int:
        """Cells into which every line fits."""
        return preferred_width(self._drawing)

    def set_stages(self, stages: Sequence[StageRecord]) -> None:
        """Show these stages; the cursor stays on its stage."""
        selected = self._name_at(self.cursor)
        self._stages = {stage.name: stage for stage in stages}
        shape = tuple((stage.name, stage.depends_on) for stage in stages)
        if shape != self._shape:
            self._shape = shape
            self._drawing = layout(shape)
            self.select(selected or "")
        self.update_rows()

    def select(self, name: str) -> None:
        """Put the cursor on a stage, on the first one where there is none of that name."""
        lines = [line.node for line in self._drawing.lines]
        if name in lines:
            self.move_cursor(lines.index(name))
        else:
            self.move_cursor(0 if lines else -1)

    def select_matching(self, text: str, direction: int = 1, *, stay: bool = True) -> bool:
        """Put the cursor on the next stage whose name holds a text; returns whether there is one.

        Args:
            text: in any case of letters.
            direction: 1 downwards, -1 upwards.
            stay: whether the stage under the cursor counts.
        """
        count = len(self._drawing.lines)
        first = 0 if stay else 1
        for distance in range(first, count + first):
            index = (self.cursor + direction * distance) % count
            name = self._name_at(index)
            if name is not None and text.casefold() in name.casefold():
                self.move_cursor(index)
                return True
        return False

    def row_count(self) -> int:
        """Return how many lines the graph has."""
        return len(self._drawing.lines)

    def selectable(self, index: int) -> bool:
        """Let the cursor be on stages only."""
        return self._name_at(index) is not None

    def row(self, index: int, width: int) -> Row:
        """Return a line of the graph."""
        columns = GraphColumns.of(self._drawing, width)
        return graph_row(
            self._drawing.lines[index],
            self._stages,
            columns,
            lit=self._lit(),
            offset=self._offset(columns.graph),
            now=clock.now(),
        )

    def action_upstream(self) -> None:
        """Go to the first stage that the selected one depends on."""
        stage = self.selected
        if stage is not None and stage.depends_on:
            self.select(stage.depends_on[0])

    def action_downstream(self) -> None:
        """Go to the first stage that depends on the selected one."""
        stage = self.selected
        names = [line.node for line in self._drawing.lines if line.node is not None]
        for name in names:
            if stage is not None and stage.name in self._stages[name].depends_on:
                self.select(name)
                return

    def _name_at(self, index: int) -> str | None:
        lines = self._drawing.lines
        return lines[index].node if 0 <= index < len(lines) else None

    def _lit(self) -> frozenset[int]:
        """Return the lanes into and from the selected stage."""
        name = self._name_at(self.cursor)
        if name is None:
            return frozenset()
        inbound = self._drawing.inbound.get(name)
        lanes = self._drawing.outbound.get(name, ())
        return frozenset(lanes if inbound is None else (*lanes, inbound))

    def _offset(self, width: int) -> int:
        """Return how far wide lanes are moved, so that the selected stage's symbol is seen."""
        if width >= self._drawing.width or self.cursor < 0:
            return 0
        cells = self._drawing.lines[self.cursor].cells
        at = next((index for index, cell in enumerate(cells) if cell.text == NODE), 0)
        return max(0, min(at - width // 2, self._drawing.width - width))
