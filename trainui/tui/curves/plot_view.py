"""The large plot of one metric, with a table of values below."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from trainui.tui.axes.labels import LABEL
from trainui.tui.axes.y_axis import Frame
from trainui.tui.curves.cursor_values import x_positions
from trainui.tui.curves.drawing.line_styles import names_width
from trainui.tui.curves.drawing.plot import plot
from trainui.tui.curves.interaction import CurveKeys
from trainui.tui.curves.legend import table_rows
from trainui.tui.curves.state import CurvesState
from trainui.tui.data.curves import Chart
from trainui.tui.data.plot_options import after
from trainui.tui.keymap import bindings


class CurvePlot(CurveKeys):
    """The plot of the selected metric."""

    scopes = ("plot", "curves")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plot")]

    def __init__(self, state: CurvesState, *, id: str | None = None) -> None:
        super().__init__(state, id=id)
        self._empty = "…"
        self.y_title = ""
        """What to do with the labels of the y axis; empty: they are the values."""

    def chart(self) -> Chart | None:
        """Return the metric's chart."""
        return self.curves.chart(self.state.metric)

    def names_to_read(self) -> tuple[str, ...] | None:
        """Return the selected metric."""
        return (self.state.metric,)

    def plot_cells(self) -> int:
        """Return the width of the plot in characters."""
        return max(self.scrollable_content_region.width - LABEL - 2 - self._names_width(), 8)

    def _names_width(self) -> int:
        """Return the width of the lines' names at the right of the plot; 0 for a single line."""
        chart = self.chart()
        if chart is None or len(chart.lines) < 2:
            return 0
        names = names_width([line.label for line in chart.lines])
        return min(names, self.scrollable_content_region.width // 4)

    def place_under(self, event: events.MouseEvent) -> float | None:
        """Return the x position under the mouse."""
        offset, chart = event.get_content_offset(self), self.chart()
        cells = self.plot_cells()
        if offset is None or chart is None or not 0 <= offset.x - LABEL - 1 < cells:
            return None
        return self.x_axis(chart).x(offset.x - LABEL)

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
        if chart is not None and (known := x_positions(chart)):
            self.point_at(known[-1] if direction > 0 else known[0])

    def go_to(self, count: int, *, words: str = "") -> bool:
        """Show the metric `count` places further, among those whose names contain all words.

        Returns False if no metric matches.
        """
        names = [
            one.name
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
        if chart is None or size.height < 4:
            self.set_rows(self.dim_rows("reading …" if self.curves.figures else self._empty))
            return
        figures = next(one for one in self.curves.figures if one.name == chart.name)
        view = self.state.view_of(chart.name)
        table = table_rows(chart, figures, view, size.width, max(size.height // 3, 2))
        height = max(size.height - len(table) - 2, 3)
        frame = Frame(self.plot_cells(), height, 2, self._names_width())
        rows, self.y_title = plot(chart, view, frame)
        self.set_rows([*rows, *table])

    def action_highlight(self, direction: int) -> None:
        """Draw the next line bright and all others dim; after the last one all as before."""
        chart = self.chart()
        if chart is not None and len(chart.lines) > 1:
            labels = ["", *(line.label for line in chart.lines)][::direction]
            self.apply(replace(self.view, highlight=after(labels, self.view.highlight)))
