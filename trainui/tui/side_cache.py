"""The lines of a widget with its frame, which are made as fast as what they hold allows."""

from __future__ import annotations

from typing import Any

from textual._styles_cache import StylesCache
from textual.strip import Strip


class SideCache(StylesCache):
    """Textual's, which finds out for each line anew what stands at its sides: here once a drawing.

    It is for widgets that use no outline, tint, hatch or opacity.
    """

    _sides: tuple[Strip, Strip] | None = None

    def render(self, *args: Any, **options: Any) -> list[Strip]:
        """Return the lines of a widget."""
        self._sides = None
        return super().render(*args, **options)

    def render_line(self, *args: Any) -> Strip:
        """Return one line."""
        styles, y, size, content_size, _, base_background, background, render_content = args[:8]
        top, right, _, left = styles.gutter
        if not top <= y < top + content_size.height:
            return super().render_line(*args)
        if self._sides is None:
            strip = super().render_line(*args)
            self._sides = strip.crop(0, left), strip.crop(size.width - right)
            return strip
        inner, _ = self.get_inner_outer(base_background, background)
        content = render_content(y - top).adjust_cell_length(content_size.width, inner.rich_style)
        before, after = self._sides
        return Strip([*before, *content, *after], size.width)
