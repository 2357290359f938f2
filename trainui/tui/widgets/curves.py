"""The metrics of a stage as small plots."""

from __future__ import annotations

from textwrap import wrap

from trainui.tui.plots import Grid, by_interest, grid_rows
from trainui.tui.snapshots import CurveData
from trainui.tui.spans import Span
from trainui.tui.widgets.lines import RowsView


class CurvesView(RowsView):
    """Plots side by side, as many as are wide enough."""

    scopes = ("curves",)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._curves: tuple[CurveData, ...] = ()
        self._words: tuple[str, ...] = ()
        self._empty = ""
        self._problems: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[CurveData, ...]:
        """The curves that pass the filter."""
        return tuple(
            curve
            for curve in self._curves
            if all(word in curve.name.casefold() for word in self._words)
        )

    @property
    def plot_columns(self) -> int:
        """Dot columns of a plot: what the feed is to read."""
        return 2 * self._grid().plot_width

    def set_curves(
        self, curves: tuple[CurveData, ...], empty: str, problems: tuple[str, ...] = ()
    ) -> None:
        """Show these curves, and below them what is wrong with others' sources.

        Args:
            curves: those that there are.
            empty: is said where there are none.
            problems: in words, one a source.
        """
        self._problems = problems
        self._curves = tuple(by_interest(curves))
        self._empty = empty
        self._draw()

    def filter(self, text: str) -> int:
        """Show only the metrics whose names hold all words; returns how many there are."""
        self._words = tuple(text.casefold().split())
        self._draw()
        return len(self.shown)

    @property
    def filtered(self) -> bool:
        """Whether some metrics are left out."""
        return bool(self._words)

    def on_resize(self) -> None:
        """Lay the plots out again."""
        self._draw()

    def _grid(self) -> Grid:
        size = self.scrollable_content_region.size
        height = max(size.height - len(self._problem_rows()), size.height // 2)
        return Grid(size.width, height, max(len(self.shown), 1))

    def _problem_rows(self) -> list[tuple[Span, ...]]:
        width = max(self.scrollable_content_region.size.width, 20)
        lines = (line for one in self._problems for line in wrap(f"! {one}", width))
        return [(Span(line, "dim"),) for line in lines]

    def _draw(self) -> None:
        if self.shown:
            self.set_rows([*grid_rows(self.shown, self._grid()), *self._problem_rows()])
        else:
            text = "no metric fits the filter; esc shows all" if self._curves else self._empty
            self.set_rows([(Span(text, "dim"),), *self._problem_rows()])
