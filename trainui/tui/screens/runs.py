"""The list of all runs, newest first; or, with none yet, what to do first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from trainui import clock
from trainui.domain.states import UNFINISHED, Status
from trainui.store.run_lines import RunLine
from trainui.text import SYMBOLS, harmless, state
from trainui.tui.acting import Target
from trainui.tui.figures import clock_time, elapsed, state_style
from trainui.tui.keys import bindings
from trainui.tui.screens.page import Page
from trainui.tui.snapshots import Snapshot, Wanted
from trainui.tui.spans import Row, Span, wrap
from trainui.tui.widgets.lines import RowsView
from trainui.tui.widgets.run_table import RunTable

WELCOME: tuple[Row, ...] = (
    (Span("No runs yet", "strong"),),
    (),
    (Span("u                       ", "key"), Span("chooses a pipeline file here and runs it")),
    (Span("trainui demo            ", "key"), Span("trains two small networks, about 45 s")),
    (Span("trainui run FILE        ", "key"), Span("runs a pipeline file")),
    (Span("trainui run -- COMMAND  ", "key"), Span("runs one command")),
    (),
    (Span("Runs appear here as soon as they are there.", "dim"),),
    (Span("? shows all keys, q leaves.", "dim"),),
)


class RunsScreen(Page):
    """All runs."""

    scope = "runs"
    command_scopes = ("runs", "acting", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "RunTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs.back")]

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

    def content(self) -> Iterator[Widget]:
        """Yield the table and what stands in for it."""
        yield self.table
        yield self.welcome

    def wanted(self) -> Wanted:
        """Return that the list is to be read."""
        return Wanted()

    def show(self, snapshot: Snapshot) -> None:
        """Show the runs, or why there are none."""
        if snapshot.wanted.run_id is not None:
            return
        empty = not snapshot.runs
        self.set_class(empty, "-empty")
        if empty:
            self.welcome.set_rows(_instead(snapshot, max(self.size.width - 12, 20)))
        self.table.set_runs(snapshot.runs, snapshot.endings)
        self._live = any(run.current for run in snapshot.runs)
        unfinished = any(run.status in UNFINISHED for run in snapshot.runs)
        notices = self.notices(snapshot, unfinished=unfinished)
        self.top.show(_summary(snapshot), notices)
        self.show_keys()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys at the bottom: few where there is no run."""
        return ("app",) if self.has_class("-empty") else super().footer_scopes()

    def tick(self) -> None:
        """Let the clocks of what runs go on."""
        if self._live:
            self.table.update_rows()

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Show only runs that fit."""
        self.table.filter(text)

    def go_to_match(self, direction: int) -> None:
        """Move along the runs that fit."""
        self.table.action_line(direction)

    def target(self) -> Target | None:
        """Return the run under the cursor."""
        run = self.table.selected
        return Target(run.id, run.name, run.status, run.priority) if run else None

    def report(self) -> str:
        """Return the run under the cursor in a line."""
        run = self.table.selected
        return "" if run is None else _report(run)

    def on_cursor_view_opened(self) -> None:
        """Open the run's page."""
        run = self.table.selected
        if run is not None:
            self.trainui.open_run(run.id)

    def action_back(self) -> None:
        """Show all runs again, where a filter is on."""
        if self.table.filtered:
            self.table.filter("")
        else:
            self.notify("this is the first page; q leaves", markup=False)


def _instead(snapshot: Snapshot, width: int) -> tuple[Row, ...]:
    if snapshot.problem is None:
        return WELCOME
    lines = [
        piece for line in snapshot.problem.splitlines() for piece in wrap(harmless(line), width)
    ]
    advice = "`trainui doctor` tells what is wrong; this page tries again."
    return (
        (Span("The runs cannot be read", "bad"),),
        (),
        *((Span(line),) for line in lines),
        (),
        (Span(advice, "dim"),),
    )


def _summary(snapshot: Snapshot) -> Row:
    spans = [Span(" trainui ", "title")]
    if not snapshot.runs:
        return tuple(spans)
    count = len(snapshot.runs)
    spans.append(Span(f" {count}{'+' if snapshot.loading else ''} run{'s' * (count != 1)}", "dim"))
    counts = Counter(run.status for run in snapshot.runs)
    for status in (*sorted(UNFINISHED, reverse=True), Status.FAILED):
        if counts[status]:
            spans.append(
                Span(f"  {SYMBOLS[status]} {counts[status]} {status}", state_style(status))
            )
    return tuple(spans)


def _report(run: RunLine) -> str:
    spent = elapsed(run.started_at, run.completed_at, clock.now())
    return (
        f"**{harmless(run.name)}** ({run.id}): {state(run.status)}, {run.done} of {run.total} "
        f"stages completed, {spent or 'not started'}, from {clock_time(run.created_at)}\n"
    )
