"""Bars of one line: what is shown at the top, and the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events

from trainui.tui.keymap import Key
from trainui.tui.render.styled_text import Row, Segment, cut, spread
from trainui.tui.widgets.line_view import LinesView


class Bar(LinesView, can_focus=False):
    """A line with something at each end."""

    DEFAULT_CSS = """
    Bar { height: 1; overflow: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Row = ()
        self._right: Row = ()

    def show(self, left: Row, right: Row = ()) -> None:
        """Show this."""
        self._left, self._right = left, right
        self.update_rows()

    def row_count(self) -> int:
        """There is one line."""
        return 1

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the line."""
        return spread(self._left, self._right, width)


class KeyBar(LinesView, can_focus=False):
    """The keys that work where the focus is; a click on one does the same."""

    DEFAULT_CSS = """
    KeyBar { height: 1; overflow: hidden; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[Key] = ()
        self._note: Row = ()

    def note(self, note: Row) -> None:
        """Show this in place of the keys; nothing: the keys again."""
        self._note = note
        self.update_rows()

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys, the last two in any case."""
        self._keys = tuple(keys)
        self.update_rows()

    def row_count(self) -> int:
        """There is one line."""
        return 1

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the keys that there is room for, or the note."""
        if self._note:
            return cut(self._note, width)
        spans: list[Segment] = []
        for key in self._fitting(width):
            spans += [Segment(f" {key.short}", "key"), Segment(f" {key.label} ", "dim")]
        return tuple(spans)

    def _fitting(self, width: int) -> list[Key]:
        first, last = list(self._keys[:-2]), list(self._keys[-2:])
        while first and sum(_cells(key) for key in (*first, *last)) > width:
            first.pop()
        return [*first, *last]

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        if self._note:
            return
        at = event.x
        for key in self._fitting(self.size.width):
            at -= _cells(key)
            if at < 0:
                self.app.simulate_key(key.keys.split(",")[0])
                return


def _cells(key: Key) -> int:
    return cell_len(key.short) + cell_len(key.label) + 3
