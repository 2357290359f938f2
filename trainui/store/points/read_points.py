"""Reading points: stitched series as statistics, or point by point.

Plain SQL on a read-only driver connection, since the screen's first frame uses it; numpy is
imported only where points are decoded. Each read sees one snapshot.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from trainui.model.records import SeriesSummary
from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.points import chunks, segments
from trainui.store.points.chunks import Stats
from trainui.store.points.column_packing import NO_TIME
from trainui.store.points.lazy_numpy import Bools
from trainui.store.points.segments import (
    History,
    Owners,
    PointSegment,
    SeriesSegments,
    cuts_of,
    load,
    series_of,
)

if TYPE_CHECKING:
    from trainui.store.points.chunks import Points


def summaries(
    connection: protocol.Connection,
    owners: Owners,
    name: str | None = None,
    *,
    attempt: int | None = None,
) -> list[SeriesSummary]:
    """Return the statistics of some owners' series, in the order in which they were first seen.

    With `attempt`, they are those of its points, as if there were no others.
    """
    shown = owners if isinstance(owners, Mapping) else {owner: owner for owner in owners}
    with snapshot(connection):
        return [
            summary
            for owner in shown
            for found in series_of(connection, owner, name)
            if (summary := summary_of(connection, shown[owner], found, attempt)) is not None
        ]


def summary_of(
    connection: protocol.Connection, stage: str, found: SeriesSegments, attempt: int | None = None
) -> SeriesSummary | None:
    """Return the statistics of one series, inside `snapshot`; None if no point is of `attempt`."""
    some = [one for one in found.segments if attempt in (None, one.history.attempt)]
    if not some:
        return None
    read = sum(segment.stats.n for segment in some)
    cuts = cuts_of(some)
    if len(cuts) == 1:  # one attempt: nothing is superseded
        return segments.summary(stage, found.name, [segment.stats for segment in some], read)
    kept = (_kept_stats(connection, segment, cuts[segment.history]) for segment in some)
    return segments.summary(stage, found.name, [one for one in kept if one is not None], read)


def _kept_stats(connection: protocol.Connection, segment: PointSegment, cut: float) -> Stats | None:
    if segment.stats.high_step < cut:
        return segment.stats
    if segment.stats.low_step >= cut:
        return None
    return chunks.describe(segments.keep(load(connection, segment), cut))


class Point(NamedTuple):
    """One stored point."""

    owner: str
    name: str
    attempt: int
    step: int | float
    value: float
    time: int | None
    """Microseconds since 1970 in UTC."""


def points(
    connection: protocol.Connection, owners: Owners, name: str | None = None
) -> Iterator[Point]:
    """Yield every stored point, also superseded ones, owner by owner in the order read."""
    with snapshot(connection):
        for owner in owners:
            flows: dict[tuple[int, History], list[PointSegment]] = {}
            found = list(series_of(connection, owner, name))
            for at, one in enumerate(found):
                for segment in one.segments:
                    flows.setdefault((at, segment.history), []).append(segment)
            streams = (_flow(connection, found[at], at, of) for (at, _), of in flows.items())
            for *_order, point in heapq.merge(*streams):
                yield point


def _flow(
    connection: protocol.Connection, of: SeriesSegments, at: int, segments: list[PointSegment]
) -> Iterator[tuple[int, int, int, Point]]:
    """Yield the points of one history of a series, each with its sort key in the order read."""
    for segment in segments:
        loaded = load(connection, segment)
        columns = (loaded.ordinals, loaded.steps, loaded.values, loaded.times)
        numbers = zip(*(column.tolist() for column in columns), strict=True)
        for index, (ordinal, step, value, time) in enumerate(numbers):
            known = None if time == NO_TIME else time
            step = chunks.step_number(step)
            point = Point(of.owner, of.name, segment.history.attempt, step, value, known)
            yield ordinal, at, index, point


@dataclass(frozen=True, slots=True)
class ExportBlock:
    """Up to `chunks.CHUNK_POINTS` points of one series and one attempt."""

    owner: str
    name: str
    attempt: int
    points: Points
    superseded: Bools
    """True for points that a later attempt replaced."""

    def __len__(self) -> int:
        return len(self.points)


def blocks(
    connection: protocol.Connection, owners: Owners, name: str | None = None
) -> Iterator[ExportBlock]:
    """Yield all points of some owners, also superseded ones, series by series.

    All blocks come from one snapshot of the store, taken at the first block.
    """
    with snapshot(connection):
        for owner in owners:
            for series in series_of(connection, owner, name):
                yield from _blocks_of(connection, series)


def _blocks_of(connection: protocol.Connection, series: SeriesSegments) -> Iterator[ExportBlock]:
    cuts = cuts_of(series.segments)
    for segment in series.segments:
        points = load(connection, segment)
        superseded = points.steps >= cuts[segment.history]
        yield ExportBlock(series.owner, series.name, segment.history.attempt, points, superseded)


def step_at(connection: protocol.Connection, owner: str, time: int) -> int | float | None:
    """Return the step that an owner had reached at a time in microseconds; None if unknown.

    Of several series, the one with the highest steps is used: others may count epochs.
    """
    with snapshot(connection):
        found = [one.segments for one in series_of(connection, owner) if one.segments]
        furthest = max(found, key=lambda one: one[-1].stats.last_step, default=())
        for segment in reversed(furthest):
            points = load(connection, segment)
            reached = points.steps[(points.times != NO_TIME) & (points.times <= time)]
            if len(reached):
                return chunks.step_number(reached[-1].item())
    return None


def count_of_attempt(connection: protocol.Connection, owner: str, attempt: int) -> int:
    """Return the number of points that an attempt has written to the series with the most."""
    with snapshot(connection):
        counts = (
            sum(part.stats.n for part in one.segments if part.history.attempt == attempt)
            for one in series_of(connection, owner)
        )
        return max(counts, default=0)


class SourceProblem(NamedTuple):
    """A source that cannot be read."""

    owner: str
    key: str
    problem: str
    """Why, in words."""


def problems(connection: protocol.Connection, owners: Owners) -> list[SourceProblem]:
    """Return the sources of some owners that cannot be read, and why."""
    return [
        SourceProblem(owner, *row)
        for owner in owners
        for row in connection.execute(
            "SELECT key, problem FROM sources WHERE owner = ? AND problem IS NOT NULL ORDER BY id",
            (owner,),
        )
    ]
