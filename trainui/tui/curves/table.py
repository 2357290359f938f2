"""The table below a plot, what two compared runs differ in, and a metric as Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product, repeat
from operator import itemgetter

from rich.cells import cell_len

from trainui.formatting import quantity
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.pipeline.matrix import mean
from trainui.store.points.plot_points import Axis
from trainui.text import SYMBOLS, markdown_cell
from trainui.tui import axis_marks
from trainui.tui.curve_data import (
    AXES,
    Chart,
    PlotLine,
    PlotOptions,
    best_line,
    compared_x,
    last_value,
    value_at,
)
from trainui.tui.curves.interaction import best_text, leader_text, position_text
from trainui.tui.curves.plot import (
    SAMPLE,
    LineStyle,
    line_places,
    line_styles,
    odd_word,
    plot,
    short_names,
)
from trainui.tui.numbers import exact_step, no_better_since, number
from trainui.tui.plot_axes import Frame
from trainui.tui.snapshot import CurvesPage
from trainui.tui.styled_text import (
    Row,
    Segment,
    cut,
    fit,
    joined,
    labelled,
    packed,
    text_rows,
    told_apart,
    width_of,
)

OWN = "curve-1"
"""The style of a plot's only line."""

NAN_SIGN, SINCE = "  × ", " since "
"""Before the word for values that are not finite, and before the step of the first one."""

VALUE = 10
"""Width of a column of values in characters."""

COLUMNS, LEAST_NAME = 10 + 2 + VALUE, 12
"""Characters of a line of the table besides the name, the value at the cursor and the best one, and
the least of the name."""

RANK, RANKED_BY, AT_ANY = "#", "▾", "best at any {}"
"""Headings of the table: of the lines' places, behind that of the value which decides them, and of
each line's best value, wherever it is."""

SPREAD, SIGN_OF_SPREAD = "± std dev", "±"
"""Heading of the deviations behind the names of means, and the sign before each."""

AND_BEST = "at any {} the best is "
"""Before another line than the leader at the cursor, with the best value of all."""

DIFFER, NO_DIFFERENCE = "differ in  ", "nothing that is known"
"""Before what two compared runs differ in, and if that is nothing."""

ALL_DIFFERENCES, MOST_DIFFERING, BETWEEN = ": D in the list of runs", 24, "   "
"""Where the differences without room are shown, the most cells of a value, and what is between two
differences."""

FOLDED = "  mean of {}", "  n={}", ""
"""How many series a mean is of, the first that has room beside the whole name."""

