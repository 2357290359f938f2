"""The page of one metric: a large plot, compared with other curves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from trainui.errors import TrainuiError
from trainui.formatting import listed, short_id
from trainui.model.records import StageRecord
from trainui.model.states import ENDED
from trainui.store.points.plot_points import Axis
from trainui.text import harmless
from trainui.tui import run_actions
from trainui.tui.app_interface import Target, run_label
from trainui.tui.axis_marks import LABEL
from trainui.tui.curve_data import (
    AXES,
    NO_VERDICT,
    Chart,
    SeedVerdict,
    after,
    fold_words,
    x_positions,
)
from trainui.tui.curves.interaction import CurveKeys, CurvesState, zoom_text
from trainui.tui.curves.plot import line_styles, names_width, plot
from trainui.tui.curves.table import curve_report, difference_rows, table_rows
from trainui.tui.keymap import bindings
from trainui.tui.page import Jump, Page
from trainui.tui.plot_axes import Frame
from trainui.tui.snapshot import CurvesPage, MetricQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, shared_out, width_of
from trainui.tui.widgets import Bar

if TYPE_CHECKING:
    from trainui.control.compare import MoreSeeds

MOST_LEFT_OUT = 2
"""Runs that are named with the reason why they are not drawn; the others are counted."""

TABLE = 0.45
"""The greatest share of the page's height that the table takes."""

MOST_DIFFERENCES = 3
"""The most lines with differences."""


