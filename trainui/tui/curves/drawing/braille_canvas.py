"""A canvas of coloured braille dots: 2 by 4 dots a character, drawn in layers."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import braille
from trainui.tui.render.styled_text import Row, Segment

_CHARACTERS = tuple(chr(braille.BLANK + bits) for bits in range(256))
"""The characters by their bits."""


class Canvas:
    """A grid of characters, each with braille dots or a literal character, and one style."""

    def __init__(self, width: int, height: int) -> None:
        """Make an empty canvas of this many characters."""
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._put: list[dict[int, tuple[str, str]]] = [{} for _ in range(height)]

    def draw(
        self, ranges: Sequence[braille.DotRange], style: str, *, covering: bool = False
    ) -> None:
        """Draw a layer; `covering` erases the dots of earlier ones in the same characters."""
        for row, column, bits in braille.characters(ranges[: 2 * self.width], self.height):
            line = self._bits[row]
            line[column] = bits if covering else line[column] | bits
            self._styles[row][column] = style

    def put(
        self, row: int | None, column: int, character: str, style: str, *, under: bool = False
    ) -> None:
        """Put a literal character over the dots; with `under` only where nothing is drawn.

        A place outside the canvas, and a value without a row (None), are left out.
        """
        if row is None or not (0 <= row < self.height and 0 <= column < self.width):
            return
        if not under or self.is_free(row, column):
            self._put[row][column] = (character, style)

    def put_vertical(
        self, column: int, line: tuple[str, str], head: tuple[str, str] = ("", "")
    ) -> None:
        """Put a vertical line behind the curves, and a text at its top: each with its style."""
        for row in range(self.height):
            self.put(row, column, *line, under=True)
        if column >= 0:
            self.write(0, column, *head)

    def write(self, row: int, left: int, text: str, style: str) -> None:
        """Put a text over the dots."""
        for at, character in enumerate(text, left):
            self.put(row, at, character, style)

    def is_free(self, row: int, column: int) -> bool:
        """Return True if nothing is drawn at a position."""
        return not self._bits[row][column] and column not in self._put[row]

    def covered(self, row: int, column: int, length: int) -> int:
        """Return at how many of `length` positions from a column on something is drawn."""
        return sum(not self.is_free(row, column + at) for at in range(length))

    def recolour(self, column: int, style: str) -> None:
        """Give the dots of a column of characters another style."""
        for styles in self._styles if 0 <= column < self.width else ():
            styles[column] = style

    def rows(self) -> list[Row]:
        """Return the lines from top to bottom."""
        return [self._row(index) for index in range(self.height)]

    def _row(self, index: int) -> Row:
        spans: list[Segment] = []
        text, style = "", ""
        styles, literals = self._styles[index], self._put[index]
        for column, bits in enumerate(self._bits[index]):
            if literals and column in literals:
                character, own = literals[column]
            elif bits:
                character, own = _CHARACTERS[bits], styles[column]
            else:
                character, own = " ", style
            if own != style and text:
                spans.append(Segment(text, style))
                text = ""
            text, style = text + character, own
        return (*spans, Segment(text, style)) if text else tuple(spans)
