"""The help: key bindings, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical

from trainui.tui.keymap import SCOPES, Key, bindings
from trainui.tui.line_view import RowsView
from trainui.tui.styled_text import Row, Segment, beside, fit, width_of
from trainui.tui.widgets import FRAME, Dialog

KEY_WIDTH, GAP = 12, 4
"""Cells of the keys, and between two columns of bindings."""


def help_rows(keys: Sequence[Key], width: int = 0) -> list[Row]:
    """Return the bindings as lines, scope by scope, in as many columns as fit."""
    blocks: list[list[Row]] = []
    for scope, found in groupby(keys, lambda key: key.scope):
        names = ((Segment(fit(f"  {key.shown}", KEY_WIDTH), "key"), key.tooltip) for key in found)
        rows = ((name, Segment(tooltip)) for name, tooltip in names)
        blocks.append([(Segment(SCOPES[scope], "title"),), *rows])
    each = max((width_of(row) for block in blocks for row in block), default=0) + GAP
    columns = _columns(blocks, max((width + GAP) // each, 1))
    return [beside(line, each) for line in zip_longest(*columns, fillvalue=())]


def _columns(blocks: Sequence[list[Row]], count: int) -> list[list[Row]]:
    """Distribute blocks over columns of about the same height, from left to right."""
    height = sum(len(block) + 1 for block in blocks) / count
    columns: list[list[Row]] = [[]]
    for block in blocks:
        full = len(columns[-1]) + len(block) / 2 > height
        if columns[-1] and full and len(columns) < count:
            columns.append([])
        columns[-1] += [(), *block] if columns[-1] else block
    return columns


class HelpScreen(Dialog[None]):
    """A dialog with the key bindings; esc, enter, ? or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app.leave"),
        ("escape,question_mark,enter", "dismiss", "close"),
    ]

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def on_mount(self) -> None:
        """Show the keys."""
        self.show_titles("Keys", "esc closes; remap keys in config.toml under [keys]")
        self.on_resize()

    def on_resize(self) -> None:
        """Arrange the keys for the terminal's width."""
        rows = help_rows(self._keys, self.room)
        self.query_one(Vertical).styles.width = max(map(width_of, rows)) + FRAME
        self.query_one(RowsView).set_rows(rows)