SEEDS_APART = "   more than noise? choose two with c"
"""Below means of seeds that are not two: how to test a difference."""

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
    if line.best is not None:
        value, step, _ = line.best
        word = "lower is better" if lower else "higher is better"
        spans += [
            Segment("best   ", "dim"),
            Segment(f"{number(value)} at {unit} {exact_step(step)}", "good"),
            Segment(no_better_since(step, figures, unit)),
            Segment(f" ({word})", "dim"),
            Segment("   "),
        ]
    if figures.nonfinite:
        since = "" if line.nan_since is None else f" since {unit} {exact_step(line.nan_since)}"
        spans.append(Segment(f"× {figures.nonfinite} not finite{since}   ", "bad"))
    spans += [
        Segment("min ", "dim"),
        Segment(number(figures.min)),
        Segment("   max ", "dim"),
        Segment(number(figures.max)),
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
    best_head = f"{mean}{raw}best" if mean or raw else AT_ANY.format(chart.unit)
    of_best = max(map(cell_len, (best_head, *map(best_text, chart.lines)))) + 1
    room = max(width - COLUMNS - here - of_best, LEAST_NAME)
    names, notes = _names_and_notes(chart, view, x, width, room)
    label = min(max(cell_len(names[one] + notes[one]) for one in names), room)
    lines = sorted(chart.lines, key=lambda line: places[id(line)])
    verdict = _verdict(chart, width)
    lead = _leaders(chart, view, names, places, best, width)
    seeds = lead and not chart.verdict.words and any(line.members for line in lines)
    foot = packed((*lead, *[Segment(SEEDS_APART, "dim")] * bool(seeds)), width)
    if most - 1 - len(foot) - len(verdict) < len(lines):
        lines, part = _around(lines, view.highlight, lead, width, most - 1 - len(verdict))
        foot = packed((*lead, part), width)
    has_spread = any(SIGN_OF_SPREAD in note for note in notes.values())
    spread = SPREAD if has_spread and label >= len(SPREAD) else ""
    head = (
        Segment(" " * 6 + fit(RANK if is_ranked else "", 4 + label - len(spread)), "strong"),
        Segment(f"{spread}  ", "dim"),
        Segment(fit(where, here, right=True), "strong"),
        Segment(fit(best_head, of_best, right=True), "dim"),
        Segment(fit(f"{raw}last", VALUE, right=True), "dim"),
    )
    rows: list[Row] = [head]
    for one in lines:
        key = id(one)
        name = names[key] + notes[key], label
        line = replace(one, own=chart.is_own(one))
        cells, place = (here, of_best), places[key]
        rows.append(
            _legend_line(line, by_line[key], view, x, name, cells, place, is_best=one is best)
        )
    return [*rows, *foot, *verdict]


def _names_and_notes(
    chart: Chart, view: PlotOptions, x: float, width: int, room: int
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the name of each line, by its identity, and what a mean is of, where it has room."""
    widest = max(map(cell_len, short_names(chart.lines, width)))
    for form in FOLDED:
        notes = {id(line): _folded(line, view, x, form) for line in chart.lines}
        wanted = max(map(cell_len, notes.values()))
        if widest + wanted <= room:
            break
    names = short_names(chart.lines, max(room - wanted, LEAST_NAME))
    return dict(zip(map(id, chart.lines), names, strict=True)), notes


def _verdict(chart: Chart, width: int) -> list[Row]:
    """Return what the difference of two means is worth; its last line is bold if it is real."""
    rows = [row for text in chart.verdict.words for row in text_rows(text, width, "accent")]
    if chart.verdict.is_told and rows:
        rows[-1] = tuple(one._replace(style="strong") for one in rows[-1])
    return rows


def _leaders(
    chart: Chart,
    view: PlotOptions,
    names: Mapping[int, str],
    places: Mapping[int, int],
    best: PlotLine | None,
    width: int,
) -> list[Segment]:
    """Return which line leads at the cursor, and which other has the best value of all."""
    # with a verdict, a difference at the end beside that of the best would be another number
    words = leader_text(chart, view)
    if not words or (len(chart.verdict.words) > 1 and view.cursor is None):
        return []
    lead = [Segment(words)]
    if best is not None and places[id(best)] > 1:
        also = f"{AND_BEST.format(chart.unit)}{names[id(best)]}, {best_text(best)}"
        is_beside = cell_len(words) + len(BETWEEN) + cell_len(also) <= width
        lead.append(Segment(f";  {also}" if is_beside else also))
    return lead


def _around(
    lines: list[PlotLine], highlight: str | None, lead: Sequence[Segment], width: int, most: int
) -> tuple[list[PlotLine], Segment]:
    """Return the lines around the highlighted one, and which ones these are.

    `most` is the number of rows for them and for the words below, which begin with `lead`.
    """
    of_all = "   {} to {} of {}; tab highlights the next one".format
    longest = Segment(of_all(len(lines), len(lines), len(lines)))
    count = max(most - len(packed((*lead, longest), width)), 1)
    lit = next((at for at, one in enumerate(lines) if one.label == highlight), 0)
    first = min(max(lit - count // 2, 0), len(lines) - count)
    part = Segment(of_all(first + 1, first + count, len(lines)), "dim")
    return lines[first : first + count], part


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
    deviation = f"  {SIGN_OF_SPREAD}{number(spread)}" if math.isfinite(spread) else ""
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
