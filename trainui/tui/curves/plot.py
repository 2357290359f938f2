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
from typing import NamedTuple

from rich.cells import cell_len

from trainui import braille
from trainui.braille import NO_DOTS
from trainui.formatting import quantity
from trainui.model.headline_metric import headline
from trainui.model.states import Status
from trainui.store.points.plot_points import Axis
from trainui.text import SYMBOLS
from trainui.tui.curve_data import ABOVE, BELOW, MEAN, NAN, Chart, PlotLine, PlotOptions, ranking
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
from trainui.tui.styled_text import Row, Segment, cut_end, fit, label_of, packed, short_labels
from trainui.tui.styles import CURVES

MARKS = "●▲■◆▼★○△□◇▽☆"
"""The marks of bright lines: of each colour, the second half stands for lines after the first."""

SLOTS = CURVES * len(MARKS)
"""Pairs of a colour and a mark, so that none stands for two lines, on whatever page these are."""

SAMPLE = "━━"
"""A piece of a line, for the legend."""

MOST_NAME = 24
"""Most characters of the names at the right end of the lines."""

LEAST_LEGEND = 4
"""Characters of a name in the legend; more lines are taken before names get shorter."""

MOST_ROWS = 2
"""Most lines of the legend before its names are shortened."""

RATIO, RATIO_OF_DIVERGED, RATIO_OF_FEW = 10, 3, 100
"""The factor by which a line must reach farther from 0 than the others: than at least three, which
would fill a few lines, and if it has a NaN; than one or two, which would fill one dot."""

MOST_DRAWN = 32
"""Size of the cache of drawn plots: summaries change more often than plots."""

MARK_EVERY = 24
"""Characters between two marks on a line, if the plot has several lines."""

NEAR_MARK = 8
"""Characters to both sides of a mark's regular place in which it may stand instead."""

BESIDE = 4
"""The last columns of a plot, where a mark seems to belong to the name at the right."""

TABLE_FEET = 2
"""Lines below a plot that has a table of its lines."""

NUMBER_WITHIN = 30
"""Within so many columns of its end a dim line has its number."""

CALM = 2
"""Columns of dots at both sides whose range a band has too: its edge would flicker."""

MOST_MEMBERS = 5
"""Most series that are drawn each in the band of their mean."""

LEAST_WORDS, SHORT = 40, 12
"""Characters of a plot from which words and numbers are written in it, and of a short mark."""

MOST_BANDS = 3
"""Most lines of a plot with a band behind each; more bands would cover each other."""

TOGETHER = 2
"""Neighbouring characters that lines share from which they run together, and do not only cross."""

HALF = 4
"""Half of the dots of a character."""


class LineStyle(NamedTuple):
    """Colour and mark of a line."""

    style: str
    mark: str
    bright: bool = True
    """False for a line in the background: dim, without marks and name."""


Styles = Mapping[str, LineStyle]
"""By `name_of`, the style of a line in every plot of a grid."""


Slots = dict[str, int]
"""By line, the number of its pair of a colour and a mark, which it keeps while it is bright."""


def name_of(line: PlotLine) -> str:
    """Return what identifies a line in every plot."""
    return line.key or line.label


