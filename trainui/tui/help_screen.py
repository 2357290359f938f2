"""The help: key bindings, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from trainui.tui.keymap import SCOPES, Key, bindings
from trainui.tui.render.styled_text import Row, Segment, fit
from trainui.tui.widgets.line_view import RowsView

KEY_WIDTH = 16
"""Width of the key column in cells."""


def help_rows(keys: Sequence[Key]) -> list[Row]:
    """Return the bindings as lines, grouped by scope."""
    rows: list[Row] = []
    scope = ""
    for key in keys:
        if key.scope != scope:
            scope = key.scope
            rows += (
                [(), (Segment(SCOPES[scope], "title"),)]
                if rows
                else [(Segment(SCOPES[scope], "title"),)]
            )
        rows.append((Segment(fit(f"  {key.shown}", KEY_WIDTH), "key"), Segment(key.tooltip)))
    return rows


class HelpScreen(ModalScreen[None]):
    """A dialog with the key bindings; esc, enter, ? or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app.leave"),
        ("escape,question_mark,enter", "dismiss", "close"),
    ]

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > Vertical {
            width: 78;
            max-width: 96%;
            height: auto;
            max-height: 92%;
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $dim;
            background: $surface;
            padding: 1 2;
        }
        RowsView { height: auto; max-height: 100%; background: $surface; }
    }
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Build the list."""
        with Vertical():
            yield RowsView()

    def on_mount(self) -> None:
        """Show the keys."""
        box = self.query_one(Vertical)
        box.border_title = Content("Keys")
        box.border_subtitle = Content("esc closes; remap keys in config.toml under [keys]")
        view = self.query_one(RowsView)
        view.set_rows(help_rows(self._keys))
        view.focus()
