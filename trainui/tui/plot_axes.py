"""The axes of a plot: positions of values and marks, and their labels at the left and below."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from trainui.braille import DotRange, dot_ranges
from trainui.record import dataclass
from trainui.store.points.plot_points import Axis
from trainui.tui import axis_marks
from trainui.tui.axis_marks import NumberFormat, Tick, Ticks, number_format, written
from trainui.tui.styled_text import Row, Segment, fit

LOW, DENSE = 3, 5
"""Heights in lines up to which only the ends of the y axis are labelled, and up to which labels
may be on adjacent lines."""

ROUNDING = 256
"""Differences up to twice as many units in the last place are rounding errors, e.g. of the mean of
a layer's weights, which are larger than it: one part in 10^13 of a value."""

ROUNDED = 1e-9
"""Share of a distance that is a rounding error."""

FAR = 1e9
"""The farthest that a value is placed beyond the axis, in lengths of the axis: it stays finite."""

LEAST_MARKS = 3
"""Round numbers sought for the lowest plot, so that it has one between its ends."""

TICK_ROWS = 3
"""Lines of a plot for each mark of the y axis."""

OF_CONSTANT, OF_POWER = (1e-4, 0.05), (0.001, 0.05)
"""Shares of a number by which its label may be wrong, without notice and at most: of a value that
stands alone, and on a logarithmic axis."""

POWERS = "10^labels"
"""Title of an axis with exponents as labels."""

FAR_RIGHT = 0.8
"""Share of an x axis from which the label of the last point is enough at its end."""

STEPS = (Axis.STEP, Axis.EPOCH)
"""The axes with numbers and not times."""

MARK_CELLS, MOMENT_CELLS = 9, 11
"""Characters of an x axis for each mark, and for each time of day."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a plot, in characters."""

    width: int
    """Of the curves alone."""
    height: int
    feet: int = 1
    """Lines below: 0 none, 1 an axis with its labels in it, 2 an axis with labels below it."""
    right: int = 0
    """Width of the lines' names at the right; 0: none."""


def is_one_value(low: float, high: float) -> bool:
    """Return True if values differ by rounding errors alone, or are two subnormal numbers."""
    return low / 2 == high / 2 or high / 2 - low / 2 <= ROUNDING * math.ulp(max(-low, high))


@dataclass(frozen=True, slots=True)
class YAxis:
    """The y axis."""

    low: float
    high: float
    log: bool = False
    constant: float | None = None
    """The value, if there is only one."""
    marks: tuple[float, ...] = ()
    """Its marks from the lowest to the highest, equally far apart; empty: others are chosen."""

    @classmethod
    def around(
        cls, values: Iterable[float], *, log: bool, marks: int, height: int = 0
    ) -> YAxis | None:
        """Return an axis for `marks` marks, a little wider than the values: it seldom changes.

        `height` is that of the plot, so that marks are whole lines apart; 0: any. Values that
        cannot be drawn are ignored; without others, there is no axis.
        """
        known = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        if not known:
            return None
        low, high = min(known), max(known)
        if is_one_value(low, high):
            return cls(*_about(low, log=log), log, low)
        if log:
            low, high = _log_ends(low, high)
            return cls(low, high, log) if low < high else cls(*_about(low, log=log), log, low)
        stride = axis_marks.round_stride(high - low, max(marks, 1))
        if not stride / 10 or not math.isfinite(high / stride * 10):
            return cls(low, high)
        even = axis_marks.even_marks(low, high, max(marks, 2), max(height - 1, 0))
        if even.marks:
            return cls(even.marks[0], even.end, marks=even.marks)
        return cls(*_with_exact_labels(low, high, stride))

    def place(self, value: float, dots: int) -> float:
        """Return the dot of a value, counted from the bottom; NaN if it cannot be drawn."""
        return self._places([value], dots)[0]

    def _places(self, values: Sequence[float], dots: int) -> list[float]:
        most = dots - 1
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            places = [math.log10(value) if value > 0 else math.nan for value in values]
        else:  # halved, since the difference of two large floats may overflow
            low, high = self.low / 2, self.high / 2
            places = [value / 2 for value in values]
        span = high - low
        return [most * _cut((place - low) / span, place) for place in places]

    def ranges(
        self,
        lows: Sequence[float],
        highs: Sequence[float],
        dots: int,
        breaks: frozenset[int] = frozenset(),
    ) -> list[DotRange]:
        """Return the dots that a curve covers in each column (`braille.dot_ranges`)."""
        bottoms = self._places(lows, dots)
        tops = bottoms if lows is highs else self._places(highs, dots)
        return dot_ranges(list(zip(bottoms, tops, strict=True)), dots, breaks)

    def row(self, value: float, height: int) -> int | None:
        """Return the line of text of a value, from the top; None if it cannot be drawn."""
        dot = self.dot(value, height)
        return None if dot is None else height - 1 - dot // 4

    def dot(self, value: float, height: int) -> int | None:
        """Return the dot of a value in so many lines, from below; None if it cannot be drawn."""
        place = self.place(value, 4 * height)
        return None if math.isnan(place) else min(max(round(place), 0), 4 * height - 1)

    def ticks(self, most: int, *, even: bool = False) -> list[Tick]:
        """Return the two ends, then at most `most` round numbers; for one value that alone.

        On a logarithmic scale they are powers of ten, unless they are to be `even`.
        """
        return _ticks(self, most, even)

    @property
    def form(self) -> NumberFormat | PowerFormat:
        """How its labels are written."""
        if self.constant is not None:
            exact, tolerable = (abs(self.constant) * share for share in OF_CONSTANT)
            return number_format((self.constant,), exact, tolerable)
        if self.log:
            return PowerFormat("" if all(map(_log_label, (self.low, self.high))) else POWERS)
        return _format_between(self.low, self.high)


