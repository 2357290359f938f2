"""The scroll position in the logs: the visible rows, and moving over them.

Visible rows are made from the top line downwards or from the end backwards, so the cost does not
depend on the file's length or on how its lines wrap.
"""

from __future__ import annotations

from bisect import bisect_left

from trainui.control.logs.attempt_log import ENDING, LogPosition
from trainui.tui.logs.rows import LogRows
from trainui.tui.logs.window_reader import NO_WINDOW, LogWindow
from trainui.tui.render.styled_text import Row


class LogScroll:
    """A scroll position in a window of lines."""

    def __init__(self) -> None:
        self.rows = LogRows()
        self.window = NO_WINDOW
        """The lines read around the position."""
        self.following = True
        """True if the view follows the end of the log."""
        self.target: LogPosition | None = None
        """The line of the current match."""
        self._places: list[LogPosition] = []
        self._top, self._skip = 0, 0
        """Index of the top line, and how many of its rows are scrolled out above."""
        self._bottom = 0
        """Index of the bottom line."""

    @property
    def top_place(self) -> LogPosition:
        """The position of the top line."""
        return next(iter(self._places[self._top :]), ENDING)

    @property
    def below(self) -> LogPosition:
        """The position after the bottom line."""
        return next(iter(self._places[self._bottom + 1 :]), ENDING)

    @property
    def is_at_start(self) -> bool:
        """True if the first row of the log is at the top."""
        return self.window.at_start and not self._top and not self._skip

    @property
    def where(self) -> tuple[int, int]:
        """The top line and its row; changes when the view scrolls."""
        return self._top, self._skip

    def set_window(self, window: LogWindow) -> None:
        """Replace the window; call `stay` or `go_to` next to set the top."""
        self.window = window
        self._places = [line.place for line in window.lines]

    def stay(self, top: LogPosition) -> None:
        """Keep this line at the top."""
        self._top = bisect_left(self._places, top)
        if self.top_place != top:
            self._skip = 0

    def go_to(self, place: LogPosition, *, above: int = 0) -> None:
        """Scroll a line to the top, with `above` rows of context above it."""
        self.following = False
        self._top, self._skip = bisect_left(self._places, place), 0
        self.scroll(-above)

    def scroll(self, count: int) -> None:
        """Scroll by rows, within the window."""
        self._skip += count
        while self._skip < 0 and self._top > 0:
            self._top -= 1
            self._skip += len(self._rows_of(self._top))
        self._skip = max(self._skip, 0)
        while self._top < len(self._places) - 1:
            rows = len(self._rows_of(self._top))
            if self._skip < rows:
                break
            self._skip -= rows
            self._top += 1

    def seen(self, height: int) -> list[Row]:
        """Return the visible rows, at most `height`."""
        return self._from_end(height) if self.following else self._from_top(height)

    def _from_top(self, height: int) -> list[Row]:
        seen: list[Row] = []
        at = self._top
        while at < len(self._places) and len(seen) < height:
            rows = self._rows_of(at)
            seen += rows[min(self._skip, len(rows) - 1) :] if at == self._top else rows
            at += 1
        window = self.window
        if len(seen) < height and (window.at_end or window.scanned is not None):
            return self._from_end(height)
        self._bottom = max(at - 1, 0)
        return seen[:height]

    def _from_end(self, height: int) -> list[Row]:
        seen: list[Row] = []
        self._bottom = at = len(self._places) - 1
        while at >= 0 and len(seen) < height:
            seen = [*self._rows_of(at), *seen]
            at -= 1
        self._top, self._skip = at + 1, max(len(seen) - height, 0)
        return seen[self._skip :]

    def _rows_of(self, index: int) -> list[Row]:
        return self.rows.of(self.window.lines[index], self.target)

    def left(self, direction: int) -> int:
        """Return how many lines of the window are left in a direction."""
        return self._top if direction < 0 else len(self._places) - self._bottom

    def fraction(self) -> float:
        """Return the fraction of the logs up to the bottom line."""
        window = self.window
        if not window.lines or not window.size:
            return 1.0
        return min(window.lines[self._bottom].position / window.size, 1.0)

    def thumb_row(self, height: int) -> int:
        """Return the row of the scrollbar thumb; -1 if everything is visible."""
        window = self.window
        is_whole = window.at_start and window.at_end
        if not window.lines or (is_whole and self._bottom - self._top + 1 >= len(window.lines)):
            return -1
        return min(int(self.fraction() * height), height - 1)
