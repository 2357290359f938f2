"""Writing points: series, chunks (the last of a series is open) and tails; an evaluation's too.

The rule: points and the offset of their source are stored in one transaction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import headline
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import chunks, point_sources, read_points
from trainui.store.points.chunks import CHUNK_POINTS, Points, np
from trainui.store.points.point_sources import SourceRecord, insert, lock_owner, move, next_ordinal
from trainui.store.points.read_points import PointSegment
from trainui.store.read import evaluations
from trainui.store.read.evaluations import CURRENT, CheckpointRecord
from trainui.store.runs import checkpoint_stages, stages

TAIL_POINTS = 2048
"""A batch with more points goes straight into chunks."""

TAIL_ROWS = 64
"""Tails of a source before they move into chunks: a few seconds of a live file. More would make
reading slower, fewer would rewrite open chunks more often."""


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
        series_id: _OpenChunk(chunk_id, start, chunks.unpack_chunk(*columns))
        for series_id, chunk_id, start, *columns in found
    }


def _chunk_values(points: Points, of: SourceRecord, start_byte: int) -> tuple[Any, ...]:
    return (
        start_byte,
        of.offset,
        len(points) < CHUNK_POINTS,
        len(points),
        points.steps.dtype.kind == "f",
        chunks.pack_shared(points.ordinals),
        chunks.pack_shared(points.steps),
        chunks.pack(points.values),
        chunks.pack_times(points.times),
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


_TYPICAL = f"('{Status.RUNNING}', '{Status.COMPLETED}', '{Status.PRUNED}')"
"""A member that failed may have ended before its files had metrics."""


def of_other_members(
    connection: Connection, stage_id: str, group: str, metric: str
) -> list[SourceRecord]:
    """Return the sources with a metric of the member that started last; empty if none has it.

    Args:
        connection: a connection to the store.
        stage_id: the member that is left out.
        group: the sweep's name in the file.
        metric: the metric.
    """
    found = connection.execute(
        "SELECT other.id, other.attempt FROM stages AS own JOIN stages AS other "
        "ON other.run_id = own.run_id AND other.id <> own.id "
        "JOIN series ON series.owner = other.id AND series.name = ? "
        f"WHERE own.id = ? AND substr(other.name, 1, ?) = ? AND other.status IN {_TYPICAL} "
        "ORDER BY other.started_at DESC LIMIT 1",
        (metric, stage_id, len(group) + 1, f"{group}["),
    )
    if (row := found.fetchone()) is None:
        return []
    other, attempt = row
    names = names_by_source(connection, other, attempt)
    return [
        one for one in point_sources.sources(connection, other) if metric in names.get(one.id, ())
    ]


def save(
    connection: Connection,
    before: SourceRecord,
    after: SourceRecord,
    batch: Mapping[str, Points],
    *,
    records: int,
) -> SourceRecord:
    """Store what was read of a source between two of its states; return the source as stored.

    Ordinals in the batch are relative to its first record; `records` is the number of its records.
    On an error, the caller rolls back the write transaction.

    Raises:
        StaleSourceError: the source's stored state is no longer `before`.
    """
    count = sum(len(points) for points in batch.values())
    lock_owner(connection, before.owner)
    base = next_ordinal(connection, before.owner)
    tail = _fits_tail(before, count)
    stored = after._replace(
        next_ordinal=base + records,
        tail_rows=before.tail_rows + 1 if tail and count else before.tail_rows if tail else 0,
        tail_points=before.tail_points + count if tail else 0,
        version=before.version + 1,
    )
    move(connection, before, stored)
    series = _placed(connection, before.owner, batch, base)
    block = Block(stored, before.offset if before.offset <= after.offset else 0, series)
    if not tail:
        _fill_chunks(connection, block, has_tails=before.tail_rows > 0)
    elif count:
        _add_tail(connection, block)
    return stored


def _fits_tail(before: SourceRecord, count: int) -> bool:
    return (
        before.tail_rows < TAIL_ROWS and count + before.tail_points <= CHUNK_POINTS * 2
    ) and count <= TAIL_POINTS


def _placed(
    connection: Connection, owner: str, batch: Mapping[str, Points], base: int
) -> dict[int, Points]:
    """Return the batch by series id, with ordinals relative to all of the owner's points."""
    ids = _series_ids(connection, owner, batch)
    shared = {id(points.ordinals): points.ordinals for points in batch.values()}
    later = {key: ordinals + base for key, ordinals in shared.items()}
    return {
        ids[name]: Points(later[id(points.ordinals)], points.steps, points.values, points.times)
        for name, points in batch.items()
        if len(points)
    }


