"""The table of runs; its cost depends on the visible lines, and not on the number of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainui import clock
from trainui.model.headline_metric import ComparedMetric, spelled_as
from trainui.model.states import Status
from trainui.store.read.run_list import RunLine
from trainui.tui.keymap import bindings
from trainui.tui.run_list.columns import (
    ColumnStats,
    RowContext,
    RunColumns,
    column_stats,
    with_listed,
)
from trainui.tui.run_list.filter import (
    METRIC_PREFIX,
    ORDERS,
    RunFilter,
    SortOrder,
    Values,
    by_metric,
    by_param,
    parse,
)
from trainui.tui.snapshot import SMOOTHED, ListedMetrics, metric_title
from trainui.tui.styled_text import Row, Segment
from trainui.tui.widgets import CursorView

if TYPE_CHECKING:
    from trainui.tui.snapshot import Snapshot


MOST_LISTED = 200
"""The runs, newest first, whose metrics determine the columns."""


class RunTable(CursorView):
    """Filtered and sorted runs; the cursor stays on its run when the order changes."""

    scopes = ("runs",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs")]

    class Arranged(Message):
        """Other runs are visible, or the order has changed."""

        def can_replace(self, message: Message) -> bool:
            """Coalesce with an unprocessed message of the same kind."""
            return isinstance(message, RunTable.Arranged)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: tuple[RunLine, ...] = ()
        self._fitting: Sequence[RunLine] = ()
        """The runs that match the filter, newest first."""
        self._shown: Sequence[RunLine] = ()
        self._moment = RowContext(0)
        self._values: Values = {}
        self.filter = RunFilter()
        self._order: SortOrder = ORDERS[0]
        self._reverse = False
        self._run_id: str | None = None
        self._marked: set[str] = set()
        self._facts = ColumnStats()
        self._columns = RunColumns(80)
        self._listed = ListedMetrics()
        self._filtered: tuple[frozenset[str], ...] = ()
        """The metrics and parameters by which the list is filtered, whose columns stay, and the
        titles of those metrics of which runs have values."""
        self.newest: tuple[str, ...] = ()
        """Ids of the newest runs that match the filter, more than the screen has lines."""
        self._each = 1
        """Lines a run: two where all runs fit."""

    @property
    def selected(self) -> RunLine | None:
        """The run under the cursor."""
        index = (self.cursor - 1) // self._each
        return self._shown[index] if 0 <= index < len(self._shown) else None

    @property
    def has_details(self) -> bool:
        """True if each run has a second line."""
        return self._each > 1

    @property
    def marked(self) -> list[RunLine]:
        """The marked runs in the order of the list, without those that the filter hides."""
        return [run for run in self._shown if run.id in self._marked] if self._marked else []

    @property
    def hidden_running(self) -> int:
        """The number of running runs that the filter hides."""
        if not self.filter:
            return 0
        shown = {run.id for run in self._fitting}
        return sum(run.status == Status.RUNNING and run.id not in shown for run in self._all)

    @property
    def chosen(self) -> list[RunLine]:
        """The runs that actions apply to: the marked ones, else the one under the cursor."""
        selected = self.selected
        return self.marked or ([selected] if selected else [])

    def best_member(self, run: RunLine) -> str:
        """Return the member of a completed run's sweep that its value is of; empty: none."""
        live = self._moment.live.get(run.id)
        is_over = run.status == Status.COMPLETED
        return live.stage if is_over and live is not None and live.member else ""

    @property
    def in_view(self) -> tuple[str, ...]:
        """Ids of the visible runs."""
        top = self.scroll_offset.y
        return tuple(run.id for run in self._shown[top : top + self.page_height])

    @property
    def count(self) -> int:
        """Number of runs that match the filter."""
        return len(self._shown)

    @property
    def order(self) -> tuple[str, bool]:
        """The sort order's name, and True if it is reversed."""
        return self._order.name, self._reverse

    @property
    def order_words(self) -> str:
        """The sort order in words, e.g. `lr, smallest first`."""
        return f"{self._order.title}, {self._order.words[self._reverse]} first"

    @property
    def metric_orders(self) -> Mapping[str, str]:
        """By their titles, the names of the orders by the metrics of the listed runs."""
        orders = (self._by_metric(metric) for metric in self._listed.titles.values())
        return {order.title: order.name for order in orders}

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that filtering and sorting need of all runs."""
        return self.filter.metrics | ({self._order.metric} - {""})

    def take(self, snapshot: Snapshot) -> None:
        """Show the runs of a snapshot."""
        now, before = clock.now(), self._moment
        self._moment = RowContext(now, snapshot.endings, snapshot.live, snapshot.details)
        listed, self._listed = self._listed, snapshot.listed
        values, self._values = self._values, snapshot.metrics
        self._follow_goal()
        if snapshot.runs is not self._all or (self.metrics and values != self._values):
            self._all = snapshot.runs
            self._arrange()
        elif self._moment != before._replace(now=now) or listed != self._listed:
            self._fit(self._facts)
            self.update_rows()

    def set_filter(self, text: str) -> None:
        """Show only the runs that match a filter."""
        if text != self.filter.text:
            self.filter = parse(text)
            self._facts = ColumnStats()
            self._arrange()

    def set_order(self, name: str, *, reverse: bool) -> None:
        """Sort by the order with this name; an unknown name is ignored."""
        found = next((order for order in self._orders() if order.name == name), None)
        if found is None and name.startswith(METRIC_PREFIX):
            found = self._by_metric(ComparedMetric.of(name.removeprefix(METRIC_PREFIX)))
        if found is not None:
            self._order, self._reverse = found, reverse
            self._arrange()

    def row_count(self) -> int:
        """Return the number of lines, including the heading."""
        return 1 + max(len(self._shown) * self._each, 1)

    def fixed_rows(self) -> int:
        """Return 1: the heading does not scroll."""
        return 1

    def selectable(self, index: int) -> bool:
        """Return True for the first line of a run."""
        return 1 <= index < self.row_count() and (index - 1) % self._each == 0 and bool(self._shown)

    def cursor_row(self, index: int) -> int:
        """Return the first line of the run on a line."""
        return index - (index - 1) % self._each if index > 0 else index

    def row(self, index: int, width: int) -> Row:
        """Return a run's line, or the heading."""
        if self._columns.width != width or self._columns.ordering != self._order.title:
            self._columns = self._columns_for(width)
        if index == 0:
            return self._columns.heading(reverse=self._reverse)
        if not self._shown:
            return (Segment("  no run matches; esc shows all", "dim"),) if self._all else ()
        at, line = divmod(index - 1, self._each)
        run = self._shown[at]
        draw = self._columns.second_row if line else self._columns.row
        return draw(run, self._moment, marked=run.id in self._marked)

    def tick(self) -> None:
        """Update the running times."""
        self._moment = self._moment._replace(now=clock.now())
        self.update_rows()

    def move_cursor(self, index: int, *, post: bool = True) -> None:
        """Move the cursor to a run, which it will follow."""
        super().move_cursor(index, post=post)
        selected = self.selected
        self._run_id = selected.id if selected else self._run_id

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Post that other runs are visible."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Arranged())

    def on_click(self, event: events.Click) -> None:
        """Sort by the clicked heading, or reverse the order; else move the cursor."""
        if self.row_under(event) != 0:
            super().on_click(event)
            return
        offset = event.get_content_offset(self)
        title = self._columns.title_at(offset.x if offset else 0)
        same = title == self._order.title
        for order in self._orders():
            if order.title == title:
                self.set_order(order.name, reverse=not self._reverse if same else False)
                self.action_end(-1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the page handle a key if there is no run that it could apply to."""
        if action in ("open", "mark", "mark_all", "sort", "reverse") and not self._shown:
            return False
        return super().check_action(action, parameters)

    def action_sort(self) -> None:
        """Switch to the next sort order."""
        orders = self._orders()
        names = [order.name for order in orders]
        at = names.index(self._order.name) if self._order.name in names else -1
        self._order, self._reverse = orders[(at + 1) % len(orders)], False
        self._arrange_from_top()

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self._reverse = not self._reverse
        self._arrange_from_top()

    def _arrange_from_top(self) -> None:
        """Sort, and go to the first run."""
        self._arrange()
        self.action_end(-1)

    def action_mark(self) -> None:
        """Mark or unmark the run, and move to the next one."""
        run = self.selected
        if run is not None:
            self._mark(self._marked ^ {run.id})
            self.action_line(1)

    def action_mark_all(self) -> None:
        """Mark all runs that match the filter; unmark them if all are marked."""
        found = {run.id for run in self._shown}
        self._mark(self._marked - found if found <= self._marked else self._marked | found)

    def clear_marks(self) -> None:
        """Unmark all runs."""
        self._mark(set())

    def _mark(self, run_ids: set[str]) -> None:
        self._marked = run_ids
        self.update_rows()
        self.post_message(self.Arranged())

    def select(self, run_id: str) -> None:
        """Move the cursor to a run."""
        self._run_id = run_id
        self._follow_run()

    def on_resize(self) -> None:
        """Choose columns for the new width."""
        self._facts = ColumnStats()
        self._fit(column_stats(self._shown, self._fitting))
        self._follow_run()
        super().on_resize()
        self.post_message(self.Arranged())

    def _orders(self) -> list[SortOrder]:
        shown = (self._listed.titles.get(title) for title in self._facts.metric_names)
        metrics = [
            one
            for metric in shown
            if metric is not None
            for one in (metric, metric._replace(name=SMOOTHED + metric.name))
        ]
        by_params = map(by_param, self._facts.params)
        return [*ORDERS, *map(self._by_metric, metrics), *by_params]

    def _columns_for(self, width: int) -> RunColumns:
        metric = self._order.metric
        values = (lambda: self._values_of(metric)) if metric else None
        names = (
            (self._listed_as(one), lower) for one in self.filter.metrics for lower in (True, None)
        )
        metrics = {metric_title(ComparedMetric(name, lower)) for name, lower in names}
        kept = metrics | self.filter.params
        filtered = {title: partial(self._values_of, name) for title, name in self._titles().items()}
        return RunColumns(width, self._facts, self._order.title, values, kept, filtered)

    def _titles(self) -> Mapping[str, str]:
        """Return the metrics of the filter, if runs have values, by their titles."""
        known = ((name, self._values.get(name)) for name in sorted(self.filter.metrics))
        return {
            metric_title(ComparedMetric(self._listed_as(name), found.lower)): name
            for name, found in known
            if found is not None and found.values
        }

    def _listed_as(self, name: str) -> str:
        """Return the name that a metric has in the list, where it may be spelled otherwise."""
        return spelled_as(name, [one.name for one in self._listed.titles.values()]) or name

    def _by_metric(self, metric: ComparedMetric) -> SortOrder:
        return by_metric(metric, lambda: self._values_of(metric.name))

    def _values_of(self, metric: str) -> Mapping[str, float]:
        return self._values[metric].values if metric in self._values else {}

    def _follow_goal(self) -> None:
        """Sort the other way round once the goal of a search for the metric is read."""
        found = self._values.get(self._order.metric)
        if found is not None and found.values and found.lower != self._order.lower:
            self._order = self._by_metric(ComparedMetric(self._order.metric, found.lower))

    def _arrange(self) -> None:
        self._fitting = self._shown = self._all
        if self.filter:
            now, values = clock.now(), self._values
            self._fitting = [run for run in self._all if self.filter.fits(run, now, values)]
        self._shown = self._order.arranged(self._fitting, reverse=self._reverse)
        self._marked &= {run.id for run in self._all}
        self.newest = tuple(run.id for run in self._fitting[:MOST_LISTED])
        self._fit(column_stats(self._shown, self._fitting))
        self._follow_run()
        self.post_message(self.Arranged())

    def _fit(self, found: ColumnStats) -> None:
        """Choose the columns again if the statistics have changed."""
        found = found.grown(self._facts)
        found = with_listed(found, self._listed, endings=bool(self._moment.endings))
        names = self.filter.metrics | self.filter.params
        filtered = (names, frozenset(self._titles()))
        if found != self._facts or filtered != self._filtered:
            self._filtered = filtered
            self._facts = found
            self._columns = self._columns_for(self._columns.width)

    def _follow_run(self) -> None:
        """Move the cursor to its run, keeping its position on the screen if possible."""
        before = self.cursor
        place = max((before - 1) // self._each, 0)
        self._each = 2 if 1 + 2 * len(self._shown) <= self.scrollable_content_region.height else 1
        place = next(
            (at for at, run in enumerate(self._shown) if run.id == self._run_id),
            min(place, len(self._shown) - 1),
        )
        index = 1 + place * self._each if place >= 0 else -1
        self.update_rows()
        if before > 0 and index > 0 and index != before and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + index - before, animate=False)
        self.move_cursor(index)
