"""A series along each axis, with what a later attempt superseded."""

from __future__ import annotations

import math

import pytest

from tests.unit.store.readings import Feeder, as_points, connect
from trainui.store.db import statements
from trainui.store.db.engine import Database, read_transaction
from trainui.store.points import plot_points, point_sources, read_points, write_points
from trainui.store.points.plot_points import Axis, SeriesPoints, series_points_of

SECOND = 1_000_000


def series_points(
    connection: statements.Connection, owner: str, name: str, axis: Axis = Axis.STEP
) -> SeriesPoints:
    with read_transaction(connection):
        found = read_points.segments_of(connection, owner, name)
        return series_points_of(connection, owner, found, axis, found)


def test_superseded_points_are_kept_and_marked(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(0, 5.0), (1, math.nan), (2, 3.0)]})
    feeder.feed({"loss": [(1, 2.0), (2, math.inf)]}, attempt=2)
    found = series_points(connect(store), "stage", "loss")
    assert found.x.tolist() == [0, 1, 2, 1, 2]
    assert found.kept.tolist() == [True, False, False, True, True]
    assert found.attempts.tolist() == [1, 1, 1, 2, 2]
    assert found.finite.tolist() == [True, False, True, True, False]


def test_a_steps_epoch_is_between_the_known_ones(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"epoch": [(0, 0.0), (10, 1.0)], "loss": [(0, 4.0), (5, 3.0), (20, 2.0)]})
    found = series_points(connect(store), "stage", "loss", Axis.EPOCH)
    assert (found.x.tolist(), found.values.tolist()) == ([0, 0.5], [4, 3])
    other = Feeder(store, owner="other")
    other.feed({"loss": [(0, 4.0)]})
    assert len(series_points(connect(store), "other", "loss", Axis.EPOCH).x) == 0


def test_nothing_of_a_series_that_is_not_there(store: Database) -> None:
    assert len(series_points(connect(store), "stage", "loss", Axis.WALL).x) == 0


def test_points_of_alternating_sources_keep_the_order_read(store: Database) -> None:
    with store.write() as connection:
        known = [point_sources.add_source(connection, "stage", key, attempt=1) for key in "ab"]
        for at in range(4):
            source = known[at % 2]
            after, batch = source._replace(offset=source.offset + 1), as_points([(at, float(at))])
            known[at % 2] = write_points.save(connection, source, after, {"loss": batch}, records=1)
        write_points.finish(connection, "stage")  # now each source is one chunk
    found = series_points(connect(store), "stage", "loss")
    assert found.values.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_times_since_the_first_point_and_by_the_clock(store: Database) -> None:
    with store.write() as connection:
        source = point_sources.add_source(connection, "stage", "a", attempt=1)
        for at, time in enumerate((1_800_000_000, 1_800_000_090)):
            batch = {"loss": as_points([(at, 1.0)], time=time * SECOND)}
            after = source._replace(offset=source.offset + 1)
            source = write_points.save(connection, source, after, batch, records=1)
    found = [
        series_points(connect(store), "stage", "loss", axis).x
        for axis in (Axis.RELATIVE, Axis.WALL)
    ]
    assert [x.tolist() for x in found] == [[0, 90], [1_800_000_000, 1_800_000_090]]


def test_many_points_are_read_in_parts(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = [Feeder(store, key=key) for key in "ab"]
    for feeder in (*beside, *beside, Feeder(store, key="c")):
        feeder.feed({"loss": [(1, 1.0)] * 4})
    monkeypatch.setattr(plot_points, "AT_ONCE", 5)
    connection = connect(store)
    parts: list[list[plot_points.NewPoint]] = []
    while not parts or parts[-1]:
        last = parts[-1][-1].ordinal if parts else -1
        with read_transaction(connection):
            parts.append(plot_points.points_after(connection, "stage", "loss", last))
    assert [one.ordinal for part in parts for one in part] == list(range(20))
    assert all(len(part) < 20 for part in parts)
