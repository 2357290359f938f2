"""A confirmation dialog with a question, facts and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from trainui.errors import NotFoundError, UsageError
from trainui.text import harmless
from trainui.tui.base_app import app_of
from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Segment
from trainui.tui.widgets.dialog import FRAME_HEIGHT, Dialog
from trainui.tui.widgets.line_view import TextView
from trainui.tui.widgets.list_view import Entry, EntryView

MOST_FACTS = 12
"""The most lines of facts; more of them scroll."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer of a confirmation."""

    key: str
    """The letter that selects it."""
    text: str
    work: Callable[[], str] | None = None
    """The action, run in a thread; returns the message to show. None: do nothing."""


class ConfirmScreen(Dialog[bool]):
    """Asks a question and runs the chosen answer's action; its result is True if one runs."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("ask", "app.leave")]

    DEFAULT_CSS = """
    ConfirmScreen {
        & > Vertical { width: 76; max-height: 90%; }
        #answers { height: auto; margin-top: 1; background: $surface; }
    }
    """

    def __init__(
        self,
        title: str,
        facts: Callable[[], list[str]],
        answers: Sequence[Choice],
        *,
        starts: bool = False,
        marked: int = 0,
    ) -> None:
        """Create the dialog.

        `facts` is called in a thread and returns lines that help to decide. Its `UsageError` or
        `NotFoundError` says why it cannot be done: it is shown, and the dialog closes. `starts`:
        start a worker after an answer's action. `marked` is the index of the initially selected
        answer.
        """
        super().__init__()
        self._title = title
        self._facts = facts
        self._answers = answers
        self._starts = starts
        self._marked = marked

    def compose(self) -> ComposeResult:
        """Build the facts and the answers."""
        with Vertical():
            yield TextView(id="facts")
            yield EntryView[Choice](id="answers")

    def on_mount(self) -> None:
        """Show the question, and load the facts in a thread."""
        from textual.content import Content

        self.query_one(Vertical).border_title = Content(self._title)
        rows = ((Segment(f" {one.key} ", "key"), Segment(f" {one.text}")) for one in self._answers)
        answers = self.query_one(EntryView)
        answers.set_entries([*map(Entry, rows, self._answers)], self._answers[self._marked])
        answers.focus()
        self.query_one(TextView).set_text("loading…", "dim")
        self.run_worker(self._load_facts, thread=True, exit_on_error=False)

    def _load_facts(self) -> None:
        try:
            lines = self._facts()
        except Exception as error:  # the question can be answered without the facts
            lines = [harmless(str(error))]
            if isinstance(error, UsageError | NotFoundError):
                self.app.call_from_thread(self._refuse, *lines)
                return
        self.app.call_from_thread(self._show_facts, lines)

    def _refuse(self, why: str) -> None:
        if self.is_current:
            self.dismiss(False)
            self.app.notify(why)

    def _show_facts(self, lines: list[str]) -> None:
        facts = self.query_one(TextView)
        facts.display = bool(lines)
        facts.set_text("\n".join(lines))

    def on_resize(self) -> None:
        """Give the facts the room that the answers leave, since these are always visible."""
        room = self.size.height * 9 // 10 - FRAME_HEIGHT - 1 - len(self._answers)
        self.query_one(TextView).styles.max_height = max(min(room, MOST_FACTS), 1)

    def on_key(self, event: events.Key) -> None:
        """Choose the answer with the typed letter."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                event.prevent_default()
                self._run_answer(answer)
                return

    def action_choose(self) -> None:
        """Choose the selected answer."""
        self._run_answer(self.query_one(EntryView).selected or self._answers[-1])

    on_cursor_view_opened = action_choose

    def action_line(self, count: int) -> None:
        """Move the selection."""
        self.query_one(EntryView).action_line(count)

    def _run_answer(self, answer: Choice) -> None:
        self.dismiss(answer.work is not None)
        if answer.work is not None:
            app_of(self).act(answer.work, starts=self._starts)
