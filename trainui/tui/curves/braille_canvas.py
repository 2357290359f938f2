"""A canvas of coloured braille dots: 2 by 4 dots a character, drawn in layers."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import braille
from trainui.tui.render.styled_text import Row, Segment


class Canvas:
    """A grid of characters, each with braille dots or a literal character, and one style."""

    def __init__(self, width: int, height: int) -> None:
        """Make an empty canvas of this many characters."""
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._put: dict[tuple[int, int], tuple[str, str]] = {}

    def draw(
        self, ranges: Sequence[braille.DotRange], style: str, *, covering: bool = False
    ) -> None:
        """Draw a layer.

        Args:
            ranges: the dots of each column.
            style: the style of all its characters.
            covering: erase the dots of earlier layers in the same characters.
        """
        layer = braille.characters(ranges[: 2 * self.width], self.height)
        for (row, column), bits in layer.items():
            self._bits[row][column] = bits if covering else self._bits[row][column] | bits
            self._styles[row][column] = style

    def put(
        self, row: int, column: int, character: str, style: str, *, under: bool = False
    ) -> None:
        """Put a literal character over the dots; with `under` only where nothing is drawn."""
        if not (0 <= row < self.height and 0 <= column < self.width):
            return
        if not under or not (self._bits[row][column] or (row, column) in self._put):
            self._put[row, column] = (character, style)

    def is_free(self, row: int, column: int) -> bool:
        """Return True if nothing is drawn at a position."""
        return not self._bits[row][column] and (row, column) not in self._put

    def recolour(self, column: int, style: str) -> None:
        """Give the dots of a column of characters another style."""
        for styles in self._styles:
            styles[column] = style

    def rows(self) -> list[Row]:
        """Return the lines from top to bottom."""
        return [self._row(index) for index in range(self.height)]

    def _row(self, index: int) -> Row:
        spans: list[Segment] = []
        text, style = "", ""
        for column, bits in enumerate(self._bits[index]):
            put = self._put.get((index, column))
            if put is not None:
                character, own = put
            elif bits:
                character, own = chr(braille.BLANK + bits), self._styles[index][column]
            else:
                character, own = " ", style
            if own != style and text:
                spans.append(Segment(text, style))
                text = ""
            text, style = text + character, own
        return (*spans, Segment(text, style)) if text else tuple(spans)
