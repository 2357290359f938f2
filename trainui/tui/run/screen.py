"""A run's page: its DAG, and beside it what there is to know of the selected stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button

from trainui import clock
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import UNFINISHED
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.actions.run_actions import Target
from trainui.tui.curves.grid_view import CurvesView
from trainui.tui.data.snapshot import Query, RunPage, Snapshot
from trainui.tui.graph.view import StageGraph
from trainui.tui.keymap import bindings
from trainui.tui.logs.view import LogView
from trainui.tui.page import Page
from trainui.tui.render.styled_text import Segment
from trainui.tui.run.autoselect import telling_stage
from trainui.tui.run.details_view import DetailsView
from trainui.tui.run.header import can_resume, crumbs, heading
from trainui.tui.run.layout import Panes
from trainui.tui.run.stage_panel import StagePanel
from trainui.tui.widgets.bars import Bar
from trainui.tui.widgets.line_view import RowsView


class RunScreen(Page):
    """One run."""

    scope = "run"
    command_scopes = ("acting", "run", "stages", "metrics", "curves", "log", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "StageGraph"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run")]

    DEFAULT_CSS = """
    RunScreen {
        #heading { height: 1; }
        #heading Bar { width: 1fr; }
        #resume { width: 14; min-width: 14; margin-right: 1; }
        #gone { display: none; padding: 2 4; height: 1fr; }
        &.-gone Panes { display: none; }
        &.-gone #heading { display: none; }
        &.-gone #gone { display: block; }
    }
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.panes = Panes()
        self.panel = StagePanel(self.panes)
        self.state_bar = Bar(id="state")
        self.button = Button("Resume  r", id="resume", compact=True, action="screen.resume")
        self.gone = RowsView(id="gone")
        self._page: RunPage | None = None
        self._placed: str | None = None
        """The stage that was selected by itself."""

    def on_mount(self) -> None:
        """Look at curves as they were looked at last."""
        self.panes.curves.desk = self.recalled_desk()
        super().on_mount()

    def content(self) -> Iterator[Widget]:
        """Yield the run's heading with its button, and the panes."""
        yield Horizontal(self.state_bar, self.button, id="heading")
        yield self.panes
        yield self.gone

    @property
    def graph(self) -> StageGraph:
        """The DAG."""
        return self.panes.graph

    def wanted(self) -> Query:
        """Return what of the run is to be seen."""
        return self.panel.wanted(self.run_id)

    def show(self, snapshot: Snapshot) -> None:
        """Show the run as it was read."""
        if snapshot.wanted.run_id != self.run_id:
            return
        page = snapshot.page
        self.set_class(page is None, "-gone")
        unfinished = page is not None and page.run.status in UNFINISHED
        notices = self.notices(snapshot, unfinished=unfinished)
        if page is None:
            self.top.show((Segment(" trainui ", "title"),), notices)
            text = snapshot.problem or f"the run {self.run_id} is no more; esc shows all runs"
            gone = [(Segment(harmless(line)),) for line in text.splitlines()]
            self.gone.set_rows(gone)
            return
        self._page = page
        self.top.show(crumbs(page.run), notices)
        self.graph.set_stages(page.stages)
        self._follow(page.stages)
        self.panes.share_out(self.graph.preferred_width)
        self.button.set_class(can_resume(page.stages), "-useful")
        self.panel.show(page)
        self._tell_state(page)
        self.ask()

    def _follow(self, stages: tuple[StageRecord, ...]) -> None:
        """Select what tells most, until somebody has chosen a stage."""
        selected = self.graph.selected
        if selected is None or (self._placed is not None and selected.name != self._placed):
            return
        found = telling_stage(stages, selected, self._placed)
        if found is not None:
            self._placed = found
            self.graph.select(found)

    def tick(self) -> bool:
        """Let the clocks of what runs go on."""
        page = self._page
        if page is None:
            return False
        self._tell_state(page)
        self.graph.tick()
        self.panel.tick()
        return page.run.status in UNFINISHED

    def _tell_state(self, page: RunPage) -> None:
        ending = page.ahead.run if page.ahead else None
        self.state_bar.show(heading(page.run, page.stages, clock.now(), ending, more=page.more))

    def on_resize(self) -> None:
        """Lay the panes out for the new size."""
        if self._page is not None:
            self.panes.share_out(self.graph.preferred_width)
            self.call_after_refresh(self._refit)

    def _refit(self) -> None:
        """Fill panes whose width has changed, and let the feed read for it."""
        if self._page is not None:
            self.panel.show(self._page)
            self.ask()

    def on_cursor_view_moved(self) -> None:
        """Let the feed read what the panel of the stage shows."""
        self.panel.moved()
        self.ask()

    def on_cursor_view_opened(self) -> None:
        """Go from a stage to its panel."""
        self.panes.enter_panel()

    @on(Panes.Changed)
    def _read_for_panes(self) -> None:
        self.call_after_refresh(self._refit)

    @on(CurvesView.CurvesQueryChanged)
    def _read_for_curves(self) -> None:
        self.remember(self.panes.curves.desk)
        self.ask()

    @on(CurvesView.CursorMoved)
    def _show_the_moment(self, event: CurvesView.CursorMoved) -> None:
        self.panes.log_view.go_to_time(event.time)

    def on_screen_resume(self) -> None:
        """Read for this page again, and show the moment that was looked at on a metric's own."""
        super().on_screen_resume()
        desk = self.panes.curves.desk
        self.panes.curves.draw()
        if desk.time is not None:
            self.panes.log_view.go_to_time(desk.time)
            desk.time = None

    @on(CurvesView.Opened)
    def _open_metric(self) -> None:
        stage = self.graph.selected
        if stage is not None:
            from trainui.tui.curves.screen import CurvesScreen

            self.app.push_screen(CurvesScreen(self.run_id, stage.name, self.panes.curves.desk))

    def prepare_for(self, scope: str) -> None:
        """Put the focus on the pane in which the keys of a scope work."""
        pane = {"stages": 1, "metrics": 3, "curves": 3, "log": 4}.get(scope)
        if pane is not None:
            self.panes.go_to(pane)

    def search(self, text: str, pane: Widget | None) -> None:
        """Look for a stage, a metric or a text, in the pane that had the focus."""
        if pane is self.panes.curves:
            self.panes.curves.filter(text)
        elif isinstance(pane, LogView | DetailsView):
            pane.search(text)
        else:
            self._sought = text
            if text:
                self.graph.select_matching(text)

    _sought = ""

    def go_to_match(self, direction: int) -> None:
        """Go to the next match in the pane that has the focus."""
        active = self.panes.active
        if isinstance(active, LogView | DetailsView):
            found = active.go_to_match(direction)
        else:
            found = bool(self._sought) and self.graph.select_matching(
                self._sought, direction, stay=False
            )
        if not found:
            self.notify("no match; / searches", markup=False)

    def targets(self) -> list[Target]:
        """Return this run."""
        known: Iterable[RunRecord | RunLine] = ()
        if self._page is not None:
            known = (self._page.run,)
        elif self.trainui.snapshot is not None:  # a key may come before the page is read
            known = self.trainui.snapshot.runs
        return [Target.of(one) for one in known if one.id == self.run_id]

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stage under the cursor; of a folded matrix its members."""
        selected = self.graph.selected
        return self.graph.folded or (() if selected is None else (selected,))

    def action_back(self) -> None:
        """Go back one level: from a filter, a lone pane, the panel, then from the page."""
        active = self.panes.active
        if isinstance(active, LogView | DetailsView) and active.give_up():
            return
        if self.panes.curves.filtered and self.panes.active is self.panes.curves:
            self.panes.curves.filter("")
        elif self.has_class("-gone") or not self.panes.leave_level():
            self.trainui.leave_run()

    def action_zoom(self) -> None:
        """Show the focused pane alone, or all again."""
        self.panes.zoom()

    def action_pane(self, number: int) -> None:
        """Go to a pane."""
        self.panes.go_to(number)

    def action_attempt(self, direction: int) -> None:
        """Look at the attempt before (-1) or after (1), at its record and its logs."""
        if self.panel.choose_attempt(self._page, direction):
            self.ask()
        else:
            self.notify("there is no other attempt", markup=False)

    def action_logs(self) -> None:
        """Show the log alone, or all panes again."""
        self.panes.zoom_log()

    def action_stream(self) -> None:
        """Show both streams of the log, or one of them."""
        self.panel.next_streams()
        if self._page is not None:
            self.panel.show(self._page)
