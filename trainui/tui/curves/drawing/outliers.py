"""Finds the lines of a plot that diverged so far that all others would be flat beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from trainui.tui.data.curves import PlotLine
from trainui.tui.render.numbers import number

RATIO = 100
"""The factor by which a line must reach farther from 0 than the others, which then fill one dot."""


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
