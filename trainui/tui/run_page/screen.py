"""A run's page: its DAG and the panes of the selected stage.

The page selects a failed stage, else a running one, else the one that ran longest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button

from trainui.control.log_files import missing_log
from trainui.model.records import AttemptRecord, StageRecord
from trainui.model.states import ENDED, UNFINISHED, Status
from trainui.text import harmless
from trainui.tui.app_interface import Target
from trainui.tui.curves.grid_view import CurvesView
from trainui.tui.curves.interaction import CurvesState
from trainui.tui.graph_layout import at_work
from trainui.tui.graph_view import StageGraph
from trainui.tui.keymap import Key, bindings
from trainui.tui.line_view import RowsView
from trainui.tui.log_view import LogView
from trainui.tui.log_window import LogSource, Stream
from trainui.tui.page import Jump, Page
from trainui.tui.run_page.details_view import DetailsView
from trainui.tui.run_page.layout import Panes
from trainui.tui.run_page.overview import (
    DetailsSubject,
    can_resume,
    crumbs,
    heading,
    name_crumbs,
)
from trainui.tui.snapshot import DetailTab, RunPage, RunQuery, Snapshot, StageDetail
from trainui.tui.styled_text import Row, Segment, text_rows
from trainui.tui.widgets import Bar

ATTRACTING = (Status.FAILED, Status.INTERRUPTED, Status.RUNNING)
"""The states that attract the selection, the most important first."""

DETAILS = "details"
"""The preference key for the unfolded details of the overview."""

STREAMS: tuple[tuple[Stream, ...], ...] = (("stdout", "stderr"), ("stdout",), ("stderr",))
"""The choices of log streams, in the order in which the key cycles."""

MOST_DRAWN = 200
"""Members up to which the curves of a folded sweep, or the best of them, are drawn unasked."""


def stage_to_select(
    stages: Sequence[StageRecord], selected: StageRecord, autoselected: str | None
) -> str | None:
    """Return a failed, else interrupted, else running stage to select; None: keep the selection.

    `autoselected` is the stage that was autoselected last.
    """
    if autoselected is not None and selected.status in ATTRACTING:
        return None
    attracting = (one.name for status in ATTRACTING for one in stages if one.status == status)
    over = not any(stage.status in UNFINISHED for stage in stages)
    otherwise = longest(stages) if over or autoselected is None else selected.name
    return next(attracting, otherwise)


def longest(stages: Sequence[StageRecord]) -> str:
    """Return the name of the stage that ran longest; the first one if none has ended."""

    def took(stage: StageRecord) -> int:
        ended = stage.completed_at
        return 0 if ended is None else stage.worked_until(ended) or 0

    return max(stages, key=took).name


def successor(
    name: str | None, before: Sequence[StageRecord], after: Sequence[StageRecord]
) -> str | None:
    """Return the name that a stage has now, if an edit has renamed it or put another in its place.

    A member of a sweep that got another value is the same stage; a trial is another one.
    """
    known = {one.name: one for one in before}
    old = known.get(name or "")
    now = None if old is None else next((one for one in after if one.id == old.id), None)
    if old is None or now is None or old.removed:
        return None
    if not now.removed:
        return now.name if now.name != old.name else None
    new = (one.name for one in after if one.name not in known and not one.removed)
    return next(new, None) if old.definition.matrix is not None else None


class RunScreen(Page):
    """The page of one run."""

    scope = "run"
    command_scopes = ("acting", "run", "stages", "metrics", "curves", "log", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "StageGraph"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run")]

    DEFAULT_CSS = """
    RunScreen {
        #heading { height: 1; }
        #heading Bar { width: 1fr; }
        #resume { width: 14; min-width: 14; margin-right: 1; color: $dim; text-style: none; }
        #gone { display: none; padding: 2 4; height: 1fr; }
        &.-gone Panes { display: none; }
        &.-gone #heading { display: none; }
        &.-gone #gone { display: block; }
    }
    """

    def __init__(self, run_id: str, stage: str = "") -> None:
        """Create the page; `stage` is the one to select, or a sweep, once it is read."""
        super().__init__()
        self._wanted = stage
        self.panes = Panes()
        self.attempt: int | None = None
        """The number of the attempt shown; None: the last one."""
        self._page: RunPage | None = None
        self._streams = 0
        """The index of the log's choice of streams."""
        self._fold: tuple[str | None] | None = None
        """What the pane's curves were averaged over when a metric's page was opened."""
        self._smoothed = False
        """True if sweeps' tables show and sort by the last smoothed values."""
        self.run_id = run_id
        self.state_bar = Bar(id="state")
        self.button = Button("Resume  r", id="resume", compact=True, action="screen.resume")
        self.gone = RowsView(id="gone")
        self._left: Widget | None = None
        """What had the focus when the panes were hidden."""
        self._notices: Row = ()
        self._autoselected: str | None = None
        """The stage that was autoselected last."""

    def on_mount(self) -> None:
        """Restore the plot options and the fold of the last time."""
        self.panes.curves.state = CurvesState.remembered(self.own_app.preferences, self.run_id)
        self.panes.overview.folded = not self.own_app.preferences.get(DETAILS, bool)
        self.top.show(self._listed_name())  # the page itself is read later
        super().on_mount()

    def _listed_name(self) -> Row:
        """Return the run's name as the list has it."""
        known = next((run for run in self.own_app.runs if run.id == self.run_id), None)
        return name_crumbs(known) if known is not None else (Segment(" trainui ", "title"),)

    def content(self) -> Iterator[Widget]:
        """Yield the run's heading with its button, and the panes."""
        yield Horizontal(self.state_bar, self.button, id="heading")
        yield self.panes
        yield self.gone

    def show(self, snapshot: Snapshot) -> None:
        """Show the run."""
        query = snapshot.query
        if not isinstance(query, RunQuery) or query.run_id != self.run_id:
            return
        page = snapshot.page
        self._hide_panes(page is None)
        notices = self.notices(snapshot, [] if page is None else [page.run])
        if page is None:
            self._page = None
            self.top.show(self._listed_name(), notices)
            text = snapshot.problem or f"run {self.run_id} no longer exists; esc shows all runs"
            self.gone.set_rows(text_rows(text, self.size.width - 8))
            return
        before = self._page.stages if self._page is not None else ()
        self._page, self._notices = page, notices
        selected = self.graph.selected_name
        self.graph.set_page(page)
        if (new := successor(selected, before, page.stages)) is not None:
            self.graph.select(new)
        if self._wanted and not page.more:
            self._autoselected = ""  # it is a person's choice
            self.graph.select(self._wanted)
            self._wanted = ""
        self._follow(page.stages)
        self.panes.lay_out(self.graph.preferred_width)
        if self.button.has_class("-useful") != (is_useful := can_resume(page.stages)):
            self.button.set_class(is_useful, "-useful")
            self.show_keys()
        self._show_state(page)
        self._refit()

    def _hide_panes(self, is_gone: bool) -> None:
        """Hide the panes while the run cannot be read; the focus comes back with them.

        Textual would give the focus of a pane that hides to the next one.
        """
        if is_gone == self.has_class("-gone"):
            return
        if is_gone:
            self._left = self.focused
            self.set_focus(None)
        elif self._left is not None:
            self.call_after_refresh(self.set_focus, self._left, scroll_visible=False)
        self.set_class(is_gone, "-gone")
        self.show_keys()

    def _follow(self, stages: tuple[StageRecord, ...]) -> None:
        """Autoselect a stage until the user selects one."""
        selected = self.graph.selected
        under_cursor = [None, *(one.name for one in self.target_stages())]
        if selected is not None and self._autoselected in under_cursor:
            found = stage_to_select(stages, selected, self._autoselected)
            if found is not None:
                self.fill()  # as the heading: the details of the other stage are read later
                self._autoselected = found
                self.graph.select(found)

    def tick(self) -> bool:
        """Update the running times; return True while they run."""
        page = self._page
        if page is None:
            return False
        self._show_state(page)
        self.graph.tick()
        self.tick_stage()
        return page.run.status in UNFINISHED and page.seen_at is None

    def _show_state(self, page: RunPage) -> None:
        self.state_bar.show(heading(page, page.now, self.size.width))

    def on_resize(self) -> None:
        """Lay out the panes for the new size."""
        if self._page is not None:
            self.panes.lay_out(self.graph.preferred_width)
            self.call_after_refresh(self._refit)

    def _refit(self) -> None:
        """Render panes for their new width, and query the data that they need."""
        if self._page is not None:
            self.fill()
            page, width = self._page, self.size.width
            top = crumbs(page.run, self.panes.untitled, page.parent, width)
            self.top.show(top, self._notices)
            self.ask()

    def on_cursor_view_moved(self) -> None:
        """Query the data of the newly selected stage."""
        self.forget_attempt()
        self.show_keys()
        self.ask()

    def footer_keys(self) -> Sequence[Key]:
        """Return the keys in the key bar: `c` in every pane; on a folded sweep enter unfolds it.

        Without a run there is only the way back.
        """
        if self.has_class("-gone"):
            return [self.own_app.keys.find("run.back"), *self.own_app.keys.footer(("app",))]
        compare = self.own_app.keys.find("curves.compare")
        first, *others = super().footer_keys()
        keys = [first, *([] if compare in others else [compare]), *others]
        if not self.graph.folded:
            return keys
        return [key._replace(label="unfold") if key.id == "stages.open" else key for key in keys]

    def idle_keys(self) -> Collection[str]:
        """Return the key of a resume if nothing is to be resumed."""
        return () if self.button.has_class("-useful") else ("acting.resume",)

    def on_cursor_view_opened(self) -> None:
        """Move the focus from the DAG to the stage's panes."""
        self.panes.enter_panel()

    @on(Panes.Changed)
    def _read_for_panes(self) -> None:
        self.call_after_refresh(self._refit)

    @on(CurvesView.CurvesQueryChanged)
    def _read_for_curves(self) -> None:
        self.panes.curves.state.remember(self.own_app.preferences)
        self.ask()

    @on(CurvesView.CursorMoved)
    def _show_the_moment(self, event: CurvesView.CursorMoved) -> None:
        self.panes.log_view.go_to_time(event.time)

    def on_screen_resume(self) -> None:
        """Query this page again, and scroll the log to the time selected on a metric's page."""
        super().on_screen_resume()
        if self._fold is not None:
            self.panes.curves.state.averaged_over(*self._fold)
            self._fold = None
        self.panes.curves.draw()
        if (time := self.panes.curves.state.time) is not None:
            self.panes.log_view.go_to_time(time)
            self.panes.curves.state.time = None

    @on(CurvesView.Opened)
    def _open_metric(self) -> None:
        if (stage := self._plotted) is not None:
            from trainui.tui.curves.screen import CurvesScreen

            state = self.panes.curves.state
            self._fold = (state.averaged_over(None),)
            self.app.push_screen(CurvesScreen(self.run_id, stage, state, self.attempt))

    @property
    def _plotted(self) -> str | None:
        """The stage of the curves: the selected one; of a folded sweep its best member."""
        group, members = None if self._page is None else self._page.group, self.graph.folded
        if group is not None and (best := group.best_first(members)[:1]):
            return best[0].name
        if self._shown is not None:
            return self._shown[1].plotted
        return None if self.graph.selected is None else self.graph.selected.name

    @on(CurvesView.ComparisonOpened)
    def _choose_comparison(self) -> None:
        stage, chart = self._plotted, self.panes.curves.chart()
        if stage is not None and chart is not None:
            from trainui.tui.curves.comparison_screen import ComparisonScreen

            state = self.panes.curves.state
            self.app.push_screen(ComparisonScreen(self.run_id, stage, chart.name, state))

    def jumps(self) -> Iterator[Jump]:
        """Yield the run's stages and the selected stage's metrics, and the other runs."""
        for stage in self._page.stages if self._page is not None else ():
            yield Jump("stage", harmless(stage.name), partial(self._go_to_stage, stage.name))
        for metric in self.panes.curves.shown:
            yield Jump("metric", harmless(metric.name), partial(self._go_to_metric, metric.name))
        yield from super().jumps()

    def _go_to_stage(self, name: str) -> None:
        self.panes.go_to(1)
        self.graph.select(name)

    def _go_to_metric(self, metric: str) -> None:
        self.panes.curves.state.metric = metric
        self._open_metric()

    def prepare_for(self, scope: str) -> None:
        """Focus the pane in which the keys of a scope work."""
        pane = {"stages": 1, "metrics": 3, "curves": 3, "log": 4}.get(scope)
        if pane is not None:
            self.panes.go_to(pane)

    def search(self, text: str, pane: Widget | None) -> None:
        """Search for a stage, a metric or a text, depending on the focused pane."""
        if pane is self.panes.curves:
            self.panes.curves.filter(text)
        elif isinstance(pane, LogView | DetailsView):
            pane.search(text)
        else:
            self._searched = text
            if text:
                self.graph.select_matching(text)

    _searched = ""

    def action_match(self, direction: int) -> None:
        """Go to the next match in the focused pane."""
        active = self.panes.active
        if isinstance(active, LogView | DetailsView):
            found = active.go_to_match(direction)
        else:
            found = bool(self._searched) and self.graph.select_matching(
                self._searched, direction, stay=False
            )
        if not found:
            self.notify("no match; / searches")

    def targets(self) -> Sequence[Target]:
        """Return this run; a key may be pressed before the page is read."""
        known = self.own_app.runs if self._page is None else [self._page.run]
        return [one for one in known if one.id == self.run_id]

    def gatherer_of(self, stage: StageRecord | None) -> StageRecord | None:
        """Return the stage that gathers the evaluation of which a stage is a part, if any."""
        each = stage.definition.each_checkpoint if stage is not None else None
        if stage is None or each is None or each.member_of is None:
            return stage if each is not None else None
        stages = self._page.stages if self._page is not None else ()
        return next((one for one in stages if one.name == each.member_of), None)

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stage under the cursor; for a folded sweep all its members."""
        selected = self.graph.selected
        return self.graph.folded or (() if selected is None else (selected,))

    def acted(self) -> None:
        """Keep the selection from now on: a stage that a person acts on is theirs."""
        self._autoselected = ""

    def stage_count(self) -> int:
        """Return the number of stages of the run."""
        return 0 if self._page is None else self._page.stage_count

    def action_back(self) -> None:
        """Go back: end the search or filter, show all panes, leave the pane, leave the page."""
        self.app.clear_notifications()
        active, curves = self.panes.active, self.panes.curves
        if isinstance(active, LogView | DetailsView) and active.give_up():
            return
        if curves.state.filter and active is curves:
            curves.filter("")
        elif self.has_class("-gone") or not self.panes.leave_level():
            self.app.pop_screen()

    run_id: str

    @property
    def graph(self) -> StageGraph:
        """The DAG."""
        return self.panes.graph

    @property
    def _attempts(self) -> list[AttemptRecord]:
        """All attempts of the selected stage, as far as they were read."""
        stage = self.graph.selected
        if self._page is None or stage is None:
            return []
        return self._page.attempts.get(stage.id, [])

    @property
    def _shown(self) -> tuple[StageRecord, StageDetail] | None:
        """The selected stage with its details; None: these are not read yet.

        Another member of a folded sweep may have become its most important one since they were.
        """
        selected, detail = self.graph.selected, self._page.detail if self._page else None
        if selected is None or detail is None:
            return None
        known = (one for one in (selected, *self.graph.folded) if one.name == detail.stage)
        stage = next(known, None)
        return None if stage is None else (stage, detail)

    def page_query(self) -> RunQuery:
        """Return the query for the visible parts of the run."""
        graph, panes = self.graph, self.panes
        stage = graph.selected
        searched = any(one.definition.search is not None for one in graph.folded)
        panes.curves.state.all_members = searched or 2 <= len(graph.folded) <= MOST_DRAWN
        return RunQuery(
            self.run_id,
            stage=stage.name if stage is not None else None,
            tab=panes.tab,
            group=graph.selected_name if graph.folded else None,
            smoothed=self._smoothed,
            attempt=self.attempt,
            curves=panes.curves.wanted() if panes.curves.display else None,
        )

    def fill(self) -> None:
        """Show the page's data, if it belongs to the stage that is selected now."""
        if self._page is None or self._shown is None:
            return
        (stage, detail), panes, graph = self._shown, self.panes, self.graph
        attempts = self._page.attempts.get(stage.id, [])[: self.attempt]
        members = at_work(graph.folded)
        subject = DetailsSubject(self._page, stage, attempts, detail, graph.timeline, members)
        panes.overview.show(subject, panes.tab)
        over = stage.status in ENDED
        waits = "no output" if over else "no output yet" if stage.attempt else "not started yet"
        self._show_log(attempts[-1] if attempts else None, waits)
        if detail.curves is not None:
            none = waits.replace("output", "metrics"), detail.searched_places
            panes.curves.show_curves(detail.curves, ": ".join(filter(None, none)), detail.problems)
        panes.show_titles(stage, self.attempt, members, detail.plotted)

    def _show_log(self, last: AttemptRecord | None, waits: str) -> None:
        view = self.panes.log_view
        if last is None or not view.display:  # a hidden log is not read
            view.set_source(None, waits)
        elif not (feed := self.own_app.on_box(self.run_id)) and (
            problem := missing_log(last.directory)
        ):
            view.set_source(None, harmless(problem))
        else:
            live, streams = last.status == Status.RUNNING, STREAMS[self._streams]
            view.reader_of, box = self.own_app.log_reader, "" if feed is None else feed.box.name
            source = LogSource(last.directory, streams, live, last.id, last.host, box)
            view.set_source(source, waits)

    def tick_stage(self) -> None:
        """Update the times of the selected stage: how long it runs, and its output's age."""
        if self._shown is not None:
            self.panes.overview.tick(self.graph.timeline)

    def forget_attempt(self) -> None:
        """After a change of the selected stage, show its last attempt."""
        detail, stage = self._page.detail if self._page else None, self.graph.selected
        if detail is not None and stage is not None and detail.stage != stage.name:
            self._choose(None)
            if not self.panes.curves.display:  # these are not read meanwhile
                self.panes.curves.forget()

    def _choose(self, attempt: int | None) -> None:
        self.attempt = self.panes.curves.attempt = attempt

    def action_attempt(self, direction: int) -> None:
        """Show the previous (-1) or next (1) attempt, with its record and its logs."""
        count = len(self._attempts)
        if count < 2:
            self.notify("this stage has no other attempt")
            return
        chosen = max(1, min((self.attempt or count) + direction, count))
        self._choose(chosen if chosen < count else None)
        self.fill()
        self.ask()

    def action_maximise(self) -> None:
        """Maximise the focused pane, or show all panes again."""
        self.panes.maximise()

    def action_pane(self, number: int) -> None:
        """Go to a pane or a detail tab."""
        self.panes.go_to(number)

    @on(DetailsView.FoldClicked)
    def action_details(self) -> None:
        """Fold or unfold the details of the overview."""
        overview = self.panes.overview
        if self.graph.folded:
            self.notify("a sweep has no details; enter unfolds it to its members")
            return
        is_hidden = self.panes.tab != DetailTab.OVERVIEW or not overview.display
        overview.fold(folded=not (is_hidden or overview.folded))
        self.own_app.preferences.keep(DETAILS, not overview.folded)
        if is_hidden:
            self.panes.go_to(DetailTab.OVERVIEW)

    def action_sort_sweep(self) -> None:
        """Sort the sweep's table by the last smoothed values, or by the best ones again."""
        if not self.graph.folded:
            self.notify("only the table of a folded sweep can be sorted")
            return
        self._smoothed = not self._smoothed
        self.ask()

    def action_logs(self) -> None:
        """Maximise the log, or show all panes again."""
        self.panes.maximise_pane(4)

    def action_copy_command(self) -> None:
        """Copy the selected stage's command, to be pasted into a shell."""
        stage, run_id = self.graph.selected, self.run_id
        if self._page is None or stage is None:
            self.notify("no stage is selected")
            return
        if not self._targets():
            return
        name = stage.name

        def make() -> str:
            from trainui.tui import run_actions

            return str(self.own_app.call(run_actions.command, run_id, name))

        self.copy_from(make, "command copied")

    def action_stacks(self) -> None:
        """Show the stacks of the selected stage's processes."""
        if (stage := self.graph.selected) is None:
            self.notify("no stage is selected")
        elif stage.status != Status.RUNNING:
            self.notify(f"{harmless(stage.name)} does not run, so it has no processes")
        elif self._targets():
            from trainui.tui.dialogs import StacksScreen

            self.app.push_screen(StacksScreen(self.run_id, stage.name))

    def action_stream(self) -> None:
        """Cycle the log through both streams, stdout and stderr."""
        self._streams = (self._streams + 1) % len(STREAMS)
        self.panes.show_log()
        self.fill()
