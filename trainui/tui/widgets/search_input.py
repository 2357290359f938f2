"""The search bar: a one-line input."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input


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
