"""Lines of plain text, wrapped to the width whenever it changes."""

from __future__ import annotations

from trainui.tui.render.styled_text import text_rows
from trainui.tui.widgets.line_view import RowsView

LEAST_WIDTH = 20


class TextView(RowsView, can_focus=False):
    """Shows a text in one style."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = self._style = ""

    def set_text(self, text: str, style: str = "") -> None:
        """Show a text."""
        self._text, self._style = text, style
        self._wrap()

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        super().on_resize()
        self._wrap()

    def _wrap(self) -> None:
        width, before = max(self.scrollable_content_region.width, LEAST_WIDTH), len(self.rows)
        self.set_rows(text_rows(self._text, width, self._style))
        if len(self.rows) != before:
            self.refresh(layout=True)
