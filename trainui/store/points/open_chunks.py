"""Open chunks: the last chunk of each series that a source is still adding points to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from trainui.store.db.rows import insert, run, set_values
from trainui.store.points import chunks, column_packing
from trainui.store.points.chunks import CHUNK_POINTS, Points
from trainui.store.points.source_record import SourceRecord


@dataclass(frozen=True, slots=True)
class Block:
    """Points about to be stored, with the range of the source that they were read from."""

    source: SourceRecord
    start_byte: int
    series: Mapping[int, Points]


def extend(connection: Connection, block: Block) -> None:
    """Append a block to the open chunks of its source, attempt and generation."""
    opened = _open_chunks(connection, block.source)
    for series_id, points in block.series.items():
        known = opened.get(series_id)
        everything = chunks.join([known.points, points]) if known else points
        for at in range(0, len(everything), CHUNK_POINTS):
            segment = everything[at : at + CHUNK_POINTS]
            start = known.start_byte if known else block.start_byte
            values = _chunk_values(segment, block.source, start)
            history = _history(block.source)
            if known:
                chunk_id = known.id
                set_values(connection, "chunks", chunk_id, **values)
            else:
                chunk_id = insert(
                    connection, "chunks", {"series_id": series_id, **history, **values}
                )
            figures = chunks.pack_figures([*history.values()], chunks.describe(segment))
            run(connection, _PUT_FIGURES, (series_id, chunk_id, figures))
            known = None


@dataclass(frozen=True, slots=True)
class _OpenChunk:
    id: int
    start_byte: int
    points: Points


def _open_chunks(connection: Connection, of: SourceRecord) -> dict[int, _OpenChunk]:
    found = run(
        connection,
        "SELECT series_id, id, start_byte, n, float_steps, ordinals, steps, numbers, times "
        "FROM chunks WHERE open AND source_id = ? AND attempt = ? AND generation = ?",
        (of.id, of.attempt, of.generation),
    )
    return {
        series_id: _OpenChunk(chunk_id, start, chunks.read_points(*columns))
        for series_id, chunk_id, start, *columns in found
    }


def _history(of: SourceRecord) -> dict[str, int]:
    """Return the columns of a chunk's history, in the order of `stitching.History`."""
    return {"attempt": of.attempt, "source_id": of.id, "generation": of.generation}


def _chunk_values(points: Points, of: SourceRecord, start_byte: int) -> dict[str, Any]:
    return {
        "start_byte": start_byte,
        "end_byte": of.offset,
        "open": len(points) < CHUNK_POINTS,
        "n": len(points),
        "float_steps": points.steps.dtype.kind == "f",
        "ordinals": column_packing.pack_shared(points.ordinals),
        "steps": column_packing.pack_shared(points.steps),
        "numbers": column_packing.pack(points.values),
        "times": column_packing.pack_times(points.times),
    }


_PUT_FIGURES = (
    "INSERT INTO chunk_figures (series_id, chunk_id, figures) VALUES (?, ?, ?) "
    "ON CONFLICT (series_id, chunk_id) DO UPDATE SET figures = excluded.figures"
)
