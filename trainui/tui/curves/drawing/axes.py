"""The y axis and the x axis of a plot: positions of values, marks, and the rows of labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trainui.braille import DotRange, dot_ranges
from trainui.store.points.x_axis import Axis
from trainui.tui.curves.drawing import ticks
from trainui.tui.curves.drawing.ticks import Tick
from trainui.tui.render.styled_text import Row, Segment, fit

LOW, DENSE = 3, 5
"""Heights in lines up to which only the ends of the y axis are labelled, and up to which labels
may be on adjacent lines."""

ROUNDING = 8
"""Differences up to twice as many units in the last place are rounding errors of a mean."""

ROUNDED = 1e-9
"""Share of a distance that is a rounding error."""

LEAST_MARKS = 3
"""Round numbers sought for the lowest plot, so that it has one between its ends."""

TICK_ROWS = 3
"""Lines of a plot for each mark of the y axis."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a plot, in characters."""

    width: int
    """Of the curves alone."""
    height: int
    labels: int = ticks.LABEL
    """Width of the labels at the left, without the axis itself."""
    feet: int = 1
    """Lines below: 0 none, 1 an axis with its labels in it, 2 an axis with labels below it."""
    right: int = 0
    """Width of the lines' names at the right; 0: none."""


@dataclass(frozen=True, slots=True)
class YAxis:
    """The y axis."""

    low: float
    high: float
    log: bool = False
    constant: float | None = None
    """The value, if there is only one."""

    @classmethod
    def around(cls, values: Iterable[float], *, log: bool, marks: int) -> YAxis | None:
        """Return an axis a little wider than the values, so that it seldom changes.

        Values that cannot be drawn are ignored; without others, there is no axis. `marks` marks
        fit.
        """
        known = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        if not known:
            return None
        low, high = min(known), max(known)
        # differences of rounding errors, and two subnormal numbers, are one value
        if low / 2 == high / 2 or high / 2 - low / 2 <= ROUNDING * math.ulp(max(-low, high)):
            return cls(*_about(low, log=log), log, low)
        if log:
            low, high = _two_digits(low, math.floor), _two_digits(high, math.ceil)
            return cls(low, high if math.isfinite(high) else max(known), log)
        stride = ticks.round_stride(high - low, max(marks, 1))
        if not stride / 10 or not math.isfinite(high / stride * 10):
            return cls(low, high)
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
        shares = [(place - low) / span for place in places]
        return [share * most if math.isfinite(share) else math.nan for share in shares]

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
        place = self.place(value, 4 * height)
        if math.isnan(place):
            return None
        return height - 1 - min(max(round(place), 0), 4 * height - 1) // 4

    def ticks(self, most: int) -> list[Tick]:
        """Return the two ends, then at most `most` round numbers; for one value that alone."""
        if self.constant is not None:
            return [Tick(self.constant, ticks.short(self.constant))]
        if self.log:
            ends = [Tick(value, ticks.short(value)) for value in (self.high, self.low)]
            return [*ends, *ticks.powers(self.low, self.high, most)]
        return ticks.with_ends(self.low, self.high, most)


def _about(value: float, *, log: bool) -> tuple[float, float]:
    """Return an axis with one value in its middle."""
    if log:
        return value / 10, value * 10
    if abs(value) > 1e300:
        return value * 0.9, value * 1.1 if abs(value) < 1.6e308 else value
    margin = abs(value) * 0.1 or 1.0
    return value - margin, value + margin


def _with_exact_labels(low: float, high: float, stride: float) -> tuple[float, float]:
    """Return a range as little wider as its ends' labels need to be exact.

    `stride` is the distance between marks, of which the ends are a tenth, or more, apart.
    """
    found = [_rounded(low, high, stride / part) for part in (10, 5, 2, 1)]
    grains = (stride / part for part in (10, 5, 2, 1))
    exact = (
        ends
        for ends, grain in zip(found, grains, strict=True)
        if all(ticks.is_exact(end, grain) for end in ends)
    )
    return next(exact, found[0])


def _rounded(low: float, high: float, grain: float) -> tuple[float, float]:
    """Return the multiples of a grain around a range; one that is reached is not exceeded."""
    first, last = math.floor(low / grain + ROUNDED), math.ceil(high / grain - ROUNDED)
    return first * grain, last * grain


def _two_digits(value: float, whole: Callable[[float], int]) -> float:
    """Round a positive number down or up to two significant digits."""
    power = math.floor(math.log10(value)) - 1
    return float(f"{whole(round(value / 10.0**power, 9))}e{power}") if power > -300 else value


