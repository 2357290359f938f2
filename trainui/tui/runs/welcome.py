"""The page instead of an empty list: what can be started, and what can be added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from trainui.text import harmless
from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Row, Segment, fit, fit_middle
from trainui.tui.widgets.list_view import Entry, EntryView

if TYPE_CHECKING:
    from trainui.tui.runs.found_trainings import FoundTraining, FoundTrainings

COMMANDS = {
    "u": "choose a pipeline file here and run it",
    "trainui demo": "train two small networks, about 45 s",
    "trainui init": "write a pipeline file to edit",
    "trainui run FILE": "run a pipeline file",
    "trainui run -- COMMAND": "run one command",
    "trainui add PATH": "show trainings that exist already",
}

LAST = ("", "New runs appear here automatically.", "? shows all keys, q quits.")

MOST_LISTED = 8
"""Trainings or processes with a line each; the others are counted."""

NAME, KIND = 24, 12
"""Widths in characters."""


class WelcomeView(EntryView["FoundTraining"]):
    """The welcome page, with a cursor on what can be added."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs.open")]

    def __init__(self) -> None:
        super().__init__(id="welcome")
        self.can_focus = False
        self._found: FoundTrainings | None = None

    @property
    def has_trainings(self) -> bool:
        """True if this directory has trainings."""
        return self._found is not None and bool(self._found.trainings)

    def show_found(self, found: FoundTrainings, directory: str) -> None:
        """Show what can be added."""
        where, count = f"in {harmless(directory)}", len(found.trainings)
        heading = f"{count:,} training{'s' * (count != 1)} {where}"
        none = _text(found.problem, "warn") if found.problem else _text(f"No trainings {where}")
        entries = _section(heading, found.trainings) or none
        self._show([*entries, *_section("Trainings that run on this machine", found.processes)])
        self._found = found

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other text, e.g. why the runs could not be read."""
        self._found = None
        self._set([*map(Entry, rows)])

    def show_searching(self) -> None:
        """Show that trainings are searched for."""
        self._show(_text("Searching this directory and this machine for trainings…"))

    def _show(self, found: Sequence[Entry[FoundTraining]]) -> None:
        rows: list[Row] = [
            (Segment(f"{key:<24}", "key"), Segment(words)) for key, words in COMMANDS.items()
        ]
        rows += [(Segment(text, "dim"),) for text in LAST]
        self._set([*_text("No runs yet", "strong"), *found, *map(Entry, rows)])

    def _set(self, entries: Sequence[Entry[FoundTraining]]) -> None:
        self.can_focus = any(entry.item is not None for entry in entries)
        self.set_entries(entries)

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        row, found = self.entries[index]
        return row if found is None else _line(found, width)


def _section(heading: str, found: Sequence[FoundTraining]) -> list[Entry[FoundTraining]]:
    if not found:
        return []
    title, blank = _text(heading, "strong")
    more = len(found) - MOST_LISTED
    rest = _text(f"  and {more:,} more") if more > 0 else [blank]
    return [title, *(Entry((), one) for one in found[:MOST_LISTED]), *rest]


def _text(text: str, style: str = "dim") -> list[Entry[FoundTraining]]:
    """Return a line of text, and a blank one."""
    return [Entry((Segment(text, style),)), Entry(())]


def _line(one: FoundTraining, width: int) -> Row:
    room = width - NAME - KIND - 4
    words = harmless(one.words)
    return (
        Segment(f" {fit(harmless(one.name), NAME)} "),
        Segment(f"{fit(one.kind, KIND)} ", "accent"),
        Segment(fit_middle(words, room) if one.path else fit(words, room), "dim"),
    )
