"""The keys of a run's page that act on its panes and on the selected stage."""

from __future__ import annotations

from textual import on

from trainui.errors import UsageError
from trainui.tui.data.query import DetailTab
from trainui.tui.data.snapshot import RunPage
from trainui.tui.graph.view import StageGraph
from trainui.tui.page import Page
from trainui.tui.run.details.details_view import DetailsView
from trainui.tui.run.details.stage_panel import StagePanel
from trainui.tui.run.layout import Panes

DETAILS = "details"
"""The preference key for the unfolded details of the overview."""


class PaneActions(Page):
    """A page with the panes of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.panes = Panes()
        self.panel = StagePanel(self.panes)
        self._page: RunPage | None = None

    @property
    def graph(self) -> StageGraph:
        """The DAG."""
        return self.panes.graph

    def action_zoom(self) -> None:
        """Zoom the focused pane, or show all panes again."""
        self.panes.zoom()

    def action_pane(self, number: int) -> None:
        """Go to a pane or a detail tab."""
        self.panes.go_to(number)

    def action_attempt(self, direction: int) -> None:
        """Show the previous (-1) or next (1) attempt, with its record and its logs."""
        if self.panel.choose_attempt(self._page, direction):
            self.ask()
        else:
            self.notify("this stage has no other attempt")

    @on(DetailsView.FoldClicked)
    def action_details(self) -> None:
        """Fold or unfold the details of the overview."""
        overview = self.panes.overview
        if self.graph.folded:
            self.notify("a sweep has no details; enter unfolds it to its members")
            return
        is_hidden = self.panes.tab != DetailTab.OVERVIEW or not overview.display
        overview.fold(folded=not (is_hidden or overview.folded))
        self.host.preferences.keep(DETAILS, not overview.folded)
        if is_hidden:
            self.panes.go_to(DetailTab.OVERVIEW)

    def action_sort_sweep(self) -> None:
        """Sort the sweep's table by the last smoothed values, or by the best ones again."""
        if not self.graph.folded:
            self.notify("only the table of a folded sweep can be sorted")
            return
        self.panel.smoothed = not self.panel.smoothed
        self.ask()

    def action_logs(self) -> None:
        """Zoom the log, or show all panes again."""
        self.panes.zoom_to(4)

    def action_copy_command(self) -> None:
        """Copy the selected stage's command, to be pasted into a shell."""
        page, stage = self._page, self.graph.selected
        if page is None or stage is None:
            self.notify("no stage is selected")
            return
        run_id, name = page.run.id, stage.name

        def make() -> str:
            from trainui.control import shell_command

            command = shell_command.of_stage(run_id, name)
            if command is None:
                raise UsageError(f"{name} runs a task, not a command")
            return command

        self.copy_from(make, "command copied")

    def action_stream(self) -> None:
        """Cycle the log through both streams, stdout and stderr."""
        self.panel.next_streams()
        if self._page is not None:
            self.panel.show(self._page)
