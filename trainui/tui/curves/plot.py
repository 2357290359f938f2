"""Draws a metric as text: braille lines in their styles, a y axis at the left, an x axis below.

The mean is a connected line; behind it each column's minimum to maximum is dim, so that no spike
is hidden. Values that are not finite are marked, and superseded points stay visible, dimmed. A
line's style is its colour and mark; of many lines, only some are bright.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from os.path import commonprefix
from typing import NamedTuple

from rich.cells import cell_len

from trainui import braille
from trainui.braille import NO_DOTS
from trainui.model.headline_metric import headline
from trainui.model.states import Status
from trainui.store.points.plot_series import Axis
from trainui.text import SYMBOLS
from trainui.tui.numbers import exact_step, number
from trainui.tui.plot_axes import (
    LEAST_MARKS,
    TICK_ROWS,
    Frame,
    XAxis,
    YAxis,
    with_y_axis,
    x_axis_rows,
)
from trainui.tui.snapshot.curves import ABOVE, BELOW, NAN, Chart, PlotLine, PlotOptions
from trainui.tui.styled_text import Row, Segment, fit, fit_middle, packed
from trainui.tui.styles import CURVES

_MARKS = "●▲■◆▼★○△□◇▽☆"

SAMPLE = "━━"
"""A piece of a line, for the legend."""


MOST_NAME = 24
"""Most characters of the names at the right end of the lines."""

MOST_ROWS = 2
"""Most lines of the legend."""

RATIO = 100
"""The factor by which a line must reach farther from 0 than the others, which then fill one dot."""

MOST_DRAWN = 32
"""Size of the cache of drawn plots: summaries change more often than plots."""

MARK_EVERY = 24
"""Characters between two marks on a line, if the plot has several lines."""

MOST_BANDS = 3
"""Most lines of a plot with a band behind each; more bands would cover each other."""


class LineStyle(NamedTuple):
    """Colour and mark of a line."""

    style: str
    mark: str
    bright: bool = True
    """False for a line in the background: dim, without marks and name."""


Styles = Mapping[str, LineStyle]
"""By label, the style of a line in every plot of a grid."""


def mark_of(index: int) -> str:
    """Return the mark of the line with this index among all comparable lines."""
    return _MARKS[index % len(_MARKS)]


def line_styles(chart: Chart, highlight: str = "") -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; of more than six the own line and the best are bright.

    Lines of pruned trials are in the background, except the own one. A line keeps its colour and
    its mark unless two bright lines have the same. If a label is highlighted, its line alone is
    bright.
    """
    lines = list(enumerate(chart.lines))
    found = [pair for pair in lines if pair[1].label == highlight]
    known = [pair for pair in lines if pair[1].own or not pair[1].pruned]
    bright = (
        found or sorted(known, key=lambda pair: _by_value(chart.lower_is_better, pair[1]))[:CURVES]
    )
    colors, marks = _distinct(bright, CURVES), _distinct(bright, len(_MARKS))
    return tuple(
        LineStyle(f"curve-{colors[at] + 1}", _MARKS[marks[at]])
        if at in colors
        else LineStyle("dim", mark_of(line.index), bright=False)
        for at, line in lines
    )


def _distinct(lines: Sequence[tuple[int, PlotLine]], count: int) -> dict[int, int]:
    """Return a different number below `count` for each place: the line's index, or the next one."""
    found: dict[int, int] = {}
    for at, line in sorted(lines, key=lambda pair: pair[1].index):
        free = (number % count for number in range(line.index, line.index + count))
        found[at] = next(number for number in free if number not in found.values())
    return found


def _by_value(lower: bool | None, line: PlotLine) -> tuple[bool, float]:
    """Return the sort key of a line: the own one first, then the best values."""
    if lower is None or line.best is None:
        return not line.own, 0.0 if lower is None else math.inf
    return not line.own, line.best[0] if lower else -line.best[0]


def shared_styles(charts: Sequence[Chart], highlight: str) -> Styles:
    """Return the styles of compared lines; empty if no plot has several lines.

    The bright lines are those of the plot with the most lines, first of the headline metric's. With
    `highlight`, only the line with this label is bright.
    """
    compared = [chart for chart in charts if len(chart.lines) > 1]
    if not compared:
        return {}
    first = headline([chart.name for chart in compared], compared[0].search)
    chart = max(compared, key=lambda one: (len(one.lines), one.name == first))
    styles = zip(chart.lines, line_styles(chart, highlight), strict=True)
    return {line.label: style for line, style in styles}


