"""The pane of a stage's metrics: small plots, one of them selected."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType

from trainui.domain.records import SeriesSummary
from trainui.formatting import quantity
from trainui.tui.curves.cursor_values import zoom_text
from trainui.tui.curves.drawing.line_styles import (
    Styles,
    legend_rows,
    names_width,
    shared_styles,
    styles_of,
)
from trainui.tui.curves.grid import (
    GAP,
    LABEL_WIDTH,
    NAMED_WIDTH,
    PlotCell,
    PlotGrid,
    grid_rows,
    laid_out,
)
from trainui.tui.curves.interaction import CurveKeys
from trainui.tui.curves.state import CurvesState
from trainui.tui.data.cache import Cache
from trainui.tui.data.curves import NOT_READ, Chart, Curves
from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Row, Segment

MOST_HIDDEN = 3
"""Most names of hidden metrics in the subtitle."""

LEAST_NAMED = 6
"""Least lines of a plot with names at its right; smaller ones have a legend above them."""


class CurvesView(CurveKeys):
    """A scrollable grid of plots."""

    scopes = ("metrics", "curves")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("metrics")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(CurvesState(), id=id)
        self._problems: tuple[str, ...] = ()
        self._shared: Styles = {}
        """The styles of compared lines; empty: nothing is compared."""
        self._names = 0
        """Width of the lines' names at the right of the plots; 0: none."""
        self._compares = False
        """True if the list of curves to compare with opens once the curves have been read."""
        self._shown = Cache[list[SeriesSummary]]()
        """The metrics in the order of the plots, for the figures, the filter and the pins."""
        self._legend: list[Row] = []
        """The lines' names above the plots; empty: they are beside them, or there are none."""

    @property
    def shown(self) -> list[SeriesSummary]:
        """The metrics that pass the filter, in the order of the plots."""
        figures, state = self.curves.figures, self.state
        chosen_by = figures, state.filter, tuple(state.pinned)
        return self._shown.read(chosen_by, lambda: state.shown(figures))

    @property
    def summary(self) -> Row:
        """The pane's subtitle: the plot options, what is hidden, and the number of metrics."""
        if not self.curves.figures:
            return ()
        shown, count = self.shown, len(self.curves.figures)
        words = [self.curves.choice] if self.curves.choice else []
        hidden = self.state.hidden(self.curves.figures)
        of = f"{len(shown)} of " if len(shown) + len(hidden) != count else ""
        words.append(f"{of}{quantity(count, 'metric')}")
        if hidden and shown:
            words.append(f"without {', '.join(one.name for one in hidden[:MOST_HIDDEN])}")
        chart = self.chart()
        zoom = zoom_text(chart, self.view) if chart is not None else ""
        changed = "  ".join(filter(None, (*self.words, zoom)))
        bright = (Segment(changed, "key"), Segment("  D resets  ", "dim")) if changed else ()
        more = f"{hidden_plots} out of view  " if (hidden_plots := self._hidden_plots()) else ""
        return (Segment(more, "dim"), *bright, Segment("  ".join(words), "dim"))

    def fixed_rows(self) -> int:
        """The legend, and without a border the summary if it says more than a number."""
        return int(self._has_summary()) + len(self._legend)

    def _has_summary(self) -> bool:
        if self._is_framed or not self.shown:
            return False
        width, height = self.scrollable_content_region.size
        grid = laid_out(width, height, len(self.shown))
        return bool(self.words or self.view.window or not self._fits(grid, height))

    def _hidden_plots(self) -> int:
        """Return how many plots are not visible."""
        grid, height = self._grid(), self.page_height
        first = self.scroll_offset.y // grid.row_height
        visible = grid.visible_rows(height) * grid.columns
        count = len(self.shown)
        return count - min(visible, max(count - first * grid.columns, 0))

    def show_curves(self, curves: Curves, empty: str, problems: tuple[str, ...]) -> None:
        """Show these curves or the text `empty`, and below it the problems of metric sources."""
        if curves is not self.curves or (empty, problems) != (self._empty, self._problems):
            self._problems = problems
            self.set_curves(curves, empty)
        if self._compares and self.screen.focused is self:
            self.compare()
        else:
            self._compares = False  # else it would open at a later visit

    def forget(self) -> None:
        """Forget the curves of a stage that is no longer selected."""
        self.curves = NOT_READ

    def compare(self) -> None:
        """Choose the curves to compare with, as soon as they have been read."""
        is_empty = self.curves is not NOT_READ and not self.curves.figures
        self._compares = self.chart() is None and not is_empty
        if not self._compares:
            self.action_compare()

    def filter(self, text: str) -> int:
        """Show only the metrics whose names contain all words; return how many there are."""
        self.state.filter = tuple(text.casefold().split())
        self.scroll_to(y=0, animate=False)
        self.apply(self.view)
        return len(self.shown)

    def on_resize(self) -> None:
        """Lay out the plots again."""
        self.draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show or hide the cursor."""
        super().watch_has_focus(has_focus)
        self.draw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Query the plots that were scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.draw()
            self.post_message(self.CurvesQueryChanged())

    def chart(self) -> Chart | None:
        """Return the chart of the selected metric."""
        shown = self.shown
        return self.curves.chart(shown[self._at()].name) if shown else None

    def names_to_read(self) -> tuple[str, ...] | None:
        """Return the metrics whose plots are visible."""
        shown = self.shown
        if not shown:
            return None
        grid = self._grid()
        top = self.scroll_offset.y // grid.row_height
        rows = -(-self.page_height // grid.row_height) + 1
        first = max(min(top, len(shown) - 1), 0) * grid.columns
        return tuple(one.name for one in shown[first : first + rows * grid.columns])

    def plot_cells(self) -> int:
        """Return the width of a plot in characters."""
        return self._grid().plot_width

    def place_under(self, event: events.MouseEvent) -> float | None:
        """Return the x position under the mouse, and select the plot that the mouse is on."""
        offset = event.get_content_offset(self)
        grid, shown = self._grid(), self.shown
        if offset is None:
            return None
        column, x = divmod(offset.x, grid.cell_width + GAP)
        y = offset.y - self.fixed_rows() + self.scroll_offset.y
        at = y // grid.row_height * grid.columns + column
        if column >= grid.columns or not 0 <= at < len(shown):
            return None
        self._select(at)
        chart = self.curves.chart(shown[at].name)
        if chart is None or not 0 <= x - LABEL_WIDTH < grid.plot_width:
            return None
        return self.x_axis(chart).x(x - LABEL_WIDTH + 1)

    def on_click(self, event: events.Click) -> None:
        """Open a metric with a double click."""
        if event.chain > 1 and self.shown:
            self.post_message(self.Opened())

    def action_open(self) -> None:
        """Open the selected metric."""
        if self.shown:
            self.state.metric = self.shown[self._at()].name
            self.post_message(self.Opened())

    def action_line(self, count: int) -> None:
        """Select the plot below or above; from the end of a column continue in the next one."""
        shown, columns = self.shown, self._grid().columns
        if not shown:
            super().action_line(count)
            return
        order = [at for first in range(columns) for at in range(first, len(shown), columns)]
        place = order.index(self._at()) + (1 if count > 0 else -1)
        self._select(order[max(min(place, len(order) - 1), 0)])

    def action_half_page(self, count: int) -> None:
        """Select the plot `count` rows further down."""
        columns = self._grid().columns
        self._select(max(min(self._at() + count * columns, len(self.shown) - 1), 0))

    def action_end(self, direction: int) -> None:
        """Select the first or the last plot."""
        self._select(len(self.shown) - 1 if direction > 0 else 0)

    def _at(self) -> int:
        """Return the index of the selected metric among those shown."""
        names = [one.name for one in self.shown]
        return names.index(self.state.metric) if self.state.metric in names else 0

    def _select(self, at: int) -> None:
        shown, grid = self.shown, self._grid()
        if not 0 <= at < len(shown):
            return
        self.state.metric = shown[at].name
        self.draw()
        page = self._page_rows()
        top = at // grid.columns * grid.row_height // page * page
        if self.scroll_offset.y != top:
            self.scroll_to(y=top, animate=False)

    def _grid(self) -> PlotGrid:
        width, height = self.scrollable_content_region.width, self.page_height
        height = max(height - len(self._problem_rows()), height // 2)
        return laid_out(width, height, max(len(self.shown), 1), self._names)

    def _name_lines(self, curves: Curves) -> None:
        """Put the names of compared lines beside the plots, or above them if these are small."""
        found = shared_styles(curves.charts, self.view.highlight)
        own = {line.label for chart in curves.charts for line in chart.lines if line.own}
        if found or not own <= self._shared.keys():  # else other plots have the compared lines
            self._shared = found
        self._names, self._legend = names_width(list(self._shared)) if self._shared else 0, []
        if not self._names:
            return
        grid, bright = self._grid(), sum(style.bright for style in self._shared.values())
        is_high = grid.plot_height >= max(bright, LEAST_NAMED)
        is_wide = grid.cell_width >= NAMED_WIDTH + grid.names
        if not (is_high and is_wide and self._fits(grid, self.page_height)):
            self._names = 0
            self._legend = legend_rows(self._shared, self.scrollable_content_region.width)

    def _fits(self, grid: PlotGrid, height: int) -> bool:
        """Return True if all plots are visible at once."""
        return grid.visible_rows(height) * grid.columns >= len(self.shown)

    def _problem_rows(self) -> list[Row]:
        return [row for one in self._problems for row in self.dim_rows(f"! {one}")]

    def draw(self) -> None:
        """Draw all plots, and the plot options in the lower border."""
        self.set_subtitle(self.summary)
        shown, curves = self.shown, self.curves
        if not shown:
            text = "no metric matches the filter; esc shows all" if curves.figures else self._empty
            self.set_rows([*self.dim_rows(text), *self._problem_rows()])
            return
        self._name_lines(curves)
        at = self._at() if self.has_focus else -1
        cells = [
            PlotCell(
                one,
                chart := curves.chart(one.name),
                self.state.view_of(one.name),
                pinned=one.name in self.state.pinned,
                selected=index == at,
                styles=styles_of(chart, self._shared) if chart and self._shared else None,
                of_sweep=curves.wanted.compared.sweep,
            )
            for index, one in enumerate(shown)
        ]
        rows = grid_rows(cells, self._grid())
        if self._hidden_plots():  # so that the last page can be scrolled to the top
            page = self._page_rows()
            rest = max(self.page_height - page, 0)
            rows += [()] * (-len(rows) % page + rest)
            if (first := self.scroll_offset.y) % page == 0:  # no title without its plot
                rows[first + page : first + page + rest] = [()] * rest
        head = [self.summary] if self._has_summary() else []
        self.set_rows([*head, *self._legend, *rows, *self._problem_rows()])

    def _page_rows(self) -> int:
        """Return the lines of the plots that are visible at once."""
        grid = self._grid()
        return grid.visible_rows(self.page_height) * grid.row_height
