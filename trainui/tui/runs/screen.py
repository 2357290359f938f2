"""The list of all runs, newest first; or, with none yet, what to do first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from trainui.domain.states import UNFINISHED, Status
from trainui.store.read.run_list import RunLine
from trainui.text import SYMBOLS, harmless
from trainui.tui.actions.run_actions import Target
from trainui.tui.data.snapshot import Query, Snapshot
from trainui.tui.keymap import bindings
from trainui.tui.page import Page
from trainui.tui.render.numbers import state_style
from trainui.tui.render.styled_text import Row, Segment, wrap
from trainui.tui.runs.sorting import WHEN
from trainui.tui.runs.table import RunTable
from trainui.tui.widgets.line_view import RowsView

WELCOME: tuple[Row, ...] = (
    (Segment("No runs yet", "strong"),),
    (),
    (
        Segment("u                       ", "key"),
        Segment("chooses a pipeline file here and runs it"),
    ),
    (Segment("trainui demo            ", "key"), Segment("trains two small networks, about 45 s")),
    (Segment("trainui run FILE        ", "key"), Segment("runs a pipeline file")),
    (Segment("trainui run -- COMMAND  ", "key"), Segment("runs one command")),
    (),
    (Segment("Runs appear here as soon as they are there.", "dim"),),
    (Segment("? shows all keys, q leaves.", "dim"),),
)


GRAMMAR = (
    "words · status:failed · name:x · params.lr>1e-3 · metric.loss<0.1 · age<2d · elapsed>1h · -not"
)

LEAST_COMPARED = 2

SETTLED = 0.15
"""Seconds for which a view has to stay before what only it shows is read."""

VIEW = "runs"
"""What the view of the list is remembered under."""


class RunsScreen(Page):
    """All runs."""

    scope = "runs"
    command_scopes = ("runs", "acting", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "RunTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs")]

    DEFAULT_CSS = """
    RunsScreen {
        RunTable { height: 1fr; }
        #welcome { display: none; height: 1fr; padding: 3 6; }
        &.-empty RunTable { display: none; }
        &.-empty #welcome { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = RunTable(id="runs")
        self.welcome = RowsView(id="welcome")
        self.welcome.can_focus = False
        self._live = False
        self._snapshot: Snapshot | None = None
        self._settling: Timer | None = None
        self._recalled = False

    def content(self) -> Iterator[Widget]:
        """Yield the table and what stands in for it."""
        yield self.table
        yield self.welcome

    def wanted(self) -> Query:
        """Return that the list is to be read, and what of it is in view."""
        return Query(rows=self.table.in_view, metrics=self.table.metrics)

    def show(self, snapshot: Snapshot) -> None:
        """Show the runs, or why there are none."""
        if snapshot.wanted.run_id is not None:
            return
        empty = not snapshot.runs
        self.set_class(empty, "-empty")
        if empty:
            self.welcome.set_rows(_instead(snapshot, max(self.size.width - 12, 20)))
        self._snapshot = snapshot
        if snapshot.runs and not self._recalled:
            self._recall(snapshot.runs)
        self.table.take(snapshot)
        self._live = any(run.current for run in snapshot.runs)
        self._show_top()
        self.show_keys()

    def _show_top(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        unfinished = any(run.status in UNFINISHED for run in snapshot.runs)
        notices = self.notices(snapshot, unfinished=unfinished)
        self.top.show((*_summary(snapshot), *_view(self.table)), notices)

    def _recall(self, runs: Sequence[RunLine]) -> None:
        """Bring back the view that was left last time, unless newer runs came meanwhile."""
        self._recalled = True
        kept = self.trainui.memory.get(VIEW, dict)
        self.table.set_filter(str(kept.get("filter", "")))
        self.table.set_order(str(kept.get("sort", WHEN)), reverse=kept.get("reverse") is True)
        newest = runs[0].id
        self.table.select(str(kept.get("run", "")) if kept.get("newest") == newest else newest)

    def _remember(self) -> None:
        if self._snapshot is None or not self._snapshot.runs:
            return
        sort, reverse = self.table.order
        selected = self.table.selected
        view = {
            "filter": self.table.filter.text,
            "sort": sort,
            "reverse": reverse,
            "run": selected.id if selected else "",
            "newest": self._snapshot.runs[0].id,
        }
        self.trainui.memory.keep(VIEW, view)

    @on(RunTable.Arranged)
    def _look_at_view(self) -> None:
        """Let the feed read for what is in view, as soon as it stays there."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self.ask)
        self._show_top()
        self._remember()

    def on_cursor_view_moved(self) -> None:
        """Remember which run it is."""
        self._remember()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys at the bottom: few where there is no run."""
        return ("app",) if self.has_class("-empty") else super().footer_scopes()

    def tick(self) -> bool:
        """Let the clocks of what runs go on."""
        if self._live:
            self.table.tick()
        return self._live

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (there is one pane)
        """Return the filter."""
        return self.table.filter.text

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Show only runs that fit, and say what of the filter cannot be understood."""
        self.table.set_filter(text)
        self._tell_language()

    def action_search(self) -> None:
        """Open the filter, with what can be typed."""
        super().action_search()
        self._tell_language()

    def _tell_language(self) -> None:
        problems = self.table.filter.problems
        note = (
            (Segment(f" ✗ {problems[0]}", "bad"),) if problems else (Segment(f" {GRAMMAR}", "dim"),)
        )
        self.key_bar.note(note)

    def go_to_match(self, direction: int) -> None:
        """Move along the runs that fit."""
        before = self.table.cursor
        self.table.action_line(direction)
        if not self.table.filter:
            self.notify("no filter is on; / filters", markup=False)
        elif self.table.cursor == before:
            self.notify("no other run there fits the filter", markup=False)

    def targets(self) -> list[Target]:
        """Return the marked runs; with none marked the one under the cursor."""
        return [Target.of(run) for run in self.table.chosen]

    def acted(self) -> None:
        """Clear the marks."""
        self.table.clear_marks()

    def action_compare(self) -> None:
        """Draw the telling metric of the marked runs in one plot."""
        marked = self.table.marked
        live = self._snapshot.live if self._snapshot is not None else {}
        drawn = [run.id for run in marked if run.id in live and live[run.id].metric]
        if len(marked) < LEAST_COMPARED:
            self.notify("mark two or more runs with space, then c compares them", markup=False)
        elif not drawn:
            self.notify("no marked run in view has metrics", markup=False)
        else:
            from trainui.tui.curves.model import Compare
            from trainui.tui.curves.screen import CurvesScreen

            first = live[drawn[0]]
            ids = tuple(run.id for run in marked)
            desk = self.recalled_desk()
            desk.view = replace(desk.view, compare=Compare.RUNS)
            desk.metric, desk.runs = first.stored, ids
            self.app.push_screen(CurvesScreen(drawn[0], first.stage, desk))

    def on_cursor_view_opened(self) -> None:
        """Open the run's page."""
        run = self.table.selected
        if run is not None:
            self.trainui.open_run(run.id)

    def action_open(self) -> None:
        """Say why nothing opens: where there are runs the table takes the key."""
        self.say_no_run()

    action_mark = action_sort = action_reverse = action_open

    def action_back(self) -> None:
        """Take away the marks, then the filter."""
        if self.table.marked:
            self.table.clear_marks()
        elif self.table.filter.text:
            self.table.set_filter("")
        else:
            self.notify("this is the first page; q leaves", markup=False)


def _view(table: RunTable) -> Row:
    """Return what of all runs is shown, where that is not all."""
    spans: list[Segment] = []
    if table.filter.text:
        spans.append(Segment(f"  / {harmless(table.filter.text)}", "accent"))
        spans.append(Segment(f" fits {table.count}", "dim"))
    if marked := len(table.marked):
        spans.append(Segment(f"  ▌{marked} marked", "key"))
    return tuple(spans)


def _instead(snapshot: Snapshot, width: int) -> tuple[Row, ...]:
    if snapshot.problem is None:
        return WELCOME
    lines = [
        piece for line in snapshot.problem.splitlines() for piece in wrap(harmless(line), width)
    ]
    advice = "`trainui doctor` tells what is wrong; this page tries again."
    return (
        (Segment("The runs cannot be read", "bad"),),
        (),
        *((Segment(line),) for line in lines),
        (),
        (Segment(advice, "dim"),),
    )


def _summary(snapshot: Snapshot) -> Row:
    spans = [Segment(" trainui ", "title")]
    if not snapshot.runs:
        return tuple(spans)
    count = len(snapshot.runs)
    spans.append(
        Segment(f" {count}{'+' if snapshot.loading else ''} run{'s' * (count != 1)}", "dim")
    )
    counts = Counter(run.status for run in snapshot.runs)
    for status in (*sorted(UNFINISHED, reverse=True), Status.FAILED):
        if counts[status]:
            spans.append(
                Segment(f"  {SYMBOLS[status]} {counts[status]} {status}", state_style(status))
            )
    return tuple(spans)