def styles_of(chart: Chart, shared: Styles) -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; one that has no shared style is dim."""
    return tuple(
        shared.get(line.label, LineStyle("dim", mark_of(line.index), bright=False))
        for line in chart.lines
    )


def names_width(labels: Sequence[str]) -> int:
    """Return the width of the lines' names at the right of a plot, with their marks."""
    return min(max(map(cell_len, labels), default=0) + 3, MOST_NAME)


def legend_rows(shared: Styles, width: int) -> list[Row]:
    """Return the marks and names of the bright lines, and how many are dim."""
    bright = {label: style for label, style in shared.items() if style.bright}
    named = [Segment(f"{one.mark} {label}  ", one.style) for label, one in bright.items()]
    dim = len(shared) - len(bright)
    return packed((*named, *([Segment(f"{dim} dim", "dim")] * bool(dim))), width)[:MOST_ROWS]


_CHARACTERS = tuple(chr(braille.BLANK + bits) for bits in range(256))
"""The characters by their bits."""


class Canvas:
    """A grid of characters, each with braille dots or a literal character, and one style."""

    def __init__(self, width: int, height: int) -> None:
        """Make an empty canvas of this many characters."""
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._put: list[dict[int, tuple[str, str]]] = [{} for _ in range(height)]

    def draw(
        self, ranges: Sequence[braille.DotRange], style: str, *, covering: bool = False
    ) -> None:
        """Draw a layer; `covering` erases the dots of earlier ones in the same characters."""
        for row, column, bits in braille.characters(ranges[: 2 * self.width], self.height):
            line = self._bits[row]
            line[column] = bits if covering else line[column] | bits
            self._styles[row][column] = style

    def put(
        self, row: int | None, column: int, character: str, style: str, *, under: bool = False
    ) -> None:
        """Put a literal character over the dots; with `under` only where nothing is drawn.

        A place outside the canvas, and a value without a row (None), are left out.
        """
        if row is None or not (0 <= row < self.height and 0 <= column < self.width):
            return
        if not under or self.is_free(row, column):
            self._put[row][column] = (character, style)

    def put_vertical(
        self, column: int, line: tuple[str, str], head: tuple[str, str] = ("", "")
    ) -> None:
        """Put a vertical line behind the curves, and a text at its top: each with its style."""
        for row in range(self.height):
            self.put(row, column, *line, under=True)
        if column >= 0:
            self.write(0, column, *head)

    def write(self, row: int, left: int, text: str, style: str) -> None:
        """Put a text over the dots."""
        for at, character in enumerate(text, left):
            self.put(row, at, character, style)

    def is_free(self, row: int, column: int) -> bool:
        """Return True if nothing is drawn at a position."""
        return not self._bits[row][column] and column not in self._put[row]

    def covered(self, row: int, column: int, length: int) -> int:
        """Return at how many of `length` positions from a column on something is drawn."""
        return sum(not self.is_free(row, column + at) for at in range(length))

    def recolour(self, column: int, style: str) -> None:
        """Give the dots of a column of characters another style."""
        for styles in self._styles if 0 <= column < self.width else ():
            styles[column] = style

    def rows(self) -> list[Row]:
        """Return the lines from top to bottom."""
        return [self._row(index) for index in range(self.height)]

    def _row(self, index: int) -> Row:
        spans: list[Segment] = []
        text, style = "", ""
        styles, literals = self._styles[index], self._put[index]
        for column, bits in enumerate(self._bits[index]):
            if literals and column in literals:
                character, own = literals[column]
            elif bits:
                character, own = _CHARACTERS[bits], styles[column]
            else:
                character, own = " ", style
            if own != style and text:
                spans.append(Segment(text, style))
                text = ""
            text, style = text + character, own
        return (*spans, Segment(text, style)) if text else tuple(spans)


