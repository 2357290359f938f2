"""A source's points put into the store and read back, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from trainui.model.records import Slot
from trainui.store.db import engine, statements
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, read_points, write_points
from trainui.store.points.chunks import NO_TIME, Points
from trainui.store.points.point_sources import SourceRecord

Column = Sequence[tuple[float, float]]
"""Steps and values."""


def as_points(column: Column, first: int = 0, time: int = NO_TIME) -> Points:
    from trainui.store.points.chunks import whole_steps

    return Points(
        np.arange(first, first + len(column), dtype=np.int64),
        whole_steps(np.array([step for step, _value in column], np.float64)),
        np.array([value for _step, value in column], np.float64),
        np.full(len(column), time, np.int64),
    )


class Feeder:
    """Stores batches of one source, as a reader would."""

    def __init__(self, store: Database, owner: str = "stage", key: str = "a", attempt: int = 1):
        self.store = store
        with store.write() as connection:
            self.source = point_sources.add_source(connection, owner, key, attempt=attempt)

    def feed(
        self,
        batch: Mapping[str, Column],
        *,
        into_chunks: bool = False,
        time: int = NO_TIME,
        **change: Any,
    ) -> SourceRecord:
        before = self.source
        records = max((len(column) for column in batch.values()), default=0)
        offset, rows = before.offset + 10 * records, before.rows + records
        changed: dict[str, Any] = {"offset": offset, "rows": rows, **change}
        after = before._replace(**changed)
        with self.store.write() as connection:
            self.source = write_points.save(
                connection,
                before,
                after,
                {name: as_points(column, time=time) for name, column in batch.items()},
                records=records,
            )
            if into_chunks:
                write_points.finish(connection, before.owner)
        if into_chunks:
            self.look_again()
        return self.source

    def look_again(self) -> None:
        with self.store.read() as connection:
            found = point_sources.source(connection, self.source.id)
        assert found is not None
        self.source = found


class Curve(NamedTuple):
    """A series without superseded points, in the order read."""

    steps: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


def curve(connection: statements.Connection, owner: str, name: str) -> Curve:
    found = list(read_points.blocks(connection, [owner], name))
    if not found:
        return Curve(np.empty(0), np.empty(0))
    kept = ~np.concatenate([block.superseded for block in found])
    order = np.argsort(
        np.concatenate([block.points.ordinals for block in found])[kept], kind="stable"
    )
    steps = np.concatenate([block.points.steps for block in found], dtype=np.float64)
    values = np.concatenate([block.points.values for block in found])
    return Curve(steps[kept][order], values[kept][order])


def connect(_store: Database) -> statements.Connection:
    connection = engine.connect_to_read()
    _opened.append(connection)
    return connection


_opened: list[statements.Connection] = []


def close_all() -> None:
    """Close what `connect` opened."""
    while _opened:
        _opened.pop().close()


def held_slots(connection: statements.Connection, host: str) -> dict[Slot, int]:
    """The occupied slots of a host, by slot: the id of the attempt that occupies it."""
    query = "SELECT host, kind, number, attempt_id FROM slots WHERE host = ?"
    found = connection.execute(query, (host,))
    return {Slot(*slot): attempt_id for *slot, attempt_id in found}
