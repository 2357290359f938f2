"""A list view with a cursor, moved by keyboard or mouse."""

from __future__ import annotations

from textual import events
from textual.message import Message

from trainui.tui.widgets.line_view import LinesView


class ViewMessage(Message):
    """A message of a view with a cursor."""

    def __init__(self, view: CursorView) -> None:
        super().__init__()
        self.view = view

    @property
    def control(self) -> CursorView:
        """The view."""
        return self.view


class CursorView(LinesView):
    """A view of rows with a cursor on one of them; unselectable rows are skipped."""

    class Moved(ViewMessage):
        """The cursor has moved to another row."""

    class Opened(ViewMessage):
        """The row under the cursor was opened, by a key or a double click."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cursor = -1

    @property
    def cursor(self) -> int:
        """Index of the row under the cursor; -1 if there is none."""
        return self._cursor

    def selectable(self, index: int) -> bool:
        """Return True if the cursor may be on a row."""
        return index >= self.fixed_rows()

    def cursor_row(self, index: int) -> int:
        """Return the row that the cursor goes to by a click on a row."""
        return index

    def row_style(self, index: int) -> str:
        """Return the cursor's style for the row under it."""
        if index != self._cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def rows_of_move(self, before: int, after: int) -> tuple[int, ...]:
        """Return the rows to redraw after a cursor movement; empty: all."""
        return before, after

    def move_cursor(self, index: int, *, post: bool = True) -> None:
        """Move the cursor to a row, or to none (-1); `post` posts `Moved`."""
        before, self._cursor = self._cursor, index
        self.update_rows(*self.rows_of_move(before, index))
        if index >= 0:
            self.show_row(index)
        if index != before and post:
            self.post_message(self.Moved(self))

    def watch_has_focus(self, has_focus: bool) -> None:
        """Redraw the cursor for the new focus state."""
        super().watch_has_focus(has_focus)
        self.update_rows(self._cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a double click opens the row."""
        index = self.row_under(event)
        if index is None or not self.selectable(index := self.cursor_row(index)):
            return
        if index == self._cursor and event.chain > 1:
            self.post_message(self.Opened(self))
        else:
            self.move_cursor(index)

    def action_line(self, count: int) -> None:
        """Move by rows."""
        direction = 1 if count > 0 else -1
        index = self._cursor
        for _ in range(abs(count)):
            index = self._next(index, direction)
        self.move_cursor(index)

    def action_half_page(self, count: int) -> None:
        """Move by halves of a page."""
        self.action_line(count * max(self.page_height // 2, 1))

    def action_end(self, direction: int) -> None:
        """Move to the first or the last row."""
        start = self.row_count() if direction > 0 else -1
        found = self._next(start, -direction)
        self.move_cursor(found if found != start else -1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self._cursor >= 0:
            self.post_message(self.Opened(self))

    def _next(self, index: int, direction: int) -> int:
        """Return the next selectable row, or the same index if there is none."""
        found = index + direction
        while 0 <= found < self.row_count():
            if self.selectable(found):
                return found
            found += direction
        return index
