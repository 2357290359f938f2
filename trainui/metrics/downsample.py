"""Curves in as many columns as a plot is wide: the least and the greatest value of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Envelope(NamedTuple):
    """Columns of equal width in x; an empty column, or one without a finite value, is NaN."""

    x: Floats
    """The middles of the columns."""
    low: Floats
    high: Floats


def envelope(
    x: Floats, y: Floats, width: int, bounds: tuple[float, float] | None = None
) -> Envelope:
    """Return the lowest and highest finite y of each column: no peak is lost, however narrow.

    Args:
        x: finite; in any order, since a step may go backwards.
        y: as long as x; NaN and infinities are left out.
        width: how many columns, at least 1.
        bounds: the first and the last x to show; those of the data by default.
    """
    import numpy as np

    low, high = bounds or (float(x.min()), float(x.max())) if len(x) else bounds or (0.0, 0.0)
    edges = np.linspace(low, high, width + 1)
    shown = (x >= low) & (x <= high) & np.isfinite(y)
    at = _columns(x[shown], low, high, width)
    y = y[shown]
    if len(at) and bool((np.diff(at) < 0).any()):
        order = np.argsort(at, kind="stable")
        at, y = at[order], y[order]
    lowest, highest = np.full(width, np.nan), np.full(width, np.nan)
    if len(at):
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        lowest[at[starts]] = np.minimum.reduceat(y, starts)
        highest[at[starts]] = np.maximum.reduceat(y, starts)
    return Envelope((edges[:-1] + edges[1:]) / 2, lowest, highest)


def _columns(x: Floats, low: float, high: float, width: int) -> NDArray[np.int64]:
    import numpy as np

    if high <= low:
        return np.zeros(len(x), np.int64)
    at = np.floor((x - low) / (high - low) * width).astype(np.int64)
    return np.minimum(at, width - 1)
