"""Series data point by point, with everything ever read, along any axis.

Used by a plot of few points, to show attempts and what a later one superseded, and by pruning,
for the points stored since its last read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from trainui.store.db import protocol
from trainui.store.plotting import x_axis
from trainui.store.plotting.x_axis import Axis as Axis
from trainui.store.points import chunks, segments
from trainui.store.points.column_packing import NO_TIME
from trainui.store.points.lazy_numpy import Bools, Floats, Ints, np
from trainui.store.points.segments import PointSegment


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

_decoded = lru_cache(maxsize=KEPT_CHUNKS)(chunks.read_points)


def series_points_of(
    connection: protocol.Connection,
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
    cuts = segments.cuts_of(every)
    parts = [segments.load(connection, segment, _decoded) for segment in some]
    ordinals = np.concatenate([part.ordinals for part in parts])
    is_sorted = bool((ordinals[1:] > ordinals[:-1]).all())  # unless several sources took turns
    order = slice(None) if is_sorted else np.argsort(ordinals, kind="stable")
    steps = np.concatenate([part.steps for part in parts], dtype=np.float64)[order]
    micros = np.concatenate([part.times for part in parts])[order]
    times = np.where(micros == NO_TIME, np.nan, micros / 1e6)
    counts = [len(part) for part in parts]
    attempts = np.repeat([segment.history.attempt for segment in some], counts)[order]
    limits = np.repeat([cuts[segment.history] for segment in some], counts)[order]
    place = x_axis.mapping(connection, owner, every, axis)
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
    connection: protocol.Connection, owner: str, name: str, ordinal: int
) -> list[NewPoint]:
    """Return the points of a series above an ordinal in the order read, superseded ones too.

    If there are `AT_ONCE` or more, others may follow. Must run inside `snapshot`.
    """
    found: list[NewPoint] = []
    last = ordinal
    for segment in segments.segments_of(connection, owner, name):
        if segment.stats.last_ordinal <= ordinal:
            continue
        if len(found) >= AT_ONCE and segment.stats.first_ordinal > last:
            break
        last = max(last, segment.stats.last_ordinal)
        part = segment.tail or segments.load(connection, segment)
        columns = (part.ordinals, part.steps, part.values)
        rows = zip(*(_plain(column) for column in columns), strict=True)
        found += (NewPoint(*row) for row in rows if row[0] > ordinal)
    return sorted(found)


def _plain(column: object) -> list[int | float]:
    return column.tolist()  # type: ignore[attr-defined,no-any-return]
