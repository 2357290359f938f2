"""How a person looks at curves: the state that outlives a page, keys and mouse, and the words.

Shared by the pane of small plots and the page of one metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainui import formatting
from trainui.model.headline_metric import is_clock, is_headline
from trainui.model.records import SeriesSummary
from trainui.record import dataclass
from trainui.store.points.plot_points import Axis
from trainui.tui import axis_marks
from trainui.tui.curve_data import (
    ALL_IN_ONE,
    NOT_READ,
    SMOOTHINGS,
    Chart,
    Comparison,
    Curves,
    CurvesWanted,
    PlotLine,
    PlotOptions,
    after,
    compared_x,
    fold_words,
    next_fold,
    ranking,
    value_at,
    x_positions,
)
from trainui.tui.keymap import bindings
from trainui.tui.line_view import RowsView
from trainui.tui.numbers import number, step
from trainui.tui.plot_axes import XAxis
from trainui.tui.styled_text import Row, short_labels, text_rows

if TYPE_CHECKING:
    from trainui.tui.app_interface import Preferences

PREFERENCE = "curves"
"""Where the choices on curves are in the preferences."""

MOST_PINNED = 100
"""The most pinned metrics that are saved, of all pipelines together."""

MOST_RUNS = 50
"""The most runs whose choices are saved, the last ones used."""

Item = TypeVar("Item")

MOST_NAME = 32
"""Characters of a line's name in a sentence."""

BRIEFLY = 1.5
"""Seconds that a notification is shown."""

ZOOM = 0.5
"""Factor by which one key press narrows the window."""

PAN = 0.25
"""Share of the window by which one key press moves it."""

MANY_STEPS = 10
"""The least span of a window whose ends are whole steps."""


