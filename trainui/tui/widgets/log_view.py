"""The end of a stage's log, live."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.binding import BindingType

from trainui.tui.keys import bindings
from trainui.tui.snapshots import LogTail
from trainui.tui.spans import Row, Span, cut, wrap
from trainui.tui.widgets.lines import LinesView

BRIEFLY = 1.5
"""Seconds that a message may cover the log's end."""


class LogView(LinesView):
    """Lines of a log; it follows the end until somebody scrolls up."""

    scopes = ("log",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.following = True
        self.wrapping = True
        self._tail: LogTail | None = None
        self._rows: list[str] = []
        self._wrapped_at = 0
        self._found: re.Pattern[str] | None = None
        self._at = -1
        self._empty = ""

    def set_log(self, log: LogTail | None, empty: str) -> None:
        """Show a log; `empty` is said where there is none or nothing in it."""
        self._empty = empty
        same_file = log is not None and self._tail is not None and log.path == self._tail.path
        if not same_file:
            self.following = True
            self._at = -1
        changed = (
            log is None
            or self._tail is None
            or log.lines != self._tail.lines
            or log.cut != self._tail.cut
        )
        self._tail = log
        if changed:
            self._arrange()

    def on_resize(self) -> None:
        """Wrap for the new width."""
        if self._wrapped_at != self._width:
            self._arrange()
        elif self.following:
            self.action_end(1)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _arrange(self) -> None:
        """Break the lines, and stay at the end."""
        self._wrapped_at = width = self._width
        lines = self._tail.lines if self._tail is not None else ()
        if self.wrapping and width > 0:
            self._rows = [piece for line in lines for piece in wrap(line, width)]
        else:
            self._rows = list(lines)
        if self._tail is not None and self._tail.cut:
            self._rows.insert(0, f"… what came before is in {self._tail.path}")
        self.update_rows()
        if self.following:
            self.action_end(1)
            self.call_after_refresh(self._stay_at_end)

    def _stay_at_end(self) -> None:
        """Go to the end once the size of what is shown is known."""
        if self.following:
            self.action_end(1)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return max(len(self._rows), 1)

    def row(self, index: int, width: int) -> Row:
        """Return a line, what was searched for marked."""
        if not self._rows:
            return (Span(self._empty, "dim"),)
        text = self._rows[index]
        if index == 0 and self._tail is not None and self._tail.cut:
            return cut((Span(text, "dim"),), width)
        return cut(self._marked(text, index), width)

    def _marked(self, text: str, index: int) -> Row:
        if self._found is None:
            return (Span(text),)
        style = "match" if index == self._at else "key"
        spans: list[Span] = []
        end = 0
        for match in self._found.finditer(text):
            spans += [Span(text[end : match.start()]), Span(match.group(), style)]
            end = match.end()
        return (*spans, Span(text[end:]))

    def search(self, text: str) -> bool:
        """Look for a text, from the end upwards; returns whether it is there."""
        self._found = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._at = len(self._rows)
        found = self.go_to_match(-1)
        if not found:
            self._at = -1
        self.update_rows()
        return found or not text

    def go_to_match(self, direction: int) -> bool:
        """Go to the next match downwards (1) or upwards (-1), around the end if need be."""
        count = len(self._rows)
        for distance in range(1, count + 1):
            index = (self._at + direction * distance) % count
            if self._found is not None and self._found.search(self._rows[index]):
                self.following = False
                self._at = index
                self.update_rows()
                self.show_row(index, around=self.page_height // 3)
                return True
        return False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end again where somebody scrolls there, and not where they scroll away."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self.following = False
        elif new_value >= self.max_scroll_y:
            self.following = True

    def action_follow(self) -> None:
        """Follow the end, or stay where we are."""
        self.following = not self.following
        if self.following:
            self.action_end(1)
        text = "following the log's end" if self.following else "not following any more"
        self.notify(text, timeout=BRIEFLY)

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.wrapping = not self.wrapping
        self._arrange()
        text = "long lines are wrapped" if self.wrapping else "long lines are cut"
        self.notify(text, timeout=BRIEFLY)
