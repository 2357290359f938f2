"""A list view with a cursor, moved by keyboard or mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual import events
from textual.message import Message

from trainui.tui.render.styled_text import Row
from trainui.tui.widgets.line_view import LinesView

Item = TypeVar("Item")


class CursorView(LinesView):
    """A view of rows with a cursor on one of them; unselectable rows are skipped."""

    redraws_all: ClassVar[bool] = False
    """True if other rows than the one under the cursor depend on its place."""

    class Moved(Message):
        """The cursor has moved to another row."""

    class Opened(Message):
        """The row under the cursor was opened, by a key or a double click."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = -1
        """Index of the row under the cursor, moved by `move_cursor`; -1 if there is none."""

    def selectable(self, index: int) -> bool:
        """Return True if the cursor may be on a row."""
        return index >= self.fixed_rows()

    def cursor_row(self, index: int) -> int:
        """Return the row that the cursor goes to by a click on a row."""
        return index

    def row_style(self, index: int) -> str:
        """Return the cursor's style for the row under it."""
        if index != self.cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def move_cursor(self, index: int, *, post: bool = True) -> None:
        """Move the cursor to a row, or to none (-1); `post` posts `Moved`."""
        before, self.cursor = self.cursor, index
        self.update_rows(*(() if self.redraws_all else (before, index)))
        if index >= 0:
            self.show_row(index)
        if index != before and post:
            self.post_message(self.Moved())

    def watch_has_focus(self, has_focus: bool) -> None:
        """Redraw the cursor for the new focus state."""
        super().watch_has_focus(has_focus)
        self.update_rows(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a double click opens the row."""
        index = self.row_under(event)
        if index is None or not self.selectable(index := self.cursor_row(index)):
            return
        if index == self.cursor and event.chain > 1:
            self.post_message(self.Opened())
        else:
            self.move_cursor(index)

    def action_line(self, count: int) -> None:
        """Move by rows."""
        direction = 1 if count > 0 else -1
        index = self.cursor
        for _ in range(abs(count)):
            index = self._next(index, direction)
        self.move_cursor(index)

    def action_end(self, direction: int) -> None:
        """Move to the first or the last row."""
        start = self.row_count() if direction > 0 else -1
        found = self._next(start, -direction)
        self.move_cursor(found if found != start else -1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor >= 0:
            self.post_message(self.Opened())

    def _next(self, index: int, direction: int) -> int:
        """Return the next selectable row, or the same index if there is none."""
        found = index + direction
        while 0 <= found < self.row_count():
            if self.selectable(found):
                return found
            found += direction
        return index


class Entry(NamedTuple, Generic[Item]):
    """A line of an `EntryView`."""

    row: Row
    item: Item | None = None
    """What the line stands for; None: the cursor skips it."""


class EntryView(CursorView, Generic[Item]):
    """A view of lines, with a cursor on those that stand for an item; without any, they scroll."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry[Item]] = ()

    @property
    def selected(self) -> Item | None:
        """The item under the cursor."""
        return self.entries[self.cursor].item if 0 <= self.cursor < len(self.entries) else None

    def set_entries(self, entries: Sequence[Entry[Item]], first: Item | None = None) -> None:
        """Show these lines; the cursor stays on its item, else goes to `first`, else to any."""
        kept, self.entries = self.selected, entries
        items = [entry.item for entry in entries]
        known = (item for item in (kept, first, *items) if item is not None and item in items)
        item = next(known, None)
        places = [at for at, one in enumerate(items) if item is not None and one == item]
        self.update_rows()
        # lines may share an item, e.g. the GPUs of one stage
        nearest = min(places, key=lambda at: abs(at - self.cursor), default=-1)
        if nearest != self.cursor:
            self.move_cursor(nearest, post=False)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self.entries)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self.entries[index].row

    def selectable(self, index: int) -> bool:
        """Return True if the line stands for an item."""
        return 0 <= index < len(self.entries) and self.entries[index].item is not None

    def on_resize(self) -> None:
        """Redraw everything for the new width, and keep the cursor in view."""
        super().on_resize()
        if self.cursor >= 0:
            self.show_row(self.cursor)

    def action_line(self, count: int) -> None:
        """Move by items; past the last one scroll."""
        before = self.cursor
        super().action_line(count)
        if self.cursor == before:
            self.scroll_to(y=self.scroll_offset.y + count, animate=False)
