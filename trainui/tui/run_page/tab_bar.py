"""The tab bar of the narrow layout, where one pane is visible at a time."""

from __future__ import annotations

from textual import events
from textual.message import Message

from trainui.tui.line_view import LinesView
from trainui.tui.snapshot.snapshot import DetailTab
from trainui.tui.styled_text import Row, Segment, fit_middle, width_of

_TABS = tuple(sorted({**{int(tab): tab.title for tab in DetailTab}, 3: "Curves", 4: "Log"}.items()))
"""Number and name of each tab."""


class Tabs(LinesView, can_focus=False):
    """The tab bar with the name of the selected stage."""

    DEFAULT_CSS = """
    Tabs { height: 1; overflow: hidden; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, pane: int) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._chosen = 2
        self._stage = ""

    def choose(self, pane: int) -> None:
        """Highlight a tab."""
        self._chosen = pane
        self.update_rows()

    def show_stage(self, name: str) -> None:
        """Set the name of the stage."""
        self._stage = name
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the tabs."""
        spans = [
            Segment(f" {number} {name} ", "tab-on" if number == self._chosen else "dim")
            for number, name in _TABS
        ]
        room = max(width - width_of(tuple(spans)) - 3, 8)
        return (*spans, Segment(f"  {cut_stage(self._stage, room)}", "dim"))

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        at = event.x
        for number, name in _TABS:
            at -= width_of((Segment(f" {number} {name} "),))
            if at < 0:
                self.post_message(self.Chosen(number))
                return


def cut_stage(stage: str, width: int) -> str:
    """Return a stage's name in at most `width` characters, with its attempt whole."""
    name, comma, number = stage.rpartition(", attempt ")
    end = f"{comma}{number}" if comma else ""
    return fit_middle(name if comma else stage, width - len(end)) + end
