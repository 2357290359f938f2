"""The page of one metric: a large plot, compared with other curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, product, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from trainui.errors import TrainuiError
from trainui.formatting import listed, quantity, short_id
from trainui.model.records import SeriesSummary, StageRecord
from trainui.model.states import ENDED, Status
from trainui.pipeline.matrix import mean
from trainui.store.points.plot_points import Axis
from trainui.text import SYMBOLS, harmless, markdown_cell
from trainui.tui import axis_marks, run_actions
from trainui.tui.app_interface import Target, run_label
from trainui.tui.axis_marks import LABEL
from trainui.tui.curve_data import (
    AXES,
    NO_VERDICT,
    Chart,
    PlotLine,
    PlotOptions,
    SeedVerdict,
    after,
    best_line,
    compared_x,
    fold_words,
    last_value,
    value_at,
    x_positions,
)
from trainui.tui.curves.interaction import (
    CurveKeys,
    CurvesState,
    best_text,
    leader_text,
    position_text,
    zoom_text,
)
from trainui.tui.curves.plot import (
    SAMPLE,
    LineStyle,
    line_places,
    line_styles,
    names_width,
    odd_word,
    plot,
    short_names,
)
from trainui.tui.keymap import bindings
from trainui.tui.numbers import exact_step, number
from trainui.tui.page import Jump, Page
from trainui.tui.plot_axes import Frame
from trainui.tui.snapshot import CurvesPage, MetricQuery, Snapshot
from trainui.tui.styled_text import (
    Row,
    Segment,
    cut,
    fit,
    joined,
    labelled,
    packed,
    shared_out,
    text_rows,
    told_apart,
    width_of,
)
from trainui.tui.widgets import Bar

if TYPE_CHECKING:
    from trainui.control.compare import MoreSeeds

OWN = "curve-1"
"""The style of a plot's only line."""

NAN_SIGN, SINCE = "  × ", " since "
"""Before the word for values that are not finite, and before the step of the first one."""

MOST_LEFT_OUT = 2
"""Runs that are named with the reason why they are not drawn; the others are counted."""

VALUE = 10
"""Width of a column of values in characters."""

COLUMNS, LEAST_NAME = 10 + 2 + VALUE, 12
"""Characters of a line of the table besides the name, the value at the cursor and the best one, and
the least of the name."""

RANK, RANKED_BY, ANY_STEP = "#", "▾", "best at any step"
"""Headings of the table: of the lines' places, behind that of the value which decides them, and of
each line's best value, wherever it is."""

AND_BEST = ";  at any step the best is "
"""Between the leader at the cursor and another line with the best value of all."""

DIFFER, NO_DIFFERENCE = "differ in  ", "nothing that is known"
"""Before what two compared runs differ in, and if that is nothing."""

ALL_DIFFERENCES, MOST_DIFFERING, BETWEEN = ": D in the list of runs", 24, "   "
"""Where the differences without room are shown, the most cells of a value, and what is between two
differences."""

MOST_DIFFERENCES = 3
"""The most lines with differences."""

FOLDED = "  mean of {}", "  n={}", ""
"""How many series a mean is of, the first that has room beside the whole name."""

SEEDS_APART = "   more than noise? choose two with c"
"""Below means of seeds that are not two: how to test a difference."""

TABLE = 0.45
"""The greatest share of the page's height that the table takes."""

WIDTH, HEIGHT = 60, 12
"""Size of the plot in characters."""


def table_rows(
    chart: Chart,
    figures: SeriesSummary,
    view: PlotOptions,
    width: int,
    most: int,
    styles: Sequence[LineStyle] = (),
) -> list[Row]:
    """Return the lines below a plot, at most `most` of them."""
    if not chart.lines:
        return []
    line, found = chart.lines[0], [one for one in chart.annotations if one.is_alert]
    if len(chart.lines) > 1 or line.members or not line.own or line.is_member:
        table = _compared(chart, view, styles or line_styles(chart, view.highlight), width, most)
        return [_shortest(row, width) for row in table[:most]]
    rows = [_here(line, chart, view), _in_all(line, figures, chart)]
    if found:
        more = f"   {len(found) - 1} earlier" if len(found) > 1 else ""
        struck = (Segment("!      ", "warn"), Segment(found[-1].words), Segment(more, "dim"))
        rows.append(struck)
    return [_whole(row, width) for row in rows]


