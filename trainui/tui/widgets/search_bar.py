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

        def __init__(self, pane: Widget | None, *, given_up: bool) -> None:
            super().__init__()
            self.pane = pane
            """What had the focus before."""
            self.given_up = given_up

    def __init__(self, pane: Widget | None, text: str = "") -> None:
        super().__init__(text, placeholder="type to filter or search; enter keeps, esc clears")
        self.cursor_blink = False
        self.pane = pane
        """What had the focus before."""

    def action_give_up(self) -> None:
        """Close, and show everything again."""
        self._close(given_up=True)

    async def action_submit(self) -> None:
        """Close, and keep what was found."""
        self._close(given_up=not self.value.strip())

    def _close(self, *, given_up: bool) -> None:
        self.post_message(self.Closed(self.pane, given_up=given_up))
        self.remove()
