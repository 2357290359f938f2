"""The list of runs: ten thousand are no more work than those that are to be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from trainui import clock
from trainui.store.run_lines import RunLine
from trainui.tui.keys import bindings
from trainui.tui.run_rows import ORDERINGS, Columns, matches
from trainui.tui.spans import Row, Span
from trainui.tui.widgets.cursor import CursorView

if TYPE_CHECKING:
    from trainui.tui.endings_ahead import Ending


class RunTable(CursorView):
    """Runs, filtered and sorted; the cursor stays on its run wherever that goes."""

    scopes = ("runs",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: tuple[RunLine, ...] = ()
        self._shown: list[RunLine] = []
        self._endings: Mapping[str, Ending] = {}
        self._words: tuple[str, ...] = ()
        self._ordering = 0
        self._run_id: str | None = None
        self._columns = Columns(80)

    @property
    def selected(self) -> RunLine | None:
        """The run under the cursor."""
        index = self.cursor - 1
        return self._shown[index] if 0 <= index < len(self._shown) else None

    @property
    def filtered(self) -> bool:
        """Whether some runs are left out."""
        return bool(self._words)

    def set_runs(
        self, runs: tuple[RunLine, ...], endings: Mapping[str, Ending] | None = None
    ) -> None:
        """Show these runs.

        Args:
            runs: newest first.
            endings: when runs will have ended, by id.
        """
        self._endings = endings or {}
        if runs is self._all:
            return
        self._all = runs
        self._arrange()

    def filter(self, text: str) -> None:
        """Show only the runs in which all words of a text are found."""
        self._words = tuple(text.casefold().split())
        self._arrange()

    def row_count(self) -> int:
        """Return how many lines there are, the heading among them."""
        return 1 + max(len(self._shown), 1)

    def fixed_rows(self) -> int:
        """Keep the heading in place."""
        return 1

    def selectable(self, index: int) -> bool:
        """Let the cursor be on runs only."""
        return 1 <= index <= len(self._shown)

    def row(self, index: int, width: int) -> Row:
        """Return a run's line, or the heading."""
        if self._columns.width != width:
            self._columns = Columns(width)
        if index == 0:
            return self._columns.heading(ORDERINGS[self._ordering][0])
        if index > len(self._shown):
            return (Span("  no run fits the filter; esc shows all", "dim"),) if self._all else ()
        run = self._shown[index - 1]
        return self._columns.row(run, clock.now(), self._endings.get(run.id))

    def move_cursor(self, index: int, *, tell: bool = True) -> None:
        """Put the cursor on a run, and remember which it is."""
        super().move_cursor(index, tell=tell)
        selected = self.selected
        self._run_id = selected.id if selected else self._run_id

    def action_sort(self) -> None:
        """Sort in the next order."""
        self._ordering = (self._ordering + 1) % len(ORDERINGS)
        self._arrange()

    def select(self, run_id: str) -> None:
        """Put the cursor on a run."""
        self._run_id = run_id
        self._follow_run()

    def _arrange(self) -> None:
        shown: Sequence[RunLine] = self._all
        if self._words:
            shown = [run for run in shown if matches(run, self._words)]
        if self._ordering:
            shown = sorted(shown, key=ORDERINGS[self._ordering][1])  # type: ignore[arg-type]
        self._shown = list(shown)
        self._follow_run()

    def _follow_run(self) -> None:
        """Keep the cursor on its run, on the same line of the screen where that can be."""
        before = self.cursor
        index = next(
            (at for at, run in enumerate(self._shown, 1) if run.id == self._run_id),
            min(max(before, 1), len(self._shown)) or -1,
        )
        self.update_rows()
        if before > 0 and index > 0 and index != before and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + index - before, animate=False)
        self.move_cursor(index)
