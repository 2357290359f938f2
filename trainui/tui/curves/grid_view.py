"""The pane of a stage's metrics: small plots, one of them selected."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType

from trainui.formatting import quantity
from trainui.model.records import SeriesSummary
from trainui.model.states import STALLED
from trainui.text import harmless
from trainui.tui.axis_marks import LABEL
from trainui.tui.curve_data import (
    NOT_READ,
    Chart,
    Curves,
    PlotLine,
    PlotOptions,
    best_line,
    last_value,
    ranking,
    value_at,
)
from trainui.tui.curves.interaction import CurveKeys, CurvesState, zoom_text
from trainui.tui.curves.plot import (
    MOST_NAME,
    LineStyle,
    Styles,
    legend_rows,
    name_of,
    names_width,
    odd_word,
    plot,
    shared_styles,
    short_names,
    styles_of,
)
from trainui.tui.keymap import bindings
from trainui.tui.numbers import number
from trainui.tui.plot_axes import Frame, is_one_value
from trainui.tui.snapshot import Cache
from trainui.tui.styled_text import (
    ELLIPSIS,
    Row,
    Segment,
    beside,
    cut,
    cut_end,
    fit,
    told_apart,
    width_of,
)
from trainui.tui.styled_text import shared_ending as names_ending
from trainui.tui.styles import CURVES

LABEL_WIDTH = LABEL + 1
"""Characters left of a plot: its labels and its axis."""

CELL_WIDTH, NAMED_WIDTH = 28, 32
"""The least width of a plot with its labels, in characters; with names beside it also theirs."""

GAP = 2
"""Characters between two plots side by side."""

LEAST_HEIGHT, ENOUGH, MOST_HEIGHT = 4, 10, 16
"""Lines of a plot: the least, those above which width counts more than height, and the most."""

PAGED_HEIGHT = 6
"""Lines of a plot if there is no room for all."""

LEAST_NAME = 10
"""Characters of a metric's name that matter more than its value beside labels with an offset."""

MOST_LABEL = 20
"""The most characters of a line's name in the title of its plot."""

SHORT_VALUE = 12
"""Characters of a title that its value takes, with the signs before the metric's name."""

LAST, BEST = Segment("last ", "dim"), Segment("best ", "dim")
"""Before the last value of a metric, and before the best of several lines."""

LEAST_SHARED = 6
"""The least length of a shared suffix that is cut from names that are too long."""

LEAST_COUNT, BLOW_UP, LATE = 10, 1e3, 10
"""Points from which a metric is called constant; the multiple of its middle value that a metric
that explodes has reached; and the share of its columns (one in so many) at whose end it has."""

MOST_HIDDEN = 3
"""Most names of hidden metrics in the subtitle."""

LEAST_NAMED = 6
"""Least lines of a plot with names at its right; smaller ones have a legend above them."""


class Spacing(NamedTuple):
    """The lines around a plot besides its title."""

    axis: int
    gap: int

    @property
    def total(self) -> int:
        """All lines that a plot needs besides its own."""
        return 1 + self.axis + self.gap


SPACINGS = (Spacing(1, 1), Spacing(1, 0))
"""With an axis and a gap, and with an axis alone: a rule beside each title separates the plots."""


