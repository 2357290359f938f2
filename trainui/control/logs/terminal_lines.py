"""The visible lines of a chunk of a log, with overwritten text collapsed.

A progress bar overwrites itself, by a carriage return or (several bars) by moving the cursor up;
its last state within the chunk is shown.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trainui.text import as_overwritten

LONGEST_LINE = 8192
"""Maximum number of characters shown of a line."""

_GOES_UP = re.compile(rb"\x1b\[\d*[AF]")
_MOVES = re.compile(r"(\r|\x08+|\x1b\[\d*[ABEFK])")


@dataclass(slots=True)
class ShownLine:
    """The final state of a line."""

    end: int
    """Offset in the chunk of the end of the last write to the line."""
    text: str
    """Its text, including escape sequences such as colours."""


def shown_lines(data: bytes) -> list[ShownLine]:
    """Return the visible lines of a chunk that consists of whole lines."""
    raw = io.BytesIO(data).readlines()
    if _GOES_UP.search(data):
        return _replayed(raw)
    shown = []
    end = 0
    for line in raw:
        end += len(line)
        shown.append(ShownLine(end, _truncated(as_overwritten(_text(line)))))
    return shown


def _text(line: bytes) -> str:
    text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return text if "\x08" not in text else re.sub(r"\x08+", "\r", text)


def _truncated(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " …"


def _replayed(raw: list[bytes]) -> list[ShownLine]:
    """Replay the lines on a small terminal emulator."""
    screen = _Screen()
    end = 0
    for line in raw:
        end += len(line)
        for piece in _MOVES.split(_text(line)):
            screen.feed(piece, end)
        screen.next_line(end)
    return list(screen.lines())


class _Screen:
    """A minimal terminal emulator, enough for progress bars."""

    def __init__(self) -> None:
        self._rows: list[ShownLine] = []
        self._at = 0
        self._over = True
        """True if the next text replaces the row's text."""

    def feed(self, piece: str, end: int) -> None:
        """Apply a cursor movement, or write text."""
        if _MOVES.fullmatch(piece):
            self._move(piece)
        elif piece:
            row = self._row()
            row.text = piece if self._over else row.text + piece
            row.end = end
            self._over = False

    def next_line(self, end: int) -> None:
        """Go to the start of the next row."""
        self._row().end = max(self._row().end, end)
        self._at += 1
        self._over = True

    def lines(self) -> Iterator[ShownLine]:
        """Yield the rows from top to bottom, with ends that never decrease."""
        end = 0
        for row in self._rows:
            end = max(end, row.end)
            yield ShownLine(end, _truncated(row.text))

    def _move(self, piece: str) -> None:
        count = int(piece[2:-1] or 1) if piece.startswith("\x1b") else 0
        if piece[-1] in "AF":
            self._at = max(self._at - count, 0)
        elif piece[-1] in "BE":
            self._at += min(count, 100)
        elif piece[-1] == "K":
            if self._over:
                self._row().text = ""
            return
        self._over = True

    def _row(self) -> ShownLine:
        while len(self._rows) <= self._at:
            self._rows.append(ShownLine(0, ""))
        return self._rows[self._at]
