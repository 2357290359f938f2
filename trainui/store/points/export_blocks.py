"""Streams all stored points of some owners as column blocks, for exports with little memory.

The rule: a block belongs to one series and one attempt, and its points are in the order read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.points import segments
from trainui.store.points.lazy_numpy import np
from trainui.store.points.segments import Owners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainui.store.points.chunks import Points


@dataclass(frozen=True, slots=True)
class ExportBlock:
    """Up to `chunks.CHUNK_POINTS` points of one series and one attempt."""

    owner: str
    name: str
    attempt: int
    points: Points
    superseded: NDArray[np.bool_]
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
            for series in segments.series_of(connection, owner, name):
                yield from _blocks_of(connection, series)


def _blocks_of(
    connection: protocol.Connection, series: segments.SeriesSegments
) -> Iterator[ExportBlock]:
    cuts = segments.cuts_of(series.segments)
    for segment in series.segments:
        points = segments.load(connection, segment)
        superseded = points.steps >= cuts[segment.history]
        yield ExportBlock(series.owner, series.name, segment.history.attempt, points, superseded)
