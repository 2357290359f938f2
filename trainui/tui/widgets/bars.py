"""One-line bars: the top bar and the key bar."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from trainui.tui.keymap import Key
from trainui.tui.render.styled_text import Row, Segment, cut, spread
from trainui.tui.widgets.line_view import LinesView


class SearchBar(Input):
    """Searches incrementally; enter keeps the matches, esc clears them."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "give_up", "clear")]

    DEFAULT_CSS = """
    SearchBar {
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """

    class Closed(Message):
        """The search bar was closed."""

        def __init__(self, pane: Widget | None, text: str) -> None:
            super().__init__()
            self.pane = pane
            """The widget that had the focus before."""
            self.text = text
            """The text to keep searching for; empty: end the search."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="type to filter or search; enter keeps, esc clears", select_on_focus=False
        )
        self.cursor_blink = False
        self.display = False
        self.pane: Widget | None = None
        """The widget that had the focus before."""

    def open(self, pane: Widget | None, text: str) -> None:
        """Show and focus the bar immediately; the next key replaces the text of before."""
        self.pane = pane
        self.value = text
        self.select_all()
        self.display = True
        self.screen.set_focus(self)

    def action_give_up(self) -> None:
        """Close and clear the search."""
        self._close("")

    async def action_submit(self) -> None:
        """Close and keep the matches."""
        self._close(self.value if self.value.strip() else "")

    def _close(self, text: str) -> None:
        self.display = False
        # to the page itself: what is in this widget's own queue comes too late
        self.screen.post_message(self.Closed(self.pane, text))


class Bar(LinesView, can_focus=False):
    """A line with left-aligned and right-aligned content."""

    DEFAULT_CSS = """
    Bar { height: 1; overflow: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Row = ()
        self._right: Row = ()

    def show(self, left: Row, right: Row = ()) -> None:
        """Set the content."""
        self._left, self._right = left, right
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the line."""
        return spread(self._left, self._right, width)


class KeyBar(LinesView, can_focus=False):
    """The keys for the focused widget; a click on one presses it."""

    DEFAULT_CSS = """
    KeyBar { height: 1; overflow: hidden; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[Key] = ()
        self._idle: Collection[str] = ()
        """Ids of the keys that would do nothing now; they are dim and stay in their places."""
        self._note: Row = ()

    def note(self, note: Row) -> None:
        """Show a note instead of the keys; empty: the keys."""
        self._note = note
        self.update_rows()

    def show(self, keys: Sequence[Key], idle: Collection[str] = ()) -> None:
        """Show these keys, dim those with an id in `idle`; the last two are never omitted."""
        self._keys, self._idle = tuple(keys), idle
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the keys that fit, or the note."""
        if self._note:
            return cut(self._note, width)
        spans: list[Segment] = []
        for key in self._fitting(width):
            style = "dim" if key.id in self._idle else "key"
            spans += [Segment(f" {key.short}", style), Segment(f" {key.label} ", "dim")]
        return tuple(spans)

    def _fitting(self, width: int) -> list[Key]:
        first, last = list(self._keys[:-2]), list(self._keys[-2:])
        while first and sum(_cells(key) for key in (*first, *last)) > width:
            first.pop()
        return [*first, *last]

    async def on_click(self, event: events.Click) -> None:
        """Press the clicked key."""
        if self._note:
            return
        at = event.x
        for key in self._fitting(self.size.width):
            at -= _cells(key)
            if at < 0:
                self.app.simulate_key(key.keys.split(",")[0])
                return


def _cells(key: Key) -> int:
    return cell_len(key.short) + cell_len(key.label) + 3