def _cut(share: float, place: float) -> float:
    """Return the share of the axis at which a value is, at most `FAR`; NaN if it is not finite."""
    return max(-FAR, min(share, FAR)) if math.isfinite(place) else math.nan


class PowerFormat(NamedTuple):
    """How the numbers of a logarithmic axis are written."""

    title: str
    """`POWERS`: labels are exponents, since the numbers need more characters; empty: numbers."""

    def write(self, value: float) -> str | None:
        """Return a number's label; None if it would be wrong."""
        return self.nearest(value) if self.title else _log_label(value)

    def nearest(self, value: float) -> str:
        """Return the label that is nearest to a number."""
        return axis_marks.nearest(math.log10(value) if self.title else value)


@lru_cache(maxsize=axis_marks.CACHED)
def _ticks(scale: YAxis, most: int, even: bool) -> list[Tick]:
    form = scale.form
    if scale.constant is not None:
        return [Tick(scale.constant, _of_one_value(scale.constant, form))]
    if scale.marks:
        low, *between, high = scale.marks
        in_order = (high, low, *between)
        texts = axis_marks.aligned([form.nearest(value) for value in in_order])
        return list(map(Tick, in_order, texts))
    values = axis_marks.powers if scale.log and not even else axis_marks.numbers
    inner = [(value, form.write(value)) for value in values(scale.low, scale.high, most)]
    ends = [Tick(value, form.nearest(value)) for value in (scale.high, scale.low)]
    found = axis_marks.apart([*ends, *(Tick(value, text) for value, text in inner if text)])[2:]
    texts = axis_marks.aligned([tick.label for tick in found])
    return [*ends, *map(Tick, (tick.value for tick in found), texts)]


def _of_one_value(value: float, form: NumberFormat | PowerFormat) -> str:
    """Return the label of a value that stands alone: rounded rather than without its zero."""
    label = form.nearest(value)
    if form.title or not label.startswith((".", "-.")):
        return label
    rounded = f"{value:.{axis_marks.LABEL - len('0.') - (value < 0)}f}"
    error = abs(float(rounded) - value)
    return rounded if error <= abs(value) * OF_CONSTANT[1] and abs(float(rounded)) < 1 else label


def _format_between(low: float, high: float) -> NumberFormat:
    exact, tolerable = (
        high * share - low * share for share in (axis_marks.EXACT_END, axis_marks.TOLERABLE_END)
    )
    return number_format((low, high), exact, tolerable)


def _log_label(value: float) -> str | None:
    exact, tolerable = OF_POWER
    return written(value, value * exact, value * tolerable)


