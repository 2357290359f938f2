"""The machine page: GPUs with the stages that use them, CPUs, memory and disks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from trainui.store.read.gpu_use import Holder
from trainui.store.read.run_list import RunLine
from trainui.tui.data.query import MachineQuery
from trainui.tui.data.snapshot import Snapshot
from trainui.tui.keymap import bindings
from trainui.tui.machine.histories import history_rows
from trainui.tui.machine.rows import machine_lines
from trainui.tui.page import Page
from trainui.tui.render.styled_text import Segment, joined
from trainui.tui.widgets.list_view import Entry, EntryView


class MachineView(EntryView[Holder]):
    """The lines, with a cursor on GPUs that our stages use."""

    scopes = ("machine",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine.open")]


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
        self.view = MachineView(id="machine")

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
        self.top.show(
            (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment("machine", "strong")),
            self.notices(snapshot, snapshot.runs),
        )
        width = max(self.size.width - 1, 20)
        gpus = (*snapshot.gpus, *snapshot.far_gpus)
        lines = machine_lines(snapshot.machine, gpus, snapshot.gpu_uses, width)
        if snapshot.machine is not None:
            room = self.view.page_height - len(lines)
            lines += map(Entry, history_rows(snapshot.machine, width, room))
        self.view.set_entries(lines)

    def search(self, text: str, pane: Widget | None) -> None:
        """Do nothing: this page has no search."""

    def action_match(self, direction: int) -> None:
        """Move the cursor: this page has no search."""
        self.view.action_line(direction)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return ("machine", "app")

    def targets(self) -> Sequence[RunLine]:
        """Return the run that uses the GPU under the cursor."""
        use = self.view.selected
        return [run for run in self.base_app.runs if use is not None and run.id == use.run_id]

    def report(self) -> str:
        """Return the page as text."""
        return f"```\n{joined([entry.row for entry in self.view.entries])}\n```\n"

    def on_cursor_view_opened(self) -> None:
        """Open the page of the run that uses the GPU."""
        use = self.view.selected
        if use is not None:
            self.base_app.open_run(use.run_id)
