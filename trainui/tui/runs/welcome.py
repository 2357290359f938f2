"""The page instead of an empty list: what can be started, and what can be added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from trainui.text import harmless
from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Row, Segment, fit, fit_middle
from trainui.tui.widgets.list_view import CursorView

if TYPE_CHECKING:
    from trainui.tui.runs.found_trainings import Found, FoundTrainings

COMMANDS: tuple[Row, ...] = (
    (
        Segment("u                       ", "key"),
        Segment("choose a pipeline file here and run it"),
    ),
    (Segment("trainui demo            ", "key"), Segment("train two small networks, about 45 s")),
    (Segment("trainui run FILE        ", "key"), Segment("run a pipeline file")),
    (Segment("trainui run -- COMMAND  ", "key"), Segment("run one command")),
    (Segment("trainui add PATH        ", "key"), Segment("show trainings that exist already")),
    (),
    (Segment("New runs appear here automatically.", "dim"),),
    (Segment("? shows all keys, q quits.", "dim"),),
)

MOST_LISTED = 8
"""Trainings or processes with a line each; the others are counted."""

NAME, KIND = 24, 12
"""Widths in characters."""


class WelcomeView(CursorView):
    """The welcome page, with a cursor on what can be added."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs.open")]

    def __init__(self) -> None:
        super().__init__(id="welcome")
        self.can_focus = False
        self._lines: list[tuple[Row, Found | None]] = []
        self._found: FoundTrainings | None = None

    @property
    def selected(self) -> Found | None:
        """The training or process under the cursor."""
        return self._lines[self.cursor][1] if 0 <= self.cursor < len(self._lines) else None

    @property
    def has_trainings(self) -> bool:
        """True if this directory has trainings."""
        return self._found is not None and bool(self._found.trainings)

    def show_found(self, found: FoundTrainings, directory: str) -> None:
        """Show what can be added."""
        self._found = found
        width = max(self.scrollable_content_region.width, 20)
        there = f"Trainings in {fit_middle(harmless(directory), width - 20).rstrip()}"
        self._show(
            [
                *_section(f"{there}: {len(found.trainings)}", found.trainings, width),
                *_section("Trainings that run on this machine", found.processes, width),
                *([((Segment(found.problem, "warn"),), None), ((), None)] if found.problem else []),
            ]
        )

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other text, e.g. why the runs could not be read."""
        self._found = None
        self._lines = [(row, None) for row in rows]
        self._settle()

    def show_searching(self) -> None:
        """Show that trainings are searched for."""
        searching = (Segment("Searching this directory and this machine for trainings…", "dim"),)
        self._show([(searching, None), ((), None)])

    def _show(self, found: Sequence[tuple[Row, Found | None]]) -> None:
        title: Row = (Segment("No runs yet", "strong"),)
        self._lines = [(title, None), ((), None), *found, *((row, None) for row in COMMANDS)]
        self._settle()

    def _settle(self) -> None:
        entries = [at for at, (_, found) in enumerate(self._lines) if found is not None]
        self.can_focus = bool(entries)
        self.update_rows()
        self.move_cursor(entries[0] if entries else -1, post=False)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self._lines[index][0]

    def selectable(self, index: int) -> bool:
        """Return True if the line is a training or a process."""
        return self._lines[index][1] is not None


def _section(heading: str, found: Sequence[Found], width: int) -> list[tuple[Row, Found | None]]:
    if not found:
        return []
    lines: list[tuple[Row, Found | None]] = [((Segment(heading, "strong"),), None)]
    lines += [(_line(one, width), one) for one in found[:MOST_LISTED]]
    if more := len(found) - MOST_LISTED:
        lines += [((Segment(f"  and {more:,} more", "dim"),), None)] if more > 0 else []
    return [*lines, ((), None)]


def _line(one: Found, width: int) -> Row:
    room = width - NAME - KIND - 4
    words = harmless(one.words)
    return (
        Segment(f" {fit(harmless(one.name), NAME)} "),
        Segment(f"{fit(one.kind, KIND)} ", "accent"),
        Segment(fit_middle(words, room) if one.path else fit(words, room), "dim"),
    )
