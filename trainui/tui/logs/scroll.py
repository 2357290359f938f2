"""Where in the logs a view is: which rows are to be seen, and how it moves over them.

The rows to be seen are made from the top line on, or from the end backwards, so the length of a
file, and how its lines break, costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left

from trainui.tui.logs.attempt_log import ENDING, LogLine, LogPosition
from trainui.tui.logs.rows import LogRows
from trainui.tui.logs.window_reader import LogWindow
from trainui.tui.render.styled_text import Row


class LogScroll:
    """A place in a window of lines."""

    def __init__(self) -> None:
        self.rows = LogRows()
        self.window: LogWindow | None = None
        """What was read around the place."""
        self.following = True
        """Whether the end is shown, whatever comes."""
        self.target: LogPosition | None = None
        """The line that is marked, since it was searched for."""
        self._places: list[LogPosition] = []
        self._top, self._skip = 0, 0
        """Index of the line at the top, and how many of its rows are above the top."""
        self._bottom = 0
        """Index of the line at the bottom."""

    @property
    def top_place(self) -> LogPosition:
        """The place of the line at the top."""
        return self._places[self._top] if self._top < len(self._places) else ENDING

    @property
    def below(self) -> LogPosition:
        """The place after the bottom line."""
        after = self._bottom + 1
        return self._places[after] if after < len(self._places) else ENDING

    @property
    def is_at_start(self) -> bool:
        """Whether there is nothing above."""
        over = self.window is not None and self.window.at_start
        return over and not self._top and not self._skip

    @property
    def where(self) -> tuple[int, int]:
        """The line at the top and the row of it: what changes as the view moves."""
        return self._top, self._skip

    def take(self, window: LogWindow | None) -> None:
        """Look at another window; the top is to be found in it next."""
        self.window = window
        self._places = [line.place for line in window.lines] if window is not None else []

    def stay(self, top: LogPosition) -> None:
        """Keep the line at the top where it is."""
        self._top = bisect_left(self._places, top)
        if self.top_place != top:
            self._skip = 0

    def go_to(self, place: LogPosition, *, above: int = 0) -> None:
        """Put a line at the top, or so many rows above it."""
        self.following = False
        self._top, self._skip = bisect_left(self._places, place), 0
        self.scroll(-above)

    def scroll(self, count: int) -> None:
        """Move the top by rows, as far as there are lines."""
        self._skip += count
        while self._skip < 0 and self._top > 0:
            self._top -= 1
            self._skip += len(self._rows_of(self._top))
        self._skip = max(self._skip, 0)
        while self._top < len(self._lines) - 1:
            rows = len(self._rows_of(self._top))
            if self._skip < rows:
                break
            self._skip -= rows
            self._top += 1

    def seen(self, height: int) -> list[Row]:
        """Return the rows to be seen, at most `height` of them."""
        return self._from_end(height) if self.following else self._from_top(height)

    def _from_top(self, height: int) -> list[Row]:
        seen: list[Row] = []
        at = self._top
        while at < len(self._lines) and len(seen) < height:
            rows = self._rows_of(at)
            seen += rows[min(self._skip, len(rows) - 1) :] if at == self._top else rows
            at += 1
        window = self.window
        if len(seen) < height and window and (window.at_end or window.scanned is not None):
            return self._from_end(height)
        self._bottom = max(at - 1, 0)
        return seen[:height]

    def _from_end(self, height: int) -> list[Row]:
        seen: list[Row] = []
        self._bottom = at = len(self._lines) - 1
        while at >= 0 and len(seen) < height:
            seen = [*self._rows_of(at), *seen]
            at -= 1
        self._top, self._skip = at + 1, max(len(seen) - height, 0)
        return seen[self._skip :]

    @property
    def _lines(self) -> tuple[LogLine, ...]:
        return self.window.lines if self.window is not None else ()

    def _rows_of(self, index: int) -> list[Row]:
        return self.rows.of(self._lines[index], self.target)

    def left(self, direction: int) -> int:
        """Return how many lines are left in a direction before more have to be read."""
        return self._top if direction < 0 else len(self._places) - self._bottom

    def part(self) -> float:
        """Return which part of the logs comes up to the bottom line."""
        window = self.window
        if window is None or not window.lines or not window.size:
            return 1.0
        return min(window.lines[self._bottom].position / window.size, 1.0)

    def thumb(self, height: int) -> int:
        """Return the row of the mark that tells where this is; -1 where all is to be seen."""
        window = self.window
        if window is None or not window.lines:
            return -1
        if window.at_start and window.at_end and self._bottom - self._top + 1 >= len(window.lines):
            return -1
        return min(int(self.part() * height), height - 1)
