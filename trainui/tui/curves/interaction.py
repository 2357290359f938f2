"""Keys and mouse on curves, shared by the pane of small plots and the page of one metric."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainui.store.points.plot_series import Axis
from trainui.tui.curves.cursor_values import next_x, value_at, x_positions
from trainui.tui.curves.state import CurvesState
from trainui.tui.keymap import bindings
from trainui.tui.line_view import RowsView
from trainui.tui.plot_axes import XAxis
from trainui.tui.snapshot.curves import (
    ALL_IN_ONE,
    NOT_READ,
    SMOOTHINGS,
    Chart,
    Comparison,
    Curves,
    CurvesWanted,
    PlotOptions,
    after,
)
from trainui.tui.styled_text import Row, text_rows

BRIEFLY = 1.5
"""Seconds that a notification is shown."""

ZOOM = 0.5
"""Factor by which one key press narrows the window."""

PAN = 0.25
"""Share of the window by which one key press moves it."""


class CurveKeys(RowsView):
    """Plots with shared options; a change of the query is posted to the page."""

    scopes: ClassVar[tuple[str, ...]] = ("curves",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("curves")]

    class CurvesQueryChanged(Message):
        """Other data must be read."""

    class CursorMoved(Message):
        """The cursor moved to a point that was recorded at `time`, in seconds since 1970."""

        def __init__(self, time: float) -> None:
            super().__init__()
            self.time = time

    class Opened(Message):
        """A metric was opened."""

    class ComparisonOpened(Message):
        """The list of curves to compare with was opened."""

    def __init__(self, state: CurvesState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.curves = NOT_READ
        self._empty = ""
        """What is shown if there are no curves."""
        self.attempt: int | None = None
        """The attempt that the page shows; None: all, stitched."""
        self._held_at: int | None = None
        """Screen column of the mouse at the last drag event; None: no drag."""

    def dim_rows(self, text: str) -> list[Row]:
        """Return a text that is shown where there are no plots, wrapped."""
        return text_rows(text, max(self.scrollable_content_region.size.width, 20), "dim")

    @property
    def view(self) -> PlotOptions:
        """The plot options."""
        return self.state.view

    @property
    def words(self) -> list[str]:
        """The attempt shown and the options that differ from the defaults, as short phrases."""
        of = [] if self.attempt is None else [f"attempt {self.attempt}"]
        return [*of, *self.state.words]

    def chart(self) -> Chart | None:
        """Return the chart under the cursor."""
        raise NotImplementedError

    def plot_cells(self) -> int:
        """Return the width of a plot in characters."""
        raise NotImplementedError

    def place_under(self, event: events.MouseEvent) -> float | None:
        """Return the x position under the mouse; None outside of plots."""
        raise NotImplementedError

    def names_to_read(self) -> tuple[str, ...] | None:
        """Return the metrics that are visible; None: not known yet."""
        raise NotImplementedError

    def draw(self) -> None:
        """Redraw everything."""
        raise NotImplementedError

    def wanted(self) -> CurvesWanted:
        """Return the query for what is visible."""
        return CurvesWanted(
            columns=max(2 * self.plot_cells(), 16),
            names=self.names_to_read(),
            view=replace(self.view, cursor=None, highlight=""),
            compared=self.state.drawn,
            attempt=self.attempt,
        )

    def set_curves(self, curves: Curves, empty: str) -> None:
        """Show these curves, or the text `empty` if there are none."""
        self.curves, self._empty = curves, empty
        found = curves.converted  # the window and the cursor, to the new axis
        if found is not None and curves.wanted.view.convert == self.view.convert:
            self.state.view = self.view.converted(found)
        if curves.figures and self.view.axis not in curves.axes:
            self.state.view = replace(self.view.whole(), axis=Axis.STEP)
        self.draw()

    def apply(self, view: PlotOptions) -> None:
        """Apply plot options, redraw, and query the data that they need."""
        self.state.choose(view)
        self.draw()
        self.post_message(self.CurvesQueryChanged())

    def action_point(self, direction: int) -> None:
        """Move the cursor to the next point (1) or the previous one (-1)."""
        chart = self.chart()
        if chart is None:
            return
        x = next_x(x_positions(chart), self.x_axis(chart), self.view, direction)
        if x is not None:
            self.point_at(x)
        elif self.view.window is not None:
            self.action_pan(direction)

    def point_at(self, x: float) -> None:
        """Put the cursor at `x`, and post the time of the point there."""
        self.apply(replace(self.view, cursor=x))
        chart = self.chart()
        for line in chart.lines[:1] if chart is not None else ():
            found = value_at(line, self.view, x)
            if found is not None and math.isfinite(found.time):
                self.post_message(self.CursorMoved(found.time))

    def action_magnify(self, direction: int) -> None:
        """Zoom around the cursor, or around the middle if the cursor is not visible."""
        chart = self.chart()
        if chart is not None:
            around = self.view.cursor
            if around is None or not chart.low <= around <= chart.high:
                around = self.x_axis(chart).x(self.plot_cells() / 2)
            self._zoom(chart, direction, around)

    def x_axis(self, chart: Chart) -> XAxis:
        """Return the x axis of a plot."""
        return XAxis(chart.low, chart.high, self.plot_cells(), chart.log_x)

    def _zoom(self, chart: Chart, direction: int, around: float) -> None:
        if chart.log_x != self.view.log_x:
            return  # not read yet
        factor = ZOOM if direction > 0 else 1 / ZOOM
        self.apply(self.view.zoomed(factor, (chart.low, chart.high), chart.extent, around))

    def action_pan(self, direction: float) -> None:
        """Move the window to the left or right."""
        chart = self.chart()
        if chart is None:
            return
        if self.view.window is None:
            self._say("the whole curve is shown; + zooms in")
            return
        # start from the window of the last key press, even if its data is not read yet
        self.apply(self.view.panned(PAN * direction, self.view.window, chart.extent))

    def action_whole(self) -> None:
        """Show the whole axis."""
        self.apply(self.view.whole())

    def action_smooth(self) -> None:
        """Switch to the next smoothing weight."""
        self.apply(replace(self.view, smoothing=after(SMOOTHINGS, self.view.smoothing)))

    def action_log_scale(self) -> None:
        """Switch the logarithmic y axis on or off."""
        chart = self.chart()
        if chart is not None:
            self.state.log ^= {chart.name}
            self.apply(self.view)

    def action_log_x(self) -> None:
        """Switch the logarithmic x axis on or off."""
        if self.view.axis == Axis.WALL:
            self._say("times of day have no log scale; a changes the axis")
        else:
            self.apply(self.view.with_other_x_scale())

    def action_defaults(self) -> None:
        """Reset all plot options and the comparison."""
        self.state.reset()
        self.apply(self.view)

    def action_axis(self) -> None:
        """Switch to the next x axis."""
        self.apply(self.view.along(after(self.curves.axes, self.view.axis)))

    def action_compare(self) -> None:
        """Choose the curves to compare with."""
        if self.curves is not NOT_READ and not self.curves.figures:
            self._say("there are no metrics to compare")
            return
        self.post_message(self.ComparisonOpened())

    def action_band(self) -> None:
        """Show all members of the sweep as one band, or this stage alone."""
        band = Comparison(sweep=True, fold=ALL_IN_ONE)
        is_alone = self.curves is not NOT_READ and not self.curves.in_sweep
        if is_alone and self.state.compared != band:
            self._say("only a sweep can be drawn as a band")
            return
        self.state.compared = Comparison() if self.state.compared == band else band
        self.apply(self.view)

    def action_best(self) -> None:
        """Put the cursor on the best value."""
        chart = self.chart()
        best = chart.lines[0].best if chart is not None and chart.lines else None
        if chart is None or best is None:
            self._say("cannot tell whether higher or lower is better")
            return
        if not math.isfinite(best[2]):
            self._say("a mean has no single best step")
            return
        if not chart.low <= best[2] <= chart.high:
            self.state.view = replace(self.view, window=None)
        self.point_at(best[2])

    def action_pin(self) -> None:
        """Pin or unpin this metric."""
        chart = self.chart()
        if chart is not None:
            self.state.pin(chart.name)
            self.apply(self.view)

    def _say(self, text: str) -> None:
        self.app.notify(text, timeout=BRIEFLY)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start to drag a zoomed plot; elsewhere dragging selects text, as in any pane."""
        self._was_dragged = False
        in_plot = event.button == 1 and self.place_under(event) is not None
        if in_plot and self.view.window is not None:
            event.prevent_default()
            self._held_at = event.screen_x
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pan while the mouse drags a zoomed plot."""
        if self._held_at is None or event.screen_x == self._held_at:
            return
        by, self._held_at = event.screen_x - self._held_at, event.screen_x
        self._was_dragged = True
        self.action_pan(-by / max(self.plot_cells(), 1) / PAN)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End a drag; after a plain click put the cursor on the nearest point."""
        if self._held_at is not None:
            self.release_mouse()
        elif self._pressed is None or self._selection is not None:
            return
        self._held_at = None
        x = self.place_under(event)
        chart = self.chart()
        if not self._was_dragged and x is not None and chart is not None:
            self.point_at(min(x_positions(chart), key=lambda place: abs(place - x), default=x))