def _shortest(row: Row, width: int) -> Row:
    """Drop the step of a NaN, then its word, then cut the line, until it fits."""
    for end in (SINCE, NAN_SIGN):
        if width_of(row) > width:
            row = tuple(s._replace(text=s.text.partition(end)[0]) for s in row)
    return cut(row, width)


def _whole(row: Row, width: int) -> Row:
    """Drop figures from the end of a line until it fits."""
    while width_of(row) > width or (row and row[-1].text.endswith(" ")):
        row = row[:-1]
    return row


def _here(line: PlotLine, chart: Chart, view: PlotOptions) -> Row:
    """Return the values at the cursor; without a cursor those of the last point."""
    cursor = view.cursor
    found = last_value(line, view) if cursor is None else value_at(line, view, cursor)
    if found is None:
        where = "" if cursor is None else f" {position_text(cursor, view.axis, chart.unit)}"
        return (Segment(f"no point{where}", "dim"),)
    where = f"{chart.unit} {exact_step(found.step)}" if math.isfinite(found.step) else "here"
    spans = [Segment("cursor " if cursor is not None else "last   ", "dim"), Segment(where)]
    if math.isfinite(found.time):
        spans.append(Segment(f"  {axis_marks.moment(found.time)}", "dim"))
    raw = "raw " if view.smoothing else ""
    spans += [Segment(f"   {raw}value ", "dim"), Segment(number(found.value), OWN)]
    if view.smoothing:
        spans += [Segment("   smoothed ", "dim"), Segment(number(found.smoothed), OWN)]
    low, high = line.lows[found.column], line.highs[found.column]
    if found.column >= 0 and number(low) != number(high):
        spans += [Segment("   range ", "dim"), Segment(f"{number(low)} to {number(high)}")]
    return tuple(spans)


def _in_all(line: PlotLine, figures: SeriesSummary, chart: Chart) -> Row:
    spans: list[Segment] = []
    lower, unit = chart.lower_is_better, chart.unit
    least, most = figures.min, figures.max
    if line.best is not None:
        value, step, _ = line.best
        least, most = (value, most) if lower else (least, value)  # the figures may be newer
        word = "lower is better" if lower else "higher is better"
        spans += [
            Segment("best   ", "dim"),
            Segment(f"{number(value)} at {unit} {exact_step(step)} ", "good"),
            Segment(f"({word})   ", "dim"),
        ]
    if figures.nonfinite:
        since = "" if line.nan_since is None else f" since {unit} {exact_step(line.nan_since)}"
        spans.append(Segment(f"× {figures.nonfinite} not finite{since}   ", "bad"))
    spans += [
        Segment("min ", "dim"),
        Segment(number(least)),
        Segment("   max ", "dim"),
        Segment(number(most)),
        Segment(f"   {quantity(figures.count, 'point')}", "dim"),
    ]
    if figures.superseded:
        spans.append(Segment(f"   {figures.superseded} superseded (dimmed)", "dim"))
    return tuple(spans)


