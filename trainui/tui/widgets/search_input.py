"""One line to type what is looked for."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input


class SearchBar(Input):
    """Searches while somebody types; enter keeps what was found, esc gives it up."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "give_up", "give up")]

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
        """The search is over."""

        def __init__(self, pane: Widget | None, text: str) -> None:
            super().__init__()
            self.pane = pane
            """What had the focus before."""
            self.text = text
            """What is looked for from now on; empty: nothing."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="type to filter or search; enter keeps, esc clears", select_on_focus=False
        )
        self.cursor_blink = False
        self.display = False
        self.pane: Widget | None = None
        """What had the focus before."""

    def open(self, pane: Widget | None, text: str) -> None:
        """Take what is typed from the very next key on."""
        self.pane = pane
        self.value = text
        self.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(self)

    def action_give_up(self) -> None:
        """Close, and show everything again."""
        self._close("")

    async def action_submit(self) -> None:
        """Close, and keep what was found."""
        self._close(self.value if self.value.strip() else "")

    def _close(self, text: str) -> None:
        self.display = False
        # to the page itself: what is in this widget's own queue comes too late
        self.screen.post_message(self.Closed(self.pane, text))
