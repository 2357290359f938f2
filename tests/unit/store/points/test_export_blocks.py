"""All points in blocks of columns."""

from __future__ import annotations

import math

from tests.unit.store.readings import Feeder, connect
from trainui.store.db.engine import Store
from trainui.store.points import read_points
from trainui.store.points.chunks import CHUNK_POINTS
from trainui.store.points.read_points import blocks

MANY = CHUNK_POINTS * 3 + 5


def test_every_point_is_in_a_block_with_its_attempt_and_whether_it_counts(store: Store) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(step, step / 2) for step in range(MANY)], "acc": [(0.5, math.inf)]})
    feeder.feed({"loss": [(CHUNK_POINTS, 1.0), (CHUNK_POINTS + 1, 2.0)]}, attempt=2)
    found = [one for one in blocks(connect(store), ["stage"]) if one.name == "loss"]
    assert all(len(one) <= CHUNK_POINTS for one in found)
    assert sum(map(len, found)) == MANY + 2
    assert sum(int(one.superseded.sum()) for one in found) == MANY - CHUNK_POINTS
    assert [one.superseded.any() for one in found if one.attempt == 2] == [False]
    rows = [
        (one.attempt, step, value)
        for one in found
        for step, value in zip(one.points.steps.tolist(), one.points.values.tolist(), strict=True)
    ]
    stored = read_points.points(connect(store), ["stage"], "loss")
    assert rows == [(one.attempt, one.step, one.value) for one in stored]


def test_only_the_series_that_is_asked_for_and_nothing_of_an_owner_without_any(
    store: Store,
) -> None:
    Feeder(store).feed({"loss": [(0, 1.0)], "acc": [(0.5, math.inf)]})
    (one,) = blocks(connect(store), ["nobody", "stage"], "acc")
    assert (one.owner, one.name, one.points.steps.tolist(), one.points.values.tolist()) == (
        "stage",
        "acc",
        [0.5],
        [math.inf],
    )