def _compared(
    chart: Chart, view: PlotOptions, styles: Sequence[LineStyle], width: int, most: int
) -> list[Row]:
    """Return a heading, a line for each curve by rank, and the leader.

    Where not all have room, those around the highlighted one are shown.
    """
    x, places, best = compared_x(chart, view), line_places(chart, view), best_line(chart)
    by_line = {id(line): style for line, style in zip(chart.lines, styles, strict=True)}
    mean = "mean " if all(line.members for line in chart.lines) else ""
    is_ranked = chart.lower_is_better is not None
    where = f"{_where(chart, view, x, mean)}{RANKED_BY * is_ranked}"
    here = max(VALUE, cell_len(where) + 1)
    raw = "raw " if view.smoothing else ""
    best_head = f"{mean}{raw}best" if mean or raw else ANY_STEP
    of_best = max(map(cell_len, (best_head, *map(best_text, chart.lines)))) + 1
    room = max(width - COLUMNS - here - of_best, LEAST_NAME)
    widest = max(map(cell_len, short_names(chart.lines, width)))
    for form in FOLDED:
        notes = {id(line): _folded(line, view, x, form) for line in chart.lines}
        wanted = max(map(cell_len, notes.values()))
        if widest + wanted <= room:
            break
    names = short_names(chart.lines, max(room - wanted, LEAST_NAME))
    shown = {
        id(line): f"{name}{notes[id(line)]}" for line, name in zip(chart.lines, names, strict=True)
    }
    label = min(max(map(cell_len, shown.values())), room)
    lines = sorted(chart.lines, key=lambda line: places[id(line)])
    known = chart.verdict
    verdict = [row for text in known.words for row in text_rows(text, width, "accent")]
    if known.is_told and verdict:
        verdict[-1] = tuple(one._replace(style="strong") for one in verdict[-1])
    # with a verdict, a difference at the end beside that of the best would be another number
    words = "" if len(known.words) > 1 and view.cursor is None else leader_text(chart, view)
    lead = [Segment(words)] * bool(words)
    if words and best is not None and places[id(best)] > 1:
        named = names[chart.lines.index(best)]
        lead.append(Segment(f"{AND_BEST}{named}, {best_text(best)}"))
    seeds = words and not known.words and any(line.members for line in lines)
    foot = packed((*lead, *[Segment(SEEDS_APART, "dim")] * bool(seeds)), width)
    first, count, all_lines = 0, most - 1 - len(foot) - len(verdict), len(lines)
    if count < all_lines:
        of_all = "   {} to {} of {}; tab highlights the next one".format
        longest = Segment(of_all(all_lines, all_lines, all_lines))
        count = max(most - 1 - len(packed((*lead, longest), width)) - len(verdict), 1)
        lit = next((at for at, one in enumerate(lines) if one.label == view.highlight), 0)
        first = min(max(lit - count // 2, 0), all_lines - count)
        lines = lines[first : first + count]
        shown_lines = Segment(of_all(first + 1, first + count, all_lines), "dim")
        foot = packed((*lead, shown_lines), width)
    head = (
        Segment(" " * 6 + fit(RANK if is_ranked else "", 4 + label + 2), "strong"),
        Segment(fit(where, here, right=True), "strong"),
        Segment(fit(best_head, of_best, right=True), "dim"),
        Segment(fit(f"{raw}last", VALUE, right=True), "dim"),
    )
    rows: list[Row] = [head]
    for one in lines:
        what = by_line[id(one)], view, x, (shown[id(one)], label), (here, of_best), places[id(one)]
        line = replace(one, own=chart.is_own(one))
        rows.append(_legend_line(line, *what, is_best=one is best))
    return [*rows, *foot, *verdict]


def _where(chart: Chart, view: PlotOptions, x: float, mean: str) -> str:
    """Return what the lines are ranked by, e.g. `step 200` or `smoothed at step 200`."""
    at = position_text(x, view.axis, chart.unit)
    if view.smoothing or mean:
        return f"{mean or 'smoothed '}{at}"
    return at.removeprefix("at ").removeprefix("after ")


def difference_rows(
    found: Sequence[Sequence[str]], marks: Sequence[LineStyle], width: int, most: int
) -> list[Row]:
    """Return in what two compared runs differ, whole words each, and how many have no room.

    `found` is as of `run_difference.brief`; `marks` are the styles of the lines of both runs, and
    empty if these are not two lines.
    """
    entries: list[Row] = []
    for what, *values in found:
        sides = [one or "–" for one in told_apart(values, MOST_DIFFERING)]
        words = Segment(f"{what} " if any(values) else what, "strong" if any(values) else "")
        if any(values) and len(marks) == len(sides):
            both = zip(marks, sides, strict=True)
            entries.append(
                (words, *(Segment(f"{one.mark} {text} ", one.style) for one, text in both))
            )
        else:
            entries.append((words, Segment(" → ".join(sides) if any(values) else "")))
    entries = entries or [(Segment(NO_DIFFERENCE),)]
    rows: list[Row] = []
    for where, count in product((ALL_DIFFERENCES, ""), range(len(entries), 0, -1)):
        left = len(entries) - count
        more: list[Row] = [(Segment(f"and {left} more{where}", "dim"),)] * bool(left)
        rows = _filled([*entries[:count], *more], width - len(DIFFER))
        if len(rows) <= most:
            break
    return labelled(Segment(DIFFER, "dim"), rows[:most])


def _filled(entries: Sequence[Row], width: int) -> list[Row]:
    """Return rows of whole entries; one that is too wide is cut."""
    rows: list[Row] = []
    for entry in entries:
        if rows and width_of((*rows[-1], *entry)) + len(BETWEEN) <= width:
            rows[-1] = (*rows[-1], Segment(BETWEEN), *entry)
        else:
            rows.append(cut(entry, width))
    return rows


def _folded(line: PlotLine, view: PlotOptions, x: float, form: str) -> str:
    """Return a mean's number of series at `x` and its deviation; empty for another line."""
    if not line.members:
        return ""
    found = value_at(line, view, x)
    count = line.counts[found.column] if found is not None else 0
    spread = line.deviations[found.column] if found is not None else math.nan
    deviation = f"  ±{number(spread)}" if math.isfinite(spread) else ""
    of_all = f" of {len(line.members)}" if count < len(line.members) else ""
    return f"{form.format(f'{count}{of_all}')}{deviation}"


def _legend_line(
    line: PlotLine,
    own: LineStyle,
    view: PlotOptions,
    x: float,
    label: tuple[str, int],
    cells: tuple[int, int],
    place: int,
    *,
    is_best: bool,
) -> Row:
    """Return a line of the table; `cells` are the widths of the value at `x` and of the best."""
    here, last = value_at(line, view, x), last_value(line, view)
    is_ranked = here is not None and math.isfinite(here.smoothed)
    since = "" if line.nan_since is None else f"{SINCE}{exact_step(line.nan_since)}"
    what = odd_word([line]) or "diverged"
    mark = f"{SAMPLE[0]}{own.mark}{SAMPLE[0]}" if own.bright else SAMPLE + SAMPLE[0]
    return (
        Segment(f"{mark} ", own.style),
        Segment(fit(str(place), 3, right=True), "good" if place == 1 and is_ranked else "dim"),
        Segment(" ▸ " if line.own else "   ", "key"),
        Segment(fit(*label), "strong" if line.own else ""),
        Segment("  "),
        Segment(fit(number(here.smoothed if here else None), cells[0], right=True), own.style),
        Segment(fit(best_text(line), cells[1], right=True), "good" if is_best else ""),
        Segment(fit(number(last.value if last is not None else None), VALUE, right=True)),
        Segment(f"{NAN_SIGN}{what}{since}" if line.diverged or line.odd else "", "bad"),
        Segment(f"  {SYMBOLS[Status.PRUNED]} {line.pruned}" if line.pruned else "", "dim"),
    )


class CurvePlot(CurveKeys):
    """The plot of the selected metric."""

    class SeedsWanted(Message):
        """More seeds of the two configurations were asked for."""

    scopes = ("plot", "curves")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plot")]

    def __init__(self, state: CurvesState, *, id: str | None = None) -> None:
        super().__init__(state, id=id)
        self._empty = "reading …"
        self.y_title = ""
        """What to do with the labels of the y axis; empty: they are the values."""
        self.differences: Sequence[Sequence[str]] | None = None
        """What two compared runs differ in, as of `run_difference.brief`; None: not read, or they
        are not two."""

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
        styles = line_styles(chart, self.view.highlight, self.state.slots)
        bright = [line for line, one in zip(chart.lines, styles, strict=True) if one.bright]
        return names_width(bright, self.scrollable_content_region.width // 4)

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

    def action_metric(self, direction: int) -> None:
        """Show the next or the previous metric; of compared runs, those that they share."""
        self.go_to(direction, among=self.state.first if self.state.compared.runs else ())

    def action_half_page(self, count: int) -> None:
        """Show the metric five places further for each count."""
        self.go_to(count * 5)

    def action_end(self, direction: int) -> None:
        """Put the cursor on the first or the last point."""
        chart = self.chart()
        if chart is not None and (known := x_positions(chart)):
            self.point_at(known[-1] if direction > 0 else known[0])

    def go_to(self, count: int, *, words: str = "", among: Collection[str] = ()) -> bool:
        """Show the metric `count` places further, among those whose names contain all words.

        Returns False if no metric matches.
        """
        names = [
            one.name
            for one in self.state.shown(self.curves.figures)
            if all(word in one.name.casefold() for word in words.casefold().split())
            if not among or one.name in among
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
        styles = line_styles(chart, view.highlight, self.state.slots)
        most = max(round(size.height * TABLE), 2)
        table = table_rows(chart, figures, view, size.width, most, styles)
        if self.differences is not None and chart.lines:
            own = [style for style, line in zip(styles, chart.lines, strict=True) if line.own]
            others = [one for one, line in zip(styles, chart.lines, strict=True) if not line.own]
            marks = (*own, *others) if len(own) == len(others) == 1 else ()
            room = max(min(most - len(table), MOST_DIFFERENCES), 1)
            differ = difference_rows(self.differences, marks, size.width, room)
            table = [*table[: max(most - len(differ), 2)], *differ]
        height = max(size.height - len(table) - 2, 3)
        frame = Frame(self.plot_cells(), height, 2, self._names_width())
        rows, self.y_title = plot(chart, view, frame, styles)
        self.set_rows([*rows, *table])

    def action_seeds(self) -> None:
        """Ask for more seeds of the two configurations."""
        self.post_message(self.SeedsWanted())

    def action_highlight(self, direction: int) -> None:
        """Draw the next line bright and all others dim; after the last one all as before."""
        chart = self.chart()
        if chart is not None and len(chart.lines) > 1:
            labels = ["", *(line.label for line in chart.lines)][::direction]
            self.apply(replace(self.view, highlight=after(labels, self.view.highlight)))


def curve_report(page: CurvesPage, chart: Chart, view: PlotOptions) -> str:
    """Return a metric with its current plot options as Markdown."""
    run, stage, name = map(markdown_cell, (page.run.name, page.stage.name, chart.name))
    lines = [
        f"### {run} / {stage}: {name}",
        "",
        f"run `{page.run.id}`, over {_axis_name(chart, view)}",
        "",
    ]
    thin = replace(chart, lines=tuple(map(_merged, chart.lines)))
    drawn = plot(thin, view, Frame(WIDTH, HEIGHT, feet=2))
    lines += ["```", *([drawn.y_title] if drawn.y_title else []), joined(drawn.rows), "```", ""]
    lines += ["| | curve | last | best |", "|---|---|---|---|"]
    styles = line_styles(chart, view.highlight)
    lines += map(_markdown_line, chart.lines, styles, repeat(view))
    if words := leader_text(chart, view):
        lines += ["", f"{words}."]
    return "\n".join(lines) + "\n"


def _axis_name(chart: Chart, view: PlotOptions) -> str:
    return chart.unit if view.axis == Axis.STEP else AXES[view.axis]


def _markdown_line(line: PlotLine, style: LineStyle, view: PlotOptions) -> str:
    last = last_value(line, view)
    of_mean = f" (mean of {len(line.members)})" if line.members else ""
    cells = (style.mark, line.label + of_mean, number(last and last.value), best_text(line))
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def _merged(line: PlotLine) -> PlotLine:
    """Downsample a line to the columns of the text plot; no spike is lost."""
    count, width = len(line.lows), 2 * WIDTH
    starts = [count * at // width for at in range(width + 1)]
    parts = [range(start, max(end, start + 1)) for start, end in pairwise(starts)]

    def merge(values: Sequence[float], choose: Callable[[list[float]], float]) -> tuple[float, ...]:
        if not values:
            return ()
        columns = ([values[at] for at in part if values[at] == values[at]] for part in parts)
        return tuple(choose(known) if known else math.nan for known in columns)

    last = itemgetter(-1)
    return replace(
        line,
        at=merge(line.at, last),
        lows=merge(line.lows, min),
        highs=merge(line.highs, max),
        means=merge(line.means, mean),
        smooths=merge(line.smooths, mean),
        lasts=merge(line.lasts, last),
        odd=tuple((at * width // count, kind) for at, kind in line.odd),
        old_lows=merge(line.old_lows, min),
        old_highs=merge(line.old_highs, max),
        members=tuple(merge(one, mean) for one in line.members),
    )


class CurvesScreen(Page):
    """The page of the selected metric."""

    scope = "curves"
    command_scopes = ("curves", "plot", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "CurvePlot"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run.back")]

    DEFAULT_CSS = """
    CurvesScreen CurvePlot { height: 1fr; padding: 0 1; overflow: hidden; }
    """

    def __init__(
        self, run_id: str, stage: str, state: CurvesState, attempt: int | None = None
    ) -> None:
        super().__init__()
        self.run_id, self.stage, self.state = run_id, stage, state
        self.how = Bar(id="how")
        self.plot = CurvePlot(state, id="plot")
        self.plot.attempt = attempt
        self._page: CurvesPage | None = None
        self._notices: Row = ()
        self._sought = ""
        self._two: tuple[str, str] | None = None
        """The two compared runs whose differences are shown or being read."""

    def content(self) -> Iterator[Widget]:
        """Yield the bar with the plot options, and the plot."""
        yield from (self.how, self.plot)

    def on_mount(self) -> None:
        """Show the run's name before anything is read."""
        run = next((one for one in self.own_app.runs if one.id == self.run_id), None)
        name = short_id(self.run_id) if run is None else run_label(run)
        row = (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment(name))
        self.top.show((*row, Segment(" › ", "dim"), Segment(harmless(self.state.metric), "strong")))

    def page_query(self) -> MetricQuery:
        """Return the query for this metric alone."""
        return MetricQuery(self.run_id, self.stage, self.plot.wanted())

    def show(self, snapshot: Snapshot) -> None:
        """Show the data that was read."""
        page = snapshot.curves_page
        query = snapshot.query
        if not isinstance(query, MetricQuery) or query.run_id != self.run_id:
            return
        if page is None:
            gone = f"run {self.run_id} no longer exists; esc goes back"
            self.plot.set_rows([(Segment(snapshot.problem or gone, "dim"),)])
            return
        self._page, self._notices = page, self.notices(snapshot, [page.run])
        self.run_id, self.stage = page.run.id, page.stage.name
        if not self.state.metric:
            names = (*page.curves.first, *(one.name for one in page.curves.figures))
            self.state.metric = next(iter(names), "")
        self._show_top(page)
        none = "no metrics" if page.stage.status in ENDED else "no metrics yet"
        self.plot.set_curves(page.curves, ": ".join(filter(None, (none, page.searched_places))))
        self._show_how()
        self._compare_two(page)
        self.ask()

    def _compare_two(self, page: CurvesPage) -> None:
        """Have what two compared runs differ in read in a thread, once."""
        others = [one for one in self.state.drawn.runs if one != page.run.id]
        two = (page.run.id, others[0]) if len(others) == 1 else None
        if two != self._two:
            self._two, self.plot.differences = two, None
            if two is not None:
                read = partial(self._read_differences, two)
                self.run_worker(read, thread=True, exit_on_error=False)

    def _read_differences(self, two: tuple[str, str]) -> None:
        try:
            found = self.own_app.call(
                run_actions.brief_difference, two[0], two[1].rpartition(":")[2]
            )
        except (TrainuiError, OSError):
            return  # they are shown by a key in the list, with the reason
        self.app.call_from_thread(self._show_differences, two, found)

    def _show_differences(self, two: tuple[str, str], found: Sequence[Sequence[str]]) -> None:
        if two == self._two:
            self.plot.differences = [[harmless(text) for text in one] for one in found]
            self.plot.draw()

    def _show_top(self, page: CurvesPage) -> None:
        """Show the run, the stage and the metric in the top bar."""
        metrics = [one.name for one in self.state.shown(page.curves.figures)]
        at = metrics.index(self.state.metric) + 1 if self.state.metric in metrics else 0
        behind = (
            Segment(harmless(self.state.metric), "strong"),
            Segment(f"  {at}/{len(metrics)}" if at else "", "dim"),
        )
        drawn, members = self._drawn_members(page), len(page.members)
        what = page.stage.name
        if len(drawn) == 1:
            what = drawn[0].name
        elif drawn and (chart := page.curves.chart(self.state.metric)) is not None:
            count = min(len(drawn), chart.series_count)
            many = f"×{count}" if count == members else f"{count} of {members}"
            what = f"{page.stage.definition.group} {many}"
        before = width_of((*behind, *self._notices))
        own_id = f"  {short_id(page.run.id)}" if page.run.id != page.run.name else ""
        room = self.size.width - len(f" trainui  › {own_id} ›  › ") - before - 1
        name, what = shared_out([harmless(page.run.name), harmless(what)], room)
        row = [Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment(name)]
        row += [Segment(own_id, "dim"), Segment(" › ", "dim"), Segment(what)]
        self.top.show((*row, Segment(" › ", "dim"), *behind), self._notices)

    def _drawn_members(self, page: CurvesPage) -> Sequence[StageRecord]:
        """Return the members of a sweep that are drawn and acted on; none: the stage itself."""
        drawn = self.state.drawn
        chosen = drawn.members if drawn.only else ()
        return [one for one in page.members if drawn.sweep or one.id in chosen]

    def _show_how(self) -> None:
        view, chart = self.state.view, self.plot.chart()
        marked = len(self.state.compared.runs)
        drawn = chart.series_count if chart is not None else 0
        left_out, over = self.plot.curves.left_out, ""
        if chart is not None and any(line.members for line in chart.lines):
            over = fold_words(self.state.drawn.fold, self.plot.curves.folds)
        words = (
            f"over {chart.unit if chart else AXES[view.axis]}" if view.axis == Axis.STEP else "",
            self.plot.curves.choice,
            over,
            f"{drawn} of {marked} drawn" if 0 < drawn < marked else "",
        )
        changed = self.plot.words + (["log y"] if self.state.metric in self.state.log else [])
        if chart is not None and (zoom := zoom_text(chart, view)):
            changed.append(zoom)
        spans = [Segment(f" {'  ·  '.join(filter(None, words))}", "dim")]
        if left_out:
            spans.append(Segment(f"  not drawn: {listed(left_out, MOST_LEFT_OUT)}", "warn"))
        if self.plot.y_title:
            spans.append(Segment(f"  y: {self.plot.y_title}", "warn"))
        if changed:
            spans += [Segment("  "), Segment("  ·  ".join(changed), "key")]
            spans.append(Segment("   D resets", "dim"))
        if self.state.metric in self.state.pinned:
            spans.append(Segment("   ◆ pinned", "key"))
        self.how.show(tuple(spans))

    @on(CurvePlot.CurvesQueryChanged)
    def _read(self) -> None:
        if self._page is not None:
            self._show_top(self._page)
        self.state.remember(self.own_app.preferences)
        self._show_how()
        self.ask()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the footer; run actions are on the run's page."""
        return ("plot", "curves", "search", "app")

    @on(CurvePlot.ComparisonOpened)
    def _choose_comparison(self) -> None:
        from trainui.tui.curves.comparison_screen import ComparisonScreen

        metric = self.state.metric
        self.app.push_screen(ComparisonScreen(self.run_id, self.stage, metric, self.state))

    @on(CurvePlot.SeedsWanted)
    def _plan_seeds(self) -> None:
        """Show for each run the plan that adds the seeds which would tell the difference."""
        chart = self.plot.chart()
        found = NO_VERDICT if chart is None else chart.verdict
        if chart is None:
            self.notify("still reading")
        elif not found.words:
            self.notify("draw two configurations (c) to add seeds to them")
        elif found.more is None:
            self.notify("more seeds would tell nothing new here")
        else:
            self.run_worker(partial(self._read_seeds, found), thread=True, exit_on_error=False)

    def _read_seeds(self, found: SeedVerdict) -> None:
        asked = [*found.configurations], found.more or 0
        try:
            added = self.own_app.call(run_actions.more_seeds, self.run_id, *asked)
        except TrainuiError as error:
            self.app.call_from_thread(self.notify, harmless(str(error)), severity="warning")
        else:
            self.app.call_from_thread(self._show_seeds, added)

    def _show_seeds(self, added: Sequence[MoreSeeds]) -> None:
        """Show the plan of the first run; once it is confirmed, that of the next one."""
        first, rest = added[0], added[1:]

        def then(done: bool | None) -> None:
            if done and rest:
                self._show_seeds(rest)

        from trainui.tui.plan_screen import PlanScreen

        box, colon, _ = self.run_id.rpartition(":")
        run = first.run._replace(id=f"{box}{colon}{first.run.id}")
        self.app.push_screen(PlanScreen(run, first.edit, only=first.members), then)

    def on_screen_resume(self) -> None:
        """Draw and query again: the comparison may have changed."""
        super().on_screen_resume()
        self.plot.draw()

    @on(CurvePlot.CursorMoved)
    def _keep_the_moment(self, event: CurvePlot.CursorMoved) -> None:
        self.state.time = event.time

    def jumps(self) -> Iterator[Jump]:
        """Yield the stage's metrics, and the runs."""
        for one in self.state.shown(self.plot.curves.figures):
            yield Jump("metric", harmless(one.name), partial(self._go_to_metric, one.name))
        yield from super().jumps()

    def _go_to_metric(self, metric: str) -> None:
        self.state.metric = metric
        self.plot.apply(self.plot.view)

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Go to a metric by name."""
        self._sought = text
        is_read = self._page is not None
        missing = bool(text) and is_read and not self.plot.go_to(0, words=text)
        self.key_bar.note((Segment(" no metric with that name", "warn"),) if missing else ())

    def action_match(self, direction: int) -> None:
        """Go to the next metric that matches the search; without a search to the next metric."""
        self.plot.go_to(direction, words=self._sought)

    def targets(self) -> Sequence[Target]:
        """Return the run."""
        return [] if self._page is None else [self._page.run]

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the members of its sweep that are drawn, else the stage."""
        if self._page is None:
            return ()
        return self._drawn_members(self._page) or (self._page.stage,)

    def stage_count(self) -> int:
        """Return the number of stages of the run."""
        return 0 if self._page is None else self._page.stage_count

    def report(self) -> str | None:
        """Return the plot and its values as Markdown; None if there is no plot yet."""
        chart = self.plot.chart()
        if self._page is None or chart is None:
            return None
        return curve_report(self._page, chart, self.state.view_of(chart.name))