def _series_ids(connection: Connection, owner: str, names: Iterable[str]) -> dict[str, int]:
    """Return the ids of an owner's series, creating missing ones."""
    found = connection.execute("SELECT name, id FROM series WHERE owner = ?", (owner,))
    ids = {str(name): int(series_id) for name, series_id in found}
    for name in names:
        if name not in ids:
            ids[name] = insert(
                connection, "INSERT INTO series (owner, name) VALUES (?, ?)", (owner, name)
            )
    return ids


def _add_tail(connection: Connection, block: Block) -> None:
    connection.execute(
        "INSERT INTO tails (source_id, attempt, generation, start_byte, end_byte, points) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            block.source.id,
            block.source.attempt,
            block.source.generation,
            block.start_byte,
            block.source.offset,
            chunks.pack_tail(block.series),
        ),
    )


def _fill_chunks(connection: Connection, block: Block, *, has_tails: bool) -> None:
    """Append a source's tails and the block to its open chunks."""
    if has_tails:
        for tail in _remove_tails(connection, block.source):
            extend(connection, tail)
    if block.series:
        extend(connection, block)


def _remove_tails(connection: Connection, of: SourceRecord) -> list[Block]:
    """Remove a source's tails and return them, merged by attempt and generation."""
    found = connection.execute(
        "SELECT attempt, generation, min(start_byte) OVER w, max(end_byte) OVER w, points "
        "FROM tails WHERE source_id = ? WINDOW w AS (PARTITION BY attempt, generation) ORDER BY id",
        (of.id,),
    ).fetchall()
    connection.execute("DELETE FROM tails WHERE source_id = ?", (of.id,))
    grouped: dict[tuple[int, int, int, int], dict[int, list[Points]]] = {}
    for *place, points in found:
        group = grouped.setdefault(tuple(place), {})
        for part in chunks.unpack_tail(points):
            group.setdefault(part.series_id, []).append(part.points)
    return [
        Block(
            of._replace(attempt=attempt, generation=generation, offset=end),
            start,
            {series_id: chunks.join(parts) for series_id, parts in series.items()},
        )
        for (attempt, generation, start, end), series in grouped.items()
    ]


def delete_only_record(connection: Connection, known: SourceRecord) -> SourceRecord:
    """Delete the only stored record of a source, its only tail, so that it is read again."""
    begun = SourceRecord(
        known.id,
        known.owner,
        known.key,
        attempt=known.attempt,
        generation=known.generation,
        next_ordinal=known.next_ordinal,
        version=known.version + 1,
    )
    move(connection, known, begun)
    connection.execute("DELETE FROM tails WHERE source_id = ?", (known.id,))
    return begun


def names_by_source(
    connection: Connection, owner: str, attempt: int, *, before: bool = False
) -> dict[int, set[str]]:
    """Return, by source id, the names of the series of an attempt, or of earlier ones."""
    found: dict[int, set[str]] = {}
    for series in read_points.series_of(connection, owner):
        for segment in series.segments:
            number = segment.history.attempt
            if number < attempt if before else number == attempt:
                found.setdefault(segment.history.source_id, set()).add(series.name)
    return found


def rename(connection: Connection, owner: str, name: str, to: str) -> None:
    """Rename a series, unless the owner has one of the new name."""
    connection.execute(
        "UPDATE series SET name = ? WHERE owner = ? AND name = ? "
        "AND NOT EXISTS (SELECT 1 FROM series AS other WHERE other.owner = ? AND other.name = ?)",
        (to, owner, name, owner, to),
    )