class PlotGrid:
    """The layout of plots in a pane: the tallest at which all are visible, then the widest."""

    def __init__(self, width: int, height: int, count: int, names: int = 0) -> None:
        """Lay out plots; `names` is the width of the names at the right of each one, 0: none."""
        self.names = names
        least = NAMED_WIDTH + names if names else CELL_WIDTH
        most = max(1, min(count, (width + GAP) // (least + GAP)))
        found = (_fitting(height, count, most, spacing) for spacing in SPACINGS)
        chosen = next(filter(None, found), None)
        self.columns, self.plot_height, self.spacing = chosen or _paged(height, most)
        self.cell_width = max((width - GAP * (self.columns - 1)) // self.columns, 12)

    @classmethod
    def of_values(cls, width: int, longest: int) -> PlotGrid:
        """Lay out metrics of one value each: a line of text each, and no plot."""
        grid = cls(width, LEAST_HEIGHT, 1)
        grid.plot_height, grid.spacing = 0, Spacing(0, 0)
        grid.cell_width = min(width, longest + SHORT_VALUE)
        return grid

    @property
    def plot_width(self) -> int:
        """Width of a plot without its labels, in characters."""
        return max(self.cell_width - LABEL_WIDTH - self.names, 5)

    @property
    def row_height(self) -> int:
        """Lines from one plot to the one below it."""
        return self.plot_height + self.spacing.total

    def visible_rows(self, height: int) -> int:
        """Return how many rows of whole plots a pane of `height` lines shows, at least one."""
        return max((height + self.spacing.gap) // self.row_height, 1)


laid_out = lru_cache(maxsize=64)(PlotGrid)
"""Lays out plots; cached."""

_PlotLayout = tuple[int, int, Spacing]
"""Columns, lines of a plot, and what is around it."""


def _fitting(height: int, count: int, most: int, spacing: Spacing) -> _PlotLayout | None:
    """Return the best layout of all plots with a spacing; None if they do not fit."""
    rooms = (
        (columns, (height + spacing.gap) // -(-count // columns) - spacing.total)
        for columns in range(1, most + 1)
    )
    found = [(columns, room) for columns, room in rooms if room >= LEAST_HEIGHT]
    if not found:
        return None
    columns, room = max(found, key=lambda one: (min(one[1], ENOUGH), -one[0]))
    return columns, min(room, MOST_HEIGHT), spacing


def _paged(height: int, most: int) -> _PlotLayout:
    """Return the layout of plots of which not all fit."""
    spacing = SPACINGS[1]
    few = min(height // (LEAST_HEIGHT + spacing.total), 2)
    rows = max(height // (PAGED_HEIGHT + spacing.total), few, 1)
    plot_height = max(height // rows - spacing.total, LEAST_HEIGHT)
    if rows * (plot_height + SPACINGS[0].total) - SPACINGS[0].gap <= height:
        spacing = SPACINGS[0]
    return most, min(plot_height, MOST_HEIGHT), spacing


class PlotCell(NamedTuple):
    """One cell of the grid: a metric and its plot."""

    figures: SeriesSummary
    chart: Chart | None
    """None: not read yet."""
    view: PlotOptions = PlotOptions()
    pinned: bool = False
    selected: bool = False
    styles: tuple[LineStyle, ...] | None = None
    """The styles of compared lines; None: nothing is compared."""


def grid_rows(cells: Sequence[PlotCell], grid: PlotGrid) -> list[Row]:
    """Draw metrics row by row."""
    lines: list[Row] = []
    names = tuple(harmless(cell.figures.name) for cell in cells)
    for start in range(0, len(cells), grid.columns):
        part = [
            cell_rows(cell, grid, start + at, names)
            for at, cell in enumerate(cells[start : start + grid.columns])
        ]
        if lines:
            lines += [()] * grid.spacing.gap
        lines += [beside(rows, grid.cell_width + GAP) for rows in zip(*part, strict=True)]
    return lines


def cell_rows(cell: PlotCell, grid: PlotGrid, at: int, names: tuple[str, ...] = ()) -> list[Row]:
    """Draw one metric: a title line with its name and last value, and its plot.

    `at` is its index among all cells, and `names` are all of their names.
    """
    chart, y_title, feet = cell.chart, "", grid.spacing.axis
    styles = cell.styles or (LineStyle(f"curve-{at % CURVES + 1}", "●"),)
    if not grid.plot_height:
        return [_title(cell, grid, styles, names, "")]
    rows: Sequence[Row] = [(Segment(" " * LABEL), Segment("│", "line"))] * grid.plot_height
    rows = [*rows, *[()] * feet]
    if chart is not None:
        frame = Frame(grid.plot_width, grid.plot_height, feet, grid.names)
        rows, y_title = plot(chart, cell.view, frame, styles[: len(chart.lines)])
    return [_title(cell, grid, styles, names, y_title), *rows]


def _title(
    cell: PlotCell,
    grid: PlotGrid,
    styles: Sequence[LineStyle],
    names: tuple[str, ...],
    y_title: str,
) -> Row:
    """Return the name, and at the right what to do with the labels, and a value.

    The value's words go before the name is shortened, of a best value the line's name before
    `best`, and all of it before the labels' meaning.
    """
    right = [Segment(f"{y_title}  ", "warn")] if y_title else []
    if cell.view.log:
        right.append(Segment("log y  ", "key"))
    if (word := behaviour(cell.figures, cell.chart)) is not None:
        right.append(Segment(f"{word}  ", "dim" if word == CONSTANT else "bad"))
    alerts = [one for one in cell.chart.annotations if one.is_alert] if cell.chart else []
    if alerts:
        is_stall = all(one.words.startswith(STALLED) for one in alerts)
        right.append(Segment(f"{STALLED if is_stall else 'alert'}  ", "warn"))
    sign = "▸ " * cell.selected + "◆ " * cell.pinned
    value = _value(cell, styles)
    least = len(sign) + cell_len(harmless(cell.figures.name)) + 1
    if words := _not_finite(cell):
        needed = len(sign) + 2 + width_of((_with_short_mean(value[-1]),))
        spare = grid.cell_width - cell_len(harmless(cell.figures.name)) - width_of(tuple(right))
        fitting = (word for word in words if cell_len(word) + max(needed, SHORT_VALUE) < spare)
        right.append(Segment(f"{next(fitting, words[-1])}  ", "bad"))
    while len(value) > 1 and least + width_of((*right, *value)) > grid.cell_width:
        value = (*value[:-2], value[-1]) if value[:-2][-1:] == (BEST,) else value[1:]
    if least + width_of((*right, *value)) > grid.cell_width:
        value = (*value[:-1], _with_short_mean(value[-1]))
    if _has_no_leader(cell) and least + width_of((*right, *value)) > grid.cell_width:
        value = ()
    if y_title and grid.cell_width - width_of((*right, *value)) <= LEAST_NAME:
        value = ()
        right[-1] = Segment(right[-1].text.rstrip(), right[-1].style)
    right = [*cut((*right, *value), grid.cell_width - 2)]
    room = grid.cell_width - width_of(tuple(right)) - 1
    name = harmless(cell.figures.name)
    if width_of((Segment(name),)) > room - len(sign):
        known = names or (name,)
        name = _shortened(known, room - len(sign))[known.index(name)]
    name = fit(sign + name, room).rstrip()
    rule = "" if grid.spacing.gap else "─" * (room - cell_len(name) - 1)
    between = (Segment(" "), Segment(fit(rule, room - cell_len(name)), "line"))
    return (Segment(name, "title" if cell.selected else "strong"), *between, *right)


def _not_finite(cell: PlotCell) -> list[str]:
    """Say how many values are not finite, or lines have such, in ever fewer words; none: empty."""
    lines = cell.chart.lines if cell.chart is not None else ()
    odd = [line for line in lines if line.odd]
    word = odd_word(odd) or "NaN/inf"
    if len(lines) > 1:
        return [f"{len(odd)} with {word}", f"!{len(odd)} {word}", word] if odd else []
    if cell.figures.nonfinite:
        return [f"{cell.figures.nonfinite:,} {word}", word]
    return [word] if odd else []  # in another member of a mean


CONSTANT, EXPLODES = "constant", "explodes"
"""The words for a metric with one value, and for one that grows without bound."""


def behaviour(figures: SeriesSummary, chart: Chart | None) -> str | None:
    """Return a word for a metric that is constant or explodes; None for any other."""
    if figures.nonfinite:
        return None
    known = [one for one in (figures.min, figures.max) if one is not None]
    if known and figures.count >= LEAST_COUNT and is_one_value(known[0], known[-1]):
        return CONSTANT
    if chart is None or len(chart.lines) != 1:
        return None
    sizes = [abs(value) for value in chart.lines[0].means if value == value]
    late = max(sizes[-max(len(sizes) // LATE, 1) :], default=0.0)
    middle = median(sizes) if len(sizes) >= LEAST_COUNT else 0.0
    return EXPLODES if 0 < BLOW_UP * middle < late and late > 1 else None


def _value(cell: PlotCell, styles: Sequence[LineStyle]) -> Row:
    """Return the first line's value at the cursor, else its last one, with the line's name.

    Of a whole sweep, it is the leader's value at the cursor, else the best value of all.
    """
    view, chart = cell.view, cell.chart
    if chart is None or not chart.lines:
        return (LAST, Segment(number(cell.figures.last), styles[0].style))
    raw = (Segment("raw ", "dim"),) * bool(view.smoothing)
    line = chart.lines[0]
    best = best_line(chart) if chart.whole_sweep and view.cursor is None else None
    if best is not None and best.best is not None:
        style = styles[chart.lines.index(best)].style
        shown = Segment(_of_mean(best, number(best.best[0])), style)
        return (*raw, BEST, Segment(_named(best, chart), style), shown)
    if _has_no_leader(cell):
        return (*raw, LAST, Segment(_range(chart, view)))  # none of the lines is the one to name
    if chart.whole_sweep and (ranked := ranking(chart, view)):
        line = ranked[0][1]
    is_other = len(chart.lines) > 1 or line.members or not line.own or line.is_member
    is_alone = len(chart.lines) == 1 and line.members  # it is named by being a mean
    name = _named(line, chart) if is_other and not is_alone else ""
    style = styles[chart.lines.index(line)].style
    # the line's own, also of one alone: the figures are read more often than the lines
    end = last_value(line, view) if is_other or line.last is not None else None
    last = _of_mean(line, number(cell.figures.last if end is None else end.value))
    names = (Segment(name, style),) * bool(name)
    if view.cursor is None:
        value = cell.figures.last if end is None else end.value
        is_odd = value is not None and not math.isfinite(value)
        return (*raw, LAST, *names, Segment(last, "bad" if is_odd else style))
    found = value_at(line, view, view.cursor)
    if found is None:
        return (Segment(f"{name}last {last}" if view.cursor > line.end else "–", "dim"),)
    return (*names, Segment(_of_mean(line, number(found.smoothed)), "accent"))


MEAN, _OF_MEAN = "mean ", re.compile(r"mean of \d+ ")
"""Before a value that is a mean: in brief, and with the number of its lines."""


def _with_short_mean(value: Segment) -> Segment:
    return value._replace(text=_OF_MEAN.sub(MEAN, value.text))


def _of_mean(line: PlotLine, value: str) -> str:
    """Return a value; of a line that is a mean, that it is one, and of how many lines."""
    return f"mean of {len(line.members)} {value}" if line.members else value


def _has_no_leader(cell: PlotCell) -> bool:
    """Return True for a whole sweep of which no line is better than another."""
    chart = cell.chart
    is_known = chart is None or not chart.whole_sweep or chart.lower_is_better is not None
    return not is_known and cell.view.cursor is None


def _range(chart: Chart, view: PlotOptions) -> str:
    """Return the least and the greatest last value of a plot's lines."""
    ends = [end.value for line in chart.lines if (end := last_value(line, view)) is not None]
    shown = [number(one) for one in sorted(filter(math.isfinite, ends))] or ["–"]
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]} to {shown[-1]}"


def _named(line: PlotLine, chart: Chart) -> str:
    """Return a line's name as far as it differs from those of the others."""
    names = short_names(chart.lines, MOST_LABEL)
    return f"{names[chart.lines.index(line)]} "


def shared_ending(names: Sequence[str]) -> str:
    """Return the suffix that all names share, from a separator on; empty if it is short."""
    ending = names_ending(names, "/._-")
    return ending if len(ending) >= LEAST_SHARED else ""


@lru_cache(maxsize=256)
def _shortened(names: tuple[str, ...], room: int) -> tuple[str, ...]:
    """Shorten names to `room` cells so that none looks like another.

    Where they would look alike cut at their ends, first goes what all share there.
    """
    cut_names = [cut_end(name, room) for name in names]
    if len(set(cut_names)) == len(set(names)):
        return tuple(cut_names)
    ending = shared_ending(names)
    if not ending:
        return tuple(told_apart(names, room))
    found = told_apart([name.removesuffix(ending) for name in names], room - 1)
    return tuple(short.removesuffix(ELLIPSIS) + ELLIPSIS for short in found)


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
            words.append(f"not drawn: {', '.join(one.name for one in hidden[:MOST_HIDDEN])}")
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
        """Select the plot below or above."""
        if not self.shown:
            super().action_line(count)
            return
        columns = self._grid().columns
        at = self._at() + (columns if count > 0 else -columns)
        if at >= len(self.shown) > 0 and self._at() // columns < (len(self.shown) - 1) // columns:
            at = len(self.shown) - 1  # the last row is shorter
        self._select(at)

    def action_beside(self, count: int) -> None:
        """Select the plot at the right or left, from the end of a row in the next one."""
        self._select(self._at() + count)

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
        if self._are_values():
            longest = max(cell_len(harmless(one.name)) for one in self.shown)
            return PlotGrid.of_values(width, longest + cell_len("▸ ◆ "))
        height = max(height - len(self._problem_rows()), height // 2)
        return laid_out(width, height, max(len(self.shown), 1), self._names)

    def _are_values(self) -> bool:
        """Return True if each metric has one value: in a plot, it would be a lone dot."""
        charts = (self.curves.chart(one.name) for one in self.shown)
        is_compared = any(chart is not None and len(chart.lines) > 1 for chart in charts)
        return bool(self.shown) and all(one.count == 1 for one in self.shown) and not is_compared

    def _name_lines(self, curves: Curves) -> None:
        """Put the names of compared lines beside the plots, or above them if these are small."""
        found = shared_styles(curves.charts, self.view.highlight, self.state.slots)
        own = {name_of(line) for chart in curves.charts for line in chart.lines if line.own}
        if found or not own <= self._shared.keys():  # else other plots have the compared lines
            self._shared = found
        by_name = {name_of(line): line for chart in curves.charts for line in chart.lines}
        lines = [by_name[name] for name in self._shared if name in by_name]
        bright_lines = [line for line in lines if self._shared[name_of(line)].bright]
        most = min(MOST_NAME, self.scrollable_content_region.width // 3)
        self._names, self._legend = names_width(bright_lines, most) if self._shared else 0, []
        if not self._names:
            return
        grid, bright = self._grid(), sum(style.bright for style in self._shared.values())
        is_high = grid.plot_height >= max(bright, LEAST_NAMED)
        is_wide = grid.cell_width >= NAMED_WIDTH + grid.names
        if not (is_high and is_wide and self._fits(grid, self.page_height)):
            self._names = 0
            self._legend = legend_rows(lines, self._shared, self.scrollable_content_region.width)

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
