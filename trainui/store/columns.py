"""A stitched series in as many columns as a plot is wide, exact at every column's edge.

A chunk that lies within one column counts by its figures; only those that an edge cuts are decoded,
so ten million points cost about as much as ten thousand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainui.store import pieces, stitching
from trainui.store.chunks import Points
from trainui.store.stitching import Piece

if TYPE_CHECKING:
    from trainui.store.chunks import Floats, Ints

Cut = tuple[Piece, float]
"""A piece, and the step from which on its points are superseded."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A series in columns of equal width in steps; an empty column is NaN."""

    edges: Floats
    """Steps at which the columns begin, and the last one's end: one more than columns."""
    minimum: Floats
    """Over finite values, as are maximum and mean."""
    maximum: Floats
    mean: Floats
    last: Floats
    """The value read last, NaN and infinities as they are."""
    count: Ints
    nonfinite: Ints


def columns(
    connection: sqlite3.Connection,
    owner: str,
    name: str,
    width: int,
    *,
    steps: tuple[float, float] | None = None,
    exact: bool = True,
) -> Columns:
    """Return a stitched series in `width` columns.

    Args:
        connection: on the store.
        owner: whose.
        name: the metric.
        width: how many columns.
        steps: the first and the last step to show; all by default.
        exact: decode the chunks that lie across the edge of a column; otherwise each counts in the
            column of its middle, which costs a tenth.
    """
    with pieces.view(connection):
        cut = pieces.with_cuts(pieces.pieces_of(connection, owner, name))
        grid = _Grid.over(cut, width, steps)
        whole, split = _sort_out(cut, grid, exact=exact)
        loaded = [stitching.keep(pieces.load(connection, piece), limit) for piece, limit in split]
    return _fill(grid, [piece for piece, _limit in whole], loaded)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Which column a step falls into."""

    low: float
    high: float
    width: int

    @classmethod
    def over(cls, cut: Sequence[Cut], width: int, steps: tuple[float, float] | None) -> _Grid:
        if steps is not None:
            return cls(float(steps[0]), float(steps[1]), width)
        low = min((piece.stats.low_step for piece, _limit in cut), default=0)
        high = max((min(piece.stats.high_step, limit) for piece, limit in cut), default=0)
        return cls(float(low), float(high), width)

    def edges(self) -> Floats:
        import numpy as np

        return np.linspace(self.low, self.high, self.width + 1)

    def index(self, steps: Any) -> Ints:
        """Return the columns of steps; -1 and `width` for those outside."""
        import numpy as np

        steps = np.asarray(steps, np.float64)
        span = self.high - self.low
        at = np.floor((steps - self.low) / span * self.width) if span else np.zeros(len(steps))
        at = np.clip(at, 0, self.width - 1)
        at[steps < self.low] = -1
        at[steps > self.high] = self.width
        return at.astype(np.int64)


def _sort_out(cut: Sequence[Cut], grid: _Grid, *, exact: bool) -> tuple[list[Cut], list[Cut]]:
    """Return the pieces that lie within one column, and those that must be decoded."""
    lows = grid.index([piece.stats.low_step for piece, _limit in cut])
    highs = grid.index([piece.stats.high_step for piece, _limit in cut])
    whole: list[Cut] = []
    split: list[Cut] = []
    for (piece, limit), low, high in zip(cut, lows.tolist(), highs.tolist(), strict=True):
        if high < 0 or low >= grid.width:
            continue
        within = (low == high or not exact) and piece.stats.high_step < limit
        (whole if within else split).append((piece, limit))
    return whole, split


def _fill(grid: _Grid, whole: Sequence[Piece], loaded: Sequence[Points]) -> Columns:
    """Merge figures of chunks and decoded points, both as rows of figures."""
    import numpy as np

    rows = [_rows_of_pieces(grid, whole), *(_rows_of_points(grid, part) for part in loaded)]
    rows = [row for row in rows if len(row)]
    table = np.concatenate(rows) if rows else np.empty((0, len(_ROW)))
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    at = table[:, 0].astype(np.int64)
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    return _spread(grid, at[starts], _merge_rows(table, starts))


_ROW = ("column", "ordinal", "minimum", "maximum", "total", "count", "nonfinite", "last")


def _merge_rows(table: Floats, starts: Ints) -> dict[str, Floats]:
    """Merge rows of one column; they stand in the order read."""
    import numpy as np

    if not len(starts):
        return {name: np.empty(0) for name in _ROW}
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


def _spread(grid: _Grid, at: Ints, merged: dict[str, Floats]) -> Columns:
    """Put merged rows into their columns."""
    import numpy as np

    def spread(values: Floats, empty: float) -> Floats:
        column = np.full(grid.width, empty)
        column[at] = values
        return column

    finite = merged["count"] - merged["nonfinite"]
    mean = np.divide(merged["total"], finite, out=np.full(len(finite), np.nan), where=finite > 0)
    return Columns(
        edges=grid.edges(),
        minimum=spread(merged["minimum"], np.nan),
        maximum=spread(merged["maximum"], np.nan),
        mean=spread(mean, np.nan),
        last=spread(merged["last"], np.nan),
        count=spread(merged["count"], 0).astype(np.int64),
        nonfinite=spread(merged["nonfinite"], 0).astype(np.int64),
    )


def _rows_of_pieces(grid: _Grid, whole: Sequence[Piece]) -> Floats:
    import numpy as np

    # Both ends of an exact one lie in the same column.
    middles = [(piece.stats.low_step + piece.stats.high_step) / 2 for piece in whole]
    at = np.clip(grid.index(middles), 0, grid.width - 1).tolist()
    rows = [
        (
            column,
            stats.last_ordinal,
            stats.minimum,
            stats.maximum,
            stats.total,
            stats.n,
            stats.nonfinite,
            stats.last,
        )
        for column, stats in zip(at, (piece.stats for piece in whole), strict=True)
    ]
    # None becomes NaN.
    return np.array(rows, np.float64).reshape(-1, len(_ROW))


def _rows_of_points(grid: _Grid, points: Points) -> Floats:
    import numpy as np

    at = grid.index(points.steps)
    shown = (at >= 0) & (at < grid.width)
    at, values, ordinals = at[shown], points.values[shown], points.ordinals[shown]
    if not len(at):
        return np.empty((0, len(_ROW)))
    order = np.argsort(at, kind="stable")
    at, values, ordinals = at[order], values[order], ordinals[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    ends = np.append(starts[1:], len(at)) - 1
    finite = np.where(np.isfinite(values), values, np.nan)
    rows = (
        at[starts],
        ordinals[ends],
        np.fmin.reduceat(finite, starts),
        np.fmax.reduceat(finite, starts),
        np.add.reduceat(np.nan_to_num(finite, nan=0.0), starts),
        ends - starts + 1,
        np.add.reduceat(np.isnan(finite).astype(np.int64), starts),
        values[ends],
    )
    return np.column_stack(rows).astype(np.float64)
