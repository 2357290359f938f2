"""The list of all runs, newest first; with no runs yet, a welcome page."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import get_current_worker

from trainui import clock
from trainui.errors import TrainuiError
from trainui.model.states import UNFINISHED, Status
from trainui.store.read.run_list import RunLine, RunTrouble
from trainui.text import SYMBOLS, harmless, state_word
from trainui.tui.app_interface import run_label
from trainui.tui.keymap import bindings
from trainui.tui.numbers import state_style
from trainui.tui.page import WIDE, Jump, Page
from trainui.tui.run_list.columns import trouble_cells
from trainui.tui.run_list.filter import WHEN
from trainui.tui.run_list.table import RunTable
from trainui.tui.snapshot import ListQuery, Query, Snapshot
from trainui.tui.styled_text import Row, Segment, cut, fit, fit_middle, text_rows, width_of
from trainui.tui.widgets import Bar, Entry, EntryView

if TYPE_CHECKING:
    from trainui.tui.new_runs import FoundTraining, FoundTrainings

MOST_LISTED = 8
"""Trainings or processes with a line each; the others are counted."""

NAME, KIND = 24, 12
"""Widths in characters of the name and the kind of a training that was found."""

LEAST_COMPARED = 2
"""Runs without which there is nothing to compare."""

SETTLED = 0.15
"""Debounce: seconds for which the visible rows must stay the same before their data is read."""

ABSENCE = 3600 * clock.SECOND
"""The least time without a screen after which a line says what has happened in it."""


TITLE = Segment(" trainui ", "title")

HINT = Segment("  esc shows all", "dim")

OF_SEVERAL = (
    "these runs are of several machines, and are read where they are: mark runs of one; `trainui "
    "export BOX:RUN -o FILE` copies a run's points here"
)


def left_end(snapshot: Snapshot, table: RunTable, width: int, notices: Row) -> Row:
    """Return what fits beside the notices: the counts first, which stay at any width."""
    if not snapshot.runs:
        return (TITLE, *_chosen(table), *_order(table))
    count, *states = _states(snapshot)
    trouble, view = _stages_in_trouble(snapshot.runs, width), (*_chosen(table), *_order(table))
    room = width - width_of(notices) - 1
    hint = [HINT] if table.filter.text else []
    rows: list[Row] = [
        (TITLE, count, *states, *trouble, *view, *hint),
        (TITLE, count, *states, *trouble, *view),
        (count, *states, *trouble, *view),
        (*_of_runs(states), *trouble, *view),
    ]
    least = (*counts_alone(snapshot, width), *view)
    return next((row for row in rows if width_of(row) <= room), least)


def counts_alone(snapshot: Snapshot, width: int) -> Row:
    """Return the counts in brief, which no notice displaces: ` runs: ● 1  ✗ 7  stages: ◌2`."""
    _, *states = _states(snapshot)
    brief = [one._replace(text=one.text.rpartition(" ")[0]) for one in states]
    return (*_of_runs(brief), *_stages_in_trouble(snapshot.runs, min(width, WIDE - 1)))


def _of_runs(states: Sequence[Segment]) -> Row:
    """Return counts of states without that of all runs: they say that they count runs."""
    return (Segment(" runs:", "dim"), *states) if states else ()


def _chosen(table: RunTable) -> Row:
    """Return the number of marked runs, and the filter with its number of matches."""
    spans: list[Segment] = []
    if marked := len(table.marked):
        spans.append(Segment(f"  ▌{marked:,} marked", "key"))
    if table.filter.text:
        spans.append(Segment(f"  / {harmless(table.filter.text)}", "accent"))
        for problem in table.filter.problems[:1]:  # its term is ignored
            spans.append(Segment(f" ✗ {harmless(problem.partition(':')[0])}", "bad"))
        spans.append(Segment(f" {table.count:,} match{'es' * (table.count != 1)}", "dim"))
        if hidden := table.hidden_running:
            spans.append(Segment(f"  {hidden:,} running not shown", "warn"))
    return tuple(spans)


def _order(table: RunTable) -> Row:
    """Return the order in words, unless it is the usual one."""
    if table.order == (WHEN, False):
        return ()
    return (Segment(f"  sorted by {harmless(table.order_words)}", "dim"),)


def _states(snapshot: Snapshot) -> Iterator[Segment]:
    """Yield the number of runs, then how many of them are unfinished or have failed."""
    count = len(snapshot.runs)
    of_all = f" of {count + snapshot.older:,}" if snapshot.older else ""
    words = f"{'+' if snapshot.loading else ''}{of_all} run{'s' * (count != 1)}"
    counts = Counter((run.status, run.lost is not None) for run in snapshot.runs)
    counted = (*sorted(UNFINISHED, reverse=True), Status.FAILED)
    colon = ":" * any(status in counted for status, _ in counts)  # of what they are, as of stages
    yield Segment(f" {count:,}{words}{colon}", "dim")
    for status in counted:
        for is_lost in (False, True):
            if number := counts[status, is_lost]:
                words = f"{number:,} {state_word(status, is_lost=is_lost)}"
                style = "warn" if is_lost else state_style(status)
                yield Segment(f"  {SYMBOLS[status]} {words}", style)


def _stages_in_trouble(runs: Sequence[RunLine], width: int) -> Row:
    """Return what is wrong in the stages of all runs; failed stages of unfinished runs only."""
    found = [
        run.trouble if run.status in UNFINISHED else run.trouble._replace(failed=0)
        for run in runs
        if any(run.trouble)
    ]
    total = RunTrouble(*map(sum, zip(*found, strict=True)))
    if not total.kinds:
        return ()
    return (Segment("  stages: ", "dim"), *trouble_cells(total, 60 if width >= WIDE else 20))


COMMANDS = {
    "u": "choose a pipeline file here and run it",
    "trainui demo": "train two small networks, about 45 s",
    "trainui init": "write a pipeline file to edit",
    "trainui run FILE": "run a pipeline file",
    "trainui run -- COMMAND": "run one command",
    "trainui add PATH": "show trainings that exist already",
}

LAST = ("", "New runs appear here automatically.", "? shows all keys, q quits.")


class WelcomeView(EntryView["FoundTraining"]):
    """The welcome page, with a cursor on what can be added."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs.open")]

    def __init__(self) -> None:
        super().__init__(id="welcome")
        self.can_focus = False
        self._found: FoundTrainings | None = None

    @property
    def has_trainings(self) -> bool:
        """True if this directory has trainings."""
        return self._found is not None and bool(self._found.trainings)

    def show_found(self, found: FoundTrainings, directory: str) -> None:
        """Show what can be added."""
        where, count = f"in {harmless(directory)}", len(found.trainings)
        heading = f"{count:,} training{'s' * (count != 1)} {where}"
        none = _text(found.problem, "warn") if found.problem else _text(f"No trainings {where}")
        entries = _section(heading, found.trainings) or none
        self._show([*entries, *_section("Trainings that run on this machine", found.processes)])
        self._found = found

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other text, e.g. why the runs could not be read."""
        self._found = None
        self._set([*map(Entry, rows)])

    def show_searching(self) -> None:
        """Show that trainings are searched for."""
        self._show(_text("Searching this directory and this machine for trainings…"))

    def _show(self, found: Sequence[Entry[FoundTraining]]) -> None:
        rows: list[Row] = [
            (Segment(f"{key:<24}", "key"), Segment(words)) for key, words in COMMANDS.items()
        ]
        rows += [(Segment(text, "dim"),) for text in LAST]
        self._set([*_text("No runs yet", "strong"), *found, *map(Entry, rows)])

    def _set(self, entries: Sequence[Entry[FoundTraining]]) -> None:
        self.can_focus = any(entry.item is not None for entry in entries)
        self.set_entries(entries)

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        row, found = self.entries[index]
        return row if found is None else _line(found, width)


def _section(heading: str, found: Sequence[FoundTraining]) -> list[Entry[FoundTraining]]:
    if not found:
        return []
    title, blank = _text(heading, "strong")
    more = len(found) - MOST_LISTED
    rest = _text(f"  and {more:,} more") if more > 0 else [blank]
    return [title, *(Entry((), one) for one in found[:MOST_LISTED]), *rest]


def _text(text: str, style: str = "dim") -> list[Entry[FoundTraining]]:
    """Return a line of text, and a blank one."""
    return [Entry((Segment(text, style),)), Entry(())]


def _line(one: FoundTraining, width: int) -> Row:
    room = width - NAME - KIND - 4
    words = harmless(one.words)
    return (
        Segment(f" {fit(harmless(one.name), NAME)} "),
        Segment(f"{fit(one.kind, KIND)} ", "accent"),
        Segment(fit_middle(words, room) if one.path else fit(words, room), "dim"),
    )


GRAMMAR = (
    *("words", "trouble", "status:failed", "name:x", "lr>1e-3", "metric.loss<0.1", "trial>9"),
    *("age<2d", "-not"),
)
"""Examples of what a filter may have, the most useful first."""


class RunsScreen(Page):
    """The list of all runs."""

    scope = "runs"
    command_scopes = ("runs", "acting", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "RunTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs")]

    DEFAULT_CSS = """
    RunsScreen {
        RunTable { height: 1fr; }
        #absence { display: none; }
        #welcome { display: none; height: 1fr; padding: 1 4; }
        &.-empty RunTable { display: none; }
        &.-empty #welcome { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = RunTable(id="runs")
        self.welcome = WelcomeView()
        self.absence = Bar(id="absence")
        """What happened while no screen was open, until the first key or click."""
        self._is_searching = False
        self._live = False
        self._snapshot: Snapshot | None = None
        self._settling: Timer | None = None
        self._has_runs = False
        self._shown_resume = False
        """True if the key of a resume is bright in the key bar."""

    def content(self) -> Iterator[Widget]:
        """Yield the table, the welcome page, and the line after an absence."""
        yield self.table
        yield self.welcome
        yield self.absence

    def on_mount(self) -> None:
        """Show what happened if no screen was open for long."""
        left, now = self.own_app.poller.seen_before, clock.now()
        if left is not None and now - left >= ABSENCE:
            self.run_worker(
                partial(self._read_absence, left, now), thread=True, exit_on_error=False
            )

    def _read_absence(self, left: int, now: int) -> None:
        from trainui.control import digest

        try:
            line = digest.read(left, now).after_absence
        except (TrainuiError, sqlite3.Error, OSError):  # the page of the digest says why
            return
        self.app.call_from_thread(self._show_absence, line)

    def _show_absence(self, line: str) -> None:
        key = self.own_app.keys.find("runs.digest").short
        shows = (Segment(key, "key"), Segment(" shows ", "dim"))
        self.absence.show((Segment(f" {harmless(line)}", "accent"),), shows)
        self.absence.display = not self.has_class("-empty")

    def touched(self) -> None:
        """Hide the line after an absence."""
        self.absence.display = False

    def page_query(self) -> ListQuery:
        """Return the query for the list and the live data of visible runs."""
        table = self.table
        return ListQuery(table.in_view, table.metrics, table.newest, table.has_details)

    def show(self, snapshot: Snapshot) -> None:
        """Show the runs, or the welcome page, or why they could not be read."""
        if not isinstance(snapshot.query, ListQuery):
            return
        empty = not snapshot.runs
        self.set_class(empty, "-empty")
        if snapshot.problem is not None and empty:
            advice = "Run `trainui doctor` to find the cause. This page retries automatically."
            why = text_rows(snapshot.problem, max(self.size.width - 12, 20))
            title: Row = (Segment("Cannot read the runs", "bad"),)
            self.welcome.show_rows([title, (), *why, (), (Segment(advice, "dim"),)])
            self._is_searching = False
        elif empty and not self._is_searching:
            self._search()
        elif not empty and self.focused is self.welcome:
            self.table.focus()
        self._snapshot = snapshot
        if snapshot.runs and not self._has_runs:
            self._has_runs = True
            self.table.select(snapshot.runs[0].id)
        self.table.take(snapshot)
        self._live = any(run.current for run in snapshot.runs)
        self._show_top()
        self.show_keys()

    def _search(self) -> None:
        """Search for trainings that can be added."""
        self._is_searching = True
        self.welcome.show_searching()

        def work() -> None:
            from trainui.tui import new_runs

            worker = get_current_worker()
            found = new_runs.search_trainings(lambda: worker.is_cancelled)
            if not worker.is_cancelled:
                self.app.call_from_thread(self._show_found, found)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _show_found(self, found: FoundTrainings) -> None:
        if not self.has_class("-empty"):
            return
        self.welcome.show_found(found, str(Path.cwd()))
        if self.welcome.selected is not None:
            self.welcome.focus()
        self.show_keys()

    def show_keys(self) -> None:
        """Show the keys; on the welcome page those that add what was found."""
        if not (self.has_class("-empty") and self.welcome.selected):
            super().show_keys()
            return
        keys = self.own_app.keys
        adding = [keys.find("runs.open")._replace(label="add")]
        if self.welcome.has_trainings:
            adding.append(keys.find("runs.mark_all")._replace(label="add all of this directory"))
        self.key_bar.show([*adding, *keys.footer(("app",))])

    def _show_top(self) -> None:
        if (snapshot := self._snapshot) is not None:
            notices = self.notices(snapshot, snapshot.runs)
            width = self.size.width
            left = left_end(snapshot, self.table, width, notices)
            room = width - width_of(counts_alone(snapshot, width)) - 1
            self.top.show(left, cut(notices, max(room, 0)))

    @on(RunTable.Arranged)
    def _look_at_view(self) -> None:
        """Query the data of visible runs, debounced."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self.ask)
        self._show_top()
        self.on_cursor_view_moved()

    def on_cursor_view_moved(self) -> None:
        """Show the keys that apply to the selected run."""
        if self._can_resume != self._shown_resume:
            self.show_keys()

    @property
    def _can_resume(self) -> bool:
        """True if a chosen run has stages that a resume would run."""
        return any(run.failed for run in self.table.chosen)

    def idle_keys(self) -> Collection[str]:
        """Return the key of a resume if no chosen run has anything to resume."""
        self._shown_resume = self._can_resume
        return () if self._shown_resume else ("acting.resume",)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the footer; without runs only those of the app."""
        return ("app",) if self.has_class("-empty") else super().footer_scopes()

    def tick(self) -> bool:
        """Update the running times; return True while any run is active."""
        if self._live:
            self.table.tick()
        return self._live

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (there is one pane)
        """Return the current filter."""
        return self.table.filter.text

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Show only matching runs, and the filter's first error."""
        self.table.set_filter(text)
        self._show_language()
        seen = self._snapshot
        if not self.search_bar.display and seen is not None and not self.is_answered(seen.query):
            self.drawing.has_data = False  # until the values are read, no run matches
            self.ask()

    def is_answered(self, query: Query) -> bool:
        """Return True if the values by which runs are filtered or sorted were read, too."""
        is_read = isinstance(query, ListQuery) and query.metrics >= self.table.metrics
        return is_read and super().is_answered(query)

    def action_search(self) -> None:
        """Open the filter, with a summary of its syntax."""
        super().action_search()
        self._show_language()

    def _show_language(self) -> None:
        if problems := self.table.filter.problems:
            self.key_bar.note((Segment(f" ✗ {problems[0]}", "bad"),))
            return
        lines = (" · ".join(GRAMMAR[:count]) for count in range(len(GRAMMAR), 0, -1))
        fitting = next((line for line in lines if len(line) <= self.size.width - 2), "")
        self.key_bar.note((Segment(f" {fitting}", "dim"),))

    def action_match(self, direction: int) -> None:
        """Move the cursor to the next or previous matching run."""
        before = self.table.cursor
        self.table.action_line(direction)
        if not self.table.filter:
            self.notify("no filter is set; / sets one")
        elif self.table.cursor == before:
            self.notify("no more matches")

    def targets(self) -> Sequence[RunLine]:
        """Return the marked runs; without marks the run under the cursor."""
        return self.table.chosen

    def jumps(self) -> Iterator[Jump]:
        """Yield the metrics to sort by, the runs, and their stages that run or have failed."""
        for title, order in self.table.metric_orders.items():
            sort = partial(self.table.set_order, order, reverse=False)
            yield Jump("metric", title, sort)
        yield from super().jumps()
        for run in self.own_app.runs:
            for stage in (*run.current, *run.failed):
                name = f"{harmless(stage)} of {run_label(run)}"
                yield Jump("stage", name, partial(self.own_app.open_run, run.id, stage))

    def acted(self) -> None:
        """Clear the marks."""
        self.table.clear_marks()

    def action_compare(self) -> None:
        """Plot the marked runs together: the most important metric that they share."""
        marked = [run.id for run in self.table.marked]
        if len({run.box for run in self.table.marked}) > 1:
            self.notify(OF_SEVERAL)
        elif len(marked) < LEAST_COMPARED:
            self.notify("mark two or more runs with space, then c compares them")
        else:
            from trainui.tui.curve_data import Comparison
            from trainui.tui.curves.interaction import CurvesState
            from trainui.tui.curves.screen import CurvesScreen

            state = CurvesState.remembered(self.own_app.preferences, marked[0])
            state.compared = Comparison(runs=tuple(marked))
            self.app.push_screen(CurvesScreen(marked[0], "", state))

    def action_diff(self) -> None:
        """Show what differs between the two marked runs; without marks, since this run."""
        chosen = sorted(self.table.chosen, key=lambda run: run.created_at)
        if not chosen:
            self.say_no_run()
        elif len({run.box for run in chosen}) > 1:
            self.notify(OF_SEVERAL)
        elif len(chosen) > LEAST_COMPARED or (self.table.marked and len(chosen) == 1):
            self.notify("mark exactly two runs with space, then D shows what differs")
        else:
            from trainui.tui.dialogs import DifferenceScreen

            self.app.push_screen(DifferenceScreen(*chosen))

    def action_digest(self) -> None:
        """Show what happened since a screen was last open."""
        from trainui.tui.past_screens import DigestScreen

        self.app.push_screen(DigestScreen())

    def on_cursor_view_opened(self) -> None:
        """Open the run's page; on the welcome page add what is under the cursor."""
        run, found = self.table.selected, self.welcome.selected
        if not self.has_class("-empty"):
            if run is not None:
                self.own_app.open_run(run.id, self.table.best_member(run))
        elif found is not None:
            self.own_app.act(lambda: _add(found), starts=True)

    def action_open(self) -> None:
        """Report that no run is selected; the table handles the key if there are runs."""
        self.say_no_run()

    action_mark = action_sort = action_reverse = action_open

    def action_mark_all(self) -> None:
        """On the welcome page add all trainings of this directory."""
        if self.has_class("-empty") and self.welcome.has_trainings:
            self.own_app.act(lambda: _add(None), starts=True)
        else:
            self.say_no_run()

    def action_back(self) -> None:
        """Dismiss notifications; clear the filter, which may hide marked runs, else the marks."""
        self.app.clear_notifications()
        if self.table.filter.text:
            self.table.set_filter("")
        else:
            self.table.clear_marks()


def _add(found: FoundTraining | None) -> str:
    from trainui.tui import new_runs

    return new_runs.add_training(found)
