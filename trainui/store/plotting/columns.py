"""A stitched series downsampled to the columns of a plot, exact at every column's edge.

A chunk within one column is summarised by its stored statistics; only chunks that span an edge are
decoded, so ten million points cost about as much as ten thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from trainui.store.db import protocol
from trainui.store.db.readonly import snapshot
from trainui.store.plotting.grid import BinGrid
from trainui.store.plotting.partial_chunks import ROW, rows_of_chunks, rows_of_points
from trainui.store.points import chunks, segments, stitching
from trainui.store.points.lazy_numpy import Floats, Ints, np
from trainui.store.points.stitching import History, HistoryStart, PointSegment

if TYPE_CHECKING:
    from trainui.store.points.chunks import Points


@dataclass(frozen=True, slots=True)
class Columns:
    """A series downsampled to columns of equal width in steps; an empty column is NaN."""

    edges: Floats
    """The steps at which the columns begin, and the end of the last: one more than columns."""
    minimum: Floats
    """Over finite values, like maximum and mean."""
    maximum: Floats
    mean: Floats
    last: Floats
    """The value read last, which may be NaN or infinite."""
    count: Ints
    nonfinite: Ints


def read_columns(
    connection: protocol.Connection,
    owner: str,
    name: str,
    width: int,
    *,
    steps: tuple[float, float] | None = None,
    exact: bool = True,
) -> Columns:
    """Return a stitched series in `width` columns.

    `steps` are the first and the last to show. With `exact`, the chunks that span the edge of a
    column are decoded; otherwise each counts in the column of its middle, which costs a tenth.
    """
    with snapshot(connection):
        series_id = _series_id(connection, owner, name)
        figures = _figures(connection, series_id)
        tails = [tail for _, tail in segments.tails_of(connection, owner, {series_id})]
        limits, kept = _cut(figures, tails)
        counted = figures["low_step"] < limits
        figures, limits = figures[counted], limits[counted]
        grid = _grid_over(figures, limits, kept, width, steps)
        low, high = grid.index(figures["low_step"]), grid.index(figures["high_step"])
        shown = (high >= 0) & (low < width)
        whole = shown & ((low == high) | (not exact)) & (figures["high_step"] < limits)
        split = shown & ~whole
        rows = [
            _rows_of_figures(grid, figures[whole]),
            *(rows_of_points(grid, one) for one in kept),
            *rows_of_chunks(
                connection,
                figures["chunk_id"][split].astype(int).tolist(),
                limits[split].tolist(),
                grid,
            ),
        ]
    return fill(grid, np.concatenate(rows))


def _series_id(connection: protocol.Connection, owner: str, name: str) -> int:
    """Return the id of a series; -1 if there is none."""
    query = "SELECT id FROM series WHERE owner = ? AND name = ?"
    found = connection.execute(query, (owner, name)).fetchone()
    return -1 if found is None else int(found[0])


def _figures(connection: protocol.Connection, series_id: int) -> Any:
    """Return the statistics of a series' chunks as a structured array of float64.

    There may be thousands, so no Python object is made for each; None becomes NaN.
    """
    query = "SELECT chunk_id, figures FROM chunk_figures WHERE series_id = ? ORDER BY chunk_id"
    rows = connection.execute(query, (series_id,)).fetchall()
    ids, figures = zip(*rows, strict=True) if rows else ((), ())
    table = np.column_stack([np.fromiter(ids, np.float64), chunks.figures_table(figures)])
    return table.view([(field, np.float64) for field in _FIELDS])[:, 0]


_FIELDS = ("chunk_id", *History._fields, *chunks.Stats._fields)


def _cut(figures: Any, tails: Sequence[PointSegment]) -> tuple[Floats, list[Points]]:
    """Return the step from which each chunk is superseded, and the tail points not superseded."""
    order = np.argsort(figures["first_ordinal"], kind="stable")
    places = np.column_stack([figures[field][order] for field in History._fields])
    histories, first, which = np.unique(places, axis=0, return_index=True, return_inverse=True)
    named = [History(*map(int, history)) for history in histories.tolist()]
    starts = [
        HistoryStart(history, figures["first_ordinal"][at], figures["first_step"][at])
        for history, at in zip(named, order[first], strict=True)
    ]
    starts += [
        HistoryStart(one.history, one.stats.first_ordinal, one.stats.first_step) for one in tails
    ]
    cuts = stitching.cuts(starts)
    limits = np.empty(len(figures))
    limits[order] = np.array([cuts[history] for history in named])[which.reshape(-1)]
    parts = ((one.tail, cuts[one.history]) for one in tails)
    kept = (stitching.keep(tail.points, limit) for tail, limit in parts if tail is not None)
    return limits, [points for points in kept if len(points)]


def _grid_over(
    figures: Any,
    limits: Floats,
    tails: Sequence[Points],
    width: int,
    steps: tuple[float, float] | None,
) -> BinGrid:
    if steps is not None:
        return BinGrid(float(steps[0]), float(steps[1]), width)
    lows = [figures["low_step"], *(one.steps for one in tails)]
    highs = [np.minimum(figures["high_step"], limits), *(one.steps for one in tails)]
    if not any(map(len, lows)):
        return BinGrid(0.0, 0.0, width)
    return BinGrid(float(np.concatenate(lows).min()), float(np.concatenate(highs).max()), width)


def _rows_of_figures(grid: BinGrid, figures: Any) -> Floats:
    # Both ends of an exact one lie in the same column.
    at = np.clip(grid.index((figures["low_step"] + figures["high_step"]) / 2), 0, grid.width - 1)
    fields = ("last_ordinal", "minimum", "maximum", "total", "n", "nonfinite", "last")
    return np.column_stack([at, *(figures[field] for field in fields)])


def of_figures(stats: Sequence[chunks.Stats], grid: BinGrid) -> Columns:
    """Merge the statistics of chunks into columns, each chunk in the column of its middle."""
    table = np.array(stats, np.float64).reshape(-1, len(chunks.Stats._fields))
    figures = table.view([(field, np.float64) for field in chunks.Stats._fields])[:, 0]
    at = grid.index((figures["low_step"] + figures["high_step"]) / 2)
    return fill(grid, _rows_of_figures(grid, figures[(at >= 0) & (at < grid.width)]))


def fill(grid: BinGrid, table: Floats) -> Columns:
    """Merge rows (`partial_chunks.ROW`) by column; of `last`, the highest ordinal's counts."""
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    at = table[:, 0].astype(np.int64)
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    return _spread(grid, at[starts], _merge_rows(table, starts))


