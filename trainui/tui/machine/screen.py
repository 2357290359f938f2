"""The machine page: GPUs with the stages that use them, CPUs, memory and disks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from trainui.store.read.run_list import RunLine
from trainui.tui.actions.target import Target
from trainui.tui.data.query import MachineQuery
from trainui.tui.data.snapshot import GpuUse, Snapshot
from trainui.tui.keymap import bindings
from trainui.tui.machine.histories import history_rows
from trainui.tui.machine.rows import MachineLine, machine_lines
from trainui.tui.page import Page
from trainui.tui.render.styled_text import Row, Segment, joined
from trainui.tui.widgets.list_view import CursorView


class MachineView(CursorView):
    """The lines, with a cursor on GPUs that our stages use; without such GPUs they scroll."""

    scopes = ("machine",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine.open")]

    def __init__(self) -> None:
        super().__init__(id="machine")
        self.lines: list[MachineLine] = []

    @property
    def use(self) -> GpuUse | None:
        """The stage that uses the GPU under the cursor."""
        return self.lines[self.cursor].use if 0 <= self.cursor < len(self.lines) else None

    def set_lines(self, lines: Sequence[MachineLine]) -> None:
        """Show these lines and keep the cursor on its GPU."""
        use = self.use
        self.lines = list(lines)
        places = {line.use: at for at, line in enumerate(lines) if line.use is not None}
        first = next(iter(places.values()), -1)
        self.update_rows()
        at = places.get(use, first) if use else first
        if at != self.cursor:
            self.move_cursor(at, post=False)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self.lines)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self.lines[index].row

    def selectable(self, index: int) -> bool:
        """Return True if the line starts a GPU that a stage uses."""
        return self.lines[index].use is not None

    def action_line(self, count: int) -> None:
        """Move by GPUs; past the last one scroll."""
        before = self.cursor
        super().action_line(count)
        if self.cursor == before:
            self.scroll_to(y=self.scroll_offset.y + count, animate=False)


class MachineScreen(Page):
    """The machine page."""

    scope = "machine"
    has_data = True
    command_scopes = ("machine", "acting", "app")
    AUTO_FOCUS: ClassVar[str | None] = "MachineView"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine.back")]

    DEFAULT_CSS = "MachineView { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.view = MachineView()
        self._runs: dict[str, RunLine] = {}

    def content(self) -> Iterator[Widget]:
        """Yield the lines."""
        yield self.view

    def page_query(self) -> MachineQuery:
        """Return the query for the machine's data."""
        return MachineQuery()

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot, without the GPU strip, which would repeat the same GPUs."""
        self.show(snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the machine's data of a snapshot."""
        if not isinstance(snapshot.query, MachineQuery):
            return
        self._runs = {run.id: run for run in snapshot.runs}
        self.top.show(
            (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment("machine", "strong")),
            self.notices(snapshot, snapshot.runs),
        )
        width = max(self.size.width - 1, 20)
        gpus = (*snapshot.gpus, *snapshot.far_gpus)
        lines = machine_lines(snapshot.machine, gpus, snapshot.gpu_uses, width)
        if snapshot.machine is not None:
            room = self.view.page_height - len(lines)
            lines += map(MachineLine, history_rows(snapshot.machine, width, room))
        self.view.set_lines(lines)

    def search(self, text: str, pane: Widget | None) -> None:
        """Do nothing: this page has no search."""

    def go_to_match(self, direction: int) -> None:
        """Move the cursor: this page has no search."""
        self.view.action_line(direction)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return ("machine", "app")

    def targets(self) -> list[Target]:
        """Return the run that uses the GPU under the cursor."""
        use = self.view.use
        run = self._runs.get(use.run_id) if use is not None else None
        return [] if run is None else [Target.of(run)]

    def report(self) -> str:
        """Return the page as text."""
        return f"```\n{joined([line.row for line in self.view.lines])}\n```\n"

    def on_cursor_view_opened(self) -> None:
        """Open the page of the run that uses the GPU."""
        use = self.view.use
        if use is not None:
            self.host.open_run(use.run_id)
