"""A dialog: a box with a frame and lines in it, in the middle of the page."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from trainui.tui.widgets.line_view import RowsView

FRAME = 7
"""Cells of the border, the padding and the scrollbar."""

FRAME_HEIGHT = 4
"""Lines of the border and the padding."""

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """The base of dialogs; on its own, it has lines that scroll."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            max-width: 96%;
            height: auto;
            max-height: 92%;
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $dim;
            background: $surface;
            padding: 1 2;
        }
        RowsView { height: auto; max-height: 100%; background: $surface; }
    }
    """

    def compose(self) -> ComposeResult:
        """Build the lines."""
        with Vertical():
            yield RowsView()

    def show_titles(self, title: str, subtitle: str = "") -> None:
        """Show a title in the upper edge and another in the lower one, and focus the lines."""
        box = self.query_one(Vertical)
        box.border_title, box.border_subtitle = Content(title), Content(subtitle)
        self.query_one(RowsView).focus()

    @property
    def room(self) -> int:
        """The most cells that a line can have."""
        return self.app.size.width * 96 // 100 - FRAME
