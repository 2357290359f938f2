"""Draw curves with braille characters (2x4 dots each) without losing spikes.

A dot column covers the range from its minimum to its maximum; columns without points are
interpolated linearly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_BLANK = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a character's dots from top to bottom, for its left and right column."""


def plot_lines(lows: Sequence[float], highs: Sequence[float], height: int) -> list[str]:
    """Draw a curve.

    Args:
        lows: the minimum of the finite values of each dot column; NaN if there are none.
        highs: the maximum, likewise.
        height: lines of text.

    Returns:
        The lines from top to bottom, with one character for each two dot columns.
    """
    width = (len(lows) + 1) // 2
    cells = [[0] * width for _ in range(height)]
    dots = 4 * height
    for column, (bottom, top) in enumerate(_ranges(lows, highs, dots)):
        for y in range(bottom, top + 1):
            from_top = dots - 1 - y
            cells[from_top // 4][column // 2] |= _DOTS[column % 2][from_top % 4]
    return ["".join(chr(_BLANK + bits) if bits else " " for bits in line) for line in cells]


def _ranges(lows: Sequence[float], highs: Sequence[float], dots: int) -> list[tuple[int, int]]:
    """Return the lowest and the highest dot of each column; (1, 0) if it is empty."""
    known = [index for index, low in enumerate(lows) if not math.isnan(low)]
    if not known:
        return [(1, 0)] * len(lows)
    least, greatest = min(lows[i] for i in known), max(highs[i] for i in known)
    ranges = [(1, 0)] * len(lows)
    before: tuple[int, int] | None = None
    filled = _bridged(lows, highs, known)
    for index in range(known[0], known[-1] + 1):
        low, high = filled[index]
        own = _dot(low, least, greatest, dots), _dot(high, least, greatest, dots)
        # extend to the neighbour, so that a steep line has no gaps
        ranges[index] = (min(own[0], before[1] + 1), max(own[1], before[0] - 1)) if before else own
        before = own
    return ranges


def _bridged(
    lows: Sequence[float], highs: Sequence[float], known: Sequence[int]
) -> list[tuple[float, float]]:
    filled = list(zip(lows, highs, strict=True))
    for left, right in itertools.pairwise(known):
        start, end = (lows[left] + highs[left]) / 2, (lows[right] + highs[right]) / 2
        for index in range(left + 1, right):
            value = start + (end - start) * (index - left) / (right - left)
            filled[index] = (value, value)
    return filled


def _dot(value: float, least: float, greatest: float, dots: int) -> int:
    span = greatest - least
    if span == 0:
        return dots // 2
    if not math.isfinite(span):
        return round((value / 2 - least / 2) / (greatest / 2 - least / 2) * (dots - 1))
    return round((value - least) / span * (dots - 1))