class CurvePlot(CurveKeys):
    """The plot of the selected metric."""

    class SeedsWanted(Message):
        """More seeds of the two configurations were asked for."""

    scopes = ("plot", "curves")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plot")]

    def __init__(self, state: CurvesState, *, id: str | None = None) -> None:
        super().__init__(state, id=id)
        self._empty = "reading …"
        self.y_title = ""
        """What to do with the labels of the y axis; empty: they are the values."""
        self.differences: Sequence[Sequence[str]] | None = None
        """What two compared runs differ in, as of `run_difference.brief`; None: not read, or they
        are not two."""

    def chart(self) -> Chart | None:
        """Return the metric's chart."""
        return self.curves.chart(self.state.metric)

    def names_to_read(self) -> tuple[str, ...] | None:
        """Return the selected metric."""
        return (self.state.metric,)

    def plot_cells(self) -> int:
        """Return the width of the plot in characters."""
        return max(self.scrollable_content_region.width - LABEL - 2 - self._names_width(), 8)

    def _names_width(self) -> int:
        """Return the width of the lines' names at the right of the plot; 0 for a single line."""
        chart = self.chart()
        if chart is None or len(chart.lines) < 2:
            return 0
        styles = line_styles(chart, self.view.highlight, self.state.slots)
        bright = [line for line, one in zip(chart.lines, styles, strict=True) if one.bright]
        return names_width(bright, self.scrollable_content_region.width // 4)

    def place_under(self, event: events.MouseEvent) -> float | None:
        """Return the x position under the mouse."""
        offset, chart = event.get_content_offset(self), self.chart()
        cells = self.plot_cells()
        if offset is None or chart is None or not 0 <= offset.x - LABEL - 1 < cells:
            return None
        return self.x_axis(chart).x(offset.x - LABEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in at the mouse."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out at the mouse."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        chart, x = self.chart(), self.place_under(event)
        if chart is not None and x is not None:
            event.stop()
            event.prevent_default()
            self._zoom(chart, direction, x)

    def action_line(self, count: int) -> None:
        """Show the next or the previous metric."""
        self.go_to(count)

    def action_metric(self, direction: int) -> None:
        """Show the next or the previous metric; of compared runs, those that they share."""
        self.go_to(direction, among=self.state.first if self.state.compared.runs else ())

    def action_half_page(self, count: int) -> None:
        """Show the metric five places further for each count."""
        self.go_to(count * 5)

    def action_end(self, direction: int) -> None:
        """Put the cursor on the first or the last point."""
        chart = self.chart()
        if chart is not None and (known := x_positions(chart)):
            self.point_at(known[-1] if direction > 0 else known[0])

    def go_to(self, count: int, *, words: str = "", among: Collection[str] = ()) -> bool:
        """Show the metric `count` places further, among those whose names contain all words.

        Returns False if no metric matches.
        """
        names = [
            one.name
            for one in self.state.shown(self.curves.figures)
            if all(word in one.name.casefold() for word in words.casefold().split())
            if not among or one.name in among
        ]
        if not names:
            return False
        at = names.index(self.state.metric) + count if self.state.metric in names else 0
        self.state.metric = names[at % len(names)]
        self.apply(self.view)
        return True

    def on_resize(self) -> None:
        """Redraw at the new size."""
        self.draw()
        self.post_message(self.CurvesQueryChanged())

    def draw(self) -> None:
        """Draw the plot and the table below it."""
        size, chart = self.scrollable_content_region.size, self.chart()
        if chart is None or size.height < 4:
            self.set_rows(self.dim_rows("reading …" if self.curves.figures else self._empty))
            return
        figures = next(one for one in self.curves.figures if one.name == chart.name)
        view = self.state.view_of(chart.name)
        styles = line_styles(chart, view.highlight, self.state.slots)
        most = max(round(size.height * TABLE), 2)
        table = table_rows(chart, figures, view, size.width, most, styles)
        if self.differences is not None and chart.lines:
            own = [style for style, line in zip(styles, chart.lines, strict=True) if line.own]
            others = [one for one, line in zip(styles, chart.lines, strict=True) if not line.own]
            marks = (*own, *others) if len(own) == len(others) == 1 else ()
            room = max(min(most - len(table), MOST_DIFFERENCES), 1)
            differ = difference_rows(self.differences, marks, size.width, room)
            table = [*table[: max(most - len(differ), 2)], *differ]
        height = max(size.height - len(table) - 2, 3)
        frame = Frame(self.plot_cells(), height, 2, self._names_width())
        rows, self.y_title = plot(chart, view, frame, styles)
        self.set_rows([*rows, *table])

    def action_seeds(self) -> None:
        """Ask for more seeds of the two configurations."""
        self.post_message(self.SeedsWanted())

    def action_highlight(self, direction: int) -> None:
        """Draw the next line bright and all others dim; after the last one all as before."""
        chart = self.chart()
        if chart is not None and len(chart.lines) > 1:
            labels = ["", *(line.label for line in chart.lines)][::direction]
            self.apply(replace(self.view, highlight=after(labels, self.view.highlight)))


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
        self._two: tuple[str, str] | None = None
        """The two compared runs whose differences are shown or being read."""

    def content(self) -> Iterator[Widget]:
        """Yield the bar with the plot options, and the plot."""
        yield from (self.how, self.plot)

    def on_mount(self) -> None:
        """Show the run's name before anything is read."""
        run = next((one for one in self.own_app.runs if one.id == self.run_id), None)
        name = short_id(self.run_id) if run is None else run_label(run)
        row = (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment(name))
        self.top.show((*row, Segment(" › ", "dim"), Segment(harmless(self.state.metric), "strong")))

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
        self.run_id, self.stage = page.run.id, page.stage.name
        if not self.state.metric:
            names = (*page.curves.first, *(one.name for one in page.curves.figures))
            self.state.metric = next(iter(names), "")
        self._show_top(page)
        none = "no metrics" if page.stage.status in ENDED else "no metrics yet"
        self.plot.set_curves(page.curves, ": ".join(filter(None, (none, page.searched_places))))
        self._show_how()
        self._compare_two(page)
        self.ask()

    def _compare_two(self, page: CurvesPage) -> None:
        """Have what two compared runs differ in read in a thread, once."""
        others = [one for one in self.state.drawn.runs if one != page.run.id]
        two = (page.run.id, others[0]) if len(others) == 1 else None
        if two != self._two:
            self._two, self.plot.differences = two, None
            if two is not None:
                read = partial(self._read_differences, two)
                self.run_worker(read, thread=True, exit_on_error=False)

    def _read_differences(self, two: tuple[str, str]) -> None:
        try:
            found = self.own_app.call(
                run_actions.brief_difference, two[0], two[1].rpartition(":")[2]
            )
        except (TrainuiError, OSError):
            return  # they are shown by a key in the list, with the reason
        self.app.call_from_thread(self._show_differences, two, found)

    def _show_differences(self, two: tuple[str, str], found: Sequence[Sequence[str]]) -> None:
        if two == self._two:
            self.plot.differences = [[harmless(text) for text in one] for one in found]
            self.plot.draw()

    def _show_top(self, page: CurvesPage) -> None:
        """Show the run, the stage and the metric in the top bar."""
        metrics = [one.name for one in self.state.shown(page.curves.figures)]
        at = metrics.index(self.state.metric) + 1 if self.state.metric in metrics else 0
        behind = (
            Segment(harmless(self.state.metric), "strong"),
            Segment(f"  {at}/{len(metrics)}" if at else "", "dim"),
        )
        drawn, members = self._drawn_members(page), len(page.members)
        what = page.stage.name
        if len(drawn) == 1:
            what = drawn[0].name
        elif drawn and (chart := page.curves.chart(self.state.metric)) is not None:
            count = min(len(drawn), chart.series_count)
            many = f"×{count}" if count == members else f"{count} of {members}"
            what = f"{page.stage.definition.group} {many}"
        before = width_of((*behind, *self._notices))
        own_id = f"  {short_id(page.run.id)}" if page.run.id != page.run.name else ""
        room = self.size.width - len(f" trainui  › {own_id} ›  › ") - before - 1
        name, what = shared_out([harmless(page.run.name), harmless(what)], room)
        row = [Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment(name)]
        row += [Segment(own_id, "dim"), Segment(" › ", "dim"), Segment(what)]
        self.top.show((*row, Segment(" › ", "dim"), *behind), self._notices)

    def _drawn_members(self, page: CurvesPage) -> Sequence[StageRecord]:
        """Return the members of a sweep that are drawn and acted on; none: the stage itself."""
        drawn = self.state.drawn
        chosen = drawn.members if drawn.only else ()
        return [one for one in page.members if drawn.sweep or one.id in chosen]

    def _show_how(self) -> None:
        view, chart = self.state.view, self.plot.chart()
        marked = len(self.state.compared.runs)
        drawn = chart.series_count if chart is not None else 0
        left_out, over = self.plot.curves.left_out, ""
        if chart is not None and any(line.members for line in chart.lines):
            over = fold_words(self.state.drawn.fold, self.plot.curves.folds)
        words = (
            f"over {chart.unit if chart else AXES[view.axis]}" if view.axis == Axis.STEP else "",
            self.plot.curves.choice,
            over,
            f"{drawn} of {marked} drawn" if 0 < drawn < marked else "",
        )
        changed = self.plot.words + (["log y"] if self.state.metric in self.state.log else [])
        if chart is not None and (zoom := zoom_text(chart, view)):
            changed.append(zoom)
        spans = [Segment(f" {'  ·  '.join(filter(None, words))}", "dim")]
        if left_out:
            spans.append(Segment(f"  not drawn: {listed(left_out, MOST_LEFT_OUT)}", "warn"))
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
        self.state.remember(self.own_app.preferences)
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

    @on(CurvePlot.SeedsWanted)
    def _plan_seeds(self) -> None:
        """Show for each run the plan that adds the seeds which would tell the difference."""
        chart = self.plot.chart()
        found = NO_VERDICT if chart is None else chart.verdict
        if chart is None:
            self.notify("still reading")
        elif not found.words:
            self.notify("draw two configurations (c) to add seeds to them")
        elif found.more is None:
            self.notify("more seeds would tell nothing new here")
        else:
            self.run_worker(partial(self._read_seeds, found), thread=True, exit_on_error=False)

    def _read_seeds(self, found: SeedVerdict) -> None:
        asked = [*found.configurations], found.more or 0
        try:
            added = self.own_app.call(run_actions.more_seeds, self.run_id, *asked)
        except TrainuiError as error:
            self.app.call_from_thread(self.notify, harmless(str(error)), severity="warning")
        else:
            self.app.call_from_thread(self._show_seeds, added)

    def _show_seeds(self, added: Sequence[MoreSeeds]) -> None:
        """Show the plan of the first run; once it is confirmed, that of the next one."""
        first, rest = added[0], added[1:]

        def then(done: bool | None) -> None:
            if done and rest:
                self._show_seeds(rest)

        from trainui.tui.plan_screen import PlanScreen

        box, colon, _ = self.run_id.rpartition(":")
        run = first.run._replace(id=f"{box}{colon}{first.run.id}")
        self.app.push_screen(PlanScreen(run, first.edit, only=first.members), then)

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
        """Return the members of its sweep that are drawn, else the stage."""
        if self._page is None:
            return ()
        return self._drawn_members(self._page) or (self._page.stage,)

    def stage_count(self) -> int:
        """Return the number of stages of the run."""
        return 0 if self._page is None else self._page.stage_count

    def report(self) -> str | None:
        """Return the plot and its values as Markdown; None if there is no plot yet."""
        chart = self.plot.chart()
        if self._page is None or chart is None:
            return None
        return curve_report(self._page, chart, self.state.view_of(chart.name))
