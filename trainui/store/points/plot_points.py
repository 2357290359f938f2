"""The points of a series for a plot: in the plot's columns, or one by one along any axis.

In columns, a stitched series is exact at every column's edge. A chunk within one column is
summarised by its stored statistics; only chunks that span an edge are decoded, so ten million
points cost about as much as ten thousand.

One by one, with everything ever read, are the points of a plot of few, of attempts and what a later
one superseded, and those stored since pruning last looked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.clock import SECOND
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.engine import read_transaction
from trainui.store.db.statements import batches, placeholders
from trainui.store.points import chunks, read_points
from trainui.store.points.chunks import NO_TIME, Bools, Floats, Ints, np
from trainui.store.points.read_points import History, HistoryStart, PointSegment
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.model.records import AttemptRecord
    from trainui.store.points.chunks import Points

    Place = Callable[[Floats, Floats, Ints], Floats]

READ_AT_ONCE = 32
"""Chunks decoded at once: few enough for their values to fit the CPU cache."""

EPOCH_COLUMNS = 1024
"""Columns in which a long series of epochs is read, with straight lines between them."""

READ_ONE_BY_ONE = 50_000
"""Number of points from which a series is summarised instead of read point by point."""

SAMPLES = 256
"""Chunks sampled to estimate the times of millions of points."""

KEPT_CHUNKS = 128
"""Decoded chunks that are cached, by their content: those of ten plots of a live stage, which are
read again each second; 17 MB at most. Decoding them took a third of that."""

AT_ONCE = 20_000
"""Points after which no further segment is read; a segment has some thousands."""


@dataclass(frozen=True, slots=True)
class BinGrid:
    """Columns of equal width on an axis; the last one includes its end."""

    low: float
    high: float
    width: int
    """Number of columns."""
    log: bool = False
    """True for columns of equal width in the logarithm of x."""

    def edges(self) -> Floats:
        """Return the positions at which the columns begin, and the end of the last."""
        return np.linspace(self.low, self.high, self.width + 1)

    def index(self, x: Any) -> Ints:
        """Return the columns of positions; -1 and `width` for those outside.

        Monotonic despite rounding: a larger position is never in an earlier column.
        """
        low, high, place = self.low, self.high, x
        if self.log:
            low, high, place = np.log(low), np.log(high), np.log(np.maximum(x, 1e-300))
        span = high - low
        places: Floats = np.subtract(place, low, dtype=np.float64)
        places.clip(0, span, out=places)  # a far step divided by a tiny range would overflow
        if span:
            places /= span
        places *= self.width
        at: Ints = places.clip(0, self.width - 1, out=places).astype(np.int64)
        at[x < self.low] = -1
        at[x > self.high] = self.width
        return at

    def spread(self, at: Ints, values: Any, empty: float = math.nan) -> Floats:
        """Put values into the columns `at`, and `empty` into all others."""
        column = np.full(self.width, empty)
        column[at] = values
        return column


ROW = ("column", "ordinal", "minimum", "maximum", "total", "count", "nonfinite", "last")
"""A summary of one column's points in one chunk or tail; rows of a column are merged later."""


def rows_of_chunks(
    connection: statements.Connection, ids: Sequence[int], limits: Sequence[float], grid: BinGrid
) -> Iterator[Floats]:
    """Yield summary rows of the points of some chunks before each chunk's limit."""
    cuts = dict(zip(ids, limits, strict=True))
    for some in batches(ids, READ_AT_ONCE):
        found = connection.execute(
            "SELECT id, n, float_steps, ordinals, steps, numbers FROM chunks "
            f"WHERE id IN ({placeholders(some)})",
            some,
        )
        parts = [
            read_points.keep_points(chunks.unpack_chunk(*columns), cuts[chunk_id])
            for chunk_id, *columns in found
        ]
        yield rows_of_points(grid, chunks.join(parts))


def rows_of_points(grid: BinGrid, points: Points) -> Floats:
    """Return summary rows of points in any order."""
    at, values, ordinals = grid.index(points.steps), points.values, points.ordinals
    in_order = (at[1:] >= at[:-1]) & (ordinals[1:] > ordinals[:-1])
    if not bool(in_order.all()):
        order = np.lexsort((ordinals, at))
        at, values, ordinals = at[order], values[order], ordinals[order]
    begin, end = np.searchsorted(at, (0, grid.width))
    at, values, ordinals = at[begin:end], values[begin:end], ordinals[begin:end]
    if not len(at):
        return np.empty((0, len(ROW)))
    starts = np.append(0, np.flatnonzero(at[1:] != at[:-1]) + 1)
    ends = np.append(starts[1:], len(at)) - 1
    return _summed(at[starts], ordinals[ends], values, starts, ends)


