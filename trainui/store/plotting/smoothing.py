"""Smoothing: the debiased exponential moving average of a series, as in TensorBoard.

A point's smoothed value is the mean of all values up to it, each weighted `weight` times as much as
the next one: `resmoothDataset` of tensorboard/components/vz_line_chart2/line-chart.ts. Debiased
means that the first values are not pulled towards 0. Non-finite values are left out.

Few points are smoothed one by one. For a column of many, n points count as n times their mean. This
is exact if they are equal, and with many points hardly anything before the column still counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainui.store.points.lazy_numpy import Floats, Ints, np

if TYPE_CHECKING:
    from trainui.store.plotting.series_data import SeriesPoints

LEAST_POWER = 1e-8
"""The smallest power of the weight in a block smoothed at once: smaller ones lose precision."""

LEAD = 512
"""Points before a visible part that are included in its smoothing: at any weight offered, earlier
points count less than a millionth."""


def of_series(series: SeriesPoints, weight: float) -> Floats:
    """Return the smoothed value of each point not superseded, in axis order; else NaN."""
    kept = np.flatnonzero(series.kept)
    order = kept[np.argsort(series.x[kept], kind="stable")]
    found = np.full(len(series.values), np.nan)
    found[order] = of_points(series.values[order], weight)
    return found


def of_points(values: Floats, weight: float) -> Floats:
    """Return the smoothed value of each point; at a non-finite one, that of the point before."""
    finite = np.isfinite(values)
    known = _means(values[finite], weight)
    place = np.cumsum(finite) - 1
    return np.where(place >= 0, np.append(known, np.nan)[place], np.nan)


def _means(values: Floats, weight: float) -> Floats:
    """Smooth finite values, one block at a time."""
    if not weight or not len(values):
        return values
    size = min(max(int(math.log(LEAST_POWER) / math.log(weight)), 1), len(values))
    powers = weight ** np.arange(size)
    blocks = np.pad(values, (0, -len(values) % size)).reshape(-1, size)
    sums = np.cumsum(blocks / powers, axis=1) * powers
    before = np.zeros(len(blocks))
    for at, last in enumerate(sums[:-1, -1].tolist()):
        before[at + 1] = before[at] * weight**size + last
    totals = (sums + before[:, None] * powers * weight).reshape(-1)[: len(values)]
    shares = 1 - weight ** np.arange(1.0, len(values) + 1)
    return np.asarray(totals * (1 - weight) / shares)


def of_columns(means: Floats, counts: Ints, weight: float) -> Floats:
    """Return the smoothed value at the end of each column; NaN if it has no finite value."""
    total = share = 0.0
    found = np.full(len(means), np.nan)
    for at in np.flatnonzero(counts).tolist():
        left = weight ** float(counts[at])
        total = left * total + (1 - left) * float(means[at])
        share = left * share + (1 - left)
        found[at] = total / share
    return found
