"""The page of one metric: a large plot, compared with other curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from trainui.domain.records import StageRecord
from trainui.domain.states import ENDED
from trainui.store.plotting.x_axis import Axis
from trainui.text import harmless
from trainui.tui.actions.target import Target
from trainui.tui.curves.cursor_values import zoom_text
from trainui.tui.curves.plot_view import CurvePlot
from trainui.tui.curves.state import CurvesState
from trainui.tui.data.plot_options import AXES
from trainui.tui.data.query import MetricQuery
from trainui.tui.data.snapshot import CurvesPage, Snapshot
from trainui.tui.keymap import bindings
from trainui.tui.page import Jump, Page
from trainui.tui.render.styled_text import Row, Segment, shared_out, width_of
from trainui.tui.widgets.bars import Bar


class CurvesScreen(Page):
    """The page of the selected metric."""

    scope = "curves"
    command_scopes = ("curves", "plot", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "CurvePlot"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run.back")]

    DEFAULT_CSS = """
    CurvesScreen CurvePlot { height: 1fr; padding: 0 1; overflow: hidden; }
    """

    def __init__(
        self, run_id: str, stage: str, state: CurvesState, attempt: int | None = None
    ) -> None:
        super().__init__()
        self.run_id, self.stage, self.state = run_id, stage, state
        self.how = Bar(id="how")
        self.plot = CurvePlot(state, id="plot")
        self.plot.attempt = attempt
        self._page: CurvesPage | None = None
        self._notices: Row = ()
        self._sought = ""

    def content(self) -> Iterator[Widget]:
        """Yield the bar with the plot options, and the plot."""
        yield from (self.how, self.plot)

    def page_query(self) -> MetricQuery:
        """Return the query for this metric alone."""
        return MetricQuery(self.run_id, self.stage, self.plot.wanted())

    def show(self, snapshot: Snapshot) -> None:
        """Show the data that was read."""
        page = snapshot.curves_page
        query = snapshot.query
        if not isinstance(query, MetricQuery) or query.run_id != self.run_id:
            return
        if page is None:
            gone = f"run {self.run_id} no longer exists; esc goes back"
            self.plot.set_rows([(Segment(snapshot.problem or gone, "dim"),)])
            return
        self._page, self._notices = page, self.notices(snapshot, [page.run])
        self._show_top(page)
        none = "no metrics" if page.stage.status in ENDED else "no metrics yet"
        self.plot.set_curves(page.curves, ": ".join(filter(None, (none, page.searched_places))))
        self._show_how()
        self.ask()

    def _show_top(self, page: CurvesPage) -> None:
        """Show the run, the stage and the metric in the top bar."""
        metrics = [one.name for one in self.state.shown(page.curves.figures)]
        at = metrics.index(self.state.metric) + 1 if self.state.metric in metrics else 0
        behind = (
            Segment(harmless(self.state.metric), "strong"),
            Segment(f"  {at}/{len(metrics)}" if at else "", "dim"),
        )
        chart, drawn = page.curves.chart(self.state.metric), page.stage.name
        if chart is not None and self._draws_sweep(page):
            drawn = f"{page.stage.definition.group} ×{chart.series_count}"
        before = width_of((*behind, *self._notices))
        room = self.size.width - len(" trainui  ›  ›  › ") - before - 1
        row = [Segment(" trainui ", "title")]
        for name in shared_out([harmless(page.run.name), harmless(drawn)], room):
            row += [Segment(" › ", "dim"), Segment(name)]
        self.top.show((*row, Segment(" › ", "dim"), *behind), self._notices)

    def _draws_sweep(self, page: CurvesPage) -> bool:
        """Return True if the plot is of all members of a sweep, which are then acted on."""
        return self.state.drawn.sweep and bool(page.members)

    def _show_how(self) -> None:
        view, chart = self.state.view, self.plot.chart()
        marked = len(self.state.compared.runs)
        drawn = chart.series_count if chart is not None else 0
        words = (
            f"over {AXES[view.axis]}" if view.axis == Axis.STEP else "",
            self.plot.curves.choice,
            f"{drawn} of {marked} drawn" if 0 < drawn < marked else "",
        )
        changed = self.plot.words + (["log y"] if self.state.metric in self.state.log else [])
        if chart is not None and (zoom := zoom_text(chart, view)):
            changed.append(zoom)
        spans = [Segment(f" {'  ·  '.join(filter(None, words))}", "dim")]
        if self.plot.y_title:
            spans.append(Segment(f"  y: {self.plot.y_title}", "warn"))
        if changed:
            spans += [Segment("  "), Segment("  ·  ".join(changed), "key")]
            spans.append(Segment("   D resets", "dim"))
        if self.state.metric in self.state.pinned:
            spans.append(Segment("   ◆ pinned", "key"))
        self.how.show(tuple(spans))

    @on(CurvePlot.CurvesQueryChanged)
    def _read(self) -> None:
        if self._page is not None:
            self._show_top(self._page)
        self.state.remember(self.base_app.preferences)
        self._show_how()
        self.ask()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the footer; run actions are on the run's page."""
        return ("plot", "curves", "search", "app")

    @on(CurvePlot.ComparisonOpened)
    def _choose_comparison(self) -> None:
        from trainui.tui.curves.comparison_screen import ComparisonScreen

        metric = self.state.metric
        self.app.push_screen(ComparisonScreen(self.run_id, self.stage, metric, self.state))

    def on_screen_resume(self) -> None:
        """Draw and query again: the comparison may have changed."""
        super().on_screen_resume()
        self.plot.draw()

    @on(CurvePlot.CursorMoved)
    def _keep_the_moment(self, event: CurvePlot.CursorMoved) -> None:
        self.state.time = event.time

    def jumps(self) -> Iterator[Jump]:
        """Yield the stage's metrics, and the runs."""
        for one in self.state.shown(self.plot.curves.figures):
            yield Jump("metric", harmless(one.name), partial(self._go_to_metric, one.name))
        yield from super().jumps()

    def _go_to_metric(self, metric: str) -> None:
        self.state.metric = metric
        self.plot.apply(self.plot.view)

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Go to a metric by name."""
        self._sought = text
        is_read = self._page is not None
        missing = bool(text) and is_read and not self.plot.go_to(0, words=text)
        self.key_bar.note((Segment(" no metric with that name", "warn"),) if missing else ())

    def action_match(self, direction: int) -> None:
        """Go to the next metric that matches the search; without a search to the next metric."""
        self.plot.go_to(direction, words=self._sought)

    def targets(self) -> Sequence[Target]:
        """Return the run."""
        return [] if self._page is None else [self._page.run]

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stage, or all members of its sweep if all are drawn."""
        if self._page is None:
            return ()
        return self._page.members if self._draws_sweep(self._page) else (self._page.stage,)

    def stage_count(self) -> int:
        """Return the number of stages of the run."""
        return 0 if self._page is None else self._page.stage_count

    def report(self) -> str | None:
        """Return the plot and its values as Markdown; None if there is no plot yet."""
        from trainui.tui.curves.markdown import curve_report

        chart = self.plot.chart()
        if self._page is None or chart is None:
            return None
        return curve_report(self._page, chart, self.state.view_of(chart.name))
