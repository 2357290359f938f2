"""Segments: the chunks and the parts of tails that contain a series' points.

Plain SQL on a read-only driver connection. Reads that belong together use one `snapshot`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.points import chunks, stitching
from trainui.store.points.chunks import Points
from trainui.store.points.stitching import History, HistoryStart, PointSegment

Owners = Mapping[str, str] | Iterable[str]
"""Ids of stages or names of jobs; as a mapping, each with its display name."""

KEPT_TAILS = 256
"""Decoded tails that are cached: those of a few live stages, some megabytes."""


@dataclass(frozen=True, slots=True)
class SeriesSegments:
    """One series and the segments with its points."""

    owner: str
    name: str
    segments: tuple[PointSegment, ...]
    """In the order in which their first points were read."""


def series(connection: protocol.Connection, owners: Owners) -> list[SeriesSegments]:
    """Return the series of some owners, in the order in which they were first seen."""
    with snapshot(connection):
        return [found for owner in owners for found in series_of(connection, owner)]


def series_of(
    connection: protocol.Connection, owner: str, name: str | None = None
) -> Iterator[SeriesSegments]:
    """Yield an owner's series, or the one with this name, inside `snapshot`."""
    names: dict[int, str] = {
        series_id: found
        for series_id, found in connection.execute(
            "SELECT id, name FROM series WHERE owner = ? ORDER BY id", (owner,)
        )
        if name is None or found == name
    }
    segments: dict[int, list[PointSegment]] = {series_id: [] for series_id in names}
    for series_id in names:
        segments[series_id] += _chunks_of(connection, series_id)
    for series_id, segment in tails_of(connection, owner, segments.keys()):
        segments[series_id].append(segment)
    for series_id, found in segments.items():
        found.sort(key=lambda segment: segment.stats.first_ordinal)
        yield SeriesSegments(owner, names[series_id], tuple(found))


def _chunks_of(connection: protocol.Connection, series_id: int) -> list[PointSegment]:
    found = connection.execute(
        "SELECT chunk_id, figures FROM chunk_figures WHERE series_id = ?", (series_id,)
    )
    unpacked = ((chunk_id, *chunks.unpack_figures(figures)) for chunk_id, figures in found)
    return [
        PointSegment(History(*history), stats, chunk_id) for chunk_id, history, stats in unpacked
    ]


def tails_of(
    connection: protocol.Connection, owner: str, of: Set[int]
) -> Iterator[tuple[int, PointSegment]]:
    """Yield the parts of an owner's tails for some series, each with the id of its series.

    Must run inside `snapshot`.
    """
    for attempt, source_id, generation, blob in connection.execute(
        "SELECT tails.attempt, source_id, tails.generation, points FROM tails "
        "JOIN sources ON sources.id = source_id WHERE owner = ? ORDER BY tails.id",
        (owner,),
    ):
        parts = _parts_of(History(attempt, source_id, generation), blob)
        yield from ((series_id, parts[series_id]) for series_id in parts.keys() & of)


@lru_cache(maxsize=KEPT_TAILS)
def _parts_of(history: History, blob: bytes) -> dict[int, PointSegment]:
    """Return the parts of a tail by series; cached, since a tail is read many times."""
    return {
        part.series_id: PointSegment(history, stitching.describe_tail(part), None, part)
        for part in chunks.unpack_tail(blob)
    }


def load(
    connection: protocol.Connection,
    segment: PointSegment,
    read: Callable[..., Points] = chunks.read_points,
) -> Points:
    """Return the points of a segment; `read` decodes the columns of a chunk."""
    if segment.tail is not None:
        return segment.tail.points
    row = connection.execute(
        "SELECT n, float_steps, ordinals, steps, numbers, times FROM chunks WHERE id = ?",
        (segment.chunk_id,),
    ).fetchone()
    return read(*row)


def segments_of(connection: protocol.Connection, owner: str, name: str) -> tuple[PointSegment, ...]:
    """Return the segments of one series; none if there is no such series."""
    return next((found.segments for found in series_of(connection, owner, name)), ())


def cuts_of(segments: Sequence[PointSegment]) -> dict[History, float]:
    """Return the step from which each history of some segments is superseded."""
    histories = {segment.history for segment in segments}
    if len(histories) == 1:  # the usual case
        return dict.fromkeys(histories, math.inf)
    return stitching.cuts(
        HistoryStart(segment.history, segment.stats.first_ordinal, segment.stats.first_step)
        for segment in segments
    )


def with_cuts(segments: tuple[PointSegment, ...]) -> list[tuple[PointSegment, float]]:
    """Return the segments with points not superseded, each with the step where it is cut."""
    cuts = cuts_of(segments)
    return [
        (segment, cuts[segment.history])
        for segment in segments
        if segment.stats.low_step < cuts[segment.history]
    ]