@dataclass(slots=True)
class CurvesState:
    """The user's choices on a run's curves, shared by the pane and the page of one metric.

    What curves are averaged over is neither saved nor shared: it belongs to the pane, or to one
    visit of the page, so that no number is a mean that nobody asked for.
    """

    run_id: str = ""
    view: PlotOptions = field(default_factory=PlotOptions)
    log: set[str] = field(default_factory=set)
    """The metrics with a logarithmic y axis."""
    metric: str = ""
    """The selected metric, by its stored name; empty: the first one."""
    pinned: list[str] = field(default_factory=list)
    """Pinned metrics, which are shown first, in the order of pinning."""
    filter: tuple[str, ...] = ()
    """Words; only metrics whose names contain all of them are shown."""
    compared: Comparison = field(default_factory=Comparison)
    """What the curves are compared with."""
    all_members: bool = False
    """True while a folded sweep is selected: its members are drawn unless others are chosen."""
    first: tuple[str, ...] = ()
    """The metrics that are shown before others, as the reader chose them (`Curves.first`)."""
    time: float | None = None
    """Time of the point under the cursor, until the log has been scrolled to it."""
    slots: dict[str, int] = field(default_factory=dict)
    """The colours of compared lines (`plot.Slots`), the same on all pages."""
    saved: Mapping[str, Any] = field(default_factory=dict)
    """The choices to save, as plain data; read by `restored`."""

    @classmethod
    def restored(cls, saved: Mapping[str, Any], run_id: str) -> CurvesState:
        """Restore the saved choices of a run; invalid values are ignored."""
        runs, pinned = saved.get("runs"), saved.get("pinned")
        own = runs.get(run_id) if isinstance(runs, dict) else None
        own = own if isinstance(own, dict) else {}
        axis, smoothing = own.get("axis"), own.get("smoothing")
        view = PlotOptions(
            axis=next((one for one in Axis if one == axis), Axis.STEP),
            smoothing=next((one for one in SMOOTHINGS if one == smoothing), 0.0),
            log_x=own.get("log_x") is True,
        )
        compared = Comparison(
            attempts=_stored_items(own.get("attempts"), int),
            members=_stored_items(own.get("members"), str),
            runs=_stored_items(own.get("with_runs"), str),
            sweep=own.get("sweep") is True,
            only=own.get("only") is True,
        )
        return cls(
            run_id,
            view,
            set(_stored_items(own.get("log"), str)),
            pinned=list(_stored_items(pinned, str)),
            compared=compared,
            saved=saved,
        )

    @classmethod
    def remembered(cls, preferences: Preferences, run_id: str) -> CurvesState:
        """Return the choices on a run's curves as last used."""
        return cls.restored(preferences.get(PREFERENCE, dict), run_id)

    def remember(self, preferences: Preferences) -> None:
        """Remember the choices for the next time."""
        preferences.keep(PREFERENCE, self.saved)

    @property
    def drawn(self) -> Comparison:
        """What is drawn beside the stage's own curves."""
        return self.compared or Comparison(sweep=self.all_members)

    def averaged_over(self, fold: str | None) -> str | None:
        """Average the curves over something else (`Comparison.fold`); return what it was before."""
        before, self.compared = self.compared.fold, replace(self.compared, fold=fold)
        return before

    def choose(self, view: PlotOptions) -> None:
        """Apply plot options; all of them except window and cursor are saved for the run."""
        self.view = view
        own = {
            "axis": str(view.axis) if view.axis != Axis.STEP else None,
            "smoothing": view.smoothing,
            "log_x": view.log_x,
            "log": sorted(self.log),
            "attempts": list(self.compared.attempts),
            "members": list(self.compared.members),
            "with_runs": list(self.compared.runs),
            "sweep": self.compared.sweep,
            "only": self.compared.only,
        }
        changed = {key: value for key, value in own.items() if value}
        before = self.saved.get("runs")
        runs = dict(before) if isinstance(before, dict) else {}
        runs.pop(self.run_id, None)
        if changed:
            runs[self.run_id] = changed
        kept = dict(list(runs.items())[-MOST_RUNS:])
        self.saved = {"pinned": self.pinned[-MOST_PINNED:], "runs": kept}

    def view_of(self, metric: str) -> PlotOptions:
        """Return the options with which a metric is plotted."""
        return replace(self.view, log=True) if metric in self.log else self.view

    def reset(self) -> None:
        """Set all options of the plots to their defaults, and remove the comparison."""
        self.log.clear()
        self.compared = Comparison()
        self.choose(PlotOptions())

    @property
    def words(self) -> list[str]:
        """Return the choices that differ from the defaults, as short phrases."""
        compared = [self.compared.words] if self.compared else []
        return [*compared, *self.view.words]

    def pin(self, metric: str) -> None:
        """Pin or unpin a metric."""
        if metric in self.pinned:
            self.pinned.remove(metric)
        else:
            self.pinned.append(metric)

    def shown(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the metrics that pass the filter: pinned ones, those to show first, losses and
        scores, then others.

        Without a filter, clocks (epoch, time) are left out unless there is nothing else: they are
        axes.
        """
        fitting = [
            one for one in figures if all(word in one.name.casefold() for word in self.filter)
        ]
        hidden = self.hidden(figures)
        fitting = [one for one in fitting if one not in hidden] or fitting
        return sorted(fitting, key=self._rank)

    def hidden(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the clocks that are left out."""
        if self.filter:
            return []
        return [one for one in figures if one.name not in self.pinned and is_clock(one.name)]

    def _rank(self, one: SeriesSummary) -> tuple[int, bool]:
        leading = [*self.pinned, *self.first]
        if one.name in leading:
            return leading.index(one.name), False
        return len(leading), not is_headline(one.name)


def _stored_items(value: Any, kind: type[Item]) -> tuple[Item, ...]:
    """Return the items of a list that are of a kind; of anything else none."""
    return tuple(one for one in value if isinstance(one, kind)) if isinstance(value, list) else ()


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
        self.state.first = curves.first
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

    def action_fold(self) -> None:
        """Average the curves over the next choice, or say why nothing changes."""
        if not self.curves.figures:
            self._say("there are no metrics to average")
            return
        self.state.compared, remark = next_fold(self.state.drawn, self.curves.folds)
        self.apply(self.view)
        words = remark or fold_words(self.state.drawn.fold, self.curves.folds)
        self.notify(words, timeout=2 * BRIEFLY)

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


# --- what the curves say, in words


def leader_text(chart: Chart, view: PlotOptions) -> str:
    """Return which line leads, by how much and where; empty if nothing can be compared."""
    ranked = ranking(chart, view)
    if len(ranked) < 2:
        return ""
    (best, first_line), (second, second_line) = ranked[:2]
    pairs = tuple(line.pairs or (("", line.label),) for line in chart.lines)
    names = short_labels(pairs, MOST_NAME)
    leader, other = (names[chart.lines.index(one)] for one in (first_line, second_line))
    where = position_text(compared_x(chart, view), view.axis, chart.unit)
    if best == second:
        return f"{leader} and {other} are equal {where}"
    return f"{leader} leads by {number(abs(best - second))} {where}"


def position_text(x: float, axis: Axis, unit: str) -> str:
    """Return e.g. `at step 4k` or `after 3m 20s`; empty for NaN. `unit`: what a step counts."""
    if math.isnan(x):
        return ""
    if axis == Axis.STEP:
        return f"at {unit} {step(x)}"
    if axis == Axis.EPOCH:
        return f"at epoch {x:.4g}"
    if axis == Axis.WALL:
        return f"at {axis_marks.moment(x)}"
    words = formatting.duration(x) if x >= 1 else axis_marks.short_duration(x)
    return f"after {words}" + (" of GPU time" if axis == Axis.GPU else "")


def zoom_text(chart: Chart, view: PlotOptions) -> str:
    """Return e.g. `zoom 2x, steps 18k to 36k`; empty if the whole axis is shown."""
    if view.window is None:
        return ""
    span = chart.high - chart.low
    whole = XAxis(*chart.extent, 1, chart.log_x)
    factor = 1 / ((whole.share(chart.high) - whole.share(chart.low)) or 1.0)
    times = f"{factor:,.{1 if factor < 9.95 else 0}f}".removesuffix(".0")
    if view.axis in (Axis.STEP, Axis.EPOCH):
        stride = span / 100
        if view.axis == Axis.STEP and span >= MANY_STEPS:
            stride = max(stride, 1.0)  # most steps are whole numbers
        low, high = (axis_marks.count(x, stride) for x in (chart.low, chart.high))
        unit = chart.unit if view.axis == Axis.STEP else str(view.axis)
        return f"zoom {times}x, {unit}s {low} to {high}"
    if view.axis == Axis.WALL:
        ends = (axis_marks.moment(x) for x in (chart.low, chart.high))
    else:
        ends = (axis_marks.fine_duration(x, span / 100) for x in (chart.low, chart.high))
    return f"zoom {times}x, {' to '.join(ends)}"


def best_text(line: PlotLine) -> str:
    """Return e.g. `0.1123 at 3.2k`; of a mean the value alone. Empty if there is no best value."""
    if line.best is None:
        return ""
    value, at, _ = line.best
    return f"{number(value)} at {step(at)}" if math.isfinite(at) else number(value)


def next_x(
    known: Sequence[float], across: XAxis, view: PlotOptions, direction: int
) -> float | None:
    """Return the next point to the right (1) or left (-1) in another character of the plot."""
    cursor = view.cursor
    if cursor is None:
        return next(iter(known[::direction]), None)
    here = across.column(cursor)
    if direction > 0:
        return next((x for x in known if x > cursor and across.column(x) != here), None)
    before = [(across.column(x), x) for x in known if x < cursor and across.column(x) != here]
    return next((x for column, x in before if column == before[-1][0]), None)