def outliers(lines: Sequence[PlotLine], *, lower: bool | None = None) -> list[PlotLine]:
    """Return the lines far beyond at least half of the lines; empty if there are none.

    If higher is better (`lower` is False), a line far above the others is better than they are,
    e.g. than those that have just begun: it has not diverged.
    """
    if len(lines) < 2:
        return []
    by_reach = sorted(((abs(_extreme(line)), at) for at, line in enumerate(lines)))
    least = (len(lines) + 1) // 2
    for (inner, _), (outer, _) in itertools.pairwise(by_reach[least - 1 :]):
        if 0 < inner < outer / RATIO:
            far = [lines[at] for reach, at in by_reach if reach >= outer]
            return [] if lower is False and max(map(_extreme, far)) > 0 else far
    return []


def off_scale(away: Sequence[PlotLine]) -> list[str]:
    """Name the lines that the y axis is not scaled to, in ever fewer words."""
    one = len(away) == 1
    who = away[0].label if one else f"{len(away)} lines"
    farthest = max(map(_extreme, away), key=abs)
    value, key = number(farthest), " (y: log)" * (farthest > 0)
    return [
        f"{who} {'is' if one else 'are'} off the scale, at {value}{key}",
        f"{who} off scale: {value}",
        f"off scale: {value}",
    ]


def _extreme(line: PlotLine) -> float:
    """Return the finite value of a line that is farthest from 0; 0 without any."""
    return max(filter(math.isfinite, line.smooths), key=abs, default=0.0)


