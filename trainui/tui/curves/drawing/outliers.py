"""Finds the lines of a plot that diverged so far that all others would be flat beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from trainui.tui.curves.model import PlotLine
from trainui.tui.render.numbers import number

RATIO = 100
"""How many times as far from 0 a line must reach as the others: they then cover about one dot."""


def outliers(lines: Sequence[PlotLine]) -> list[PlotLine]:
    """Return the lines far beyond at least half of the lines; empty if there are none."""
    by_reach = sorted(lines, key=lambda line: abs(_extreme(line)))
    least = (len(lines) + 1) // 2
    reaches = [abs(_extreme(line)) for line in by_reach]
    for at, (inner, outer) in enumerate(itertools.pairwise(reaches), 1):
        if at >= least and 0 < inner < outer / RATIO:
            return by_reach[at:]
    return []


def off_scale(away: Sequence[PlotLine]) -> str:
    """Name the lines that the y axis is not scaled to; empty if there are none."""
    if not away:
        return ""
    who = f"{away[0].label} is" if len(away) == 1 else f"{len(away)} lines are"
    farthest = max(map(_extreme, away), key=abs)
    return f"{who} off the scale, at {number(farthest)} (y: log)"


def _extreme(line: PlotLine) -> float:
    """Return the finite value of a line that is farthest from 0; 0 without any."""
    values = itertools.chain(line.smooths, line.lows, line.highs)
    return max((value for value in values if math.isfinite(value)), key=abs, default=0.0)