def _summed(at: Ints, ordinals: Ints, values: Floats, starts: Ints, ends: Ints) -> Floats:
    """Return a summary row for each part of the values, from its start to its end."""
    finite = np.isfinite(values)
    whole = bool(finite.all())
    numbers = values if whole else np.where(finite, values, np.nan)
    rows = (
        at,
        ordinals,
        np.fmin.reduceat(numbers, starts),
        np.fmax.reduceat(numbers, starts),
        np.add.reduceat(values if whole else np.where(finite, values, 0.0), starts),
        ends - starts + 1,
        np.zeros(len(at)) if whole else np.add.reduceat(~finite, starts, dtype=np.int64),
        values[ends],
    )
    return np.column_stack(rows).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Columns:
    """A series downsampled to columns of equal width in steps; an empty column is NaN."""

    edges: Floats
    """The steps at which the columns begin, and the end of the last: one more than columns."""
    minimum: Floats
    """Over finite values, like maximum and mean."""
    maximum: Floats
    mean: Floats
    last: Floats
    """The value read last, which may be NaN or infinite."""
    count: Ints
    nonfinite: Ints


def read_columns(
    connection: statements.Connection,
    owner: str,
    name: str,
    width: int,
    *,
    steps: tuple[float, float] | None = None,
    exact: bool = True,
) -> Columns:
    """Return a stitched series in `width` columns.

    `steps` are the first and the last to show. With `exact`, the chunks that span the edge of a
    column are decoded; otherwise each counts in the column of its middle, which costs a tenth.
    """
    with read_transaction(connection):
        series_id = _series_id(connection, owner, name)
        figures = _figures(connection, series_id)
        tails = [tail for _, tail in read_points.tails_of(connection, owner, {series_id})]
        limits, kept = _cut(figures, tails)
        counted = figures["low_step"] < limits
        figures, limits = figures[counted], limits[counted]
        grid = _grid_over(figures, limits, kept, width, steps)
        low, high = grid.index(figures["low_step"]), grid.index(figures["high_step"])
        shown = (high >= 0) & (low < width)
        whole = shown & ((low == high) | (not exact)) & (figures["high_step"] < limits)
        split = shown & ~whole
        rows = [
            _rows_of_figures(grid, figures[whole]),
            *(rows_of_points(grid, one) for one in kept),
            *rows_of_chunks(
                connection,
                figures["chunk_id"][split].astype(int).tolist(),
                limits[split].tolist(),
                grid,
            ),
        ]
    return fill(grid, np.concatenate(rows))


def _series_id(connection: statements.Connection, owner: str, name: str) -> int:
    """Return the id of a series; -1 if there is none."""
    query = "SELECT id FROM series WHERE owner = ? AND name = ?"
    found = connection.execute(query, (owner, name)).fetchone()
    return -1 if found is None else int(found[0])


def _figures(connection: statements.Connection, series_id: int) -> Any:
    """Return the statistics of a series' chunks as a structured array of float64.

    There may be thousands, so no Python object is made for each; None becomes NaN.
    """
    query = "SELECT chunk_id, figures FROM chunk_figures WHERE series_id = ? ORDER BY chunk_id"
    rows = connection.execute(query, (series_id,)).fetchall()
    ids, figures = zip(*rows, strict=True) if rows else ((), ())
    table = np.column_stack([np.fromiter(ids, np.float64), chunks.figures_table(figures)])
    return table.view([(field, np.float64) for field in _FIELDS])[:, 0]


_FIELDS = ("chunk_id", *History._fields, *chunks.Stats._fields)


def _cut(figures: Any, tails: Sequence[PointSegment]) -> tuple[Floats, list[Points]]:
    """Return the step from which each chunk is superseded, and the tail points not superseded."""
    order = np.argsort(figures["first_ordinal"], kind="stable")
    places = np.column_stack([figures[field][order] for field in History._fields])
    histories, first, which = np.unique(places, axis=0, return_index=True, return_inverse=True)
    named = [History(*map(int, history)) for history in histories.tolist()]
    starts = [
        HistoryStart(history, figures["first_ordinal"][at], figures["first_step"][at])
        for history, at in zip(named, order[first], strict=True)
    ]
    starts += [
        HistoryStart(one.history, one.stats.first_ordinal, one.stats.first_step) for one in tails
    ]
    cuts = read_points.cuts_of_starts(starts)
    limits = np.empty(len(figures))
    limits[order] = np.array([cuts[history] for history in named])[which.reshape(-1)]
    parts = ((one.tail, cuts[one.history]) for one in tails)
    kept = (
        read_points.keep_points(tail.points, limit) for tail, limit in parts if tail is not None
    )
    return limits, [points for points in kept if len(points)]


