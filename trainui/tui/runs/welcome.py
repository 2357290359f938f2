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
    from trainui.tui.runs.found_trainings import FoundTraining, FoundTrainings

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
        self._lines: list[tuple[Row, FoundTraining | None]] = []
        """Rows, or what can be added, whose row is made for the width."""
        self._found: FoundTrainings | None = None

    @property
    def selected(self) -> FoundTraining | None:
        """The training or process under the cursor."""
        return self._lines[self.cursor][1] if 0 <= self.cursor < len(self._lines) else None

    @property
    def has_trainings(self) -> bool:
        """True if this directory has trainings."""
        return self._found is not None and bool(self._found.trainings)

    def show_found(self, found: FoundTrainings, directory: str) -> None:
        """Show what can be added."""
        self._found = found
        where = f"in {harmless(directory)}"
        count = len(found.trainings)
        heading = f"{count:,} training{'s' * (count != 1)} {where}"
        none: Row = (Segment(f"No trainings {where}", "dim"),)
        problem: Row = (Segment(found.problem, "warn"),)
        self._show(
            [
                *(_section(heading, found.trainings) or [(none, None), ((), None)]),
                *_section("Trainings that run on this machine", found.processes),
                *([(problem, None), ((), None)] if found.problem else []),
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

    def _show(self, found: Sequence[tuple[Row, FoundTraining | None]]) -> None:
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

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        row, found = self._lines[index]
        return row if found is None else _line(found, width)

    def selectable(self, index: int) -> bool:
        """Return True if the line is a training or a process."""
        return self._lines[index][1] is not None


def _section(
    heading: str, found: Sequence[FoundTraining]
) -> list[tuple[Row, FoundTraining | None]]:
    if not found:
        return []
    lines: list[tuple[Row, FoundTraining | None]] = [((Segment(heading, "strong"),), None)]
    lines += [((), one) for one in found[:MOST_LISTED]]
    if (more := len(found) - MOST_LISTED) > 0:
        lines.append(((Segment(f"  and {more:,} more", "dim"),), None))
    return [*lines, ((), None)]


def _line(one: FoundTraining, width: int) -> Row:
    room = width - NAME - KIND - 4
    words = harmless(one.words)
    return (
        Segment(f" {fit(harmless(one.name), NAME)} "),
        Segment(f"{fit(one.kind, KIND)} ", "accent"),
        Segment(fit_middle(words, room) if one.path else fit(words, room), "dim"),
    )
