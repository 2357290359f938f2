"""A scrolling view of styled lines that redraws only the lines that changed.

It is the base class of every pane.

With Textual's own border a focus change resolves all styles again and redraws every line. Here
only the border is redrawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.color import Color
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trainui.tui import styled_text, styles
from trainui.tui.keymap import bindings
from trainui.tui.styled_text import (
    Border,
    Row,
    cut,
    frame,
    padding,
    plain,
    restyled,
    text_rows,
    width_of,
)

MOST_KEPT = 8
"""Size of the cache of borders (with and without focus, recent titles)."""


STYLE = "match"
"""The style of selected text."""

LEAST_WIDTH = 20
"""Cells to which a `TextView` wraps its text at least."""


log = logging.getLogger(__name__)


class TextPosition(NamedTuple):
    """A place in a view."""

    row: int
    """The row's index."""
    cell: int


class TextSelection(NamedTuple):
    """The text between two places."""

    start: TextPosition
    end: TextPosition

    def highlighted(self, index: int, row: Row) -> Row:
        """Return a row with its selected part in another style."""
        return restyled(row, [self._characters(index, plain(row))], STYLE)

    def text(self, row: Callable[[int], Row]) -> str:
        """Return the selected text; `row` returns a row by its index."""
        first, last = sorted((self.start.row, self.end.row))
        lines = []
        for index in range(first, last + 1):
            line = plain(row(index))
            lines.append(line[slice(*self._characters(index, line))].rstrip())
        return "\n".join(lines)

    def _characters(self, index: int, line: str) -> tuple[int, int]:
        """Return the first and the last selected character of a row."""
        first, last = sorted((self.start, self.end))
        if not first.row <= index <= last.row:
            return 0, 0
        start = _character_at(line, first.cell) if index == first.row else 0
        end = _character_at(line, last.cell + 1) if index == last.row else len(line)
        return start, end


def _character_at(line: str, cell: int) -> int:
    """Return the index of the first character that begins at a cell or after it."""
    if line.isascii():
        return min(cell, len(line))
    return next((at for at in range(len(line)) if cell_len(line[:at]) >= cell), len(line))


_RowShown = tuple[Row, str, int]
"""A row, its row style, and its width."""