def _grid_over(
    figures: Any,
    limits: Floats,
    tails: Sequence[Points],
    width: int,
    steps: tuple[float, float] | None,
) -> BinGrid:
    if steps is not None:
        return BinGrid(float(steps[0]), float(steps[1]), width)
    lows = [figures["low_step"], *(one.steps for one in tails)]
    highs = [np.minimum(figures["high_step"], limits), *(one.steps for one in tails)]
    if not any(map(len, lows)):
        return BinGrid(0.0, 0.0, width)
    return BinGrid(float(np.concatenate(lows).min()), float(np.concatenate(highs).max()), width)


def _rows_of_figures(grid: BinGrid, figures: Any) -> Floats:
    # Both ends of an exact one lie in the same column.
    at = np.clip(grid.index((figures["low_step"] + figures["high_step"]) / 2), 0, grid.width - 1)
    fields = ("last_ordinal", "minimum", "maximum", "total", "n", "nonfinite", "last")
    return np.column_stack([at, *(figures[field] for field in fields)])


def of_figures(stats: Sequence[chunks.Stats], grid: BinGrid) -> Columns:
    """Merge the statistics of chunks into columns, each chunk in the column of its middle."""
    table = np.array(stats, np.float64).reshape(-1, len(chunks.Stats._fields))
    figures = table.view([(field, np.float64) for field in chunks.Stats._fields])[:, 0]
    at = grid.index((figures["low_step"] + figures["high_step"]) / 2)
    return fill(grid, _rows_of_figures(grid, figures[(at >= 0) & (at < grid.width)]))


def fill(grid: BinGrid, table: Floats) -> Columns:
    """Merge rows (`ROW`) by column; of `last`, the highest ordinal's counts."""
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    at = table[:, 0].astype(np.int64)
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    return _spread(grid, at[starts], _merge_rows(table, starts))


def _merge_rows(table: Floats, starts: Ints) -> dict[str, Floats]:
    if not len(starts):
        return {name: np.empty(0) for name in ROW}
    ends = np.append(starts[1:], len(table)) - 1
    sums = np.add.reduceat(table[:, 4:7], starts, axis=0)
    return {
        "minimum": np.fmin.reduceat(table[:, 2], starts),
        "maximum": np.fmax.reduceat(table[:, 3], starts),
        "total": sums[:, 0],
        "count": sums[:, 1],
        "nonfinite": sums[:, 2],
        "last": table[ends, 7],
    }


def _spread(grid: BinGrid, at: Ints, merged: dict[str, Floats]) -> Columns:
    """Put merged rows into their columns."""
    spread = partial(grid.spread, at)
    finite = merged["count"] - merged["nonfinite"]
    mean = np.divide(merged["total"], finite, out=np.full(len(finite), np.nan), where=finite > 0)
    return Columns(
        edges=grid.edges(),
        minimum=spread(merged["minimum"]),
        maximum=spread(merged["maximum"]),
        mean=spread(mean),
        last=spread(merged["last"]),
        count=spread(merged["count"], 0).astype(np.int64),
        nonfinite=spread(merged["nonfinite"], 0).astype(np.int64),
    )


def merge(read: Columns, index: Ints, x: Floats, grid: BinGrid) -> Columns:
    """Merge columns over steps with these indices, by their positions `x`, into those shown.

    `last` is the index of the last that was merged into each.
    """
    finite = (read.count - read.nonfinite)[index]
    total = np.where(finite > 0, read.mean[index] * finite, 0.0)
    row = {
        "column": grid.index(x[index]),
        "ordinal": index,
        "minimum": read.minimum[index],
        "maximum": read.maximum[index],
        "total": total,
        "count": read.count[index],
        "nonfinite": read.nonfinite[index],
        "last": index,
    }
    return fill(grid, np.column_stack([row[name] for name in ROW]))


