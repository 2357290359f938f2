"""Points and how far their source is read are stored together or not at all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.store.readings import Column, Feeder, as_points, connect
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, read_points, write_points
from trainui.store.points.chunks import CHUNK_POINTS
from trainui.store.points.point_sources import Identity, StaleSourceError


def line(first: int, count: int) -> Column:
    return [(step, step * 0.5) for step in range(first, first + count)]


def stored(store: Database, name: str = "loss") -> list[tuple[float, float]]:
    return [(p.step, p.value) for p in read_points.points(connect(store), ["stage"], name)]


def count(store: Database, table: str) -> int:
    with store.read() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_small_batches_are_tails_until_they_fill_a_chunk(store: Database) -> None:
    feeder = Feeder(store)
    for at in range(write_points.TAIL_ROWS):
        feeder.feed({"loss": line(at, 1)})
    assert (count(store, "tails"), count(store, "chunks")) == (write_points.TAIL_ROWS, 0)
    feeder.feed({"loss": line(write_points.TAIL_ROWS, 1)})
    assert (count(store, "tails"), count(store, "chunks")) == (0, 1)
    assert stored(store) == line(0, write_points.TAIL_ROWS + 1)


def test_chunks_are_full_but_the_last(store: Database) -> None:
    feeder = Feeder(store)
    total = 0
    for size in (3000, 5000, 1, 9000, 10):
        feeder.feed({"loss": line(total, size), "acc": line(total, 1)})
        total += size
    feeder.feed({}, into_chunks=True)
    with store.read() as connection:
        sizes = connection.execute(
            "SELECT n, open FROM chunks JOIN series ON series.id = series_id "
            "WHERE name = 'loss' ORDER BY chunks.id"
        ).fetchall()
    assert [tuple(row) for row in sizes[:-1]] == [(CHUNK_POINTS, 0)] * (total // CHUNK_POINTS)
    assert tuple(sizes[-1]) == (total % CHUNK_POINTS, 1)
    assert stored(store) == line(0, total)
    assert [step for step, _value in stored(store, "acc")] == [0, 3000, 8000, 8001, 17001]


def test_the_second_writer_stores_nothing(store: Database) -> None:
    first, second = Feeder(store), Feeder(store)
    assert first.source.id == second.source.id
    first.feed({"loss": line(0, 5)})
    with pytest.raises(StaleSourceError):
        second.feed({"loss": line(0, 5)})
    assert stored(store) == line(0, 5)


def test_a_failed_write_moves_nothing(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line(0, 3)})
    moved = feeder.source._replace(offset=999)

    def fail_after_saving() -> None:
        batch = {"loss": as_points(line(3, 3))}
        with store.write() as connection:
            write_points.save(connection, feeder.source, moved, batch, records=3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_saving()
    with store.read() as connection:
        assert point_sources.sources(connection, "stage") == [feeder.source]
    assert stored(store) == line(0, 3)


def test_a_source_comes_back_as_it_was_stored(store: Database) -> None:
    feeder = Feeder(store)
    identity = Identity(1, 2**64 - 1, 10, "ab", 5, "cd")
    feeder.source = feeder.source._replace(identity=identity, state={"columns": ["a", None]})
    feeder.feed({"loss": line(0, 3)}, generation=2)
    with store.read() as connection:
        assert point_sources.source(connection, feeder.source.id) == feeder.source
    assert feeder.source.identity == identity


def test_two_sources_are_read_back_in_the_order_read(store: Database) -> None:
    one, two = Feeder(store, key="one"), Feeder(store, key="two")
    one.feed({"loss": line(0, 2)})
    two.feed({"loss": line(10, 2), "acc": line(10, 2)})
    one.feed({"loss": line(2, 1)})
    one.feed({}, into_chunks=True)
    two.look_again()
    two.feed({"acc": line(12, 1)})
    found = [(p.name, p.step) for p in read_points.points(connect(store), ["stage"])]
    assert found == [
        *(("loss", 0), ("loss", 1)),
        *(("loss", 10), ("acc", 10), ("loss", 11), ("acc", 11)),
        *(("loss", 2), ("acc", 12)),
    ]


def test_a_new_attempt_has_its_own_chunks(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line(0, 10)})
    feeder.feed({"loss": line(5, 10)}, attempt=2)
    with store.write() as connection:
        write_points.finish(connection, "stage")
    found = [(p.attempt, p.step) for p in read_points.points(connect(store), ["stage"])]
    assert found == [(1, step) for step in range(10)] + [(2, step) for step in range(5, 15)]
    assert (count(store, "tails"), count(store, "chunks")) == (0, 2)


def test_times_steps_and_values_come_back_exactly(store: Database) -> None:
    feeder = Feeder(store)
    with store.write() as connection:
        write_points.save(
            connection,
            feeder.source,
            feeder.source._replace(offset=1),
            {"x": as_points([(0.25, math.nan), (3, math.inf)], time=1_700_000_000_000_001)},
            records=2,
        )
    first, second = read_points.points(connect(store), ["stage"])
    assert math.isnan(first.value)
    assert second.value == math.inf
    assert (first.step, second.step) == (0.25, 3)
    assert type(second.step) is int
    assert first.time == 1_700_000_000_000_001


def test_a_problem_is_kept_and_cleared(store: Database) -> None:
    feeder = Feeder(store, key="log.txt")
    with store.write() as connection:
        point_sources.set_problem(connection, feeder.source.id, "it is a directory")
    assert read_points.problems(connect(store), ["stage"]) == [
        ("stage", "log.txt", "it is a directory")
    ]
    with store.write() as connection:
        point_sources.set_problem(connection, feeder.source.id, None)
    assert read_points.problems(connect(store), ["stage"]) == []


def test_forgotten_series_are_gone_and_nothing_else(store: Database) -> None:
    for owner in ("stage", "other"):
        feeder = Feeder(store, owner)
        feeder.feed({"loss": line(0, 5000)})
        feeder.feed({"loss": line(5000, 1)})
    with store.write() as connection:
        write_points.forget(connection, ["stage"])
    assert stored(store) == []
    assert len(list(read_points.points(connect(store), ["other"]))) == 5001
    assert [count(store, t) for t in ("series", "sources", "chunks", "chunk_figures", "tails")] == [
        1,
        1,
        2,
        2,
        1,
    ]


def test_live_points_cost_few_bytes(store: Database) -> None:
    feeder = Feeder(store)
    values = np.random.default_rng(3).normal(size=50_000)
    feeder.feed({"loss": list(enumerate(values.tolist()))})
    with store.read() as connection:
        (size,) = connection.execute(
            "SELECT sum(length(ordinals) + length(steps) + length(numbers) + length(times)) "
            "FROM chunks"
        ).fetchone()
    assert size < 7.5 * len(values)


@pytest.mark.parametrize("into_chunks", [False, True])
def test_an_attempt_has_names_once_a_point_has_its_number(
    store: Database, into_chunks: bool
) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(0, 1.5)]}, into_chunks=into_chunks, attempt=2)
    with store.read() as connection:
        assert [*write_points.names_by_source(connection, "stage", 2).values()] == [{"loss"}]
        assert write_points.names_by_source(connection, "stage", 1) == {}
        assert write_points.names_by_source(connection, "another", 2) == {}


def test_no_deleted_series_point_joins_the_next_series(store: Database) -> None:
    log = Feeder(store, key="train.log")
    log.feed({"loss": line(0, 5)})
    log.feed({}, attempt=2)  # the same file, in which the next attempt has written no metric yet
    with store.write() as connection:
        write_points.drop(connection, "stage", "loss")
    other = Feeder(store, owner="other")  # its series may get a deleted one's id
    other.feed({"acc": line(0, 1), "f1": line(0, 1)})
    with store.write() as connection:
        write_points.finish(connection, "stage")
    assert not list(read_points.points(connect(store), ["stage"]))
    found = [(p.name, p.step) for p in read_points.points(connect(store), ["other"])]
    assert found == [("acc", 0), ("f1", 0)]
