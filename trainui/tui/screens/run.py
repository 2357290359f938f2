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
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import ENDED, UNFINISHED, Status
from trainui.store.run_lines import RunLine
from trainui.text import harmless
from trainui.tui.acting import Target
from trainui.tui.keys import bindings
from trainui.tui.log_windows import LogSource, Stream
from trainui.tui.reports import LOG_LINES, stage_report
from trainui.tui.run_heading import can_resume, crumbs, heading
from trainui.tui.screens.page import Page
from trainui.tui.snapshots import RunPage, Snapshot, StageDetail, Wanted
from trainui.tui.spans import Span
from trainui.tui.widgets.bars import Bar
from trainui.tui.widgets.curves import CurvesView
from trainui.tui.widgets.lines import RowsView
from trainui.tui.widgets.panes import Panes
from trainui.tui.widgets.sheet_view import Subject
from trainui.tui.widgets.stage_graph import StageGraph

BOTH: tuple[Stream, ...] = ("stdout", "stderr")
STREAMS: tuple[tuple[Stream, ...], ...] = (BOTH, ("stdout",), ("stderr",))
"""What of the log is shown, one after another."""


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
        self.state_bar = Bar(id="state")
        self.button = Button("Resume  r", id="resume", compact=True, action="screen.resume")
        self.gone = RowsView(id="gone")
        self._page: RunPage | None = None
        self._detail: StageDetail | None = None
        self._streams = BOTH
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

    @property
    def _attempt(self) -> int | None:
        """The attempt of the stage that is looked at; None: its last one."""
        return self.panes.curves.desk.attempt

    def wanted(self) -> Wanted:
        """Return what of the run is to be seen."""
        stage = self.graph.selected
        return Wanted(
            run_id=self.run_id,
            stage=stage.name if stage is not None else None,
            sheet=self.panes.sheet,
            group=self.graph.selected_name if self.graph.folded else None,
            attempt=self._attempt,
            curves=self.panes.curves.wanted() if self.panes.curves.display else None,
        )

    def show(self, snapshot: Snapshot) -> None:
        """Show the run as it was read."""
        if snapshot.wanted.run_id != self.run_id:
            return
        page = snapshot.page
        self.set_class(page is None, "-gone")
        unfinished = page is not None and page.run.status in UNFINISHED
        notices = self.notices(snapshot, unfinished=unfinished)
        if page is None:
            self.top.show((Span(" trainui ", "title"),), notices)
            text = snapshot.problem or f"the run {self.run_id} is no more; esc shows all runs"
            gone = [(Span(harmless(line)),) for line in text.splitlines()]
            self.gone.set_rows(gone)
            return
        self._page = page
        self.top.show(crumbs(page.run), notices)
        self.graph.set_stages(page.stages)
        self._follow(page.stages)
        self.panes.share_out(self.graph.preferred_width)
        self.button.set_class(can_resume(page.stages), "-useful")
        self._show_detail(page)
        self.tick()
        self.ask()

    def _follow(self, stages: tuple[StageRecord, ...]) -> None:
        """Select what tells most, until somebody has chosen a stage."""
        selected = self.graph.selected
        if selected is None or (self._placed is not None and selected.name != self._placed):
            return
        if self._placed is None or selected.status not in TELLING:
            over = not any(stage.status in UNFINISHED for stage in stages)
            otherwise = longest(stages) if over or self._placed is None else selected.name
            self._placed = most_telling(stages, otherwise)
            self.graph.select(self._placed)

    def _show_detail(self, page: RunPage) -> None:
        stage = self.graph.selected
        if stage is None or page.detail is None or page.detail.stage != stage.name:
            return
        self._detail = detail = page.detail
        self._show_sheet(page, stage)
        over = stage.status in ENDED
        waits = "no output" if over else "no output yet" if stage.attempt else "it has not started"
        self._show_log(page, stage, waits)
        if detail.curves is not None:
            none = waits.replace("output", "metrics")
            self.panes.curves.set_curves(detail.curves, none, detail.problems)
        self.panes.show_titles(stage, self._attempt, len(self.graph.folded))

    def _show_log(self, page: RunPage, stage: StageRecord, waits: str) -> None:
        view = self.panes.log_view
        attempts = self._attempts(page, stage)
        if not attempts or not view.display:  # what is not seen is not read
            view.set_source(None, waits)
            return
        live = attempts[-1].status == Status.RUNNING
        last = attempts[-1]
        source = LogSource(last.directory, self._streams, live, last.id, last.host)
        view.set_source(source, waits)

    def _attempts(self, page: RunPage, stage: StageRecord) -> Sequence[AttemptRecord]:
        """Return the stage's attempts down to the one that is looked at."""
        return page.attempts.get(stage.id, ())[: self._attempt]

    def _show_sheet(self, page: RunPage, stage: StageRecord) -> None:
        if self._detail is not None:
            attempts = self._attempts(page, stage)
            subject = Subject(
                page, stage, attempts, self._detail, self.graph.timeline, self.graph.folded
            )
            self.panes.overview.show(subject, self.panes.sheet)

    def tick(self) -> bool:
        """Let the clocks of what runs go on."""
        page = self._page
        if page is None:
            return False
        ending = page.ahead.run if page.ahead else None
        self.state_bar.show(heading(page.run, page.stages, clock.now(), ending, more=page.more))
        self.graph.tick()
        stage = self.graph.selected
        shown = self._detail.stage if self._detail is not None else None
        if stage is not None and stage.status == Status.RUNNING and stage.name == shown:
            self._show_sheet(page, stage)
        return page.run.status in UNFINISHED

    def on_resize(self) -> None:
        """Lay the panes out for the new size."""
        if self._page is not None:
            self.panes.share_out(self.graph.preferred_width)
            self.call_after_refresh(self._refit)

    def _refit(self) -> None:
        """Fill panes whose width has changed, and let the feed read for it."""
        if self._page is not None:
            self._show_detail(self._page)
            self.ask()

    def on_cursor_view_moved(self) -> None:
        """Let the feed read what the panel of the stage shows."""
        stage = self.graph.selected
        if self._detail is not None and stage is not None and self._detail.stage != stage.name:
            self.panes.curves.desk.attempt = None
        self.ask()

    def on_cursor_view_opened(self) -> None:
        """Go from a stage to its panel."""
        self.panes.enter_panel()

    @on(Panes.Changed)
    def _read_for_panes(self) -> None:
        self.call_after_refresh(self._refit)

    @on(CurvesView.Asked)
    def _read_for_curves(self) -> None:
        self.remember(self.panes.curves.desk)
        self.ask()

    @on(CurvesView.Pointed)
    def _show_the_moment(self, event: CurvesView.Pointed) -> None:
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
            from trainui.tui.screens.curves import CurvesScreen

            self.app.push_screen(CurvesScreen(self.run_id, stage.name, self.panes.curves.desk))

    def prepare_for(self, scope: str) -> None:
        """Put the focus on the pane in which the keys of a scope work."""
        pane = {"stages": 1, "metrics": 3, "curves": 3, "log": 4}.get(scope)
        if pane is not None:
            self.panes.go_to(pane)

    def search(self, text: str, pane: Widget | None) -> None:
        """Look for a stage, a metric or a text of the log, in the pane that had the focus."""
        if pane is self.panes.curves:
            self.panes.curves.filter(text)
        elif pane is self.panes.log_view:
            self.panes.log_view.search(text)
        else:
            self._sought = text
            if text:
                self.graph.select_matching(text)

    _sought = ""

    def go_to_match(self, direction: int) -> None:
        """Go to the next match in the pane that has the focus."""
        if self.panes.active is self.panes.log_view:
            found = self.panes.log_view.go_to_match(direction)
        else:
            found = bool(self._sought) and self.graph.select_matching(
                self._sought, direction, stay=False
            )
        if not found:
            self.notify("no match; / searches", markup=False)

    def target(self) -> Target | None:
        """Return this run."""
        known: Iterable[RunRecord | RunLine] = ()
        if self._page is not None:
            known = (self._page.run,)
        elif self.trainui.snapshot is not None:  # a key may come before the page is read
            known = self.trainui.snapshot.runs
        found = (
            Target(one.id, one.name, one.status, one.priority)
            for one in known
            if one.id == self.run_id
        )
        return next(found, None)

    def target_stage(self) -> StageRecord | None:
        """Return the stage under the cursor."""
        return self.graph.selected

    def report(self) -> str:
        """Return the selected stage as Markdown."""
        stage = self.graph.selected
        if self._page is None or stage is None:
            return ""
        detail = self._detail
        curves = detail.curves.figures if detail is not None and detail.curves else ()
        log = self.panes.log_view.last_lines(LOG_LINES)
        return stage_report(self._page.run, stage, curves, log)

    def action_back(self) -> None:
        """Go back one level: from a filter, a lone pane, the panel, then from the page."""
        if self.panes.active is self.panes.log_view and self.panes.log_view.give_up():
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
        page, stage = self._page, self.graph.selected
        count = len(page.attempts.get(stage.id, ())) if page is not None and stage else 0
        if page is None or count < 2:
            self.notify("there is no other attempt", markup=False)
            return
        chosen = max(1, min((self._attempt or count) + direction, count))
        self._look_at_attempt(chosen if chosen < count else None)
        self._show_detail(page)

    def _look_at_attempt(self, number: int | None) -> None:
        """Look at an attempt in every pane."""
        if number != self._attempt:
            self.panes.curves.desk.attempt = number
            self.ask()

    def action_logs(self) -> None:
        """Show the log alone, or all panes again."""
        self.panes.zoom_log()

    def action_stream(self) -> None:
        """Show both streams of the log, or one of them."""
        following = STREAMS.index(self._streams) + 1
        self._streams = STREAMS[following % len(STREAMS)]
        self.panes.show_log()
        if self._page is not None:
            self._show_detail(self._page)


def longest(stages: Sequence[StageRecord]) -> str:
    """Return the name of the stage that took longest; of none that ran, the first one's."""

    def took(stage: StageRecord) -> int:
        ended = stage.completed_at is not None and stage.started_at is not None
        return (stage.completed_at or 0) - (stage.started_at or 0) if ended else 0

    return max(stages, key=took).name


TELLING = (Status.FAILED, Status.INTERRUPTED, Status.RUNNING)
"""The states of stages that one wants to see first."""


def most_telling(stages: Sequence[StageRecord], otherwise: str) -> str:
    """Return the name of the stage that one wants to see first: what failed, else what runs."""
    for status in TELLING:
        for stage in stages:
            if stage.status == status:
                return stage.name
    return otherwise