def drop(connection: Connection, owner: str, name: str, *, key: str = "") -> None:
    """Delete a series, or only the points of it that are from the source with a key."""
    finish(connection, owner)  # a tail of a deleted series would be of the next with its id
    series = "(SELECT id FROM series WHERE owner = ? AND name = ?)"
    of, of_source = f"series_id IN {series}", ""
    values: tuple[str, ...] = (owner, name)
    if key:
        of_source = " AND source_id IN (SELECT id FROM sources WHERE owner = ? AND key = ?)"
        values += owner, key
    connection.execute(
        f"DELETE FROM chunk_figures WHERE {of} AND chunk_id IN "
        f"(SELECT id FROM chunks WHERE {of}{of_source})",
        (owner, name, *values),
    )
    connection.execute(f"DELETE FROM chunks WHERE {of}{of_source}", values)
    connection.execute(
        "DELETE FROM series WHERE owner = ? AND name = ? "
        "AND NOT EXISTS (SELECT 1 FROM chunks WHERE series_id = series.id)",
        (owner, name),
    )


def next_step(connection: Connection, owner: str, *, attempt: int) -> int | float:
    """Return the offset for a step counter that restarts in each attempt; 0 without earlier points.

    It is the last step of the earlier attempts, or the one after it if the counter begins at 0.
    """
    stats = [
        segment.stats
        for series in read_points.series_of(connection, owner)
        for segment in series.segments
        if segment.history.attempt < attempt
    ]
    if not stats:
        return 0
    begins_at_zero = min(one.low_step for one in stats) <= 0
    return max(one.high_step for one in stats) + begins_at_zero


def last_step(connection: Connection, owner: str, name: str, *, attempt: int) -> float:
    """Return the last step of a series in an attempt; minus infinity if it has no points."""
    found = read_points.series_of(connection, owner)
    parts = (one for series in found if series.name == name for one in series.segments)
    steps = (one.stats.high_step for one in parts if one.history.attempt == attempt)
    return max(steps, default=-math.inf)


def stored_points(connection: Connection, of: SourceRecord) -> dict[str, Points]:
    """Return the stored points of a source's current history, by series, in the order read."""
    history = (of.id, of.generation)
    return _loaded(connection, of.owner, lambda _name, one: one.history[1:] == history)


def of_attempt(
    connection: Connection, owner: str, attempt: int, wanted: Callable[[str], bool]
) -> dict[str, Points]:
    """Return an attempt's points in the wanted series, and other parts with non-finite values."""

    def is_wanted(name: str, segment: PointSegment) -> bool:
        is_own = segment.history.attempt == attempt
        return is_own and (segment.stats.nonfinite > 0 or wanted(name))

    return _loaded(connection, owner, is_wanted)


def _loaded(
    connection: Connection, owner: str, wanted: Callable[[str, PointSegment], bool]
) -> dict[str, Points]:
    """Return the points of the wanted segments of an owner, by series, in the order read."""
    found: dict[str, Points] = {}
    for series in read_points.series_of(connection, owner):
        chosen = [one for one in series.segments if wanted(series.name, one)]
        if chosen:
            found[series.name] = chunks.join([read_points.load(connection, one) for one in chosen])
    return found


def finish(connection: Connection, owner: str) -> None:
    """Move an owner's tails into chunks, since its sources will not grow soon."""
    for known in point_sources.sources(connection, owner):
        _close(connection, known)


def _close(connection: Connection, known: SourceRecord) -> None:
    """Move a source's tails into chunks."""
    if known.tail_rows:
        stored = known._replace(tail_rows=0, tail_points=0, version=known.version + 1)
        move(connection, known, stored)
        _fill_chunks(connection, Block(stored, 0, {}), has_tails=True)


def forget(connection: Connection, owners: Iterable[str]) -> None:
    """Delete everything stored for some owners."""
    for owner in owners:
        for query in _FORGET:
            connection.execute(query, (owner,))


