"""The digest's page: what happened since a screen was last open, and what to do next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from trainui import clock
from trainui.errors import TrainuiError
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui import run_actions
from trainui.tui.keymap import bindings
from trainui.tui.page import Page
from trainui.tui.snapshot import ListQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, text_rows, wrap
from trainui.tui.widgets import Entry, EntryView

if TYPE_CHECKING:
    from trainui.control.boxes import Box
    from trainui.control.digest_records import Digest, Step
    from trainui.tui.boxes.feed import BoxFeed

INDENT = "  "

RESUME, UNPAUSE = "trainui resume ", "trainui worker unpause"
"""The commands of next steps that have a key here, besides those that a run's page shows."""


def digest_entries(found: Digest, width: int) -> list[Entry[Step]]:
    """Return the lines of a digest, wrapped to a width; those of its next steps have them."""
    from trainui.control.digest_records import NEXT, sections

    entries: list[Entry[Step]] = [Entry(row) for row in text_rows(found.headline, width, "strong")]
    for section in sections(found):
        entries += [Entry(()), Entry((Segment(section.title, "title"),))]
        steps = iter(found.next if section.title == NEXT else ())
        for line in section.lines:
            first, *more = _rows(line, width)
            entries += [Entry(first, next(steps, None)), *map(Entry, more)]
        if section.rest:
            entries.append(Entry((Segment(f"{INDENT}and {section.rest} more", "dim"),)))
    return entries


def _rows(line: str, width: int) -> list[Row]:
    """Return a line as rows; those after the first are indented further."""
    first, *more = wrap(harmless(line), width - 2 * len(INDENT)) or [""]
    return [(Segment(f"{INDENT}{first}"),), *((Segment(f"{2 * INDENT}{one}"),) for one in more)]


class DigestView(EntryView["Step"]):
    """The lines, with a cursor on what can be done next."""

    scopes = ("digest",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("digest.open")]


class DigestScreen(Page):
    """The digest's page; it is read again whenever it is returned to."""

    scope = "digest"
    command_scopes = ("digest", "acting", "app")
    AUTO_FOCUS: ClassVar[str | None] = "DigestView"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("digest.back")]

    DEFAULT_CSS = "DigestView { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.drawing.has_data = True
        self.view = DigestView(id="digest")
        self._found: Digest | None = None
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

        now, seen = clock.now(), self.own_app.poller.seen_before
        since = now - digest.A_DAY if seen is None else seen
        try:
            found = digest.read(since, now)
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
        entries, view = digest_entries(found, self._row_width), self.view
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

    def report(self) -> str:
        """Return the digest as Markdown."""
        from trainui.control import digest_records

        return "" if self._found is None else digest_records.markdown(self._found)

    def on_cursor_view_opened(self) -> None:
        """Do what the step says, where a key does it: resume, open the run, or unpause."""
        step, run_id = self.view.selected, self._run_id
        if step is None:
            return
        if step.command == UNPAUSE:
            self.own_app.act(_unpause, then=self._read_again)
        elif run_id is None:
            self.notify(f"no key does this; in a shell: {harmless(step.command)}")
        elif step.command.startswith(RESUME):
            self.action_resume()
        else:
            self.own_app.open_run(run_id)


def _unpause() -> str:
    from trainui import control

    control.set_paused(False)
    return "queue resumed"