def _log_ends(low: float, high: float) -> tuple[float, float]:
    """Return a range around positive numbers, as little wider as its ends' labels need to be."""
    share, _ = OF_POWER
    for digits in (2, 1):
        ends = _to_digits(low, math.floor, digits), _to_digits(high, math.ceil, digits)
        if all(written(end, end * share, end * share) for end in ends):
            return ends
    first = axis_marks.power_of_ten(math.floor(math.log10(low)))
    last = axis_marks.power_of_ten(math.ceil(math.log10(high)))
    return first or low, last if math.isfinite(last) else high


def _about(value: float, *, log: bool) -> tuple[float, float]:
    """Return an axis with one value in its middle."""
    if log:
        return value / 10 or value, value * 10
    if abs(value) > 1e300:
        return value * 0.9, value * 1.1 if abs(value) < 1.6e308 else value
    margin = abs(value) * 0.1 or 1.0
    return value - margin, value + margin


@lru_cache(maxsize=axis_marks.CACHED)
def _with_exact_labels(low: float, high: float, stride: float) -> tuple[float, float]:
    """Return a range as little wider as its ends' labels need to be exact.

    `stride` is the distance between marks, of which the ends are a tenth, or more, apart.
    """
    grains = [stride / part for part in (10, 5, 2, 1)]
    found = [  # multiples of a grain; one that is reached is not exceeded
        (math.floor(low / grain + ROUNDED) * grain, math.ceil(high / grain - ROUNDED) * grain)
        for grain in grains
    ]
    for ends, grain in zip(found, grains, strict=True):
        if all(written(end, grain / 100, grain / 4) is not None for end in ends):
            return ends
    for ends, grain in zip(found, grains, strict=True):
        form = _format_between(*ends)
        if not form.power and form._replace(tolerable=grain / 4).writes(ends):
            return ends
    return found[0]


def _to_digits(value: float, whole: Callable[[float], int], digits: int) -> float:
    """Round a positive number down or up to some significant digits."""
    power = math.floor(math.log10(value)) - digits + 1
    return float(f"{whole(round(value / 10.0**power, 9))}e{power}") if power > -300 else value


def with_y_axis(
    rows: Sequence[Row], scale: YAxis | None, most: int, frame: Frame, right: Sequence[Row]
) -> list[Row]:
    """Return the lines of a plot with the y axis at their left and names at their right.

    At most `most` round numbers are labelled besides the ends.
    """
    height, texts = frame.height, dict[int, str]()
    # finer marks where nothing is between the ends
    for finer, even in ((1, False), (2, False), (4, False), (8, False), (2, True), (8, True)):
        if scale is None or (texts and (len(texts) != 2 or height <= LOW or scale.marks)):
            break
        texts = _labels_by_row(scale, scale.ticks(finer * most, even=even), height)
    found: list[Row] = []
    for index, (row, name) in enumerate(zip(rows, right, strict=True)):
        label = fit(texts.get(index, ""), axis_marks.LABEL, right=True)
        mark = Segment("┤" if index in texts else "│", "line")
        found.append((Segment(label, "dim"), mark, *row, *name))
    return found


def _labels_by_row(scale: YAxis, marks: Sequence[Tick], height: int) -> dict[int, str]:
    """Return the labels by line, as many as have room; the first ones take precedence."""
    texts: dict[int, str] = {}
    gap = 1 if height <= DENSE or scale.marks else 2
    for value, label in marks if height > LOW else marks[:2]:
        row = scale.row(value, height)
        if row is not None and all(abs(row - taken) >= gap for taken in texts):
            texts[row] = label
    return texts


