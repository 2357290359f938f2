"""Windows of a series for a plot: a range of its axis in columns, attempts and non-finite values.

Few points are read one by one, so that each is exactly in place; many are downsampled, so that ten
million cost about as much as ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise, starmap
from typing import Any, NamedTuple

from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.plotting import columns, series_data, smoothing, x_axis
from trainui.store.plotting.binning import NAN, Window, columns_of_points, filled
from trainui.store.plotting.columns import BinGrid, Columns
from trainui.store.plotting.series_data import SeriesPoints
from trainui.store.plotting.x_axis import MANY, Axis, Samples
from trainui.store.points import segments
from trainui.store.points.lazy_numpy import Floats, np
from trainui.store.points.segments import PointSegment

DECODED = 96
"""Limit on chunks decoded for a window: more would take longer than a tenth of a second."""

FINER = 4
"""Columns of steps read for each column of another axis."""

LEAD_COLUMNS = 16
"""Columns read before a window for its smoothing; each has twenty points or more."""


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
    """A snapshot of a series along an axis, from which windows are read."""

    def __init__(
        self,
        connection: protocol.Connection,
        owner: str,
        name: str,
        axis: Axis,
        *,
        attempt: int | None = None,
        known: Sequence[PointSegment] | None = None,
    ) -> None:
        """Find the segments of a series, or those of one attempt.

        `known` are the series' segments, if they were read in the same snapshot.
        """
        self._connection = connection
        self._owner, self._name, self._axis, self._attempt = owner, name, axis, attempt
        self._series: SeriesPoints | None = None
        self._samples: Samples | None = None
        self._wall: Samples | None = None
        with snapshot(connection):
            if known is None:
                known = segments.segments_of(connection, owner, name)
            self._segments = tuple(
                segment for segment in known if attempt in (None, segment.history.attempt)
            )
            self._cuts = segments.cuts_of(self._segments)
            if sum(segment.stats.n for segment in self._segments) <= MANY:
                self._series = self._points(self._segments)
            elif axis != Axis.STEP:
                self._samples = x_axis.samples(connection, owner, self._segments, axis)
        self.extent = self._extent()
        """The range on the axis, including superseded points; None: no point is on the axis."""

    def window(
        self, low: float, high: float, width: int, *, weight: float = 0.0, log: bool = False
    ) -> Window:
        """Return the series between two positions, downsampled; `weight` 0: not smoothed.

        With `log`, the axis is logarithmic, and both positions are positive.
        """
        grid = BinGrid(low, high, width, log)
        with snapshot(self._connection):
            if self._series is not None:
                return self._one_by_one(self._series, grid, weight)
            steps = self._steps(low, high)
            near = [segment for segment in self._segments if _overlaps(segment, steps)]
            if sum(segment.stats.n for segment in near) <= MANY:
                points = self._points([*self._before(near), *near] if weight else near)
                return self._one_by_one(points, grid, weight)
            return self._summed_up(grid, steps, weight, exact=len(near) <= DECODED)

    def _one_by_one(self, series: SeriesPoints, grid: BinGrid, weight: float) -> Window:
        smooth = smoothing.of_series(series, weight) if weight else None
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
            known = x_axis.ascending(self._series.steps[kept], self._series.x[kept])
        if known is None or not len(known.x):
            return float("nan")
        ends = (known.x, known.steps) if back else (known.steps, known.x)
        return float(np.interp(value, *ends))

    def _before(self, near: Sequence[PointSegment]) -> list[PointSegment]:
        """Return the segments before some, as many as smoothing needs."""
        found: list[PointSegment] = []
        first = self._segments.index(near[0]) if near else 0
        for segment in reversed(self._segments[:first]):
            if sum(one.stats.n for one in found) >= smoothing.LEAD:
                break
            found.insert(0, segment)
        return found

    def best(self, *, lower: bool) -> Best | None:
        """Return the minimum or maximum of the values not superseded; None if none is finite."""
        with snapshot(self._connection):
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
        with snapshot(self._connection):
            end = self._segments[-1:]
            points = self._series or self._points([*self._before(end), *end])
        smooth = smoothing.of_series(points, weight)
        known = np.flatnonzero(np.isfinite(smooth))
        return float(smooth[known[points.x[known].argmax()]]) if len(known) else None

    def _points(self, some: Any) -> SeriesPoints:
        return series_data.series_points_of(
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
            self._wall = x_axis.samples(self._connection, self._owner, self._segments, Axis.WALL)
        read = self._read_finely(grid, steps, LEAD_COLUMNS if weight else 0, exact=exact)
        middle = (read.edges[1:] + read.edges[:-1]) / 2
        x = middle if self._samples is None else self._samples.at(middle)
        known = (read.count > 0) & np.isfinite(x) & (x >= low) & (x <= high)
        shown = columns.merge(read, np.flatnonzero(known), x, grid)
        at = np.flatnonzero(shown.count)
        last = shown.last[at].astype(np.int64)
        spread = partial(grid.spread, at)
        smooth = shown.mean
        if weight:
            counts = read.count - read.nonfinite
            smooth = spread(smoothing.of_columns(read.mean, counts, weight)[last])
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
        read = columns.join([self._read(part, fine + lead, exact=exact) for part in parts])
        if exact:
            return read
        return filled(read, [one.stats for one in self._segments if self._counts(one)])

    def _counts(self, segment: PointSegment) -> bool:
        """Return True if no point of a segment is superseded."""
        return segment.stats.high_step < self._cuts[segment.history]

    def _read(self, steps: Extent, width: int, *, exact: bool) -> Columns:
        if self._attempt is not None:
            stats = [segment.stats for segment in self._segments]
            return columns.of_figures(stats, BinGrid(*steps, width))
        return columns.read_columns(
            self._connection,
            self._owner,
            self._name,
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


def state_of(connection: protocol.Connection, owner: str) -> tuple[tuple[int, ...], ...]:
    """Return a value that changes whenever a point of an owner is stored; cheap to query."""
    found = connection.execute("SELECT id, version FROM sources WHERE owner = ?", (owner,))
    return tuple(tuple(map(int, row)) for row in found)
