"""A dialog with what differs between two runs, or between a run and the files as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from trainui.errors import TrainuiError
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.actions.target import label
from trainui.tui.keymap import bindings
from trainui.tui.line_view import RowsView
from trainui.tui.styled_text import Row, Segment, labelled, shared_out, wrap
from trainui.tui.widgets import FRAME, Dialog

_STYLES = {"-": "bad", "+": "good"}
"""Styles of the two commands of a stage, by the sign before them."""


def difference_rows(lines: Sequence[str], width: int) -> list[Row]:
    """Return the lines wrapped to a width, with what they are about as labels."""
    rows: list[Row] = []
    for line in lines:
        label, text = line[:LABEL], line[LABEL:]
        style = _STYLES.get(text[:1], "") if not label.strip() else ""
        pieces = ((Segment(piece, style),) for piece in wrap(text, max(width - LABEL, 20)))
        rows += labelled(Segment(label, "dim"), pieces)
    return rows


LABEL = 13
"""Width of the first column, e.g. `parameter`."""


class DifferenceScreen(Dialog[bool]):
    """Shows what differs; `Y` copies it, esc or enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app.leave", "acting.copy"),
        ("escape,enter", "dismiss", "close"),
    ]

    DEFAULT_CSS = "DifferenceScreen > Vertical { width: 96%; max-width: 140; }"

    def __init__(self, run: RunLine, other: RunLine | None = None) -> None:
        """Create the dialog; without another run, files and shell are compared as they are now."""
        super().__init__()
        self._ids = run.id, None if other is None else other.id
        self._names = label(run), label(other) if other else "the files as they are now"
        self._lines: list[str] | None = None

    def on_mount(self) -> None:
        """Show which runs are compared, and compare them in a thread."""
        self.query_one(RowsView).set_rows([(Segment("comparing…", "dim"),)])
        self.on_resize()
        self.run_worker(self._compare, thread=True, exit_on_error=False)

    def _compare(self) -> None:
        from trainui.control import run_difference

        try:
            lines = run_difference.lines_between(*self._ids)
        except (TrainuiError, OSError) as error:
            lines = str(error).splitlines()
        self.app.call_from_thread(self._show, [harmless(line) for line in lines])

    def _show(self, lines: list[str]) -> None:
        self._lines = lines
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the title and the lines to the terminal's width."""
        width = min(self.room, 140 - FRAME)
        names = shared_out(self._names, width - len("What differs:  → "))
        self.show_titles(f"What differs: {' → '.join(names)}", "Y copies, esc closes")
        if self._lines is None:
            return
        rows = difference_rows(self._lines, width) or [(Segment("no difference"),)]
        self.query_one(RowsView).set_rows(rows)

    def action_copy(self) -> None:
        """Copy the lines through the terminal (OSC 52)."""
        lines = self._lines or ["no difference"]
        self.app.copy_to_clipboard("\n".join((" → ".join(self._names), *lines, "")))
        self.app.notify("copied (if the terminal supports OSC 52)")
