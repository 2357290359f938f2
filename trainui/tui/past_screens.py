"""Pages of the past: what happened since a screen was last open, and a pipeline's last runs.

In the digest, next steps have keys. In the history, runs are columns and stages lines of cells: a
cell has the state of a stage in a run; of a sweep, that of its most important member.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.widget import Widget

from trainui import clock
from trainui.errors import TrainuiError
from trainui.formatting import short_id
from trainui.model.states import SILENT, STALLED, UNFINISHED, Status
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.read.run_history import PastRun, PastStage
from trainui.store.read.run_list import RunLine
from trainui.text import SYMBOLS, TROUBLE, harmless, state, verdict
from trainui.tui.graph_layout import RANKS
from trainui.tui.keymap import bindings
from trainui.tui.numbers import elapsed, state_style, when
from trainui.tui.page import Page
from trainui.tui.snapshot import HistoryQuery, ListQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, cut, cut_end, fit, text_rows, wrap
from trainui.tui.widgets import CursorView, Entry, EntryView

if TYPE_CHECKING:
    from trainui.control.boxes import Box
    from trainui.control.digest_records import Digest, Step
    from trainui.model.records import StageRecord
    from trainui.tui.box_feed import BoxFeed

LEAST_CELL, MOST_CELL, WITH_TIME = 3, 9, 7
"""Widths of a cell with the gap behind it: the least, the most, and that from which the runs' times
are shown."""

LEAST_NAME, MOST_NAME = 8, 32
"""Widths of the stages' names."""

HEADINGS, DETAILS = 2, 4
"""The lines above the stages', and those below, about the run and the stage under the cursor."""

INDENT = "  "

RESUME, PREPARED, UNPAUSE = "trainui resume ", "--prepared", "trainui worker unpause"
STACKS = "trainui stacks "
"""The commands of next steps that have a key here, besides those that a run's page shows."""


def digest_entries(found: Digest, width: int, height: int) -> list[Entry[Step]]:
    """Return the lines of a digest, wrapped to a width; those of its next steps have them.

    Long sections are cut where not all lines fit into the height.
    """
    from trainui.control.digest_records import LEAST_LINES, longest

    entries: list[Entry[Step]] = []
    for most in range(longest(found), LEAST_LINES - 1, -1):
        entries = _digest_entries(found, width, most)
        if len(entries) <= height:
            break
    return entries


def _digest_entries(found: Digest, width: int, most: int) -> list[Entry[Step]]:
    from trainui.control.digest_records import NEXT, sections_of

    entries: list[Entry[Step]] = [Entry(row) for row in text_rows(found.headline, width, "strong")]
    for section in sections_of(found, most, width + len(INDENT)):
        entries += [Entry(()), Entry((Segment(section.title, "title"),))]
        steps = iter(found.next if section.title == NEXT else ())
        for line in section.lines:
            first, *more = _rows(line, width)
            entries += [Entry(first, next(steps, None)), *map(Entry, more)]
        if section.rest:
            entries.append(Entry((Segment(f"{INDENT}and {section.rest} more", "dim"),)))
    return entries


def _rows(line: str, width: int) -> list[Row]:
    """Return a line, or those of a step, as rows; all after the first are indented further."""
    lines = (wrap(harmless(one), width - 2 * len(INDENT)) for one in line.split("\n"))
    first, *more = [*chain.from_iterable(lines)] or [""]
    return [(Segment(f"{INDENT}{first}"),), *((Segment(f"{2 * INDENT}{one}"),) for one in more)]


class DigestView(EntryView["Step"]):
    """The lines, with a cursor on what can be done next."""

    scopes = ("digest",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("digest.open")]


