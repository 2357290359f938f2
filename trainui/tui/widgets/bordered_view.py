"""The base widget for lines of styled text, with a border that shows the focus.

With Textual's own border a focus change resolves all styles again and redraws every line. Here
only the border is redrawn.
"""

from __future__ import annotations

from collections.abc import Hashable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trainui.tui import styles
from trainui.tui.render import styled_text
from trainui.tui.render.styled_text import Border, Row, frame, padding, width_of

MOST_KEPT = 8
"""Size of the cache of borders (with and without focus, recent titles)."""


class BorderedView(ScrollView, can_focus=True):
    """Lines that a subclass renders, with a border if its styles have one of any kind."""

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

    def clear_cache(self) -> None:
        """Clear the cache of rendered lines."""
        self._around.clear()
