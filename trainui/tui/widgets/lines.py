"""Lines of styled text that scroll, of which only those that changed are drawn again.

This is what every pane of the screen is: a repaint costs the lines that differ, not the widget.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trainui.tui import look
from trainui.tui.keys import bindings
from trainui.tui.side_cache import SideCache
from trainui.tui.spans import Row, cut


class LinesView(ScrollView, can_focus=True):
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
        self._styles_cache = SideCache()
        self._width = 0
        self._drawn: dict[int, tuple[object, Strip]] = {}
        """By a row's index what it was made of, and what was made of it."""
        self._styles: dict[str, Style] = {}
        self._colors: tuple[str, Style] | None = None
        """The theme, and the widget's own style, that these were made for."""

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
        size = Size(0, self.row_count())
        if size != self.virtual_size:
            self.virtual_size = size
        width = self.scrollable_content_region.width
        for y in range(self.scrollable_content_region.height):
            index = self._index_at(y)
            if indices and index not in indices:
                continue
            if index not in self._drawn or self._drawn[index][0] != self._made_of(index, width):
                self.refresh_line(y + self.scroll_offset.y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines; how wide they are is asked once, since it costs as much as making one."""
        self._width = self.scrollable_content_region.width
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return what stands on a line of the widget."""
        index = self._index_at(y)
        if y == 0 and len(self._drawn) > 4 * max(self.size.height, 1):
            self._drawn.clear()
        made_of = self._made_of(index, self._width)
        drawn = self._drawn.get(index)
        if drawn is None or drawn[0] != made_of:
            self._drawn[index] = drawn = (made_of, self._strip(*made_of))
        return drawn[1]

    def _made_of(self, index: int, width: int) -> tuple[Row, str, int]:
        if not 0 <= index < self.row_count():
            return (), "", width
        return self.row(index, width), self.row_style(index), width

    def _index_at(self, y: int) -> int:
        return y if y < self.fixed_rows() else y + self.scroll_offset.y

    def _strip(self, row: Row, under: str, width: int) -> Strip:
        base = self.style_of("")
        if under:
            base = base + self.style_of(under)
        segments = []
        used = 0
        for text, name in row:
            segments.append(Segment(text, base + self.style_of(name) if name else base))
            used += cell_len(text)
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        return Strip(segments, max(used, width)).adjust_cell_length(width, base).simplify()

    def style_of(self, name: str) -> Style:
        """Return the style of this name; empty: the widget's own."""
        style = self._styles.get(name)
        if style is None:
            variables = self.app.theme_variables
            style = look.style(name, variables) if name else self.rich_style
            self._styles[name] = style
        return style

    def notify_style_update(self) -> None:
        """Forget colours that a theme or a class has changed; the focus changes none of them."""
        super().notify_style_update()
        colors = (self.app.theme, self.rich_style)
        if colors != self._colors:
            self._colors = colors
            self._styles.clear()
            self._drawn.clear()

    def on_resize(self) -> None:
        """Draw everything again for the new width."""
        self._drawn.clear()
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
        self._rows: tuple[Row, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown."""
        return self._rows

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows."""
        self._rows = tuple(rows)
        self.update_rows()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int) -> Row:
        """Return a row."""
        return cut(self._rows[index], width)
