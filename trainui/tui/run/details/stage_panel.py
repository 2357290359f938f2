"""Fills the panes of a run's page with one attempt of the selected stage."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.control.logs.directory import missing_log
from trainui.domain.records import AttemptRecord
from trainui.domain.states import ENDED, Status
from trainui.text import harmless
from trainui.tui.data.query import RunQuery
from trainui.tui.data.snapshot import RunPage, StageDetail
from trainui.tui.logs.window_reader import LogSource, Stream
from trainui.tui.run.details.overview import DetailsSubject
from trainui.tui.run.layout import Panes

BOTH: tuple[Stream, ...] = ("stdout", "stderr")
STREAMS: tuple[tuple[Stream, ...], ...] = (BOTH, ("stdout",), ("stderr",))
"""The choices of log streams, in the order in which the key cycles."""

MOST_DRAWN = 24
"""Number of members up to which a folded sweep's curves are drawn together without being chosen."""


class StagePanel:
    """Fills the panes with the data of a stage."""

    def __init__(self, panes: Panes) -> None:
        self.panes = panes
        self._detail: StageDetail | None = None
        self._streams = BOTH
        self.attempt: int | None = None
        """The number of the attempt shown; None: the last one."""
        self.smoothed = False
        """True if sweeps' tables show and sort by the last smoothed values."""

    def page_query(self, run_id: str) -> RunQuery:
        """Return the query for the visible parts of a run."""
        graph, panes = self.panes.graph, self.panes
        stage = graph.selected
        searched = any(one.definition.search is not None for one in graph.folded)
        panes.curves.state.all_members = searched or 2 <= len(graph.folded) <= MOST_DRAWN
        return RunQuery(
            run_id,
            stage=stage.name if stage is not None else None,
            tab=panes.tab,
            group=graph.selected_name if graph.folded else None,
            smoothed=self.smoothed,
            attempt=self.attempt,
            curves=panes.curves.wanted() if panes.curves.display else None,
        )

    def show(self, page: RunPage) -> None:
        """Show the data, if it belongs to the stage that is selected now."""
        panes, stage = self.panes, self.panes.graph.selected
        if stage is None or page.detail is None or page.detail.stage != stage.name:
            return
        self._detail = detail = page.detail
        graph, attempts = panes.graph, page.attempts.get(stage.id, ())[: self.attempt]
        subject = DetailsSubject(page, stage, attempts, detail, graph.timeline, graph.folded)
        panes.overview.show(subject, panes.tab)
        over = stage.status in ENDED
        waits = "no output" if over else "no output yet" if stage.attempt else "not started yet"
        self._show_log(attempts, waits)
        if detail.curves is not None:
            none = waits.replace("output", "metrics"), detail.searched_places
            panes.curves.show_curves(detail.curves, ": ".join(filter(None, none)), detail.problems)
        panes.show_titles(stage, self.attempt, graph.folded, detail.plotted)

    def tick(self) -> None:
        """Update the running time of the selected stage."""
        stage, detail = self.panes.graph.selected, self._detail
        if stage is None or detail is None or detail.stage != stage.name:
            return
        if stage.status == Status.RUNNING:
            self.panes.overview.tick(self.panes.graph.timeline)

    def _show_log(self, attempts: Sequence[AttemptRecord], waits: str) -> None:
        view = self.panes.log_view
        if not attempts or not view.display:  # a hidden log is not read
            view.set_source(None, waits)
        elif (problem := missing_log(attempts[-1].directory)) is not None:
            view.set_source(None, harmless(problem))
        else:
            last = attempts[-1]
            live = last.status == Status.RUNNING
            source = LogSource(last.directory, self._streams, live, last.id, last.host)
            view.set_source(source, waits)

    def moved(self) -> None:
        """After a change of the selected stage, show its last attempt."""
        stage = self.panes.graph.selected
        if self._detail is not None and stage is not None and self._detail.stage != stage.name:
            self._choose(None)
            if not self.panes.curves.display:  # these are not read meanwhile
                self.panes.curves.forget()

    def choose_attempt(self, page: RunPage | None, direction: int) -> bool:
        """Show the previous (-1) or next (1) attempt; return False if there is only one."""
        stage = self.panes.graph.selected
        count = len(page.attempts.get(stage.id, ())) if page is not None and stage else 0
        if page is None or count < 2:
            return False
        chosen = max(1, min((self.attempt or count) + direction, count))
        self._choose(chosen if chosen < count else None)
        self.show(page)
        return True

    def _choose(self, attempt: int | None) -> None:
        self.attempt = self.panes.curves.attempt = attempt

    def next_streams(self) -> None:
        """Cycle the log through both streams, stdout and stderr."""
        following = STREAMS.index(self._streams) + 1
        self._streams = STREAMS[following % len(STREAMS)]
        self.panes.show_log()