def put_marks(canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None) -> None:
    """Mark the values: infinities at the edges, NaN next to the curve.

    Each is marked on the only line of a plot; on others the first of several neighbours is.
    """
    for line in lines:
        is_alone = len(lines) == 1 and not line.members
        for dot, kind in line.odd if is_alone else _begins(line):
            if kind & ABOVE:
                canvas.put(0, dot // 2, "↑", "bad")
            if kind & BELOW:
                canvas.put(canvas.height - 1, dot // 2, "↓", "bad")
            if kind & NAN:
                canvas.put(_row_beside(line, dot, scale, canvas.height), dot // 2, "×", "bad")


def _begins(line: PlotLine) -> list[tuple[int, int]]:
    """Return the first of neighbouring columns with the same kinds of values, gaps aside."""
    kinds = dict(line.odd)
    found, last = [], 0
    for dot, x in enumerate(line.at):
        kind = kinds.get(dot, 0)
        if kind and kind != last:
            found.append((dot, kind))
        last = kind if kind or not math.isnan(x) else last
    return found


def put_first_step(
    canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None, axis: Axis
) -> None:
    """Write the step of the first NaN near its mark, if only one line has one."""
    known = [line for line in lines if line.nan_since is not None and line.odd]
    if len(known) != 1 or known[0].nan_since is None:
        return
    dot, kind = known[0].odd[0]
    text = f"{'NaN' if kind & NAN else 'infinite'} since {'step ' * (axis != Axis.STEP)}"
    text = f"{known[0].label} " * (len(lines) > 1) + text + exact_step(known[0].nan_since)
    mark, size = _row_beside(known[0], dot, scale, canvas.height), len(text)
    above = max(min(dot // 2 - size // 2, canvas.width - size), 0)
    for row in sorted(range(canvas.height), key=lambda row: abs(row - mark)):
        for left in (above, dot // 2 + 2, dot // 2 - size - 1):
            if 0 <= left <= canvas.width - size and not canvas.covered(row, left, size):
                canvas.write(row, left, text, "bad")
                return


def _row_beside(line: PlotLine, dot: int, scale: YAxis | None, height: int) -> int:
    """Return the curve's row at a column or the nearest one before it, else after it.

    Without any, return the middle row.
    """
    nearest = itertools.chain(range(dot, -1, -1), range(dot + 1, len(line.means)))
    rows = (scale.row(line.means[at], height) for at in nearest if scale is not None)
    return next((row for row in rows if row is not None), height // 2)


StyledLine = tuple[PlotLine, LineStyle]


class Plot(NamedTuple):
    """A metric as text."""

    rows: tuple[Row, ...]
    y_title: str
    """What to do with the labels of the y axis, e.g. `labels + 1.23`; empty: nothing."""


@lru_cache(maxsize=MOST_DRAWN)
def plot(
    chart: Chart, view: PlotOptions, frame: Frame, styles: tuple[LineStyle, ...] | None = None
) -> Plot:
    """Draw a metric; cached. Without `styles`, the lines have their own."""
    styles = styles or line_styles(chart, view.highlight)
    marks = max(frame.height // TICK_ROWS + 1, LEAST_MARKS)
    lines = list(zip(chart.lines, styles, strict=True))
    banded = _banded(lines, view.highlight)
    is_scaled_to_all = view.log or view.highlight
    away = [] if is_scaled_to_all else outliers(chart.lines, lower=chart.lower_is_better)
    values = list(_values(lines, banded, {line.label for line in away}))
    scale = YAxis.around(values, log=view.log, marks=marks)
    across = XAxis(chart.low, chart.high, frame.width, chart.log_x)
    canvas = Canvas(frame.width, frame.height)
    if scale is not None:
        _draw_lines(canvas, lines, banded, scale, view)
        if len(lines) > 1:
            _put_marks(canvas, lines, scale)
        _put_ends(canvas, lines, scale, across)
    for x, attempt in chart.lines[0].boundaries if chart.lines else ():
        canvas.put_vertical(across.column(x), ("┊", "dim"), (f"{attempt}", "key"))
    put_marks(canvas, chart.lines, scale)
    put_first_step(canvas, chart.lines, scale, view.axis)
    for mark in chart.annotations:
        canvas.put_vertical(across.column(mark.x), ("╎", "warn"), ("!", "warn"))
    if view.cursor is not None:
        canvas.recolour(across.column(view.cursor), "strong")
        canvas.put_vertical(across.column(view.cursor), ("│", "accent"))
    if message := _message(chart, view, scale, values):
        _put_message(canvas, [message])
    elif away:
        _put_message(canvas, off_scale(away))
    right = _names(lines, scale, frame)
    end = max((line.end for line in chart.lines), default=math.nan)
    rows = (
        *with_y_axis(canvas.rows(), scale, marks, frame, right),
        *x_axis_rows(across, view.axis, frame, end, view.cursor),
    )
    return Plot(rows, "" if scale is None else scale.form.title)


def _banded(lines: Sequence[StyledLine], highlight: str) -> list[PlotLine]:
    """Return the lines with their full range drawn behind them."""
    if len(lines) == 1:
        return [lines[0][0]]
    bright = [line for line, style in lines if style.bright]
    few = len(bright) <= MOST_BANDS
    return [line for line in bright if (line.members and few) or line.label == highlight]


def _values(
    lines: Sequence[StyledLine], banded: Sequence[PlotLine], away: Collection[str]
) -> Iterator[float]:
    """Yield all values that the y axis is to have room for: all but those of lines `away`."""
    for line, _ in lines:
        yield from line.smooths if line.label not in away else ()
    for line in banded:
        if line.label not in away:
            yield from itertools.chain(line.lows, line.highs, line.old_lows, line.old_highs)


def _draw_lines(
    canvas: Canvas,
    lines: Sequence[StyledLine],
    banded: Sequence[PlotLine],
    scale: YAxis,
    view: PlotOptions,
) -> None:
    """Draw the bands, then the dim lines, then the bright ones, the first one on top."""
    dots = 4 * canvas.height
    for line in banded:
        _draw_band(canvas, line, scale, view, members=len(banded) == 1)
    first_on_top = list(reversed(lines))
    for line, style in sorted(first_on_top, key=lambda pair: pair[1].bright):
        drawn = scale.ranges(line.smooths, line.smooths, dots, _pauses(line, view))
        canvas.draw(drawn, style.style if style.bright else "faint", covering=style.bright)


def _draw_band(
    canvas: Canvas, line: PlotLine, scale: YAxis, view: PlotOptions, *, members: bool
) -> None:
    """Draw superseded points and the whole range; with `members` also each folded series."""
    dots, pauses = 4 * canvas.height, _pauses(line, view)
    if line.old_lows:
        old = scale.ranges(line.old_lows, line.old_highs, dots, pauses)
        # every other column alone, so that dimming is visible without colour
        canvas.draw([run if at % 2 == 0 else NO_DOTS for at, run in enumerate(old)], "faint")
    shown = line.members if members else ()
    band = scale.ranges(line.lows, line.highs, dots, pauses)
    canvas.draw(band, "line" if shown else "faint")
    for values in shown:
        canvas.draw(scale.ranges(values, values, dots), "faint", covering=True)


def _pauses(line: PlotLine, view: PlotOptions) -> frozenset[int]:
    """Return the columns in which an attempt begins after a pause between attempts."""
    if view.axis not in (Axis.RELATIVE, Axis.WALL):
        return frozenset()
    begins = [x for x, _ in line.boundaries]
    known = [(at, x) for at, x in enumerate(line.at) if not math.isnan(x)]
    return frozenset(
        at
        for (_, before), (at, x) in itertools.pairwise(known)
        if any(before < begin <= x for begin in begins)
    )


def _put_marks(canvas: Canvas, lines: Sequence[StyledLine], scale: YAxis) -> None:
    """Put each bright line's mark on it at regular distances and at its right end."""
    for at, (line, style) in enumerate(lines):
        columns = set(range((at * 5 + 3) % MARK_EVERY, canvas.width, MARK_EVERY))
        known = [dot for dot, value in enumerate(line.smooths) if math.isfinite(value)]
        columns.update(dot // 2 for dot in known[-1:])
        for column in columns if style.bright else ():
            values = line.smooths[2 * column : 2 * column + 2]
            rows = (scale.row(value, canvas.height) for value in values)
            row = next((row for row in rows if row is not None), None)
            canvas.put(row, column, style.mark, style.style)


def _put_ends(canvas: Canvas, lines: Sequence[StyledLine], scale: YAxis, across: XAxis) -> None:
    """Mark a line's only point, since a single dot is hard to see, and ends of pruned trials."""
    for line, style in lines:
        known = [at for at, value in enumerate(line.lasts) if math.isfinite(value)]
        if len(known) == 1:
            row = scale.row(line.lasts[known[0]], canvas.height)
            canvas.put(row, across.column(line.at[known[0]]), "●", style.style)
        known = [at for at, value in enumerate(line.smooths) if math.isfinite(value)]
        if line.pruned and known:
            row = scale.row(line.smooths[known[-1]], canvas.height)
            canvas.put(row, known[-1] // 2, SYMBOLS[Status.PRUNED], style.style)


def _message(chart: Chart, view: PlotOptions, scale: YAxis | None, values: Sequence[float]) -> str:
    """Return a message if nothing, or not everything, can be drawn."""
    if not any(line.known for line in chart.lines):
        return "no points here; 0 shows all"
    if view.log and scale is None and any(value <= 0 for value in values):
        return "nothing above 0 (y: linear)"
    if view.log and any(value <= 0 for value in values):
        return "0 and below: not drawn (y)"
    return "no finite value" if scale is None else ""


def _put_message(canvas: Canvas, wordings: Sequence[str]) -> None:
    """Write the longest wording that covers nothing, else the shortest where it covers least."""
    texts = [text for text in wordings if len(text) <= canvas.width]
    texts = texts or [fit(wordings[-1], canvas.width)]
    row, left, text = min(
        (
            (row, left, text)
            for text in texts
            for row in range(canvas.height)
            for left in ((canvas.width - len(text)) // 2, 0, canvas.width - len(text))
        ),
        key=lambda place: canvas.covered(place[0], place[1], len(place[2])),
    )
    canvas.write(row, left, text, "warn")


def _names(lines: Sequence[StyledLine], scale: YAxis | None, frame: Frame) -> list[Row]:
    """Return each bright line's name beside its right end; names in one place move apart."""
    found: list[Row] = [()] * frame.height
    wanted = []
    for line, style in lines if frame.right and scale is not None else ():
        last = next((value for value in reversed(line.smooths) if math.isfinite(value)), None)
        if style.bright and last is not None and scale is not None:
            row = scale.row(last, frame.height)
            wanted += [(row, -last, line.label, style)] if row is not None else []
    wanted.sort()
    shared = shared_beginning([line.label for line, _ in lines], " ,")
    at = -1
    for left, (row, _, label, style) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        at = min(max(row, at + 1), frame.height - left)
        if at >= 0:
            is_long = cell_len(label) > frame.right - 3
            own = label.removeprefix(shared) if is_long else label
            name = fit_middle(f"{style.mark} {own}", frame.right - 1)
            found[at] = (Segment(" "), Segment(name, style.style))
    return found


def shared_beginning(texts: Sequence[str], separators: str) -> str:
    """Return what all texts share up to a separator, which is cut first from those too long."""
    common = commonprefix(texts) if len(texts) > 1 else ""  # noqa: RUF071 (they are no paths)
    return common[: max(common.rfind(sign) for sign in separators) + 1]
