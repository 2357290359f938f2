"""Series data point by point, with everything ever read, along any axis: step, epoch or time.

Used by a plot of few points, to show attempts and what a later one superseded, and by pruning,
for the points stored since its last read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trainui.clock import SECOND
from trainui.store.db import statements
from trainui.store.points import chunks, plot_columns, read_points
from trainui.store.points.chunks import NO_TIME, Bools, Floats, Ints, np
from trainui.store.points.read_points import PointSegment
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.model.records import AttemptRecord

    Place = Callable[[Floats, Floats, Ints], Floats]

EPOCH_COLUMNS = 1024
"""Columns in which a long series of epochs is read, with straight lines between them."""

READ_ONE_BY_ONE = 50_000
"""Number of points from which a series is summarised instead of read point by point."""

SAMPLES = 256
"""Chunks sampled to estimate the times of millions of points."""


class Axis(StrEnum):
    """The x axis of a curve."""

    STEP = "step"
    EPOCH = "epoch"
    """From the stage's metric `epoch`, interpolated between two of its points."""
    RELATIVE = "relative"
    """Seconds since the first point."""
    GPU = "gpu"
    """GPU seconds used so far: seconds times GPUs, over all attempts."""
    WALL = "wall"
    """Seconds since 1970 in UTC."""


def axis_mapping(
    connection: statements.Connection, owner: str, every: Sequence[PointSegment], axis: Axis
) -> Place:
    """Return a function from the points' steps, times and attempts to their positions.

    Must run inside a `snapshot`; `every`: all segments of the series.
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
    """Return the time of the first point that has one; NaN if none has."""
    for segment in every:
        times = read_points.load(connection, segment).times
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

    Must run inside a `snapshot`; `every`: all segments of the series.
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
            found = plot_columns.read_columns(connection, owner, name, EPOCH_COLUMNS, exact=False)
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


KEPT_CHUNKS = 128
"""Decoded chunks that are cached, by their content: those of ten plots of a live stage, which are
read again each second; 17 MB at most. Decoding them took a third of that."""

_decoded = lru_cache(maxsize=KEPT_CHUNKS)(chunks.unpack_chunk)


def series_points_of(
    connection: statements.Connection,
    owner: str,
    every: Sequence[PointSegment],
    axis: Axis,
    some: Sequence[PointSegment],
) -> SeriesPoints:
    """Return the points of `some` of a series' segments, inside a `snapshot`."""
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
    is_placed = np.isfinite(x)
    placed = slice(None) if bool(is_placed.all()) else is_placed
    values = np.concatenate([part.values for part in parts])[order]
    return SeriesPoints(
        x[placed],
        steps[placed],
        values[placed],
        times[placed],
        attempts[placed],
        (steps < limits)[placed],
    )


AT_ONCE = 20_000
"""Points after which no further segment is read; a segment has some thousands."""


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

    If there are `AT_ONCE` or more, others may follow. Must run inside `snapshot`.
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
