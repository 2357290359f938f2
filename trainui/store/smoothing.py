"""A series smoothed: the debiased exponential mean of its points, as TensorBoard has it.

A point's smoothed value is the mean of all values up to it, each counting `weight` times as much as
the one after it: `resmoothDataset` of tensorboard/components/vz_line_chart2/line-chart.ts. Debiased
means that the first values are not drawn towards 0. What is not finite is left out.

Few points are smoothed one by one. Of a column that stands for many, n points count as n times
their mean, which is the same where they are alike, and where they are many hardly anything of
what came before the column is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainui.store.chunks import Floats, Ints
    from trainui.store.tracks import Track

LEAST_POWER = 1e-8
"""Of a weight, in a block of points that are smoothed at once: smaller ones would cost digits."""

LEAD = 512
"""Points before a part of a series that it is smoothed with: at any weight that is offered, what
came before them counts less than a millionth."""


def of_track(track: Track, weight: float) -> Floats:
    """Return the smoothed value of each point that counts, in the order of the axis; else NaN."""
    import numpy as np

    kept = np.flatnonzero(track.kept)
    order = kept[np.argsort(track.x[kept], kind="stable")]
    found = np.full(len(track.values), np.nan)
    found[order] = of_points(track.values[order], weight)
    return found


def of_points(values: Floats, weight: float) -> Floats:
    """Return the smoothed value of each point; where one is not finite that of the one before."""
    import numpy as np

    finite = np.isfinite(values)
    known = _means(values[finite], weight)
    place = np.cumsum(finite) - 1
    return np.where(place >= 0, np.append(known, np.nan)[place], np.nan)


def _means(values: Floats, weight: float) -> Floats:
    """Smooth finite values, a block of them at once."""
    import numpy as np

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
    """Return the smoothed value at the end of each column; NaN in one that holds nothing finite."""
    import numpy as np

    total = share = 0.0
    found = np.full(len(means), np.nan)
    for at in np.flatnonzero(counts).tolist():
        left = weight ** float(counts[at])
        total = left * total + (1 - left) * float(means[at])
        share = left * share + (1 - left)
        found[at] = total / share
    return found
