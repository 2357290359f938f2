"""Rasterises curves to braille characters (2x4 dots each) without losing spikes.

A dot column covers the range from its minimum to its maximum; columns without points are
interpolated linearly, and steep parts are connected.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

BLANK = 0x2800
"""The braille character without dots; a character's bits are added to it."""

_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Bits of a character's dots from bottom to top, in its left and in its right column."""

_RANGES = tuple(
    tuple(tuple(sum(dots[low : high + 1]) for high in range(4)) for low in range(4))
    for dots in _DOTS
)
"""`_RANGES[column][low][high]`: bits of the dots from `low` to `high` in a column."""

DotRange = tuple[int, int]
"""The lowest and the highest dot of a column, counted from the bottom; (1, 0): none."""

NO_DOTS: DotRange = (1, 0)

Place = tuple[float, float]
"""The same, not rounded yet; NaN where nothing is to be drawn."""


def plot_lines(lows: Sequence[float], highs: Sequence[float], height: int) -> list[str]:
    """Draw a curve over its whole range.

    Args:
        lows: the minimum of the finite values of each dot column; NaN if there are none.
        highs: the maximum, likewise.
        height: lines of text.

    Returns:
        The lines from top to bottom, with one character for each two dot columns.
    """
    least = min((low for low in lows if not math.isnan(low)), default=math.nan)
    greatest = max((high for high in highs if not math.isnan(high)), default=math.nan)
    dots, cells = 4 * height, [[0] * ((len(lows) + 1) // 2) for _ in range(height)]
    bottoms, tops = (
        [_place(value, least, greatest, dots) for value in values] for values in (lows, highs)
    )
    ranges = dot_ranges(list(zip(bottoms, tops, strict=True)), dots)
    for row, column, bits in characters(ranges, height):
        cells[row][column] = bits
    return ["".join(chr(BLANK + bits) if bits else " " for bits in line) for line in cells]


def _place(value: float, least: float, greatest: float, dots: int) -> float:
    if least == greatest:
        return value if math.isnan(value) else dots // 2
    # halved, since the difference of two large floats may overflow
    return (value / 2 - least / 2) / (greatest / 2 - least / 2) * (dots - 1)


def dot_ranges(
    places: Sequence[Place], dots: int, breaks: frozenset[int] = frozenset()
) -> list[DotRange]:
    """Return the dots that a curve covers in each column, without gaps on steep parts.

    Args:
        places: where each column's minimum and maximum are. A minimum alone that is NaN (0 on a
            log scale) counts as the bottom.
        dots: the height of the plot.
        breaks: columns that are not connected with the point before them.
    """
    ranges: list[DotRange] = []
    before: DotRange | None = None
    most = dots - 1
    for place in _interpolated(places, breaks):
        if place is None:
            ranges.append(NO_DOTS)
            before = None
            continue
        low, high = round(place[0]), round(place[1])
        low = 0 if low < 0 else most if low > most else low
        high = 0 if high < 0 else most if high > most else high
        own = low, high
        if before is not None:  # conditions and not min() and max(), which take twice as long
            low = before[1] + 1 if low > before[1] + 1 else low
            high = before[0] - 1 if high < before[0] - 1 else high
        ranges.append((low, high))
        before = own
    return ranges


def _interpolated(places: Sequence[Place], breaks: frozenset[int]) -> list[Place | None]:
    """Interpolate empty columns; None before the first and after the last point."""
    found = [
        None if math.isnan(high) else (0.0 if math.isnan(low) else low, high)
        for low, high in places
    ]
    known = [(index, place) for index, place in enumerate(found) if place is not None]
    for (left, start), (right, end) in itertools.pairwise(known):
        if right == left + 1 or right in breaks:
            continue
        for index in range(left + 1, right):
            share = (index - left) / (right - left)
            low, high = (one + (other - one) * share for one, other in zip(start, end, strict=True))
            found[index] = (low, high)
    return found


def characters(ranges: Sequence[DotRange], height: int) -> Iterator[tuple[int, int, int]]:
    """Yield each character with dots: its row from the top, its column and its bits."""
    lefts, rights = ranges[::2], [*ranges[1::2], NO_DOTS]
    left_bits, right_bits = _RANGES
    for column, (left, right) in enumerate(zip(lefts, rights, strict=False)):
        (low, high), (other_low, other_high) = left, right
        has_left, has_right = high >= low, other_high >= other_low
        if not (has_left or has_right):
            continue
        first = min(low if has_left else other_low, other_low if has_right else low)
        for line in range(first // 4, max(high, other_high) // 4 + 1):
            start, bits = 4 * line, 0
            end = start + 3
            if has_left and low <= end and high >= start:
                bottom = low - start if low > start else 0
                bits = left_bits[bottom][high - start if high < end else 3]
            if has_right and other_low <= end and other_high >= start:
                bottom = other_low - start if other_low > start else 0
                bits |= right_bits[bottom][other_high - start if other_high < end else 3]
            if bits:
                yield height - 1 - line, column, bits
