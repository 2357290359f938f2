"""Maps values to dots and characters of a plot: the y axis and the x axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainui.braille import DotRange, dot_ranges
from trainui.tui.curves import ticks
from trainui.tui.curves.ticks import Tick, trimmed
from trainui.tui.render.numbers import number


@dataclass(frozen=True, slots=True)
class YAxis:
    """The y axis."""

    low: float
    high: float
    log: bool = False
    middle: float | None = None
    """The value, if there is only one."""

    @classmethod
    def around(cls, values: Iterable[float], *, log: bool, marks: int) -> YAxis | None:
        """Return an axis a little wider than the values, so that it seldom changes.

        Args:
            values: the values; those that cannot be drawn are ignored.
            log: use a logarithmic scale.
            marks: how many marks fit.

        Returns:
            None if no value can be drawn.
        """
        known = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        if not known:
            return None
        low, high = min(known), max(known)
        if low / 2 == high / 2:  # also two subnormal numbers, between which nothing can be placed
            return cls(*_about(low, log=log), log, low)
        if log:
            return cls(low, high, log)
        grain = ticks.round_stride(high - low, max(marks, 1)) / 10
        if not grain or not math.isfinite(high / grain):
            return cls(low, high)
        return cls(math.floor(low / grain) * grain, math.ceil(high / grain) * grain)

    def place(self, value: float, dots: int) -> float:
        """Return the dot of a value, counted from the bottom; NaN if it cannot be drawn."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(value) - low) / (high - low) * (dots - 1)
        # halved, since the difference of two large floats may overflow
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2) * (dots - 1)

    def ranges(
        self,
        lows: Sequence[float],
        highs: Sequence[float],
        dots: int,
        breaks: frozenset[int] = frozenset(),
    ) -> list[DotRange]:
        """Return the dots that a curve covers in each column (`braille.dot_ranges`)."""
        pairs = zip(lows, highs, strict=True)
        places = [(self.place(low, dots), self.place(high, dots)) for low, high in pairs]
        return dot_ranges(places, dots, breaks)

    def ticks(self, most: int) -> list[Tick]:
        """Return at most `most` marks."""
        mark = ticks.powers if self.log else ticks.numbers
        return mark(self.low, self.high, most)

    def ends(self) -> list[Tick]:
        """Return marks at the two ends; for a single value in the middle."""
        if self.middle is not None:
            return [Tick(self.middle, trimmed(number(self.middle)))]
        return [Tick(value, trimmed(number(value))) for value in (self.high, self.low)]


def _about(value: float, *, log: bool) -> tuple[float, float]:
    """Return an axis with one value in its middle."""
    if log:
        return value / 10, value * 10
    if abs(value) > 1e300:
        return value * 0.9, value * 1.1 if abs(value) < 1.6e308 else value
    margin = abs(value) * 0.1 or 1.0
    return value - margin, value + margin


@dataclass(frozen=True, slots=True)
class XAxis:
    """The x axis."""

    low: float
    high: float
    width: int
    """In characters."""

    def column(self, x: float) -> int:
        """Return the character column of `x`; -1 or `width` if it is outside."""
        if not math.isfinite(x):
            return -1
        span = self.high - self.low
        at = math.floor((x - self.low) / span * self.width) if span else 0
        return self.width - 1 if x == self.high else min(max(at, -1), self.width)

    def x(self, column: float) -> float:
        """Return the x position of a character column, which may be fractional."""
        return self.low + (self.high - self.low) * column / max(self.width, 1)