@dataclass(frozen=True, slots=True)
class XAxis:
    """The x axis."""

    low: float
    high: float
    width: int
    """In characters."""
    log: bool = False

    def share(self, x: float) -> float:
        """Return where `x` is between the two ends, from 0 to 1."""
        if self.log:
            x = math.log(x / self.low) if x > 0 else -math.inf
            span = math.log(self.high / self.low)
        else:
            x, span = x - self.low, self.high - self.low
        return x / span if span else 0.0

    def column(self, x: float) -> int:
        """Return the character column of `x`; -1 or `width` if it is outside."""
        share = self.share(x) if math.isfinite(x) else -1.0
        if not math.isfinite(share):
            return -1
        if x == self.high:
            return self.width - 1
        return min(max(math.floor(share * self.width), -1), self.width)

    def x(self, column: float) -> float:
        """Return the x position of a character column, which may be fractional."""
        share = column / max(self.width, 1)
        if self.log:
            return self.low * math.exp(math.log(self.high / self.low) * share)
        return self.low + (self.high - self.low) * share

    def ticks(self, axis: Axis) -> Ticks:
        """Return the marks."""
        if self.log:
            write = axis_marks.nearest_step if axis in STEPS else axis_marks.short_duration
            values = axis_marks.powers(self.low, self.high, max(self.width // MARK_CELLS, 2))
            return Ticks(axis_marks.apart(Tick(x, write(x)) for x in values), write)
        if axis in STEPS:
            return axis_marks.steps(self.low, self.high, max(self.width // MARK_CELLS, 2))
        if axis == Axis.WALL:
            return axis_marks.moments(self.low, self.high, max(self.width // MOMENT_CELLS, 2))
        return axis_marks.durations(self.low, self.high, max(self.width // MARK_CELLS, 2))

    def label(self, x: float, axis: Axis) -> str:
        """Return the cursor's x position with as many digits as it can move by."""
        grain = (self.high - self.low) / max(2 * self.width, 1)
        if axis in STEPS:
            return axis_marks.count(x, grain) if abs(x) >= 1e6 else f"{x:.10g}"
        return axis_marks.moment(x) if axis == Axis.WALL else axis_marks.fine_duration(x, grain)


def x_axis_rows(
    across: XAxis,
    axis: Axis,
    frame: Frame,
    end: float,
    cursor: float | None,
    *,
    is_only: bool = False,
) -> list[Row]:
    """Return the lines below a plot.

    `end` is the x position of the last point, and alone on the axis if it `is_only`.
    """
    if not frame.feet:
        return []
    by_cursor = partial(across.label, axis=axis)
    marks, write, title = ([], by_cursor, "") if is_only else across.ticks(axis)
    found = [(across.column(tick.value), tick.label) for tick in marks]
    within = [(column, label) for column, label in found if 0 <= column < frame.width]
    wanted = [(column, label, "dim") for column, label in within]
    for x, style, text in (
        (end, "strong", write),
        (cursor, "accent", by_cursor),
    ):
        if x is not None and 0 <= across.column(x) < across.width:
            wanted.insert(0, (across.column(x), text(x), style))
    sides = [] if is_only else [across.low]
    if (
        sides and not across.column(end) > FAR_RIGHT * across.width
    ):  # else the last point is labelled
        sides.append(across.high)
    taken = len(wanted) - len(within)
    wanted[taken:taken] = [(across.column(x), write(x), "dim") for x in sides]
    left = Segment(" " * axis_marks.LABEL)
    if frame.feet == 1:
        return [(left, Segment("╰", "line"), *axis_labels(wanted, frame.width, "─", title))]
    line = ["─"] * frame.width
    for column, _ in within:
        line[column] = "┬"
    return [
        (left, Segment("╰" + "".join(line), "line")),
        (left, Segment(" "), *axis_labels(wanted, frame.width, " ", title)),
    ]


def axis_labels(
    wanted: Sequence[tuple[int, str, str]], width: int, filling: str, title: str = ""
) -> list[Segment]:
    """Return the labels below their marks; the first ones take precedence.

    Each is wanted at a column, with a style; `filling` is the character between labels, and
    `title` the text at the left, before all of them.
    """
    taken = [(0, title, "strong")] if title else []
    for column, label, style in wanted:
        start = max(min(column - len(label) // 2, width - len(label)), 0)
        if style == "accent":  # the cursor's place moves aside
            start = max(start, len(title) + bool(title))
        if all(start > at + len(text) or start + len(label) < at for at, text, _ in taken):
            taken.append((start, label, style))
    spans, used = [], 0
    for start, label, style in sorted(taken):
        spans += [Segment(filling * (start - used), "line"), Segment(label, style)]
        used = start + len(label)
    return [*spans, Segment(filling * (width - used), "line")]
