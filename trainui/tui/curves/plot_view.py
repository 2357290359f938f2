"""The large plot of one metric, with a table of values below."""

from __future__ import annotations

from textual import events

from trainui.tui.curves.interaction import CurveKeys
from trainui.tui.curves.legend import table_rows
from trainui.tui.curves.model import Chart, Curves
from trainui.tui.curves.plot import Frame, plot_rows
from trainui.tui.curves.view_options import CurvesState
from trainui.tui.render.styled_text import Segment

LABELS = 8
"""Characters left of the plot, without its axis."""


class CurvePlot(CurveKeys):
    """The plot of the selected metric."""

    def __init__(self, state: CurvesState, *, id: str | None = None) -> None:
        super().__init__(state, id=id)
        self._empty = "…"

    def set_curves(self, curves: Curves, empty: str) -> None:
        """Show these curves, or the text `empty` if there are none."""
        self.curves, self._empty = curves, empty
        self.draw()
        if curves.wanted != self.wanted():
            self.post_message(self.CurvesQueryChanged())

    def chart(self) -> Chart | None:
        """Return the metric's chart."""
        return self.curves.chart(self.state.metric) if self.curves is not None else None

    def names_to_read(self) -> tuple[str, ...] | None:
        """Return the selected metric."""
        return (self.state.metric,)

    def plot_cells(self) -> int:
        """Return the width of the plot in characters."""
        return max(self.scrollable_content_region.width - LABELS - 2, 8)

    def place_under(self, event: events.MouseEvent) -> float | None:
        """Return the x position under the mouse."""
        offset, chart = event.get_content_offset(self), self.chart()
        cells = self.plot_cells()
        if offset is None or chart is None or not 0 <= offset.x - LABELS - 1 < cells:
            return None
        return chart.low + (chart.high - chart.low) * (offset.x - LABELS) / cells

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in at the mouse."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out at the mouse."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        chart, x = self.chart(), self.place_under(event)
        if chart is not None and x is not None:
            event.stop()
            event.prevent_default()
            self._zoom(chart, direction, x)

    def action_line(self, count: int) -> None:
        """Show the next or the previous metric."""
        self.go_to(count)

    def action_half_page(self, count: int) -> None:
        """Show the metric five places further for each count."""
        self.go_to(count * 5)

    def action_end(self, direction: int) -> None:
        """Put the cursor on the first or the last point."""
        chart = self.chart()
        if chart is not None and chart.lines:
            known = [x for line in chart.lines for x in line.at if x == x]
            if known:
                self.point_at(max(known) if direction > 0 else min(known))

    def go_to(self, count: int, *, words: str = "") -> bool:
        """Show the metric `count` places further, among those whose names contain all words.

        Returns:
            False if no metric matches.
        """
        if self.curves is None:
            return False
        names = [
            one.stored
            for one in self.state.shown(self.curves.figures)
            if all(word in one.name.casefold() for word in words.casefold().split())
        ]
        if not names:
            return False
        at = names.index(self.state.metric) + count if self.state.metric in names else 0
        self.state.metric = names[at % len(names)]
        self.apply(self.view)
        return True

    def on_resize(self) -> None:
        """Redraw at the new size."""
        self.draw()
        self.post_message(self.CurvesQueryChanged())

    def draw(self) -> None:
        """Draw the plot and the table below it."""
        size, chart = self.scrollable_content_region.size, self.chart()
        if self.curves is None or chart is None or size.height < 4:
            there = self.curves is not None and self.curves.figures
            self.set_rows([(Segment("reading …" if there else self._empty, "dim"),)])
            return
        figures = next(one for one in self.curves.figures if one.stored == chart.name)
        table = table_rows(chart, figures, self.view, size.width, max(size.height // 3, 2))
        height = max(size.height - len(table) - 2, 3)
        frame = Frame(self.plot_cells(), height, LABELS, 2)
        self.set_rows([*plot_rows(chart, self.view, frame), *table])