def line_styles(
    chart: Chart, highlight: str = "", slots: Slots | None = None
) -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; of more than six the own line and the best are bright.

    Lines of pruned trials are in the background, except the own one, and so are lines with a NaN if
    there are more than six. If a label is highlighted, its line alone is bright. A bright line
    keeps the colour and the mark that `slots` has for it, and new ones are added to these.
    """
    lines = list(enumerate(chart.lines))
    found = [pair for pair in lines if pair[1].label == highlight]
    known = [pair for pair in lines if chart.is_own(pair[1]) or not pair[1].pruned]
    bright = found or sorted(known, key=lambda pair: _by_value(chart, pair[1]))[:CURVES]
    chosen = _slots_of([line for _, line in bright], {} if slots is None else slots)
    shown = {at: chosen[name_of(line)] for at, line in bright}
    return tuple(
        LineStyle(f"curve-{shown[at] % CURVES + 1}", _mark(shown[at]))
        if at in shown
        else LineStyle("dim", "·", bright=False)
        for at, _ in lines
    )


def _mark(slot: int) -> str:
    return MARKS[(slot + slot // len(MARKS)) % len(MARKS)]


def _slots_of(lines: Sequence[PlotLine], known: Slots) -> Slots:
    """Return a slot for each of at most six lines, no two of one colour: the known one, else a new.

    A new one was no other line's before, as far as there are any left.
    """
    found: Slots = {}
    in_order = sorted(lines, key=lambda line: (name_of(line) not in known, line.index))
    for line in in_order:
        name, used = name_of(line), set(known.values())
        colours = {slot % CURVES for slot in found.values()}
        slot = known.get(name)
        if slot is None or slot % CURVES in colours:
            free = [one for one in range(SLOTS) if one % CURVES not in colours]
            nearest = sorted(free, key=lambda one: (one // CURVES, (one - line.index) % CURVES))
            slot = next((one for one in nearest if one not in used), nearest[0])
        found[name] = known[name] = slot
    return found


def _by_value(chart: Chart, line: PlotLine) -> tuple[bool, bool, float]:
    """Return the sort key of a line: the own one first, then the best values, then with a NaN."""
    lower, own = chart.lower_is_better, chart.is_own(line) and not line.diverged
    if lower is None or line.best is None:
        return not own, line.diverged, 0.0 if lower is None else math.inf
    return not own, line.diverged, line.best[0] if lower else -line.best[0]


def shared_styles(charts: Sequence[Chart], highlight: str, slots: Slots | None = None) -> Styles:
    """Return the styles of compared lines; empty if no plot has several lines.

    The bright lines are those of the plot with the most lines, first of the headline metric's. With
    `highlight`, only the line with this label is bright.
    """
    compared = [chart for chart in charts if len(chart.lines) > 1]
    if not compared:
        return {}
    first = headline([chart.name for chart in compared], compared[0].search)
    chart = max(compared, key=lambda one: (len(one.lines), one.name == first))
    styles = zip(chart.lines, line_styles(chart, highlight, slots), strict=True)
    return {name_of(line): style for line, style in styles}


def styles_of(chart: Chart, shared: Styles) -> tuple[LineStyle, ...]:
    """Return the styles of a plot's lines; one that has no shared style is dim."""
    return tuple(
        shared.get(name_of(line), LineStyle("dim", "·", bright=False)) for line in chart.lines
    )


def names_width(lines: Sequence[PlotLine], most: int) -> int:
    """Return the width of the lines' names at the right of a plot, with their marks."""
    names = short_names(lines, max(most - 3, 4), means=True)
    return min(max(map(cell_len, names), default=0) + 3, most)


def short_names(lines: Sequence[PlotLine], width: int, *, means: bool = False) -> tuple[str, ...]:
    """Return the lines' names, each of at most `width` cells.

    With `means` those of means say so, if all names then have room whole.
    """
    names = tuple(line.pairs or (("", line.label),) for line in lines)
    said = [
        (*name, MEAN) if line.members and MEAN not in name else name
        for line, name in zip(lines, names, strict=True)
    ]
    is_room = means and all(cell_len(label_of(name)) <= width for name in said)
    return short_labels(tuple(said) if is_room else names, width)