class DigestScreen(Page):
    """The digest's page; it is read again whenever it is returned to."""

    scope = "digest"
    command_scopes = ("digest", "acting", "app")
    has_search = False
    AUTO_FOCUS: ClassVar[str | None] = "DigestView"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("digest.back")]

    DEFAULT_CSS = "DigestView { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.drawing.has_data = True
        self.view = DigestView(id="digest")
        self._found: Digest | None = None
        self._stages: Mapping[tuple[str | None, str | None], StageRecord] = {}
        """Those for which an edit is prepared."""
        self._away: Sequence[str] = ()
        """Why boxes have not said what happened there."""

    def content(self) -> Iterator[Widget]:
        """Yield the lines."""
        yield self.view

    def page_query(self) -> ListQuery:
        """Return the query for the list, of which the actions' runs are."""
        return ListQuery()

    def on_mount(self) -> None:
        """Say that the digest is read."""
        self.view.set_entries([Entry((Segment("reading what happened…", "dim"),))])

    def on_screen_resume(self) -> None:
        """Read the digest, in a thread."""
        self._read_again()

    def _read_again(self) -> None:
        self.run_worker(self._read, thread=True, exclusive=True, exit_on_error=False)

    def _read(self) -> None:
        from trainui.control import digest, digest_records
        from trainui.tui import run_actions

        now, seen = clock.now(), self.own_app.poller.seen_before
        since = now - digest.A_DAY if seen is None else seen
        try:
            found = run_actions.digest(since, now)
            self._stages = _edited_stages(found)
        except (TrainuiError, sqlite3.Error, OSError) as error:
            self.app.call_from_thread(self._show_problem, str(error))
            return
        there: dict[Box, Digest] = {}
        away: list[str] = []
        self.app.call_from_thread(self._show_digest, found, away)
        feeds = self.own_app.box_feeds()
        if not feeds:
            return

        def ask(feed: BoxFeed) -> Digest:
            ahead = feed.clock_difference
            answer: Digest = feed.call(run_actions.digest, since + ahead, now + ahead)
            return answer

        from concurrent.futures import ThreadPoolExecutor, as_completed  # it imports logging

        with ThreadPoolExecutor(len(feeds)) as pool:
            asked = {pool.submit(ask, feed): feed for feed in feeds}
            for done in as_completed(asked):
                try:
                    there[asked[done].box] = done.result()
                except TrainuiError as error:
                    away.append(harmless(str(error)))
                joined = digest_records.joined(found, there)
                self.app.call_from_thread(self._show_digest, joined, list(away))

    def _show_problem(self, problem: str) -> None:
        rows = text_rows(problem, self._row_width, "bad")
        self._found = None
        self.view.set_entries([*map(Entry, rows)])

    def _show_digest(self, found: Digest, away: Sequence[str]) -> None:
        self._found, self._away = found, away
        view = self.view
        height = view.page_height - (1 + len(away)) * bool(away)
        entries = digest_entries(found, self._row_width, height)
        if away:
            entries.append(Entry(()))
        for why in away:
            entries += map(Entry, text_rows(f"! {why}", self._row_width, "warn"))
        if view.selected is None and len(entries) > view.page_height:
            view.entries = entries  # without a cursor, which would be below the page's end
            view.update_rows()
        else:
            view.set_entries(entries)

    @property
    def _row_width(self) -> int:
        return max(self.size.width - 3, 20)

    def on_resize(self) -> None:
        """Wrap the lines for the new width."""
        if self._found is not None:
            self._show_digest(self._found, self._away)

    def show(self, snapshot: Snapshot) -> None:
        """Show the warnings about the installation."""
        self.top.show(
            (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment("digest", "strong")),
            self.notices(snapshot, snapshot.runs),
        )

    def search(self, text: str, pane: Widget | None) -> None:
        """Do nothing: this page has no search."""

    def action_match(self, direction: int) -> None:
        """Move the cursor: this page has no search."""
        self.view.action_line(direction)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return ("digest", "app")

    @property
    def _run_id(self) -> str | None:
        """The run that the step under the cursor is about."""
        step = self.view.selected
        return None if step is None or self._found is None else self._found.run_of(step)

    def targets(self) -> Sequence[RunLine]:
        """Return the run that the step under the cursor is about."""
        return [run for run in self.own_app.runs if run.id == self._run_id]

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stage that the edit under the cursor is prepared for."""
        step, found = self.view.selected, self._found
        trouble = None if step is None or found is None else found.trouble_of(step)
        record = None if trouble is None else self._stages.get((trouble.run, trouble.stage))
        return [] if record is None else [record]

    def report(self) -> str:
        """Return the digest as Markdown."""
        from trainui.control import digest_records

        return "" if self._found is None else digest_records.markdown(self._found)

    def on_cursor_view_opened(self) -> None:
        """Do what the step says, where a key does it: resume, open its place, or unpause."""
        step, run_id = self.view.selected, self._run_id
        if step is None:
            return
        if step.command == UNPAUSE:
            self.own_app.act(_unpause, then=self._read_again)
        elif run_id is None:
            self.notify(f"no key does this; in a shell: {harmless(step.command)}")
        elif PREPARED in step.command.split() and self.target_stages():
            self.action_prepared()
        elif step.command.startswith(RESUME):
            self.action_resume()
        else:
            self._open_place(run_id, step)

    def _open_place(self, run_id: str, step: Step) -> None:
        """Open a step's run with its stage selected, and the stacks of one that is silent."""
        trouble = None if self._found is None else self._found.trouble_of(step)
        stage = "" if trouble is None else trouble.stage or ""
        self.own_app.open_run(run_id, stage)
        if stage and step.command.startswith(STACKS):
            from trainui.tui.dialogs import StacksScreen

            self.app.push_screen(StacksScreen(run_id, stage))