def _merge_rows(table: Floats, starts: Ints) -> dict[str, Floats]:
    if not len(starts):
        return {name: np.empty(0) for name in ROW}
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


def _spread(grid: BinGrid, at: Ints, merged: dict[str, Floats]) -> Columns:
    """Put merged rows into their columns."""
    spread = partial(grid.spread, at)
    finite = merged["count"] - merged["nonfinite"]
    mean = np.divide(merged["total"], finite, out=np.full(len(finite), np.nan), where=finite > 0)
    return Columns(
        edges=grid.edges(),
        minimum=spread(merged["minimum"]),
        maximum=spread(merged["maximum"]),
        mean=spread(mean),
        last=spread(merged["last"]),
        count=spread(merged["count"], 0).astype(np.int64),
        nonfinite=spread(merged["nonfinite"], 0).astype(np.int64),
    )


def merge(read: Columns, index: Ints, x: Floats, grid: BinGrid) -> Columns:
    """Merge columns over steps with these indices, by their positions `x`, into those shown.

    `last` is the index of the last that was merged into each.
    """
    finite = (read.count - read.nonfinite)[index]
    total = np.where(finite > 0, read.mean[index] * finite, 0.0)
    row = {
        "column": grid.index(x[index]),
        "ordinal": index,
        "minimum": read.minimum[index],
        "maximum": read.maximum[index],
        "total": total,
        "count": read.count[index],
        "nonfinite": read.nonfinite[index],
        "last": index,
    }
    return fill(grid, np.column_stack([row[name] for name in ROW]))


def join(parts: Sequence[Columns]) -> Columns:
    """Join the columns of adjacent ranges."""
    if len(parts) == 1:
        return parts[0]
    edges = np.concatenate([*(part.edges[:-1] for part in parts), parts[-1].edges[-1:]])
    names = ("minimum", "maximum", "mean", "last", "count", "nonfinite")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Columns(edges, **joined)