_SERIES_OF = "(SELECT id FROM series WHERE owner = ?)"
_FORGET = (
    "DELETE FROM chunks WHERE id IN "
    f"(SELECT chunk_id FROM chunk_figures WHERE series_id IN {_SERIES_OF})",
    f"DELETE FROM chunk_figures WHERE series_id IN {_SERIES_OF}",
    "DELETE FROM tails WHERE source_id IN (SELECT id FROM sources WHERE owner = ?)",
    "DELETE FROM sources WHERE owner = ?",
    "DELETE FROM series WHERE owner = ?",
)


_OF_CHECKPOINTS = "checkpoints of "
"""Before the evaluation's id, the key of the source of its points."""


def draw_evaluation(store: Database, evaluation_id: str) -> bool:
    """Store the points of completed evaluations of checkpoints; return True if they changed.

    Those of an evaluation whose metrics are not read to their end follow when they are.
    """
    with store.read() as connection:
        if _due_checkpoints(connection, evaluation_id) is None:
            return False
    with store.write() as connection:
        if (rows := _due_checkpoints(connection, evaluation_id)) is None:
            return False
        evaluation = stages.get(connection, evaluation_id)
        drawn = {row.id: attempt for row, attempt in rows}
        steps = {row.stage_id: row for row, _attempt in rows if row.stage_id is not None}
        found = read_points.summaries(connection, list(steps))
        forget(connection, [evaluation_id])
        if found:
            key = f"{_OF_CHECKPOINTS}{evaluation_id}"
            source = point_sources.add_source(connection, evaluation_id, key, attempt=1)
            after = source._replace(rows=len(steps), offset=len(steps))
            batch = _checkpoint_points(found, steps)
            save(connection, source, after, batch, records=len(steps))
        metric = _best_metric(evaluation.definition, found)
        values = {steps[one.stage].id: one.last for one in found if one.name == metric}
        gone = {row.id: 0 for row in evaluations.of_evaluation(connection, evaluation_id)}
        checkpoint_stages.set_drawn(connection, evaluation_id, metric, {**gone, **drawn}, values)
    return True


def _due_checkpoints(
    connection: Connection, evaluation_id: str
) -> list[tuple[CheckpointRecord, int]] | None:
    """Return the checkpoints with the attempts whose metrics count; None if they are on record."""
    rows = evaluations.of_evaluation(connection, evaluation_id)
    members = evaluations.members_of(connection, evaluation_id, read=True)
    wanted, is_stale = [], False
    for row in rows:
        stage = members.get(row.stage_id or "")
        counts = row.state == CURRENT and stage is not None and stage.status == Status.COMPLETED
        attempt = stage.attempt if counts and stage is not None else 0
        is_stale |= attempt != row.drawn
        if counts:
            wanted.append((row, attempt))
    return sorted(wanted, key=lambda one: one[0].step or 0) if is_stale else None


def _checkpoint_points(
    found: Sequence[SeriesSummary], rows: Mapping[str, CheckpointRecord]
) -> dict[str, Points]:
    order = {stage_id: index for index, stage_id in enumerate(rows)}
    batch = {}
    for name in dict.fromkeys(one.name for one in found):
        own = sorted((one for one in found if one.name == name), key=lambda one: order[one.stage])
        steps = [rows[one.stage].step or 0 for one in own]
        is_whole = all(step == int(step) for step in steps)
        batch[name] = Points(
            np.array([order[one.stage] for one in own], dtype=np.int64),
            np.array(steps, dtype=np.int64 if is_whole else np.float64),
            np.array([np.nan if one.last is None else one.last for one in own], dtype=np.float64),
            np.array([rows[one.stage].written_at // 1000 for one in own], dtype=np.int64),
        )
    return batch


def _best_metric(definition: StageDefinition, found: Sequence[SeriesSummary]) -> str | None:
    """Return the metric by which a checkpoint is the best one: the declared one, or the usual."""
    names = list(dict.fromkeys(one.name for one in found))
    if definition.objective is None:
        return headline(names)
    return definition.objective.metric if definition.objective.metric in names else None