def _edited_stages(found: Digest) -> dict[tuple[str | None, str | None], StageRecord]:
    """Return the stages for which an edit is prepared, by run and name."""
    edited = [one for one in found.trouble if PREPARED in one.suggestion.command.split()]
    if not edited:
        return {}
    with engine.reading() as connection:
        runs = dict.fromkeys(one.run for one in edited if one.run)
        stages = [stage for run in runs for stage in views.stages(connection, run)]
    return {(stage.run_id, stage.name): stage for stage in stages}


def _unpause() -> str:
    from trainui import control

    control.set_paused(False)
    return "queue resumed"


RUN = "run"
"""The label of the line with the runs' own states."""


def most_important(members: Sequence[PastStage]) -> PastStage:
    """Return the member whose state stands for the others'."""
    return min(members, key=lambda one: (RANKS[one.status], not one.stalled, not one.silent))


class HistoryView(CursorView):
    """The cells, the newest run at the right; the cursor is on a stage of a run."""

    scopes = ("history",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("history")]
    redraws_all = True

    def __init__(self) -> None:
        super().__init__(id="history")
        self.empty = "reading…"
        """What is shown without runs."""
        self._runs: Sequence[PastRun] = ()
        """Oldest first."""
        self._stages: Sequence[str] = ()
        self._run_id = ""
        """The run under the cursor."""

    def show_history(self, newest_first: Sequence[PastRun], run_id: str) -> None:
        """Show these runs; the cursor stays on its run, and is first on the run given."""
        self._runs = newest_first[::-1]
        self._stages = list(dict.fromkeys(name for one in newest_first for name in one.stages))
        known = [one.run.id for one in self._runs]
        if self._run_id not in known:
            self._run_id = run_id if run_id in known else known[-1] if known else ""
        if self.cursor < HEADINGS:
            self.move_cursor(HEADINGS if self._stages else -1)
        self.update_rows()

    @property
    def selected(self) -> PastRun | None:
        """The run under the cursor."""
        return next((one for one in self._runs if one.run.id == self._run_id), None)

    @property
    def stage(self) -> str:
        """The stage under the cursor; empty: none."""
        at = self.cursor - HEADINGS
        return self._stages[at] if 0 <= at < len(self._stages) else ""

    def row_count(self) -> int:
        """Return how many lines there are."""
        return HEADINGS + len(self._stages) + (DETAILS if self._runs else 0)

    def fixed_rows(self) -> int:
        """Return the number of lines that do not scroll."""
        return HEADINGS

    def selectable(self, index: int) -> bool:
        """Return True for the line of a stage."""
        return HEADINGS <= index < HEADINGS + len(self._stages)

    def row_style(self, index: int) -> str:  # noqa: ARG002 (cells have their own)
        """Return no style: the cursor is a mark on one cell."""
        return ""

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        if not self._runs:
            return (Segment(self.empty, "dim"),) if index == 0 else ()
        name = max(map(cell_len, self._stages), default=LEAST_NAME)
        room = width - 2 - LEAST_CELL * len(self._runs)
        name = max(min(name, MOST_NAME, room), LEAST_NAME)
        cell = min((width - name - 2) // len(self._runs), MOST_CELL)
        if index == 0:
            return self._times(name, cell)
        if index == 1:
            cells = [_state_cell(one.run.status, cell, is_here=False) for one in self._runs]
            return _joined(RUN, name, cells, "dim")
        if self.selectable(index):
            stage = self._stages[index - HEADINGS]
            cells = [self._stage_cell(one, stage, index, cell) for one in self._runs]
            style = "strong" if index == self.cursor else ""
            return _joined(cut_end(harmless(stage), name), name, cells, style)
        return cut(self._detail(index - HEADINGS - len(self._stages)), width)

    def _is_here(self, one: PastRun, index: int) -> bool:
        return one.run.id == self._run_id and index == self.cursor

    def _times(self, name: int, cell: int) -> Row:
        """Return the runs' times where they fit, with a mark above the run under the cursor."""
        spans = [Segment(" " * (name + 2))]
        for one in self._runs:
            is_here = one.run.id == self._run_id
            text = when(one.run.created_at) if cell >= WITH_TIME else "▾" if is_here else ""
            text = text if cell_len(text) > 1 else f" {text}"
            spans.append(Segment(fit(text, cell), "key" if is_here else "dim"))
        return tuple(spans)

    def _stage_cell(self, one: PastRun, stage: str, index: int, cell: int) -> Sequence[Segment]:
        members = one.stages.get(stage)
        if not members:
            mark = "[·]" if self._is_here(one, index) else " · "
            return [Segment(fit(mark, cell), "dim")]
        worst = most_important(members)
        if worst.status == Status.RUNNING and (worst.stalled or worst.silent):
            kind = STALLED if worst.stalled else SILENT
            return _cell(TROUBLE[kind][0], kind, cell, is_here=self._is_here(one, index))
        return _state_cell(worst.status, cell, is_here=self._is_here(one, index))

    def _detail(self, line: int) -> Row:
        """Return a line about the run and the stage under the cursor."""
        chosen = self.selected
        if chosen is None or line == 0:
            return ()
        if line == 1:
            return _run_words(chosen.run)
        members = chosen.stages.get(self.stage, ())
        if not members:
            return (Segment(f" {harmless(self.stage)} was no stage of it", "dim"),) * (line == 2)
        worst = most_important(members)
        if line == 2:
            alike = sum(one.status == worst.status for one in members)
            of = f"  {alike} of {len(members)} members" if len(members) > 1 else ""
            tries = f"  attempt {worst.attempt}" if worst.attempt > 1 else ""
            return (
                Segment(f" {state(worst.status)}", state_style(worst.status)),
                Segment(f"  {harmless(worst.name)}", "strong"),
                Segment("  ◌ stalled" if worst.stalled else "", "bad"),
                Segment("  ◌ silent" if worst.silent else "", "warn"),
                Segment(f"{of}{tries}", "dim"),
            )
        return (Segment(f" {harmless(worst.reason or '')}", "dim"),)

    def action_open(self) -> None:
        """Open the run under the cursor."""
        if self.selected is not None:
            self.post_message(self.Opened())

    def action_run(self, direction: int) -> None:
        """Go to the run before (-1) or after (1)."""
        known = [one.run.id for one in self._runs]
        if known:
            at = known.index(self._run_id) + direction
            self._run_id = known[max(0, min(at, len(known) - 1))]
            self.update_rows()


def _joined(label: str, name: int, cells: Sequence[Sequence[Segment]], style: str) -> Row:
    spans = [Segment(f" {fit(label, name)} ", style)]
    return tuple(spans + [span for cell in cells for span in cell])


def _state_cell(status: Status, cell: int, *, is_here: bool) -> Sequence[Segment]:
    return _cell(SYMBOLS[status], str(status), cell, is_here=is_here)


def _cell(symbol: str, word: str, cell: int, *, is_here: bool) -> Sequence[Segment]:
    """Return a cell in the colour of a state or trouble, its symbol in brackets at the cursor."""
    room = cell - 1
    text = f"[{symbol}]" if is_here else f" {symbol} "
    if room < len(text):
        text = f"{symbol}<" if is_here else f"{symbol} "
    return [Segment(f"{text:^{room}}", f"cell-{word}"), Segment(" ")]


def _run_words(run: RunLine) -> Row:
    """Return what distinguishes a run from others, then its name, its verdict and its note."""
    note = f"  “{harmless(run.note)}”" if run.note else ""
    spent = elapsed(run.worked_until(clock.now()), ticks=run.status in UNFINISHED)
    return (
        Segment(f" {state(run.status)}", state_style(run.status)),
        Segment(f"  {short_id(run.id)}" if run.id != run.name else "", "strong"),
        Segment(f"  {spent}" if spent else ""),
        Segment(f"  submitted {when(run.created_at)}", "dim"),
        Segment(f"  {harmless(run.name)}", "strong"),
        Segment(f"  {verdict(run.verdict)}" if run.verdict else "", "key"),
        Segment(note, "key"),
    )


class HistoryScreen(Page):
    """The last runs of a run's pipeline."""

    scope = "history"
    command_scopes = ("history", "acting", "app")
    has_search = False
    AUTO_FOCUS: ClassVar[str | None] = "HistoryView"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("history.back")]

    DEFAULT_CSS = "HistoryView { height: 1fr; }"

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.view = HistoryView()

    def content(self) -> Iterator[Widget]:
        """Yield the cells."""
        yield self.view

    def page_query(self) -> HistoryQuery:
        """Return the query for the pipeline's last runs."""
        return HistoryQuery(self.run_id)

    def show(self, snapshot: Snapshot) -> None:
        """Show the runs."""
        if snapshot.query != self.page_query():
            return
        runs = snapshot.history
        if not runs:
            gone = f"run {self.run_id} no longer exists; esc goes back"
            self.view.empty = snapshot.problem or gone
        count = f"  its last {len(runs)} runs" if len(runs) > 1 else "  its only run"
        name = harmless(runs[0].run.pipeline) if runs else self.run_id
        title: Row = (
            Segment(" trainui ", "title"),
            Segment(" › ", "dim"),
            Segment(f"history of {name}", "strong"),
            Segment(count if runs else "", "dim"),
        )
        self.top.show(title, self.notices(snapshot, [one.run for one in runs]))
        self.view.show_history(runs, self.run_id)

    def tick(self) -> bool:
        """Update the running times; return True while a run is unfinished."""
        chosen = self.view.selected
        if is_live := chosen is not None and chosen.run.status in UNFINISHED:
            self.view.update_rows()
        return is_live

    def search(self, text: str, pane: Widget | None) -> None:
        """Do nothing: this page has no search."""

    def action_match(self, direction: int) -> None:
        """Move the cursor: this page has no search."""
        self.view.action_line(direction)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return ("history", "acting", "app")

    def targets(self) -> Sequence[RunLine]:
        """Return the run under the cursor."""
        chosen = self.view.selected
        return [] if chosen is None else [chosen.run]

    def on_cursor_view_opened(self) -> None:
        """Open the run's page."""
        chosen = self.view.selected
        if chosen is not None:
            self.own_app.open_run(chosen.run.id, self.view.stage)
