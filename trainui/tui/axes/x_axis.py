"""The x axis of a plot: positions of points, marks, and the rows of labels below the lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from trainui.store.plotting.x_axis import Axis
from trainui.tui.axes import labels, ticks
from trainui.tui.axes.ticks import Tick, Ticks
from trainui.tui.axes.y_axis import Frame
from trainui.tui.render.styled_text import Row, Segment

STEPS = (Axis.STEP, Axis.EPOCH)
"""The axes with numbers and not times."""

MARK_CELLS, MOMENT_CELLS = 9, 11
"""Characters of an x axis for each mark, and for each time of day."""


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
            write = ticks.nearest_step if axis in STEPS else labels.short_duration
            values = ticks.powers(self.low, self.high, max(self.width // MARK_CELLS, 2))
            return Ticks(ticks.apart(Tick(x, write(x)) for x in values), write)
        if axis in STEPS:
            return ticks.steps(self.low, self.high, max(self.width // MARK_CELLS, 2))
        if axis == Axis.WALL:
            return ticks.moments(self.low, self.high, max(self.width // MOMENT_CELLS, 2))
        return ticks.durations(self.low, self.high, max(self.width // MARK_CELLS, 2))

    def label(self, x: float, axis: Axis) -> str:
        """Return the cursor's x position with as many digits as it can move by."""
        grain = (self.high - self.low) / max(2 * self.width, 1)
        if axis in STEPS:
            return labels.count(x, grain) if abs(x) >= 1e6 else f"{x:.10g}"
        return labels.moment(x) if axis == Axis.WALL else labels.duration(x)


def x_axis_rows(
    across: XAxis, axis: Axis, frame: Frame, end: float, cursor: float | None
) -> list[Row]:
    """Return the lines below a plot; `end` is the x position of the last point."""
    if not frame.feet:
        return []
    marks, write, title = across.ticks(axis)
    found = [(across.column(tick.value), tick.label) for tick in marks]
    within = [(column, label) for column, label in found if 0 <= column < frame.width]
    wanted = [(column, label, "dim") for column, label in within]
    for x, style, text in (
        (end, "strong", write),
        (cursor, "accent", partial(across.label, axis=axis)),
    ):
        if x is not None and 0 <= across.column(x) < across.width:
            wanted.insert(0, (across.column(x), text(x), style))
    left = Segment(" " * labels.LABEL)
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
