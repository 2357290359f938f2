"""The points of a series that were stored since the last read, for followers of live stages."""

from __future__ import annotations

from typing import NamedTuple

from trainui.store.db import protocol
from trainui.store.points import segments

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
