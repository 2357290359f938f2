"""The panes of a run's page: one attempt of the selected stage fills them, and keys act on them."""

from __future__ import annotations

from textual import on

from trainui.control.logs.directory import missing_log
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import ENDED, Status
from trainui.errors import UsageError
from trainui.text import harmless
from trainui.tui.data.query import DetailTab, RunQuery
from trainui.tui.data.run_page import RunPage, StageDetail
from trainui.tui.graph.view import StageGraph
from trainui.tui.logs.window_reader import LogSource, Stream
from trainui.tui.page import Page
from trainui.tui.run.details.details_view import DetailsView
from trainui.tui.run.details.overview import DetailsSubject
from trainui.tui.run.layout import Panes

DETAILS = "details"
"""The preference key for the unfolded details of the overview."""

STREAMS: tuple[tuple[Stream, ...], ...] = (("stdout", "stderr"), ("stdout",), ("stderr",))
"""The choices of log streams, in the order in which the key cycles."""

MOST_DRAWN = 24
"""Number of members up to which a folded sweep's curves are drawn together without being chosen."""


class PaneActions(Page):
    """A page with the panes of a run."""

    run_id: str

    def __init__(self) -> None:
        super().__init__()
        self.panes = Panes()
        self.attempt: int | None = None
        """The number of the attempt shown; None: the last one."""
        self._page: RunPage | None = None
        self._streams = 0
        """The index of the log's choice of streams."""
        self._smoothed = False
        """True if sweeps' tables show and sort by the last smoothed values."""

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
        """The selected stage with its details; None: these are not read yet."""
        stage, detail = self.graph.selected, self._page.detail if self._page else None
        if stage is None or detail is None or detail.stage != stage.name:
            return None
        return stage, detail

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
        attempts = self._attempts[: self.attempt]
        subject = DetailsSubject(self._page, stage, attempts, detail, graph.timeline, graph.folded)
        panes.overview.show(subject, panes.tab)
        over = stage.status in ENDED
        waits = "no output" if over else "no output yet" if stage.attempt else "not started yet"
        self._show_log(attempts[-1] if attempts else None, waits)
        if detail.curves is not None:
            none = waits.replace("output", "metrics"), detail.searched_places
            panes.curves.show_curves(detail.curves, ": ".join(filter(None, none)), detail.problems)
        panes.show_titles(stage, self.attempt, graph.folded, detail.plotted)

    def _show_log(self, last: AttemptRecord | None, waits: str) -> None:
        view = self.panes.log_view
        if last is None or not view.display:  # a hidden log is not read
            view.set_source(None, waits)
        elif (problem := missing_log(last.directory)) is not None:
            view.set_source(None, harmless(problem))
        else:
            live, streams = last.status == Status.RUNNING, STREAMS[self._streams]
            source = LogSource(last.directory, streams, live, last.id, last.host)
            view.set_source(source, waits)

    def tick_stage(self) -> None:
        """Update the running time of the selected stage."""
        if self._shown is not None and self._shown[0].status == Status.RUNNING:
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
        self.base_app.preferences.keep(DETAILS, not overview.folded)
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
        name = stage.name

        def make() -> str:
            from trainui.control import shell_command

            command = shell_command.of_stage(run_id, name)
            if command is None:
                raise UsageError(f"{name} runs a task, not a command")
            return command

        self.copy_from(make, "command copied")

    def action_stream(self) -> None:
        """Cycle the log through both streams, stdout and stderr."""
        self._streams = (self._streams + 1) % len(STREAMS)
        self.panes.show_log()
        self.fill()
