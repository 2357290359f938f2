"""Rasterises curves to braille characters (2x4 dots each) without losing spikes.

A dot column covers the range from its minimum to its maximum; columns without points are
interpolated linearly, and steep parts are connected.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

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
    for (row, column), bits in characters(ranges, height).items():
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
    for place in _interpolated(places, breaks):
        if place is None:
            ranges.append(NO_DOTS)
            before = None
            continue
        own = _within(place[0], dots), _within(place[1], dots)
        ranges.append((min(own[0], before[1] + 1), max(own[1], before[0] - 1)) if before else own)
        before = own
    return ranges


def _within(place: float, dots: int) -> int:
    return min(max(round(place), 0), dots - 1)


def _interpolated(places: Sequence[Place], breaks: frozenset[int]) -> list[Place | None]:
    """Interpolate empty columns; None before the first and after the last point."""
    found = [
        None if math.isnan(high) else (0.0 if math.isnan(low) else low, high)
        for low, high in places
    ]
    known = [(index, sum(place) / 2) for index, place in enumerate(found) if place is not None]
    for (left, start), (right, end) in itertools.pairwise(known):
        if right == left + 1 or right in breaks:
            continue
        for index in range(left + 1, right):
            place = start + (end - start) * (index - left) / (right - left)
            found[index] = (place, place)
    return found


def characters(ranges: Sequence[DotRange], height: int) -> dict[tuple[int, int], int]:
    """Return the bits of each character with dots, by row from the top and by column."""
    found: dict[tuple[int, int], int] = {}
    for column, (bottom, top) in enumerate(ranges):
        for line in range(bottom // 4, top // 4 + 1) if top >= bottom else ():
            low = bottom - 4 * line if line == bottom // 4 else 0
            high = top - 4 * line if line == top // 4 else 3
            place = (height - 1 - line, column // 2)
            found[place] = found.get(place, 0) | _RANGES[column % 2][low][high]
    return found