def join(parts: Sequence[Columns]) -> Columns:
    """Join the columns of adjacent ranges."""
    if len(parts) == 1:
        return parts[0]
    edges = np.concatenate([*(part.edges[:-1] for part in parts), parts[-1].edges[-1:]])
    names = ("minimum", "maximum", "mean", "last", "count", "nonfinite")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Columns(edges, **joined)


class Axis(StrEnum):
    """The x axis of a curve."""

    STEP = "step"
    EPOCH = "epoch"
    """From the stage's metric `epoch`, interpolated between two of its points."""
    RELATIVE = "relative"
    """Seconds since the first point that is not superseded."""
    GPU = "gpu"
    """GPU seconds used so far: seconds times GPUs, over all attempts."""
    WALL = "wall"
    """Seconds since 1970 in UTC."""


def axis_mapping(
    connection: statements.Connection, owner: str, every: Sequence[PointSegment], axis: Axis
) -> Place:
    """Return a function from the points' steps, times and attempts to their positions.

    Must run inside a `read_transaction`; `every`: all segments of the series.
    """
    if axis == Axis.STEP:
        return lambda steps, _times, _attempts: steps
    if axis == Axis.EPOCH:
        epochs = _epochs(connection, owner)
        return lambda steps, _times, _attempts: epochs.at(steps)
    if axis == Axis.GPU:
        attempts = views.attempts_of_stage(connection, owner)
        return lambda _steps, times, numbers: _gpu_seconds(times, numbers, attempts)
    begin = _first_time(connection, every) if axis == Axis.RELATIVE else 0.0
    return lambda _steps, times, _attempts: times - begin


def _first_time(connection: statements.Connection, every: Sequence[PointSegment]) -> float:
    """Return the time of the first point that has one and is not superseded; NaN if none has."""
    for segment, cut in read_points.with_cuts(tuple(every)):
        times = read_points.keep_points(read_points.load(connection, segment), cut).times
        known = times[times != NO_TIME]
        if len(known):
            return float(known[0]) / SECOND
    return float("nan")


def _gpu_seconds(times: Floats, numbers: Ints, attempts: Sequence[AttemptRecord]) -> Floats:
    spent, x = 0.0, np.full(len(times), np.nan)
    for attempt in attempts:
        if not attempt.gpus or attempt.started_at is None:
            continue
        own = numbers == attempt.number
        begin = attempt.started_at / SECOND
        x[own] = spent + len(attempt.gpus) * (times[own] - begin)
        if attempt.completed_at is not None:
            spent += len(attempt.gpus) * (attempt.completed_at / SECOND - begin)
    return x


@dataclass(frozen=True, slots=True)
class Samples:
    """Positions known at some steps, with linear interpolation between them."""

    steps: Floats
    x: Floats

    def at(self, steps: Floats) -> Floats:
        """Return the positions at steps; NaN outside the known range."""
        if not len(self.steps):
            return np.full(len(steps), np.nan)
        return np.interp(steps, self.steps, self.x, left=np.nan, right=np.nan)

    def back(self, x: float) -> float:
        """Return the step at a position; outside, the first or the last step."""
        return float(np.interp(x, self.x, self.steps)) if len(self.x) else float("nan")


