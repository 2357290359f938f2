"""The x position of a point on an axis: its step, its epoch, or a time.

The rule: how a step maps to an epoch or a time. A point without a position on the axis gets NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from trainui.clock import SECOND
from trainui.store.db import protocol
from trainui.store.plotting import columns
from trainui.store.points import segments
from trainui.store.points.column_packing import NO_TIME
from trainui.store.points.lazy_numpy import Floats, Ints, np
from trainui.store.points.segments import PointSegment
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.model.records import AttemptRecord

    Place = Callable[[Floats, Floats, Ints], Floats]

EPOCH_COLUMNS = 1024
"""Columns in which a long series of epochs is read, with straight lines between them."""

MANY = 50_000
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


def mapping(
    connection: protocol.Connection, owner: str, every: Sequence[PointSegment], axis: Axis
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


def _first_time(connection: protocol.Connection, every: Sequence[PointSegment]) -> float:
    """Return the time of the first point that has one; NaN if none has."""
    for segment in every:
        times = segments.load(connection, segment).times
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


def samples(
    connection: protocol.Connection, owner: str, every: Sequence[PointSegment], axis: Axis
) -> Samples:
    """Return the positions at some steps of a series too long to be read point by point.

    Must run inside a `snapshot`; `every`: all segments of the series.
    """
    if axis == Axis.EPOCH:
        return _epochs(connection, owner)
    kept = segments.with_cuts(tuple(every))
    stride = max(len(kept) // SAMPLES, 1)
    steps, times, numbers = [], [], []
    for segment, cut in [*kept[::stride], *kept[-1:]]:
        points = segments.keep(segments.load(connection, segment), cut)
        for at in (0, -1):
            if points.times[at] != NO_TIME:
                steps.append(float(points.steps[at]))
                times.append(points.times[at] / SECOND)
                numbers.append(segment.history.attempt)
    place = mapping(connection, owner, every, axis)
    x = place(np.array(steps), np.array(times), np.array(numbers, np.int64))
    return ascending(np.array(steps), x)


def ascending(steps: Floats, x: Floats) -> Samples:
    """Return samples sorted by step; where x would decrease, it is kept constant."""
    known = np.isfinite(steps) & np.isfinite(x)
    ordered, first = np.unique(steps[known], return_index=True)
    return Samples(ordered, np.maximum.accumulate(x[known][first]))


def _epochs(connection: protocol.Connection, owner: str) -> Samples:
    """Return the epoch at steps."""
    for name in ("epoch", "Epoch"):
        every = segments.segments_of(connection, owner, name)
        kept = segments.with_cuts(every)
        if sum(segment.stats.n for segment, _ in kept) > MANY:
            found = columns.read_columns(connection, owner, name, EPOCH_COLUMNS, exact=False)
            return ascending((found.edges[1:] + found.edges[:-1]) / 2, found.mean)
        if kept:
            parts = [
                segments.keep(segments.load(connection, segment), cut) for segment, cut in kept
            ]
            steps = np.concatenate([points.steps.astype(np.float64) for points in parts])
            return ascending(steps, np.concatenate([points.values for points in parts]))
    return Samples(np.empty(0), np.empty(0))