class LinesView(ScrollView, can_focus=True):
    """A scrolling view of rows that a subclass makes on demand."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("move")]

    DEFAULT_CSS = """
    LinesView {
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        overflow-x: hidden;
    }
    """

    ALLOW_SELECT: ClassVar[bool] = False
    """Textual's own selection would give each rendered segment an offset."""

    selects_text: ClassVar[bool] = True
    """True if dragging the mouse selects text."""

    has_bindings_only = True
    """True: keys do nothing here but by their bindings (see `tui.terminal`)."""

    scopes: ClassVar[tuple[str, ...]] = ()
    """Scopes of the keys that work only in this widget."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._subtitle: str | Row = ""
        self._around: dict[Hashable, Border[Strip]] = {}
        """Cache of borders, by their inputs."""
        self._styles: dict[str, Style] = {}
        self._colors: tuple[str, Style] | None = None
        """The theme and the widget's style for which the cached styles are valid."""
        self._background = Color(0, 0, 0)
        self._rows_shown: dict[int, _RowShown] = {}
        """The visible rows, by index."""
        self._strips: dict[_RowShown, Strip] = {}
        """Cache of the rendered rows."""
        self._pressed: TextPosition | None = None
        """Where the mouse button was pressed, while it is."""
        self._selection: TextSelection | None = None
        """The text selected, while the mouse is dragged over it."""
        self._was_dragged = False
        """True until the next press: the release of a drag is no click."""

    def row_count(self) -> int:
        """Return how many rows there are; one unless a subclass has others."""
        return 1

    def row(self, index: int, width: int) -> Row:
        """Return a row, at most `width` cells of it shown."""
        raise NotImplementedError

    def row_style(self, index: int) -> str:  # noqa: ARG002 (for subclasses)
        """Return the style of a whole row, e.g. `cursor`; empty: none."""
        return ""

    def fixed_rows(self) -> int:
        """Return how many rows at the top do not scroll (a header)."""
        return 0

    @property
    def page_height(self) -> int:
        """Number of visible rows, without the fixed ones."""
        return max(self.scrollable_content_region.height - self.fixed_rows(), 1)

    def update_rows(self, *indices: int) -> None:
        """Redraw the rows that differ from what is shown; check only `indices` if given."""
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
                shown = self._rendered_row(index, width, count)
            if shown is not None:
                self._rows_shown[index] = shown
            if shown != known:
                self.refresh_line(y + top)
        if len(self._strips) > 4 * height:
            self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Return a line from the cache, rendering it if needed."""
        index = self._index_at(y)
        shown = self._rows_shown.get(index)
        if shown is None:
            width = self.scrollable_content_region.width
            shown = self._rows_shown[index] = self._rendered_row(index, width, self.row_count())
        if shown not in self._strips:
            self._strips[shown] = self.strip(*shown)
        return self._strips[shown]

    def _rendered_row(self, index: int, width: int, count: int) -> _RowShown:
        if index >= count:
            return (), "", width
        try:
            row = self.row(index, width)
        except Exception:
            if getattr(self.app, "feeds", None) is None:  # else a box may have sent it
                raise
            log.exception("a line cannot be drawn")
            row = (styled_text.Segment("?", "dim"),)
        if self._selection is not None:
            row = self._selection.highlighted(index, row)
        return row, self.row_style(index), width

    def _index_at(self, y: int) -> int:
        return y if y < self.fixed_rows() else y + self.scroll_offset.y

    def clear_cache(self) -> None:
        """Clear the cache of rendered lines."""
        self._around.clear()
        self._rows_shown.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        """Redraw everything for the new width."""
        self.clear_cache()
        self.update_rows()

    def show_row(self, index: int, *, around: int = 0) -> None:
        """Scroll a row into view, with `around` rows of context.

        It is forced, since a view that was just filled has no scrollbar yet.
        """
        top = self.scroll_offset.y
        wanted = index - self.fixed_rows()
        y = min(wanted - around, max(top, wanted + around - self.page_height + 1))
        if y != top:
            self.scroll_to(y=y, animate=False, force=True)

    def action_line(self, count: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_offset.y + count, animate=False)

    def action_half_page(self, count: int) -> None:
        """Move by halves of a page."""
        self.action_line(count * max(self.page_height // 2, 1))

    def action_end(self, direction: int) -> None:
        """Scroll to the first or the last line."""
        self.scroll_to(y=self.max_scroll_y if direction > 0 else 0, animate=False)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to select text."""
        self._was_dragged = False
        index = self.row_under(event)
        if self.selects_text and event.button == 1 and index is not None:
            self._pressed = TextPosition(index, event.get_content_offset_capture(self).x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select the text up to the mouse."""
        if self._pressed is None:
            return
        offset = event.get_content_offset_capture(self)
        width, height = self.scrollable_content_region.size
        y = min(max(offset.y, 0), height - 1)
        index = min(self._index_at(y), self.row_count() - 1)
        end = TextPosition(index, min(max(offset.x, 0), width - 1))
        if self._selection is None and end == self._pressed:
            return
        self._was_dragged = True
        self.capture_mouse()
        self._selection = TextSelection(self._pressed, end)
        self.update_rows()

    def on_mouse_up(self, event: events.MouseUp) -> None:  # noqa: ARG002 (for subclasses)
        """Copy the selected text."""
        selection, self._pressed, self._selection = self._selection, None, None
        if selection is None:
            return
        self.release_mouse()
        width = self.scrollable_content_region.width
        text = self.copied(selection.text(lambda index: self.row(index, width)))
        self.update_rows()
        if text.strip():
            self.app.copy_to_clipboard(text)
            self.notify("copied (if the terminal supports OSC 52)")

    def copied(self, text: str) -> str:
        """Return what is copied for a selected text."""
        return text

    async def on_event(self, event: events.Event) -> None:
        """Handle an event, but not the click that ends a drag."""
        if not (self._was_dragged and isinstance(event, events.Click)):
            await super().on_event(event)

    def row_under(self, event: events.MouseEvent) -> int | None:
        """Return the row under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        index = self._index_at(offset.y)
        return index if 0 <= index < self.row_count() else None

    def set_title(self, title: str) -> None:
        """Set the title in the upper border; it must not contain control characters."""
        if title != self._title:
            self._title = title
            self._refresh_frame(edges=(0,))

    def set_subtitle(self, subtitle: str | Row) -> None:
        """Set the subtitle in the lower border; it must not contain control characters."""
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self._refresh_frame(edges=(self.outer_size.height - 1,))

    def subtitle_until(self, event: events.MouseEvent) -> str:
        """Return the subtitle up to the character under the mouse; empty if it is elsewhere."""
        width, height = self.outer_size
        if not self._is_framed or event.y != height - 1 or not isinstance(self._subtitle, str):
            return ""
        at = event.x - (width - len("  ╯") - cell_len(self._subtitle))
        return self._subtitle[: at + 1] if 0 <= at < len(self._subtitle) else ""

    def on_focus(self, event: events.Focus) -> None:
        """Take the focus, without Textual's redraw of the whole widget."""
        event.prevent_default()
        self.has_focus = True

    def on_blur(self, event: events.Blur) -> None:
        """Lose the focus, without redrawing the whole widget."""
        event.prevent_default()
        self.has_focus = False

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Redraw the border for the new focus state."""
        width, height = self.outer_size
        self._refresh_frame(sides=(0, width - 1), edges=(0, height - 1))

    def _refresh_frame(self, sides: tuple[int, ...] = (), edges: tuple[int, ...] = ()) -> None:
        if not self._is_framed:
            return
        width, height = self.outer_size
        regions = [
            *(Region(x, 1, 1, height - 2) for x in sides),
            *(Region(0, y, width, 1) for y in edges),
        ]
        self.refresh(*(region.translate(-self.content_offset) for region in regions))

    @property
    def _is_framed(self) -> bool:
        return bool(self.styles.border_top[0])

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines with their border, cropped to a region."""
        around = self._surround()
        return [self._line(y, around, *crop.column_span) for y in crop.line_range]

    def _line(self, y: int, around: Border[Strip], first: int, last: int) -> Strip:
        """Return the cells from `first` to `last` of a line, including the border."""
        width, height = self.outer_size
        begin, end = around.left.cell_length, width - around.right.cell_length
        if y < len(around.above):
            return around.above[y].crop(first, last)
        if y >= height - len(around.below):
            return around.below[y - height].crop(first, last)
        if last <= begin:
            return around.left.crop(first, last)
        if first >= end:
            return around.right.crop(first - end, last - end)
        line = self.render_line(y - len(around.above))
        if (first, last) == (begin, begin + line.cell_length):
            return line
        line = line.adjust_cell_length(end - begin, self.style_of(""))
        return Strip([*around.left, *line, *around.right], width).crop(first, last)

    def _surround(self) -> Border[Strip]:
        """Return the border and padding around the lines."""
        width, room, lit = self.outer_size.width, self.styles.padding, self.has_focus
        made_of = (width, room, self._is_framed, lit, self._title, self._subtitle)
        if made_of not in self._around:
            if len(self._around) > MOST_KEPT:
                self._around.clear()
            if self._is_framed:
                rows = frame(width, room, self._title, self._subtitle, lit=lit)
            else:
                rows = padding(width, room)
            self._around[made_of] = rows.made(self.strip)
        return self._around[made_of]

    def strip(self, row: Row, under: str = "", width: int = 0) -> Strip:
        """Render a row as a strip.

        `under` is the name of a style for the whole row. With `width`, the strip is truncated or
        padded to it.
        """
        base = self.style_of("")
        if under:
            base = base + self.style_of(under)
        width = width or width_of(row)
        segments = []
        used = 0
        for text, name in row:
            segments.append(Segment(text, base + self.style_of(name) if name else base))
            used += cell_len(text)
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        strip = Strip(segments, max(used, width)).adjust_cell_length(width, base).simplify()
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self._background)
        return strip

    def style_of(self, name: str) -> Style:
        """Return a named style, or a colour of a log or an image; empty name: the widget's own."""
        style = self._styles.get(name)
        if style is None:
            if name.startswith(styled_text.PREFIX):
                style = styled_text.style_of(name)
            else:
                style = styles.style(name, self.app.theme_variables) if name else self.rich_style
            self._styles[name] = style
        return style

    def notify_style_update(self) -> None:
        """Clear cached styles if the theme or the widget's style has changed."""
        super().notify_style_update()
        colors = (self.app.theme, self.rich_style)
        if colors != self._colors:
            self._colors = colors
            self._background = self.background_colors[1]
            self._styles.clear()
            self.clear_cache()


class RowsView(LinesView):
    """A view of a fixed sequence of rows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; each is accessed only when visible."""
        self.rows = rows
        self.update_rows()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def row(self, index: int, width: int) -> Row:
        """Return a row."""
        return cut(self.rows[index], width)


class TextView(RowsView, can_focus=False):
    """A text in one style, wrapped to the width whenever it changes."""

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
