"""Windows of a series for a plot: a range of its axis in columns, attempts and non-finite values.

Few points are read one by one, so that each is exactly in place; many are downsampled, so that ten
million cost about as much as ten thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.points import columns, segments, series_data, smoothing, x_axis
from trainui.store.points.binning import ABOVE as ABOVE
from trainui.store.points.binning import BELOW as BELOW
from trainui.store.points.binning import NAN as NAN
from trainui.store.points.binning import (
    BinGrid,
    columns_of_figures,
    columns_of_points,
    filled,
    merged,
    spreader,
    whole,
)
from trainui.store.points.binning import Window as Window
from trainui.store.points.columns import Columns
from trainui.store.points.series_data import SeriesPoints
from trainui.store.points.stitching import PointSegment
from trainui.store.points.x_axis import MANY, Axis, Samples

if TYPE_CHECKING:
    from trainui.store.points.chunks import Floats

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
    ) -> None:
        """Find the segments of the series.

        Args:
            connection: a connection to the store.
            owner: the owner of the series.
            name: the metric.
            axis: the x axis of the plot.
            attempt: only the points of this attempt.
        """
        self._connection = connection
        self._owner, self._name, self._axis, self._attempt = owner, name, axis, attempt
        self._track: SeriesPoints | None = None
        self._samples: Samples | None = None
        self._wall: Samples | None = None
        with snapshot(connection):
            self._pieces = tuple(
                piece
                for piece in segments.segments_of(connection, owner, name)
                if attempt in (None, piece.history.attempt)
            )
            self._cuts = segments.cuts_of(self._pieces)
            if sum(piece.stats.n for piece in self._pieces) <= MANY:
                self._track = self._points(self._pieces)
            elif axis != Axis.STEP:
                self._samples = x_axis.samples(connection, owner, self._pieces, axis)
        self.extent = self._extent()
        """The range on the axis, including superseded points; None: no point is on the axis."""

    def window(self, low: float, high: float, width: int, *, weight: float = 0.0) -> Window:
        """Return the series between two positions of the axis, downsampled.

        Args:
            low: the start.
            high: the end.
            width: the number of columns.
            weight: the smoothing weight (`store.points.smoothing`); 0: not smoothed.
        """
        grid = BinGrid(low, high, width)
        with snapshot(self._connection):
            if self._track is not None:
                return self._one_by_one(self._track, grid, weight)
            steps = self._steps(low, high)
            near = [piece for piece in self._pieces if _overlaps(piece, steps)]
            if sum(piece.stats.n for piece in near) <= MANY:
                points = self._points([*self._before(near), *near] if weight else near)
                return self._one_by_one(points, grid, weight)
            return self._summed_up(grid, steps, weight, exact=len(near) <= DECODED)

    def _one_by_one(self, track: SeriesPoints, grid: BinGrid, weight: float) -> Window:
        smooth = smoothing.of_track(track, weight) if weight else None
        return columns_of_points(track, grid.low, grid.high, grid.width, self._boundaries(), smooth)

    def _before(self, near: Sequence[PointSegment]) -> list[PointSegment]:
        """Return the segments before some, as many as smoothing needs."""
        found: list[PointSegment] = []
        first = self._pieces.index(near[0]) if near else 0
        for piece in reversed(self._pieces[:first]):
            if sum(one.stats.n for one in found) >= smoothing.LEAD:
                break
            found.insert(0, piece)
        return found

    def best(self, *, lower: bool) -> Best | None:
        """Return the minimum or maximum of the values not superseded; None if none is finite."""
        import numpy as np

        with snapshot(self._connection):
            found = self._track or self._piece_with_best(lower=lower)
            if found is None:
                return None
            at = np.flatnonzero(found.kept & found.finite)
            if not len(at):
                return None
            values = found.values[at]
            index = at[values.argmin() if lower else values.argmax()]
        return Best(*(float(column[index]) for column in (found.values, found.steps, found.x)))

    def _piece_with_best(self, *, lower: bool) -> SeriesPoints | None:
        """Return the points of the segment with the best value."""
        whole = [one for one in self._pieces if one.stats.high_step < self._cuts[one.history]]
        known = [one for one in whole if one.stats.minimum is not None]
        cut = [one for one in self._pieces if one not in whole] if len(self._cuts) > 1 else []
        if known and lower:
            cut.append(min(known, key=lambda one: one.stats.minimum or 0.0))
        elif known:
            cut.append(max(known, key=lambda one: one.stats.maximum or 0.0))
        cut = [one for one in cut if one.stats.low_step < self._cuts[one.history]]
        return self._points(cut) if cut else None

    def _points(self, some: Any) -> SeriesPoints:
        return series_data.series_points_of(
            self._connection, self._owner, self._pieces, self._axis, some
        )

    def _extent(self) -> Extent | None:
        if self._track is not None:
            x = self._track.x
            return Extent(float(x.min()), float(x.max())) if len(x) else None
        if self._samples is not None:
            x = self._samples.x
            return Extent(float(x[0]), float(x[-1])) if len(x) else None
        stats = [piece.stats for piece in self._pieces]
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
        for piece in self._pieces:
            first.setdefault(piece.history.attempt, piece)
        starts = list(first.items())[1:]
        if self._axis == Axis.STEP:
            return tuple((float(piece.stats.first_step), number) for number, piece in starts)
        found = []
        for number, piece in starts:
            points = self._points([piece])
            if len(points.x):
                found.append((float(points.x[0]), number))
        return tuple(found)

    def _summed_up(self, grid: BinGrid, steps: Extent, weight: float, *, exact: bool) -> Window:
        import numpy as np

        low, high, width = grid.low, grid.high, grid.width
        if self._wall is None:
            self._wall = x_axis.samples(self._connection, self._owner, self._pieces, Axis.WALL)
        fine = width if self._samples is None else width * FINER
        lead = LEAD_COLUMNS if weight else 0
        begin = steps.low - lead * (steps.high - steps.low) / fine
        read = self._read(Extent(begin, steps.high), fine + lead, exact=exact)
        if not exact:
            read = filled(read, [one.stats for one in self._pieces if self._counts(one)])
        middle = (read.edges[1:] + read.edges[:-1]) / 2
        x = middle if self._samples is None else self._samples.at(middle)
        known = (read.count > 0) & np.isfinite(x) & (x >= low) & (x <= high)
        window = merged(read, known, x, grid)
        smooth = window.mean
        if weight:
            counts = read.count - read.nonfinite
            smooth = smoothing.of_columns(read.mean, counts, weight)[window.last_index]
        old = self._old_blocks(steps, width) if self._samples is None else None
        at_steps = np.full(width, np.nan)
        at_steps[window.at] = middle[window.last_index]
        spread = spreader(width, window.at)
        return Window(
            at=spread(x[window.last_index]),
            steps=at_steps,
            times=self._wall.at(at_steps),
            minimum=spread(window.minimum),
            maximum=spread(window.maximum),
            mean=spread(window.mean),
            smooth=spread(smooth),
            last=spread(read.last[window.last_index]),
            odd=whole(spread(window.odd)),
            old_minimum=np.full(width, np.nan) if old is None else old[0],
            old_maximum=np.full(width, np.nan) if old is None else old[1],
            boundaries=self._boundaries(),
        )

    def _counts(self, piece: PointSegment) -> bool:
        """Return True if no point of a segment is superseded."""
        return piece.stats.high_step < self._cuts[piece.history]

    def _read(self, steps: Extent, width: int, *, exact: bool) -> Columns:
        if self._attempt is not None:
            return columns_of_figures(
                [piece.stats for piece in self._pieces], BinGrid(*steps, width)
            )
        return columns.columns(
            self._connection,
            self._owner,
            self._name,
            width,
            steps=(steps.low, steps.high),
            exact=exact,
        )

    def _old_blocks(self, steps: Extent, width: int) -> tuple[Floats, Floats]:
        """Return the extremes of superseded chunks, for all columns that each covers."""
        import numpy as np

        low, high = np.full(width, np.nan), np.full(width, np.nan)
        for piece in self._pieces:
            stats = piece.stats
            begin = max(stats.low_step, self._cuts[piece.history])
            if begin > stats.high_step or stats.minimum is None or not _overlaps(piece, steps):
                continue
            first, last = BinGrid(*steps, width).index(np.array([begin, stats.high_step]))
            part = slice(max(int(first), 0), min(int(last), width - 1) + 1)
            low[part] = np.fmin(low[part], np.float64(stats.minimum))
            high[part] = np.fmax(high[part], np.float64(stats.maximum or 0.0))
        return low, high


def _overlaps(piece: PointSegment, steps: Extent) -> bool:
    return bool(piece.stats.high_step >= steps.low and piece.stats.low_step <= steps.high)


def state_of(connection: protocol.Connection, owner: str) -> tuple[tuple[int, ...], ...]:
    """Return a value that changes whenever a point of an owner is stored; cheap to query."""
    found = connection.execute("SELECT id, version FROM sources WHERE owner = ?", (owner,))
    return tuple(tuple(map(int, row)) for row in found)