def with_y_axis(
    rows: Sequence[Row], scale: YAxis | None, most: int, frame: Frame, right: Sequence[Row]
) -> list[Row]:
    """Return the lines of a plot with the y axis at their left and names at their right.

    At most `most` round numbers are labelled besides the ends.
    """
    labels = _labels_by_row(scale, most, frame.height) if scale is not None else {}
    found: list[Row] = []
    for index, (row, name) in enumerate(zip(rows, right, strict=True)):
        label = fit(labels.get(index, ""), frame.labels, right=True)
        mark = Segment("┤" if index in labels else "│", "line")
        found.append((Segment(label, "dim"), mark, *row, *name))
    return found


def _labels_by_row(scale: YAxis, most: int, height: int) -> dict[int, str]:
    found = _placed(scale, scale.ticks(most), height)
    if len(found) == 2 and height > LOW:  # nothing between the ends
        found = _placed(scale, scale.ticks(2 * most), height)
    return found


def _placed(scale: YAxis, marks: Sequence[Tick], height: int) -> dict[int, str]:
    """Return the labels by line, as many as have room; the first ones take precedence."""
    labels: dict[int, str] = {}
    gap = 1 if height <= DENSE else 2
    for value, label in marks if height > LOW else marks[:2]:
        row = scale.row(value, height)
        if row is not None and all(abs(row - taken) >= gap for taken in labels):
            labels[row] = label
    return labels


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
        return self.width - 1 if x == self.high else min(max(self._floor(share), -1), self.width)

    def _floor(self, share: float) -> int:
        return math.floor(share * self.width)

    def x(self, column: float) -> float:
        """Return the x position of a character column, which may be fractional."""
        share = column / max(self.width, 1)
        if self.log:
            return self.low * math.exp(math.log(self.high / self.low) * share)
        return self.low + (self.high - self.low) * share

    def ticks(self, axis: Axis) -> list[Tick]:
        """Return the marks."""
        mark, cells = {
            Axis.STEP: (ticks.steps, 9),
            Axis.EPOCH: (ticks.steps, 9),
            Axis.RELATIVE: (ticks.durations, 9),
            Axis.GPU: (ticks.durations, 9),
            Axis.WALL: (ticks.moments, 11),
        }[axis]
        most = max(self.width // cells, 2)
        if not self.log:
            return mark(self.low, self.high, most)
        write = ticks.count if mark is ticks.steps else ticks.duration
        return [Tick(x, write(x)) for x, _ in ticks.powers(self.low, self.high, most)]

    def label(self, x: float, axis: Axis) -> str:
        """Return the cursor's x position with as many digits as it can move by."""
        grain = (self.high - self.low) / max(2 * self.width, 1)
        if axis in (Axis.STEP, Axis.EPOCH):
            return ticks.count(x, grain) if abs(x) >= 1e6 else f"{x:.10g}"
        return ticks.moment(x) if axis == Axis.WALL else ticks.duration(x)


def x_axis_rows(
    across: XAxis, axis: Axis, frame: Frame, end: float, cursor: float | None
) -> list[Row]:
    """Return the lines below a plot.

    `end` is the x position of the last point.
    """
    if not frame.feet:
        return []
    found = [(across.column(tick.value), tick.label) for tick in across.ticks(axis)]
    within = [(column, label) for column, label in found if 0 <= column < frame.width]
    wanted = [(column, label, "dim") for column, label in within]
    for x, style in ((end, "strong"), (cursor, "accent")):
        if x is not None and 0 <= across.column(x) < across.width:
            wanted.insert(0, (across.column(x), across.label(x, axis), style))
    left = Segment(" " * frame.labels)
    if frame.feet == 1:
        return [(left, Segment("╰", "line"), *axis_labels(wanted, frame.width, "─"))]
    line = ["─"] * frame.width
    for column, _ in within:
        line[column] = "┬"
    return [
        (left, Segment("╰" + "".join(line), "line")),
        (left, Segment(" "), *axis_labels(wanted, frame.width, " ")),
    ]


def axis_labels(wanted: Sequence[tuple[int, str, str]], width: int, filling: str) -> list[Segment]:
    """Return the labels below their marks; the first ones take precedence.

    Each is wanted at a column, with a style; `filling` is the character between labels.
    """
    taken: list[tuple[int, str, str]] = []
    for column, label, style in wanted:
        start = max(min(column - len(label) // 2, width - len(label)), 0)
        if all(start > at + len(text) or start + len(label) < at for at, text, _ in taken):
            taken.append((start, label, style))
    spans, used = [], 0
    for start, label, style in sorted(taken):
        spans += [Segment(filling * (start - used), "line"), Segment(label, style)]
        used = start + len(label)
    return [*spans, Segment(filling * (width - used), "line")]
