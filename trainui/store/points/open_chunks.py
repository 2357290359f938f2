"""Open chunks: the last chunk of each series that a source is still adding points to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainui.store.db.protocol import Connection
from trainui.store.points import chunks, column_packing
from trainui.store.points.chunks import CHUNK_POINTS, Points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sources import insert


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
            if known:
                chunk_id = known.id
                _replace_chunk(connection, chunk_id, values)
            else:
                chunk_id = _insert_chunk(connection, series_id, block.source, values)
            _put_figures(connection, series_id, chunk_id, block.source, chunks.describe(segment))
            known = None


@dataclass(frozen=True, slots=True)
class _OpenChunk:
    id: int
    start_byte: int
    points: Points


def _open_chunks(connection: Connection, of: SourceRecord) -> dict[int, _OpenChunk]:
    found = connection.execute(
        "SELECT series_id, id, start_byte, n, float_steps, ordinals, steps, numbers, times "
        "FROM chunks WHERE open AND source_id = ? AND attempt = ? AND generation = ?",
        (of.id, of.attempt, of.generation),
    )
    return {
        series_id: _OpenChunk(chunk_id, start, chunks.read_points(*columns))
        for series_id, chunk_id, start, *columns in found
    }


def _chunk_values(points: Points, of: SourceRecord, start_byte: int) -> tuple[Any, ...]:
    return (
        start_byte,
        of.offset,
        len(points) < CHUNK_POINTS,
        len(points),
        points.steps.dtype.kind == "f",
        column_packing.pack_shared(points.ordinals),
        column_packing.pack_shared(points.steps),
        column_packing.pack(points.values),
        column_packing.pack_times(points.times),
    )


def _insert_chunk(
    connection: Connection, series_id: int, of: SourceRecord, values: tuple[Any, ...]
) -> int:
    return insert(
        connection,
        "INSERT INTO chunks (series_id, source_id, attempt, generation, start_byte, end_byte, "
        "open, n, float_steps, ordinals, steps, numbers, times) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (series_id, of.id, of.attempt, of.generation, *values),
    )


def _replace_chunk(connection: Connection, chunk_id: int, values: tuple[Any, ...]) -> None:
    connection.execute(
        "UPDATE chunks SET start_byte = ?, end_byte = ?, open = ?, n = ?, float_steps = ?, "
        "ordinals = ?, steps = ?, numbers = ?, times = ? WHERE id = ?",
        (*values, chunk_id),
    )


def _put_figures(
    connection: Connection, series_id: int, chunk_id: int, of: SourceRecord, stats: chunks.Stats
) -> None:
    figures = chunks.pack_figures((of.attempt, of.id, of.generation), stats)
    connection.execute(_PUT_FIGURES, (series_id, chunk_id, figures))


_PUT_FIGURES = (
    "INSERT INTO chunk_figures (series_id, chunk_id, figures) VALUES (?, ?, ?) "
    "ON CONFLICT (series_id, chunk_id) DO UPDATE SET figures = excluded.figures"
)