def axis_samples(
    connection: statements.Connection, owner: str, every: Sequence[PointSegment], axis: Axis
) -> Samples:
    """Return the positions at some steps of a series too long to be read point by point.

    Must run inside a `read_transaction`; `every`: all segments of the series.
    """
    if axis == Axis.EPOCH:
        return _epochs(connection, owner)
    kept = read_points.with_cuts(tuple(every))
    stride = max(len(kept) // SAMPLES, 1)
    steps, times, numbers = [], [], []
    for segment, cut in [*kept[::stride], *kept[-1:]]:
        points = read_points.keep_points(read_points.load(connection, segment), cut)
        for at in (0, -1):
            if points.times[at] != NO_TIME:
                steps.append(float(points.steps[at]))
                times.append(points.times[at] / SECOND)
                numbers.append(segment.history.attempt)
    place = axis_mapping(connection, owner, every, axis)
    x = place(np.array(steps), np.array(times), np.array(numbers, np.int64))
    return ascending(np.array(steps), x)


def ascending(steps: Floats, x: Floats) -> Samples:
    """Return samples sorted by step; where x would decrease, it is kept constant."""
    known = np.isfinite(steps) & np.isfinite(x)
    ordered, first = np.unique(steps[known], return_index=True)
    return Samples(ordered, np.maximum.accumulate(x[known][first]))


def _epochs(connection: statements.Connection, owner: str) -> Samples:
    """Return the epoch at steps."""
    for name in ("epoch", "Epoch"):
        every = read_points.segments_of(connection, owner, name)
        kept = read_points.with_cuts(every)
        if sum(segment.stats.n for segment, _ in kept) > READ_ONE_BY_ONE:
            found = read_columns(connection, owner, name, EPOCH_COLUMNS, exact=False)
            return ascending((found.edges[1:] + found.edges[:-1]) / 2, found.mean)
        if kept:
            parts = [
                read_points.keep_points(read_points.load(connection, segment), cut)
                for segment, cut in kept
            ]
            steps = np.concatenate([points.steps.astype(np.float64) for points in parts])
            return ascending(steps, np.concatenate([points.values for points in parts]))
    return Samples(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """A series, point by point in the order read."""

    x: Floats
    """Positions on the axis."""
    steps: Floats
    values: Floats
    """May include NaN and infinities; see `finite`."""
    times: Floats
    """Seconds since 1970 in UTC; NaN if unknown."""
    attempts: Ints
    """The attempt of each point."""
    kept: Bools
    """True for points not superseded by a later attempt."""

    @property
    def finite(self) -> Bools:
        """Return the mask of the points that can be drawn; others get a marker."""
        return np.isfinite(self.values)


_decoded = lru_cache(maxsize=KEPT_CHUNKS)(chunks.unpack_chunk)


def series_points_of(
    connection: statements.Connection,
    owner: str,
    every: Sequence[PointSegment],
    axis: Axis,
    some: Sequence[PointSegment],
) -> SeriesPoints:
    """Return the points of `some` of a series' segments, inside a `read_transaction`."""
    if not some:
        nothing = np.empty(0)
        none = np.empty(0, np.int64)
        return SeriesPoints(nothing, nothing, nothing, nothing, none, np.empty(0, np.bool_))
    cuts = read_points.cuts_of(every)
    parts = [read_points.load(connection, segment, _decoded) for segment in some]
    ordinals = np.concatenate([part.ordinals for part in parts])
    is_sorted = bool((ordinals[1:] > ordinals[:-1]).all())  # unless several sources took turns
    order = slice(None) if is_sorted else np.argsort(ordinals, kind="stable")
    steps = np.concatenate([part.steps for part in parts], dtype=np.float64)[order]
    micros = np.concatenate([part.times for part in parts])[order]
    times = np.where(micros == NO_TIME, np.nan, micros / 1e6)
    counts = [len(part) for part in parts]
    attempts = np.repeat([segment.history.attempt for segment in some], counts)[order]
    limits = np.repeat([cuts[segment.history] for segment in some], counts)[order]
    place = axis_mapping(connection, owner, every, axis)
    x = place(steps, times, attempts)
    is_kept = steps < limits
    is_placed = np.isfinite(x)
    if axis == Axis.RELATIVE:  # a whole earlier attempt would squeeze the one that counts
        is_placed &= is_kept | (x >= 0)
    placed = slice(None) if bool(is_placed.all()) else is_placed
    values = np.concatenate([part.values for part in parts])[order]
    return SeriesPoints(
        x[placed],
        steps[placed],
        values[placed],
        times[placed],
        attempts[placed],
        is_kept[placed],
    )


class NewPoint(NamedTuple):
    """A stored point."""

    ordinal: int
    """Its position in the order in which all points of its owner were read."""
    step: int | float
    value: float


def points_after(
    connection: statements.Connection, owner: str, name: str, ordinal: int
) -> list[NewPoint]:
    """Return the points of a series above an ordinal in the order read, superseded ones too.

    If there are `AT_ONCE` or more, others may follow. Must run inside a `read_transaction`.
    """
    found: list[NewPoint] = []
    last = ordinal
    for segment in read_points.segments_of(connection, owner, name):
        if segment.stats.last_ordinal <= ordinal:
            continue
        if len(found) >= AT_ONCE and segment.stats.first_ordinal > last:
            break
        last = max(last, segment.stats.last_ordinal)
        part = segment.tail or read_points.load(connection, segment)
        columns = (part.ordinals, part.steps, part.values)
        rows = zip(*(_plain(column) for column in columns), strict=True)
        found += (NewPoint(*row) for row in rows if row[0] > ordinal)
    return sorted(found)


def _plain(column: object) -> list[int | float]:
    return column.tolist()  # type: ignore[attr-defined,no-any-return]
