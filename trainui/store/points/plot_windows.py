"""Windows of a series for a plot: a range of its axis in columns, attempts and non-finite values.

Few points are read one by one, so that each is exactly in place; many are downsampled, so that ten
million cost about as much as ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, starmap
from typing import Any, NamedTuple

from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.engine import read_transaction
from trainui.store.points import plot_points, read_points
from trainui.store.points.chunks import Floats, Ints, Stats, np
from trainui.store.points.plot_points import (
    READ_ONE_BY_ONE,
    Axis,
    BinGrid,
    Columns,
    Samples,
    SeriesPoints,
)
from trainui.store.points.read_points import PointSegment

NAN, ABOVE, BELOW = 1, 2, 4
"""Bit flags of the non-finite values in a column: NaN, infinity, minus infinity."""

LEAST_SMOOTHING_POWER = 1e-8
"""The smallest power of the weight in a block smoothed at once: smaller ones lose precision."""

SMOOTHING_LEAD = 512
"""Points before a visible part that are included in its smoothing: at any weight offered, earlier
points count less than a millionth."""

DECODED = 96
"""Limit on chunks decoded for a window: more would take longer than a tenth of a second."""

FINER = 4
"""Columns of steps read for each column of another axis."""

LEAD_COLUMNS = 16
"""Columns read before a window for its smoothing; each has twenty points or more."""


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
    """Downsample points into columns; `smooth`: the result of `smooth_series`."""
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


def smooth_series(series: SeriesPoints, weight: float) -> Floats:
    """Return the smoothed value of each point not superseded, in axis order; else NaN."""
    kept = np.flatnonzero(series.kept)
    order = kept[np.argsort(series.x[kept], kind="stable")]
    found = np.full(len(series.values), np.nan)
    found[order] = smooth_points(series.values[order], weight)
    return found


def smooth_points(values: Floats, weight: float) -> Floats:
    """Return the smoothed value of each point; at a non-finite one, that of the point before."""
    finite = np.isfinite(values)
    known = _means(values[finite], weight)
    place = np.cumsum(finite) - 1
    return np.where(place >= 0, np.append(known, np.nan)[place], np.nan)


def _means(values: Floats, weight: float) -> Floats:
    """Smooth finite values, one block at a time."""
    if not weight or not len(values):
        return values
    size = min(max(int(math.log(LEAST_SMOOTHING_POWER) / math.log(weight)), 1), len(values))
    powers = weight ** np.arange(size)
    blocks = np.pad(values, (0, -len(values) % size)).reshape(-1, size)
    sums = np.cumsum(blocks / powers, axis=1) * powers
    before = np.zeros(len(blocks))
    for at, last in enumerate(sums[:-1, -1].tolist()):
        before[at + 1] = before[at] * weight**size + last
    totals = (sums + before[:, None] * powers * weight).reshape(-1)[: len(values)]
    shares = 1 - weight ** np.arange(1.0, len(values) + 1)
    return np.asarray(totals * (1 - weight) / shares)


def smooth_columns(means: Floats, counts: Ints, weight: float) -> Floats:
    """Return the smoothed value at the end of each column; NaN if it has no finite value."""
    total = share = 0.0
    found = np.full(len(means), np.nan)
    for at in np.flatnonzero(counts).tolist():
        left = weight ** float(counts[at])
        total = left * total + (1 - left) * float(means[at])
        share = left * share + (1 - left)
        found[at] = total / share
    return found


class Best(NamedTuple):
    """The best value of a series and its position."""

    value: float
    step: float
    x: float
    """Position on the axis; NaN if it has none."""


class Extent(NamedTuple):
    """The range of a series on an axis."""

    low: float
    high: float


class Plotted:
    """A series along an axis at one moment, from which windows are read."""

    def __init__(
        self,
        connection: statements.Connection,
        owner: str,
        name: str,
        axis: Axis,
        *,
        attempt: int | None = None,
        known: Sequence[PointSegment] | None = None,
    ) -> None:
        """Find the segments of a series, or those of one attempt.

        `known` are the series' segments, if they were read in the same transaction.
        """
        self._connection = connection
        self._owner, self.name, self._axis, self._attempt = owner, name, axis, attempt
        self._series: SeriesPoints | None = None
        self._samples: Samples | None = None
        self._wall: Samples | None = None
        with read_transaction(connection):
            if known is None:
                known = read_points.segments_of(connection, owner, name)
            self._segments = tuple(
                segment for segment in known if attempt in (None, segment.history.attempt)
            )
            self._cuts = read_points.cuts_of(self._segments)
            if sum(segment.stats.n for segment in self._segments) <= READ_ONE_BY_ONE:
                self._series = self._points(self._segments)
            elif axis != Axis.STEP:
                self._samples = plot_points.axis_samples(connection, owner, self._segments, axis)
        self.extent = self._extent()
        """The range on the axis, including superseded points; None: no point is on the axis."""

    def window(
        self, low: float, high: float, width: int, *, weight: float = 0.0, log: bool = False
    ) -> Window:
        """Return the series between two positions, downsampled; `weight` 0: not smoothed.

        With `log`, the axis is logarithmic, and both positions are positive.
        """
        grid = BinGrid(low, high, width, log)
        with read_transaction(self._connection):
            if self._series is not None:
                return self._one_by_one(self._series, grid, weight)
            steps = self._steps(low, high)
            near = [segment for segment in self._segments if _overlaps(segment, steps)]
            if sum(segment.stats.n for segment in near) <= READ_ONE_BY_ONE:
                points = self._points([*self._before(near), *near] if weight else near)
                return self._one_by_one(points, grid, weight)
            return self._summed_up(grid, steps, weight, exact=len(near) <= DECODED)

    def _one_by_one(self, series: SeriesPoints, grid: BinGrid, weight: float) -> Window:
        smooth = smooth_series(series, weight) if weight else None
        return columns_of_points(series, grid, self._boundaries(), smooth)

    def step_at(self, x: float) -> float:
        """Return the step at a position on the axis; outside, the first or the last step."""
        return self._along(x, back=True)

    def x_at(self, step: float) -> float:
        """Return the position of a step on the axis; outside, the first or the last position."""
        return self._along(step, back=False)

    def _along(self, value: float, *, back: bool) -> float:
        if self._axis == Axis.STEP:
            return value
        known = self._samples
        if known is None and self._series is not None:
            kept = self._series.kept
            known = plot_points.ascending(self._series.steps[kept], self._series.x[kept])
        if known is None or not len(known.x):
            return float("nan")
        ends = (known.x, known.steps) if back else (known.steps, known.x)
        return float(np.interp(value, *ends))

    def _before(self, near: Sequence[PointSegment]) -> list[PointSegment]:
        """Return the segments before some, as many as smoothing needs."""
        found: list[PointSegment] = []
        first = self._segments.index(near[0]) if near else 0
        for segment in reversed(self._segments[:first]):
            if sum(one.stats.n for one in found) >= SMOOTHING_LEAD:
                break
            found.insert(0, segment)
        return found

    def best(self, *, lower: bool) -> Best | None:
        """Return the minimum or maximum of the values not superseded; None if none is finite."""
        with read_transaction(self._connection):
            found = self._series or self._segment_with_best(lower=lower)
            if found is None:
                return None
            at = np.flatnonzero(found.kept & found.finite)
            if not len(at):
                return None
            values = found.values[at]
            index = at[values.argmin() if lower else values.argmax()]
        return Best(*(float(column[index]) for column in (found.values, found.steps, found.x)))

    def _segment_with_best(self, *, lower: bool) -> SeriesPoints | None:
        """Return the points of the segment with the best value."""
        whole = [one for one in self._segments if one.stats.high_step < self._cuts[one.history]]
        known = [one for one in whole if one.stats.minimum is not None]
        cut = [one for one in self._segments if one not in whole] if len(self._cuts) > 1 else []
        if known and lower:
            cut.append(min(known, key=lambda one: one.stats.minimum or 0.0))
        elif known:
            cut.append(max(known, key=lambda one: one.stats.maximum or 0.0))
        cut = [one for one in cut if one.stats.low_step < self._cuts[one.history]]
        return self._points(cut) if cut else None

    def last(self) -> tuple[float, float] | None:
        """Return the value of the point read last, and its step; None if there is no point."""
        whole = [one.stats for one in self._segments if self._counts(one)]
        if not whole:
            return None
        found = max(whole, key=lambda stats: stats.last_ordinal)
        return math.nan if found.last is None else found.last, float(found.last_step)

    def last_smoothed(self, weight: float) -> float | None:
        """Return the smoothed value at the end of the axis; None if no value is finite."""
        with read_transaction(self._connection):
            end = self._segments[-1:]
            points = self._series or self._points([*self._before(end), *end])
        smooth = smooth_series(points, weight)
        known = np.flatnonzero(np.isfinite(smooth))
        return float(smooth[known[points.x[known].argmax()]]) if len(known) else None

    def _points(self, some: Any) -> SeriesPoints:
        return plot_points.series_points_of(
            self._connection, self._owner, self._segments, self._axis, some
        )

    def _extent(self) -> Extent | None:
        if self._series is not None:
            x = self._series.x
            return Extent(float(x.min()), float(x.max())) if len(x) else None
        if self._samples is not None:
            x = self._samples.x
            return Extent(float(x[0]), float(x[-1])) if len(x) else None
        stats = [segment.stats for segment in self._segments]
        low, high = min(one.low_step for one in stats), max(one.high_step for one in stats)
        return Extent(float(low), float(high))

    def _steps(self, low: float, high: float) -> Extent:
        """Return the steps between two positions."""
        if self._samples is None:
            return Extent(low, high)
        return Extent(self._samples.back(low), self._samples.back(high))

    def _boundaries(self) -> tuple[tuple[float, int], ...]:
        """Return the starts of the attempts whose first point is not superseded."""
        if len({history.attempt for history in self._cuts}) < 2:
            return ()
        first: dict[int, PointSegment] = {}
        for segment in self._segments:
            first.setdefault(segment.history.attempt, segment)
        starts = list(first.items())[1:]
        if self._axis == Axis.STEP:
            return tuple((float(segment.stats.first_step), number) for number, segment in starts)
        found = []
        for number, segment in starts:
            points = self._points([segment])
            if len(points.x):
                found.append((float(points.x[0]), number))
        return tuple(found)

    def _summed_up(self, grid: BinGrid, steps: Extent, weight: float, *, exact: bool) -> Window:
        low, high, width = grid.low, grid.high, grid.width
        if self._wall is None:
            self._wall = plot_points.axis_samples(
                self._connection, self._owner, self._segments, Axis.WALL
            )
        read = self._read_finely(grid, steps, LEAD_COLUMNS if weight else 0, exact=exact)
        middle = (read.edges[1:] + read.edges[:-1]) / 2
        x = middle if self._samples is None else self._samples.at(middle)
        known = (read.count > 0) & np.isfinite(x) & (x >= low) & (x <= high)
        shown = plot_points.merge(read, np.flatnonzero(known), x, grid)
        at = np.flatnonzero(shown.count)
        last = shown.last[at].astype(np.int64)
        spread = partial(grid.spread, at)
        smooth = shown.mean
        if weight:
            counts = read.count - read.nonfinite
            smooth = spread(smooth_columns(read.mean, counts, weight)[last])
        on_steps = self._samples is None and not grid.log
        old = self._old_blocks(steps, width) if on_steps else None
        at_steps = spread(middle[last])
        return Window(
            at=spread(x[last]),
            steps=at_steps,
            times=self._wall.at(at_steps),
            minimum=shown.minimum,
            maximum=shown.maximum,
            mean=shown.mean,
            smooth=smooth,
            last=spread(read.last[last]),
            odd=np.where(shown.nonfinite > 0, NAN, 0),
            old_minimum=np.full(width, np.nan) if old is None else old[0],
            old_maximum=np.full(width, np.nan) if old is None else old[1],
            boundaries=self._boundaries(),
        )

    def _read_finely(self, grid: BinGrid, steps: Extent, lead: int, *, exact: bool) -> Columns:
        """Return columns over steps, fine enough for the grid, with as many before as `lead`."""
        fine = grid.width if self._samples is None else grid.width * FINER
        begin = steps.low - lead * (steps.high - steps.low) / fine
        parts = _decades(begin, steps.high) if grid.log else [Extent(begin, steps.high)]
        read = plot_points.join([self._read(part, fine + lead, exact=exact) for part in parts])
        if exact:
            return read
        return filled(read, [one.stats for one in self._segments if self._counts(one)])

    def _counts(self, segment: PointSegment) -> bool:
        """Return True if no point of a segment is superseded."""
        return segment.stats.high_step < self._cuts[segment.history]

    def _read(self, steps: Extent, width: int, *, exact: bool) -> Columns:
        if self._attempt is not None:
            stats = [segment.stats for segment in self._segments]
            return plot_points.of_figures(stats, BinGrid(*steps, width))
        return plot_points.read_columns(
            self._connection,
            self._owner,
            self.name,
            width,
            steps=(steps.low, steps.high),
            exact=exact,
        )

    def _old_blocks(self, steps: Extent, width: int) -> tuple[Floats, Floats]:
        """Return the extremes of superseded chunks, for all columns that each covers."""
        low, high = np.full(width, np.nan), np.full(width, np.nan)
        for segment in self._segments:
            stats = segment.stats
            begin = max(stats.low_step, self._cuts[segment.history])
            if begin > stats.high_step or stats.minimum is None or not _overlaps(segment, steps):
                continue
            first, last = BinGrid(*steps, width).index(np.array([begin, stats.high_step]))
            part = slice(max(int(first), 0), min(int(last), width - 1) + 1)
            low[part] = np.fmin(low[part], np.float64(stats.minimum))
            high[part] = np.fmax(high[part], np.float64(stats.maximum or 0.0))
        return low, high


def _overlaps(segment: PointSegment, steps: Extent) -> bool:
    return bool(segment.stats.high_step >= steps.low and segment.stats.low_step <= steps.high)


def _decades(low: float, high: float) -> list[Extent]:
    """Split a range of steps at the powers of ten, so that each is read in as many columns."""
    edges = [low]
    edge = 10.0 ** math.ceil(math.log10(max(low, 1.0)))
    while edge < high:
        edges += [edge] if edge > low else []
        edge *= 10
    return list(starmap(Extent, pairwise([*edges, high])))


def points_state(connection: statements.Connection, owner: str) -> tuple[tuple[int, ...], ...]:
    """Return a value that changes whenever a point of an owner is stored; cheap to query."""
    found = connection.execute("SELECT id, version FROM sources WHERE owner = ?", (owner,))
    return tuple(tuple(map(int, row)) for row in found)
