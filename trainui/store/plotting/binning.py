"""Downsamples points into a plot's columns, with minimum and maximum, so that spikes remain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from trainui.store.plotting.columns import BinGrid, Columns
from trainui.store.plotting.series_data import SeriesPoints
from trainui.store.points.chunks import Stats
from trainui.store.points.lazy_numpy import Floats, Ints, np

NAN, ABOVE, BELOW = 1, 2, 4
"""Bit flags of the non-finite values in a column: NaN, infinity, minus infinity."""


@dataclass(frozen=True, slots=True)
class Window:
    """A series downsampled to columns of equal width; an empty column is NaN."""

    at: Floats
    """Position on the axis of the last point in each column."""
    steps: Floats
    """Step of that point."""
    times: Floats
    """Time of that point, in seconds since 1970; NaN if unknown."""
    minimum: Floats
    """Over finite, not superseded values, like maximum and mean."""
    maximum: Floats
    mean: Floats
    smooth: Floats
    """The smoothed value at the last point; the mean if smoothing is off."""
    last: Floats
    """The value read last, which may be NaN or infinite."""
    odd: Ints
    """Bit flags of the non-finite values."""
    old_minimum: Floats
    """Over superseded values."""
    old_maximum: Floats
    boundaries: tuple[tuple[float, int], ...]
    """Start position and number of each attempt after the first."""


def _whole(column: Floats) -> Ints:
    """Return a column as integers, with 0 for NaN."""
    return np.nan_to_num(column).astype(np.int64)


def columns_of_points(
    series: SeriesPoints,
    grid: BinGrid,
    boundaries: tuple[tuple[float, int], ...],
    smooth: Floats | None = None,
) -> Window:
    """Downsample points into columns; `smooth`: the result of `smoothing.of_series`."""
    inside = (series.x >= grid.low) & (series.x <= grid.high)
    kept, old = np.flatnonzero(inside & series.kept), np.flatnonzero(inside & ~series.kept)
    index, column = _sorted(grid.index(series.x[kept]), kept, series.steps)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    at = column[starts]
    spread = partial(grid.spread, at)
    old_minimum, old_maximum = _extremes(series, grid, old)
    if not len(starts):
        empty = spread(np.empty(0))
        odd = np.zeros(grid.width, np.int64)
        none = (empty,) * 8
        return Window(*none, odd, old_minimum, old_maximum, boundaries)
    values = series.values[index]
    finite = np.isfinite(values)
    last = index[np.append(starts[1:], len(column)) - 1]
    numbers = np.where(finite, values, np.nan)
    counts = np.add.reduceat(finite, starts, dtype=np.int64)
    sums = np.add.reduceat(np.where(finite, values, 0.0), starts)
    lows, highs = np.fmin.reduceat(numbers, starts), np.fmax.reduceat(numbers, starts)
    means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    means = np.clip(means, lows, highs)  # the mean of equal values is off by a rounding error
    kinds = np.isnan(values) * NAN + np.isposinf(values) * ABOVE + np.isneginf(values) * BELOW
    return Window(
        at=spread(series.x[last]),
        steps=spread(series.steps[last]),
        times=spread(series.times[last]),
        minimum=spread(lows),
        maximum=spread(highs),
        mean=spread(means),
        smooth=spread(means if smooth is None else np.where(counts > 0, smooth[last], np.nan)),
        last=spread(series.values[last]),
        odd=_whole(spread(np.bitwise_or.reduceat(kinds, starts))),
        old_minimum=old_minimum,
        old_maximum=old_maximum,
        boundaries=boundaries,
    )


def _sorted(column: Ints, index: Ints, steps: Floats) -> tuple[Ints, Ints]:
    """Return points sorted by column, then step; equal steps stay in the order read."""
    order = np.lexsort((steps[index], column))
    return index[order], column[order]


def _extremes(series: SeriesPoints, grid: BinGrid, index: Ints) -> tuple[Floats, Floats]:
    low, high = np.full(grid.width, np.nan), np.full(grid.width, np.nan)
    if len(index):
        column = grid.index(series.x[index])
        values = np.where(series.finite[index], series.values[index], np.nan)
        np.fmin.at(low, column, values)
        np.fmax.at(high, column, values)
    return low, high


def filled(read: Columns, figures: Sequence[Stats]) -> Columns:
    """Fill all columns that a chunk covers with its statistics, if it is wider than a column."""
    known = [one for one in figures if one.minimum is not None]
    table = np.array(
        [
            (one.low_step, one.high_step, one.minimum, one.maximum, one.total, one.n, one.nonfinite)
            for one in known
        ],
        np.float64,
    ).reshape(-1, 7)
    if not len(table):
        return read
    table = table[np.argsort(table[:, 0], kind="stable")]
    empty = np.flatnonzero(read.count == 0)
    middle = (read.edges[1:] + read.edges[:-1])[empty] / 2
    at = np.searchsorted(table[:, 0], middle, "right") - 1
    covered = (at >= 0) & (table[at, 1] >= middle)
    column, chunk = empty[covered], table[at[covered]]
    minimum, maximum = np.array(read.minimum), np.array(read.maximum)
    mean, last, count = np.array(read.mean), np.array(read.last), np.array(read.count)
    minimum[column], maximum[column] = chunk[:, 2], chunk[:, 3]
    mean[column] = last[column] = chunk[:, 4] / (chunk[:, 5] - chunk[:, 6])
    count[column] = 1
    return replace(read, minimum=minimum, maximum=maximum, mean=mean, last=last, count=count)
