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

COMMANDS: tuple[Row, ...] = (
    (
        Segment("u                       ", "key"),
        Segment("choose a pipeline file here and run it"),
    ),
    (Segment("trainui demo            ", "key"), Segment("train two small networks, about 45 s")),
    (Segment("trainui init            ", "key"), Segment("write a pipeline file to edit")),
    (Segment("trainui run FILE        ", "key"), Segment("run a pipeline file")),
    (Segment("trainui run -- COMMAND  ", "key"), Segment("run one command")),
    (Segment("trainui add PATH        ", "key"), Segment("show trainings that exist already")),
    (),
    (Segment("New runs appear here automatically.", "dim"),),
    (Segment("? shows all keys, q quits.", "dim"),),
)

SEARCHING = "Searching this directory and this machine for trainings…"

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
        where = f"in {harmless(directory)}"
        count = len(found.trainings)
        heading = f"{count:,} training{'s' * (count != 1)} {where}"
        none: Row = (Segment(f"No trainings {where}", "dim"),)
        problem: Row = (Segment(found.problem, "warn"),)
        self._show(
            *(_section(heading, found.trainings) or map(Entry, (none, ()))),
            *_section("Trainings that run on this machine", found.processes),
            *(map(Entry, (problem, ())) if found.problem else ()),
        )
        self._found = found

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other text, e.g. why the runs could not be read."""
        self._found = None
        self._set([*map(Entry, rows)])

    def show_searching(self) -> None:
        """Show that trainings are searched for."""
        self._show(Entry((Segment(SEARCHING, "dim"),)), Entry(()))

    def _show(self, *found: Entry[FoundTraining]) -> None:
        title: Row = (Segment("No runs yet", "strong"),)
        self._set([Entry(title), Entry(()), *found, *map(Entry, COMMANDS)])

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
    more = len(found) - MOST_LISTED
    rest: Row = (Segment(f"  and {more:,} more", "dim"),)
    return [
        Entry((Segment(heading, "strong"),)),
        *(Entry((), one) for one in found[:MOST_LISTED]),
        *([Entry(rest)] if more > 0 else []),
        Entry(()),
    ]


def _line(one: FoundTraining, width: int) -> Row:
    room = width - NAME - KIND - 4
    words = harmless(one.words)
    return (
        Segment(f" {fit(harmless(one.name), NAME)} "),
        Segment(f"{fit(one.kind, KIND)} ", "accent"),
        Segment(fit_middle(words, room) if one.path else fit(words, room), "dim"),
    )
