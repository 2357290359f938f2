"""Selecting text with the mouse: dragged over, and copied when the button is released."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len

from trainui.tui.render.styled_text import Row, plain, restyled

STYLE = "match"
"""The style of selected text."""


class Position(NamedTuple):
    """A place in a view."""

    row: int
    """The row's index."""
    cell: int


class TextSelection(NamedTuple):
    """The text between two places."""

    start: Position
    end: Position

    def highlighted(self, index: int, row: Row) -> Row:
        """Return a row with its selected part in another style."""
        first, last = self._characters(index, plain(row))
        return restyled(row, first, last, STYLE) if first < last else row

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
