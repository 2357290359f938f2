"""Every stored point of some owners, as blocks of columns: what an export reads, in little memory.

The rule that lives here: a block is of one series and one attempt, and its points are in the order
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainui.store import driver, pieces
from trainui.store.pieces import Owners

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainui.store.chunks import Floats, Ints, Steps


@dataclass(frozen=True, slots=True)
class Block:
    """Some thousand points of one series and one attempt, at most `chunks.CHUNK_POINTS`."""

    owner: str
    name: str
    attempt: int
    ordinals: Ints
    """Where each point stands in the order in which all of the owner's points were read."""
    steps: Steps
    """int64, or float64 where a step has a fraction."""
    values: Floats
    """NaN and infinities as they are."""
    times: Ints
    """Microseconds since 1970 in UTC, or `chunks.NO_TIME`."""
    superseded: NDArray[np.bool_]
    """Where a later attempt replaced the point."""

    def __len__(self) -> int:
        return len(self.values)


def blocks(
    connection: driver.Connection, owners: Owners, name: str | None = None
) -> Iterator[Block]:
    """Yield all points of some owners, superseded ones too, series by series.

    The store is seen as it was at the first block, for as long as the iterator is open.

    Args:
        connection: on the store, for reading.
        owners: ids of stages, or names of jobs.
        name: only the series of this name.
    """
    with pieces.view(connection):
        for owner in owners:
            for series in pieces.series_of(connection, owner, name):
                yield from _blocks_of(connection, series)


def _blocks_of(connection: driver.Connection, series: pieces.Series) -> Iterator[Block]:
    cuts = pieces.cuts_of(series.pieces)
    for piece in series.pieces:
        points = pieces.load(connection, piece)
        yield Block(
            owner=series.owner,
            name=series.name,
            attempt=piece.history.attempt,
            ordinals=points.ordinals,
            steps=points.steps,
            values=points.values,
            times=points.times,
            superseded=points.steps >= cuts[piece.history],
        )
