"""What the panes of a run's page show of the selected stage, all of the same attempt."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import ENDED, Status
from trainui.tui.data.snapshot import Query, RunPage, StageDetail
from trainui.tui.logs.window_reader import LogSource, Stream
from trainui.tui.run.details_view import DetailsSubject
from trainui.tui.run.layout import Panes

BOTH: tuple[Stream, ...] = ("stdout", "stderr")
STREAMS: tuple[tuple[Stream, ...], ...] = (BOTH, ("stdout",), ("stderr",))
"""What of the log is shown, one after another."""


class StagePanel:
    """Fills the panes with what was read of a stage."""

    def __init__(self, panes: Panes) -> None:
        self.panes = panes
        self._detail: StageDetail | None = None
        self._streams = BOTH

    @property
    def attempt(self) -> int | None:
        """The attempt of the stage that is looked at; None: its last one."""
        return self.panes.curves.desk.attempt

    def wanted(self, run_id: str) -> Query:
        """Return what of a run is to be seen."""
        graph, panes = self.panes.graph, self.panes
        stage = graph.selected
        return Query(
            run_id=run_id,
            stage=stage.name if stage is not None else None,
            sheet=panes.sheet,
            group=graph.selected_name if graph.folded else None,
            attempt=self.attempt,
            curves=panes.curves.wanted() if panes.curves.display else None,
        )

    def show(self, page: RunPage) -> None:
        """Show what was read, if it is of the stage that is selected by now."""
        panes, stage = self.panes, self.panes.graph.selected
        if stage is None or page.detail is None or page.detail.stage != stage.name:
            return
        self._detail = detail = page.detail
        self._show_sheet(page, stage, detail)
        over = stage.status in ENDED
        waits = "no output" if over else "no output yet" if stage.attempt else "it has not started"
        self._show_log(self._attempts(page, stage), waits)
        if detail.curves is not None:
            none = waits.replace("output", "metrics")
            panes.curves.set_curves(detail.curves, none, detail.problems)
        panes.show_titles(stage, self.attempt, len(panes.graph.folded))

    def tick(self) -> None:
        """Let the clocks of a stage that runs go on."""
        stage, detail = self.panes.graph.selected, self._detail
        if stage is None or detail is None or detail.stage != stage.name:
            return
        if stage.status == Status.RUNNING:
            self.panes.overview.tick(self.panes.graph.timeline)

    def _show_log(self, attempts: Sequence[AttemptRecord], waits: str) -> None:
        view = self.panes.log_view
        if not attempts or not view.display:  # what is not seen is not read
            view.set_source(None, waits)
            return
        last = attempts[-1]
        live = last.status == Status.RUNNING
        source = LogSource(last.directory, self._streams, live, last.id, last.host)
        view.set_source(source, waits)

    def _show_sheet(self, page: RunPage, stage: StageRecord, detail: StageDetail) -> None:
        graph, attempts = self.panes.graph, self._attempts(page, stage)
        subject = DetailsSubject(page, stage, attempts, detail, graph.timeline, graph.folded)
        self.panes.overview.show(subject, self.panes.sheet)

    def _attempts(self, page: RunPage, stage: StageRecord) -> Sequence[AttemptRecord]:
        """Return the stage's attempts down to the one that is looked at."""
        return page.attempts.get(stage.id, ())[: self.attempt]

    def moved(self) -> None:
        """Look at the last attempt of a stage that was not selected before."""
        stage = self.panes.graph.selected
        if self._detail is not None and stage is not None and self._detail.stage != stage.name:
            self.panes.curves.desk.attempt = None

    def choose_attempt(self, page: RunPage | None, direction: int) -> bool:
        """Look at the attempt before (-1) or after (1); returns whether there are several."""
        stage = self.panes.graph.selected
        count = len(page.attempts.get(stage.id, ())) if page is not None and stage else 0
        if page is None or count < 2:
            return False
        chosen = max(1, min((self.attempt or count) + direction, count))
        self.panes.curves.desk.attempt = chosen if chosen < count else None
        self.show(page)
        return True

    def next_streams(self) -> None:
        """Show both streams of the log, or one of them."""
        following = STREAMS.index(self._streams) + 1
        self._streams = STREAMS[following % len(STREAMS)]
        self.panes.show_log()
