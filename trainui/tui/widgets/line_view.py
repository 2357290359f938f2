"""Lines of styled text that scroll, of which only those that changed are drawn again.

This is what every pane of the screen is: a repaint costs the lines that differ, not the widget.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.strip import Strip

from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Row, cut
from trainui.tui.widgets.bordered_view import BorderedView

_RowShown = tuple[Row, str, int]
"""A row, the style under it, and its width."""


class LinesView(BorderedView):
    """A scrolling view over rows that a subclass makes one by one."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("move")]

    DEFAULT_CSS = """
    LinesView {
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        overflow-x: hidden;
    }
    """

    scopes: ClassVar[tuple[str, ...]] = ()
    """Scopes of the keys that work here only."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows_shown: dict[int, _RowShown] = {}
        """By a row's index what is to be seen of it."""
        self._strips: dict[int, Strip] = {}
        """The same as it is drawn, where it was."""

    def row_count(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> Row:
        """Return a row, at most `width` cells of it shown."""
        raise NotImplementedError

    def row_style(self, index: int) -> str:  # noqa: ARG002 (for subclasses)
        """Return the style under a whole row, such as `cursor`; empty: none."""
        return ""

    def fixed_rows(self) -> int:
        """Return how many of the first rows stay where they are when the rest scrolls."""
        return 0

    @property
    def page_height(self) -> int:
        """Rows that scroll and are to be seen at once."""
        return max(self.scrollable_content_region.height - self.fixed_rows(), 1)

    def update_rows(self, *indices: int) -> None:
        """Draw again what differs from what is shown; of these rows only, where some are given."""
        count = self.row_count()
        if count != self.virtual_size.height:
            self.virtual_size = Size(0, count)
        width, height = self.scrollable_content_region.size
        fixed, top = self.fixed_rows(), self.scroll_offset.y
        before, self._rows_shown = self._rows_shown, {}
        for y in range(height):
            index = y if y < fixed else y + top
            known = shown = before.get(index)
            if not indices or index in indices:
                shown = self._look_of(index, width) if index < count else ((), "", width)
            if shown is not None:
                self._rows_shown[index] = shown
            if shown != known:
                self._strips.pop(index, None)
                self.refresh_line(y + top)
        if len(self._strips) > 4 * height:
            self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Return what stands on a line, as it was when it was looked at last."""
        index = self._index_at(y)
        if index not in self._rows_shown:
            width = self.scrollable_content_region.width
            known = index < self.row_count()
            self._rows_shown[index] = self._look_of(index, width) if known else ((), "", width)
            self._strips.pop(index, None)
        if index not in self._strips:
            self._strips[index] = self.strip(*self._rows_shown[index])
        return self._strips[index]

    def _look_of(self, index: int, width: int) -> _RowShown:
        return self.row(index, width), self.row_style(index), width

    def _index_at(self, y: int) -> int:
        return y if y < self.fixed_rows() else y + self.scroll_offset.y

    def forget_drawn(self) -> None:
        """Forget lines that were made."""
        super().forget_drawn()
        self._rows_shown.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        """Draw everything again for the new width."""
        self.forget_drawn()
        self.update_rows()

    def show_row(self, index: int, *, around: int = 0) -> None:
        """Scroll so far that a row is to be seen, and some around it."""
        top = self.scroll_offset.y
        wanted = index - self.fixed_rows()
        if wanted - around < top:
            self.scroll_to(y=wanted - around, animate=False)
        elif wanted + around >= top + self.page_height:
            self.scroll_to(y=wanted + around - self.page_height + 1, animate=False)

    def action_line(self, count: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_offset.y + count, animate=False)

    def action_half_page(self, count: int) -> None:
        """Scroll by halves of a page."""
        self.action_line(count * max(self.page_height // 2, 1))

    def action_end(self, direction: int) -> None:
        """Scroll to the first or the last line."""
        self.scroll_to(y=self.max_scroll_y if direction > 0 else 0, animate=False)

    def row_under(self, event: events.MouseEvent) -> int | None:
        """Return the row under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        index = self._index_at(offset.y)
        return index if 0 <= index < self.row_count() else None


class RowsView(LinesView):
    """A view over rows that are all there."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[Row] = ()

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; each is looked at when it is to be seen."""
        self._rows = rows
        self.update_rows()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int) -> Row:
        """Return a row."""
        return cut(self._rows[index], width)