def legend_rows(lines: Sequence[PlotLine], shared: Styles, width: int) -> list[Row]:
    """Return the marks and names of the bright lines, and how many more there are in grey.

    The names are shortened until all of them fit.
    """
    styles = [shared[name_of(line)] for line in lines]
    dim = sum(not style.bright for style in styles)
    most = max(MOST_NAME, width // CURVES - 4)
    while True:
        named = [
            Segment(f"{style.mark} {name}  ", style.style)
            for name, style in zip(short_names(lines, most, means=True), styles, strict=True)
            if style.bright
        ]
        rows = packed((*named, *([Segment(f"{dim} more in grey", "dim")] * bool(dim))), width)
        if len(rows) <= MOST_ROWS or most <= LEAST_LEGEND:
            return rows
        most -= 1


_CHARACTERS = tuple(chr(braille.BLANK + bits) for bits in range(256))
"""The characters by their bits."""


SHADE, BAND, ON_BAND = "░", "band", "-on-band"
"""A character of a band, its style, and the end of the styles of what is on one."""


class Canvas:
    """A grid of characters, each with braille dots or a literal character, and one style.

    Behind them is the ground: characters of a band.
    """

    def __init__(self, width: int, height: int) -> None:
        """Make an empty canvas of this many characters."""
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._behind = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._shared: dict[tuple[int, int], list[tuple[int, str]]] = {}
        """By column and row, the dots and the style of each line in a character of several."""
        self._put: list[dict[int, tuple[str, str]]] = [{} for _ in range(height)]
        self._ground: list[set[int]] = [set() for _ in range(height)]

    def draw(self, ranges: Sequence[braille.DotRange], style: str) -> None:
        """Draw a line over earlier ones, whose dots in the same characters stay, in its style.

        Where lines share several characters in a row, each has some of them (`_part`).
        """
        for row, column, bits in braille.characters(ranges[: 2 * self.width], self.height):
            if before := self._bits[row][column]:
                known = [(before, self._styles[row][column])]
                self._shared.setdefault((column, row), known).append((bits, style))
            self._bits[row][column] |= bits
            self._styles[row][column] = style

    def draw_behind(self, ranges: Sequence[braille.DotRange]) -> None:
        """Draw faint dots, which are hidden where a line is."""
        for row, column, bits in braille.characters(ranges[: 2 * self.width], self.height):
            self._behind[row][column] |= bits

    def lay(self, ranges: Sequence[braille.DotRange]) -> None:
        """Lay the ground of a band: the characters that it covers at least half."""
        for row, column, bits in braille.characters(ranges[: 2 * self.width], self.height):
            if bits.bit_count() >= HALF:
                self._ground[row].add(column)

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
        dots = self._bits[row][column] or self._behind[row][column]
        return not dots and column not in self._put[row]

    def is_dim(self, row: int, column: int, length: int) -> bool:
        """Return True if at `length` positions from a column on at most dim lines are drawn."""
        there = range(column, column + length)
        return not any(self._bits[row][at] or at in self._put[row] for at in there)

    def covered(self, row: int, column: int, length: int) -> int:
        """Return at how many of `length` positions from a column on something is drawn."""
        return sum(not self.is_free(row, column + at) for at in range(length))

    def recolour(self, column: int, style: str) -> None:
        """Give the dots of a column of characters another style."""
        for styles in self._styles if 0 <= column < self.width else ():
            styles[column] = style

    def rows(self) -> list[Row]:
        """Return the lines from top to bottom."""
        self._part()
        return [self._row(index) for index in range(self.height)]

    def _part(self) -> None:
        """Divide the characters that lines share: along the way each line is drawn in its turn.

        A character has one colour: else a part of a line would be in another's. Where lines only
        cross, all of their dots stay, so that none has a hole.
        """
        left = set(self._shared)
        while left:
            found, near = [], [left.pop()]
            while near:
                column, row = one = near.pop()
                found.append(one)
                beside = {(column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1)} & left
                left -= beside
                near += beside
            for at, (column, row) in enumerate(sorted(found) if len(found) >= TOGETHER else ()):
                lines = self._shared[column, row]
                bits, style = lines[at % len(lines)]
                self._bits[row][column] = bits
                if self._styles[row][column] == lines[-1][1]:  # else it has the cursor's style
                    self._styles[row][column] = style
        self._shared.clear()

    def _row(self, index: int) -> Row:
        spans: list[Segment] = []
        text, style = "", ""
        styles, literals, ground = self._styles[index], self._put[index], self._ground[index]
        behind = self._behind[index]
        for column, bits in enumerate(self._bits[index]):
            if literals and column in literals:
                character, own = literals[column]
            elif bits:
                character, own = _CHARACTERS[bits], styles[column]
            elif behind[column]:
                character, own = _CHARACTERS[behind[column]], "faint"
            elif column in ground:
                character, own = SHADE, BAND
            else:
                character, own = " ", "" if style == BAND or style.endswith(ON_BAND) else style
            if column in ground and own != BAND:
                own += ON_BAND
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
    for count, ((inner, _), (outer, _)) in enumerate(
        itertools.pairwise(by_reach[least - 1 :]), least
    ):
        far = [lines[at] for reach, at in by_reach if reach >= outer]
        ratio = RATIO_OF_DIVERGED if all(line.diverged for line in far) else RATIO
        if 0 < inner < outer / (ratio if count > 2 else RATIO_OF_FEW):
            return [] if lower is False and max(map(_extreme, far)) > 0 else far
    return []


def off_scale(away: Sequence[PlotLine]) -> list[str]:
    """Say which lines the y axis is not scaled to, and how far they reach, in ever fewer words."""
    one = len(away) == 1
    who = away[0].label if one else f"{len(away)} lines"
    farthest = max(map(_extreme, away), key=abs)
    where, to = ("above", "up to") if farthest > 0 else ("below", "down to")
    value, key = number(farthest), " (y: log)" * (farthest > 0)
    return [
        f"{who} {'is' if one else 'are'} {where} the scale, {to} {value}{key}",
        f"{who} {where} the scale, {to} {value}",
        f"{quantity(len(away), 'line')} {where}, {to} {value}",
        f"{quantity(len(away), 'line')} off scale",
        f"{len(away)} off scale",
    ]


def _extreme(line: PlotLine) -> float:
    """Return the finite value of a line that is farthest from 0; 0 without any."""
    return max(filter(math.isfinite, line.smooths), key=abs, default=0.0)


def put_marks(canvas: Canvas, lines: Sequence[PlotLine], scale: YAxis | None) -> None:
    """Mark where values begin to be infinite, at the edges, or NaN, next to the curve.

    A mark covers no curve: it moves to the next free character above or below.
    """
    for line in lines:
        for dot, kind in _begins(line):
            column = dot // 2
            rows = [0] * bool(kind & ABOVE) + [canvas.height - 1] * bool(kind & BELOW)
            signs = ["↑"] * bool(kind & ABOVE) + ["↓"] * bool(kind & BELOW)
            if kind & NAN:
                rows.append(_row_beside(line, dot, scale, canvas.height))
                signs.append("×")
            for row, sign in zip(rows, signs, strict=True):
                nearest = sorted(range(canvas.height), key=lambda one: abs(one - row))
                free = (one for one in nearest if column < canvas.width)
                free = (one for one in free if canvas.is_free(one, column))
                canvas.put(next(free, None), column, sign, "bad")


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


def odd_word(lines: Sequence[PlotLine]) -> str:
    """Return what the values that are not finite are: `NaN`, `inf` or both; empty: none."""
    kinds = [kind for line in lines for _, kind in line.odd]
    words = ["NaN"] * any(kind & NAN for kind in kinds)
    return "/".join([*words, *["inf"] * any(kind & (ABOVE | BELOW) for kind in kinds)])


def put_first_step(canvas: Canvas, chart: Chart, scale: YAxis | None) -> None:
    """Write what the first mark of a value that is not finite means, and of one line since when."""
    odd = [line for line in chart.lines if line.odd]
    if not odd:
        return
    line = min(odd, key=lambda one: one.odd[0])
    dot, kind = line.odd[0]
    since = line.nan_since
    if len(odd) > 1:
        texts = [f"{len(odd)} lines: {odd_word(odd)}", f"{len(odd)} {odd_word(odd)}"]
    elif since is None:
        texts = [odd_word(odd)]
    else:
        text = f"{'NaN' if kind & NAN else 'infinite'} since {chart.unit} {exact_step(since)}"
        is_named = len(chart.lines) > 1 and len(line.label) <= MOST_NAME
        texts = [*([f"{line.label} {text}"] * is_named), text]
    row = 0 if kind & ABOVE else canvas.height - 1 if kind & BELOW else None
    row = _row_beside(line, dot, scale, canvas.height) if row is None else row
    put_words(canvas, dot // 2, row, texts, "bad")


def put_words(canvas: Canvas, column: int, row: int, wordings: Sequence[str], style: str) -> None:
    """Write the first wording that covers nothing beside a column, as near to a row as possible."""
    rows = sorted(range(canvas.height), key=lambda one: abs(one - row))
    for text in wordings:
        size = len(text)
        above = max(min(column - size // 2, canvas.width - size), 0)
        for row in rows:
            for left in (above, column + 2, column - size - 1):
                if 0 <= left <= canvas.width - size and not canvas.covered(row, left, size):
                    canvas.write(row, left, text, style)
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
    places = line_places(chart, view) if frame.feet == TABLE_FEET else {}
    marks = max(frame.height // TICK_ROWS + 1, LEAST_MARKS)
    lines = list(zip(chart.lines, styles, strict=True))
    banded = _banded(lines, view.highlight)
    is_scaled_to_all = view.log or view.highlight
    away = [] if is_scaled_to_all else outliers(chart.lines, lower=chart.lower_is_better)
    values = list(_values(lines, banded, {line.label for line in away}))
    old = [old for line in banded for old in (*line.old_lows, *line.old_highs)]
    values += old if view.log else _near(old, values)
    scale = YAxis.around(values, log=view.log, marks=marks, height=frame.height)
    across = XAxis(chart.low, chart.high, frame.width, chart.log_x)
    canvas, names = Canvas(frame.width, frame.height), _names(lines, scale, frame)
    if scale is not None:
        _draw_lines(canvas, lines, banded, scale, view)
        if len(lines) > 1:
            _put_marks(canvas, lines, scale, {id(one.line): one.row for one in names})
        _put_ends(canvas, lines, scale, across, places)
    for x, attempt in chart.lines[0].boundaries if chart.lines else ():
        canvas.put_vertical(across.column(x), ("┊", "dim"), (f"{attempt}", "key"))
    put_marks(canvas, chart.lines, scale)
    put_first_step(canvas, chart, scale)
    for mark in chart.annotations:
        canvas.put_vertical(across.column(mark.x), ("╎", "warn" if mark.is_alert else "good"))
    for mark in chart.annotations if frame.width >= LEAST_WORDS else ():
        clause = mark.words.partition(", ")[0]  # the whole is below the plot
        fits = len(clause) <= frame.width // 3
        short = clause if fits else cut_end(mark.words, frame.width // 3)
        fallback, style = ("!", "warn") if mark.is_alert else ("best", "good")
        texts = [short, cut_end(short, SHORT), fallback]
        put_words(canvas, across.column(mark.x), 0, texts, style)
    if view.cursor is not None:
        canvas.recolour(across.column(view.cursor), "strong")
        canvas.put_vertical(across.column(view.cursor), ("│", "accent"))
    if message := _message(chart, view, scale, values):
        _put_message(canvas, [message])
    elif away:
        _put_message(canvas, off_scale(away))
    right: list[Row] = [()] * frame.height
    for one in names:
        right[one.row] = (Segment(" "), one.text)
    end = max((line.end for line in chart.lines), default=math.nan)
    is_only = {x for line in chart.lines for x in line.known} == {end} and view.window is None
    rows = (
        *with_y_axis(canvas.rows(), scale, marks, frame, right),
        *x_axis_rows(across, view.axis, frame, end, view.cursor, is_only=is_only),
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
            yield from itertools.chain(line.lows, line.highs)


def _near(old: Sequence[float], values: Sequence[float]) -> Sequence[float]:
    """Return the superseded values that are not far from the others, which they would flatten."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low
    return [one for one in old if low - span <= one <= high + span] if span else old


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
        if style.bright:
            canvas.draw(drawn, style.style)
        else:
            canvas.draw_behind(drawn)


def _draw_band(
    canvas: Canvas, line: PlotLine, scale: YAxis, view: PlotOptions, *, members: bool
) -> None:
    """Draw superseded points and the whole range; with `members` also each of a few folded series.

    The range of a mean is a calm surface: each column has that of its neighbours too.
    """
    dots, pauses = 4 * canvas.height, _pauses(line, view)
    if line.old_lows:
        ends = zip(line.old_lows, line.old_highs, strict=True)
        seen = [low <= scale.high and high >= scale.low for low, high in ends]
        old = scale.ranges(line.old_lows, line.old_highs, dots, pauses)
        # every other column alone, so that dimming is visible without colour
        canvas.draw_behind(
            [run if at % 2 == 0 and seen[at] else NO_DOTS for at, run in enumerate(old)]
        )
    band = scale.ranges(line.lows, line.highs, dots, pauses)
    if not line.members:
        canvas.draw_behind(band)
        return
    canvas.lay([_around(band, at) for at in range(len(band))])
    for values in line.members if members and len(line.members) <= MOST_MEMBERS else ():
        canvas.draw_behind(scale.ranges(values, values, dots))


def _around(band: Sequence[braille.DotRange], at: int) -> braille.DotRange:
    """Return the range of a column and of its neighbours."""
    if band[at] == NO_DOTS:
        return NO_DOTS
    near = [one for one in band[max(at - CALM, 0) : at + CALM + 1] if one != NO_DOTS]
    return min(low for low, _ in near), max(high for _, high in near)


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


def _put_marks(
    canvas: Canvas, lines: Sequence[StyledLine], scale: YAxis, names: Mapping[int, int]
) -> None:
    """Put each bright line's mark on it at its right end, and in regular parts of the plot.

    In each part it stands where the line is nearest to the middle of a character, where its mark
    is. `names` are the rows of the names beside the plot, by `id` of the line: no mark stands
    beside the name of another line.
    """
    for at, (line, style) in enumerate(lines):
        if not style.bright:
            continue
        middle = (at * 5 + 3) % MARK_EVERY
        parts = [
            sorted(range(max(one - NEAR_MARK, 0), one + NEAR_MARK + 1), key=lambda x: abs(x - one))
            for one in range(middle, canvas.width, MARK_EVERY)
        ]
        known = [dot for dot, value in enumerate(line.smooths) if math.isfinite(value)]
        for columns in (*parts, [dot // 2 for dot in known[-1:]]):
            places = [one for x in columns if (one := _mark_place(line, x, scale, canvas.height))]
            if not places:
                continue
            _, row, column = min(places, key=lambda one: one[0])
            is_beside = row in names.values() and column >= canvas.width - BESIDE
            if not is_beside or names.get(id(line)) == row:
                canvas.put(row, column, style.mark, style.style)


def _mark_place(
    line: PlotLine, column: int, scale: YAxis, height: int
) -> tuple[int, int, int] | None:
    """Return a mark's row and column, and before them by how many dots it is off the line."""
    values = line.smooths[2 * column : 2 * column + 2]
    dots = [dot for value in values if (dot := scale.dot(value, height)) is not None]
    if not dots:
        return None
    off = min(abs(2 * (dot % 4) - 3) // 2 for dot in dots) + (max(dots) - min(dots)) // 2
    return off, height - 1 - dots[0] // 4, column


def _put_ends(
    canvas: Canvas,
    lines: Sequence[StyledLine],
    scale: YAxis,
    across: XAxis,
    places: Mapping[int, int],
) -> None:
    """Mark a line's only point, since a single dot is hard to see, and ends of pruned trials.

    At the end of a dim line is its number in the table; lines that end in one place share theirs.
    """
    shared: dict[tuple[int, int, bool], list[PlotLine]] = {}
    for line, style in lines:
        known = [at for at, value in enumerate(line.lasts) if math.isfinite(value)]
        if len(known) == 1:
            row = scale.row(line.lasts[known[0]], canvas.height)
            canvas.put(row, across.column(line.at[known[0]]), "●", style.style)
        known = [at for at, value in enumerate(line.smooths) if math.isfinite(value)]
        if not known:
            continue
        row, column = scale.row(line.smooths[known[-1]], canvas.height), known[-1] // 2
        if line.pruned:
            canvas.put(row, column, SYMBOLS[Status.PRUNED], style.style)
        if not style.bright and row is not None and id(line) in places:
            shared.setdefault((row, column, bool(line.pruned)), []).append(line)
    for (row, column, is_pruned), ending in shared.items():
        text = _joined([places[id(line)] for line in ending])
        text = text if is_pruned else f" {text} "  # a pruned line's sign stands before the number
        _put_number(canvas, ending[0], (row, column), text, scale)


def _joined(numbers: Sequence[int]) -> str:
    """Return numbers as a text, e.g. `9`, `9,12` or `9-12`."""
    ordered = sorted(numbers)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]}-{ordered[-1]}"
    return ",".join(map(str, ordered))


def _put_number(
    canvas: Canvas, line: PlotLine, end: tuple[int, int], text: str, scale: YAxis
) -> None:
    """Put a dim line's number behind its end, or else on it, where it covers no bright line."""
    drawn = scale.ranges(line.smooths, line.smooths, 4 * canvas.height)
    right = min(end[1] + 1, canvas.width - len(text))
    for left in range(right, max(right - NUMBER_WITHIN, -1), -1):
        column = left + len(text) // 2
        dots = drawn[2 * min(column, end[1])]
        row = canvas.height - 1 - dots[0] // 4 if column < end[1] else end[0]
        if dots != NO_DOTS and canvas.is_dim(row, left, len(text)):
            canvas.write(row, left, text, "dim")
            return


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


class LineName(NamedTuple):
    """The name of a bright line at the right of a plot."""

    row: int
    line: PlotLine
    text: Segment


def _names(lines: Sequence[StyledLine], scale: YAxis | None, frame: Frame) -> list[LineName]:
    """Return each bright line's name beside its right end; names in one place move apart."""
    wanted = []
    bright = [(line, style) for line, style in lines if style.bright] if frame.right else []
    names = short_names([line for line, _ in bright], frame.right - 3, means=True)
    for name, (line, style) in zip(names, bright, strict=True):
        last = next((value for value in reversed(line.smooths) if math.isfinite(value)), None)
        if last is not None and scale is not None:
            row = scale.row(last, frame.height)
            text = Segment(f"{style.mark} {name}", style.style)
            wanted += [(row, -last, LineName(row, line, text))] if row is not None else []
    wanted.sort(key=lambda one: one[:2])
    found, at = [], -1
    for left, (row, _, one) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        at = min(max(row, at + 1), frame.height - left)
        if at >= 0:
            found.append(one._replace(row=at))
    return found


def line_places(chart: Chart, view: PlotOptions) -> dict[int, int]:
    """Return the number of each line in the table, by `id`: by rank, then those without a value."""
    ranked = [line for _, line in ranking(chart, view)]
    lower, first = chart.lower_is_better, {id(line) for line in ranked}

    def by_best(line: PlotLine) -> tuple[bool, float, int]:
        if lower is None or line.best is None:
            return line.diverged, math.inf * (lower is not None), line.index
        return line.diverged, line.best[0] if lower else -line.best[0], line.index

    others = sorted((line for line in chart.lines if id(line) not in first), key=by_best)
    return {id(line): at for at, line in enumerate([*ranked, *others], 1)}
