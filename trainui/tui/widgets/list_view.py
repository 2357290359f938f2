"""Lines with a cursor that a keyboard or a mouse moves."""

from __future__ import annotations

from textual import events
from textual.message import Message

from trainui.tui.widgets.line_view import LinesView


class CursorView(LinesView):
    """A view over rows of which one is marked; those that cannot be are passed over."""

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, view: CursorView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> CursorView:
            """The view."""
            return self.view

    class Opened(Message):
        """The row under the cursor was chosen, by a key or a second click."""

        def __init__(self, view: CursorView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> CursorView:
            """The view."""
            return self.view

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cursor = -1

    @property
    def cursor(self) -> int:
        """Index of the marked row; -1 where there is none."""
        return self._cursor

    def selectable(self, index: int) -> bool:
        """Whether the cursor may be on a row."""
        return index >= self.fixed_rows()

    def row_style(self, index: int) -> str:
        """Return what lies under the marked row."""
        if index != self._cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def rows_of_move(self, before: int, after: int) -> tuple[int, ...]:
        """Return the rows that look different when the cursor has moved; none: any may."""
        return before, after

    def move_cursor(self, index: int, *, tell: bool = True) -> None:
        """Put the cursor on a row, or on none (-1)."""
        before, self._cursor = self._cursor, index
        self.update_rows(*self.rows_of_move(before, index))
        if index >= 0:
            self.show_row(index)
        if index != before and tell:
            self.post_message(self.Moved(self))

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the row strongly, or faintly."""
        super().watch_has_focus(has_focus)
        self.update_rows(self._cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a second click opens."""
        index = self.row_under(event)
        if index is None or not self.selectable(index):
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
        """Choose the row under the cursor."""
        if self._cursor >= 0:
            self.post_message(self.Opened(self))

    def _next(self, index: int, direction: int) -> int:
        """Return the next row that can be marked, or the same where there is none."""
        found = index + direction
        while 0 <= found < self.row_count():
            if self.selectable(found):
                return found
            found += direction
        return index
