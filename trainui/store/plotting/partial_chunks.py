"""Partial chunks: the points of chunks that span the edge of a plot's column, summarised by column.

The steps of most files are evenly spaced: then edges are computed, and only values are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from trainui.store.db import protocol
from trainui.store.db.statements import batches, placeholders
from trainui.store.points import chunks, column_packing, stitching
from trainui.store.points.lazy_numpy import Floats, Ints, np

if TYPE_CHECKING:
    from trainui.store.plotting.grid import BinGrid
    from trainui.store.points.chunks import Points

READ_AT_ONCE = 32
"""Chunks decoded at once: few enough for their values to fit the CPU cache."""

ROW = ("column", "ordinal", "minimum", "maximum", "total", "count", "nonfinite", "last")
"""A summary of one column's points in one chunk or tail; rows of a column are merged later."""


def rows_of_chunks(
    connection: protocol.Connection, ids: Sequence[int], limits: Sequence[float], grid: BinGrid
) -> Iterator[Floats]:
    """Yield summary rows of the points of some chunks before each chunk's limit."""
    cuts = dict(zip(ids, limits, strict=True))
    for some in batches(ids, READ_AT_ONCE):
        found = connection.execute(
            "SELECT id, n, float_steps, ordinals, steps, numbers FROM chunks "
            f"WHERE id IN ({placeholders(some)})",
            some,
        ).fetchall()
        even, others = [], []
        for chunk_id, n, float_steps, ordinals, steps, numbers in found:
            limit = cuts[chunk_id]
            if (one := _even(n, bool(float_steps), ordinals, steps, numbers, limit)) is not None:
                even.append(one)
            else:
                points = chunks.read_points(n, float_steps, ordinals, steps, numbers)
                others.append(stitching.keep(points, limit))
        if even:
            yield _rows_of_even(grid, even)
        if others:
            yield rows_of_points(grid, chunks.join(others))


class _Even(NamedTuple):
    """A chunk with evenly spaced steps, none of whose points are superseded."""

    n: int
    ordinal: int
    ordinal_stride: int
    step: int
    step_stride: int
    numbers: bytes


def _even(
    n: int, float_steps: bool, ordinals: bytes, steps: bytes, numbers: bytes, limit: float
) -> _Even | None:
    if float_steps:
        return None
    place, step = column_packing.progression(ordinals), column_packing.progression(steps)
    if place is None or step is None or place[1] <= 0 or step[1] <= 0:
        return None
    last = step[0] + step[1] * (n - 1)
    return _Even(n, *place, *step, numbers) if last < min(limit, 2.0**63) else None


def _rows_of_even(grid: BinGrid, of: Sequence[_Even]) -> Floats:
    n, ordinal, ordinal_stride, step, step_stride = (
        np.array(column) for column in list(zip(*of, strict=True))[:-1]
    )
    values = np.empty(n.sum())
    begins = np.append(0, np.cumsum(n))
    for begin, one in zip(begins.tolist(), of, strict=False):
        column_packing.unpack_into(values[begin : begin + one.n].view(np.int64), one.numbers)
    chunk, first = _segments(grid, n, step, step_stride)
    at = grid.index(step[chunk] + first * step_stride[chunk])
    starts = begins[chunk] + first
    ends = np.append(starts[1:], len(values)) - 1
    ordinals = ordinal[chunk] + (ends - begins[chunk]) * ordinal_stride[chunk]
    inside = (at >= 0) & (at < grid.width)
    return _summed(at, ordinals, values, starts, ends)[inside]


def _segments(grid: BinGrid, n: Ints, step: Ints, stride: Ints) -> tuple[Ints, Ints]:
    """Return the splits of chunks into parts that each lie within one column.

    Args:
        grid: the columns.
        n: by chunk: the number of its points.
        step: by chunk: its first step.
        stride: by chunk: the distance between its steps.

    Returns:
        By part: its chunk, and the index of its first point in that chunk.
    """
    begin, end = grid.index(step), grid.index(step + stride * (n - 1))
    edges = end - begin
    chunk = np.repeat(np.arange(len(n)), edges)
    column = np.arange(1, len(chunk) + 1) - np.repeat(np.cumsum(edges) - edges - begin, edges)
    # Bisection: `low` is before the column, `high` in it or after it.
    low, high = np.zeros(len(chunk), np.int64), n[chunk] - 1
    while bool((high - low > 1).any()):
        middle = (low + high) // 2
        behind = grid.index(step[chunk] + middle * stride[chunk]) >= column
        low, high = np.where(behind, low, middle), np.where(behind, middle, high)
    parts = np.unique(np.concatenate([np.arange(len(n)) << 32, (chunk << 32) + high]))
    return parts >> 32, parts & (2**32 - 1)


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
