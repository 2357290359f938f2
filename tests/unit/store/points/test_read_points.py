"""Attempts become one curve, and columns of it equal those of a full scan."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.store import readings
from tests.unit.store.readings import Column, Feeder, connect
from trainui.model.records import SeriesSummary
from trainui.store.db.engine import Database
from trainui.store.points import read_points
from trainui.store.points.chunks import CHUNK_POINTS
from trainui.store.points.plot_points import read_columns
from trainui.store.points.read_points import blocks


def line(steps: Sequence[float], value: float = 0.0) -> Column:
    return [(step, value + step) for step in steps]


def summary(store: Database, name: str = "loss") -> SeriesSummary:
    found = read_points.summaries(connect(store), {"stage": "train"})
    return next(series for series in found if series.name == name)


def kept(store: Database) -> list[float]:
    return list(readings.curve(connect(store), "stage", "loss").steps.tolist())


def test_a_later_attempt_replaces_the_earlier_from_its_first_step(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line(range(0, 100)), "val": line([50, 90])})
    feeder.feed({"loss": line(range(60, 80), 1000.0)}, attempt=2)
    assert summary(store) == SeriesSummary(
        stage="train",
        name="loss",
        count=80,
        superseded=40,
        first_step=0,
        last_step=79,
        last=1079.0,
        min=0.0,
        max=1079.0,
        nonfinite=0,
    )
    assert kept(store) == list(range(80))
    # The later attempt has written none of it yet.
    assert summary(store, "val").superseded == 0


def test_the_step_at_a_time_is_the_last_read_then(store: Database) -> None:
    feeder, other = Feeder(store), Feeder(store, key="epochs")
    other.feed({"val": line([1, 2])}, time=15)
    feeder.feed({"loss": line([10, 20])}, time=10, into_chunks=True)
    feeder.feed({"loss": line([30, 40, 50])}, time=20, into_chunks=True)
    feeder.feed({"loss": line([20, 30])}, time=30, attempt=2)
    asked = [read_points.step_at(connect(store), "stage", time) for time in (9, 10, 25, 30, 99)]
    assert asked == [None, 20, 50, 30, 30]
    assert read_points.step_at(connect(store), "nobody", 99) is None


def test_points_without_a_time_give_no_step_at_a_time(store: Database) -> None:
    Feeder(store).feed({"loss": line([1, 2])})
    assert read_points.step_at(connect(store), "stage", 99) is None


def test_three_attempts(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line(range(0, 10))})
    feeder.feed({"loss": line(range(8, 12))}, attempt=2)
    feeder.feed({"loss": line(range(5, 7))}, attempt=3)
    assert kept(store) == [0, 1, 2, 3, 4, 5, 6]
    assert summary(store).superseded == 9


def test_within_an_attempt_a_step_that_goes_backwards_supersedes_nothing(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line([1, 2, 3, 1, 2])})
    feeder.feed({"loss": line([0, 1])})
    found = summary(store)
    assert (found.count, found.superseded) == (7, 0)
    assert (found.first_step, found.last_step) == (1, 1)


def test_a_rewritten_history_stands_for_the_old_one(store: Database) -> None:
    feeder, other = Feeder(store), Feeder(store, key="other")
    other.feed({"loss": line([0, 1])})
    feeder.feed({"loss": line([0, 1, 2, 3])})
    feeder.feed({"loss": line([1, 2])}, generation=1)
    found = summary(store)
    assert (found.count, found.superseded) == (5, 3)


@pytest.mark.parametrize("into_chunks", [False, True])
def test_nan_and_infinities_count_but_set_no_bounds(store: Database, into_chunks: bool) -> None:
    feeder = Feeder(store)
    column = [(0.0, 2.0), (1.0, -math.inf), (2.0, math.nan)]
    feeder.feed({"loss": column}, into_chunks=into_chunks)
    found = summary(store)
    assert (found.count, found.nonfinite, found.min, found.max) == (3, 2, 2.0, 2.0)
    assert found.last is not None
    assert math.isnan(found.last)


def test_tails_and_chunks_give_the_same_figures(store: Database) -> None:
    feeder, other = Feeder(store), Feeder(store, owner="other")
    for at in range(0, 60, 3):
        feeder.feed({"loss": line(range(at, at + 3))})
        other.feed({"loss": line(range(at, at + 3))})
    other.feed({}, into_chunks=True)
    one, two = read_points.summaries(connect(store), {"stage": "s", "other": "s"})
    assert one == two


def full_scan(curve: readings.Curve, width: int, low: float, high: float) -> dict[str, list[float]]:
    """Columns the plain way."""
    columns: list[list[float]] = [[] for _ in range(width)]
    for step, value in zip(curve.steps.tolist(), curve.values.tolist(), strict=True):
        if low <= step <= high:
            at = math.floor((step - low) / (high - low) * width) if high > low else 0
            columns[min(at, width - 1)].append(value)
    finite = [[value for value in column if math.isfinite(value)] for column in columns]
    return {
        "minimum": [min(column, default=math.nan) for column in finite],
        "maximum": [max(column, default=math.nan) for column in finite],
        "last": [column[-1] if column else math.nan for column in columns],
        "count": [len(column) for column in columns],
        "nonfinite": [len(c) - len(f) for c, f in zip(columns, finite, strict=True)],
        "mean": [sum(column) / len(column) if column else math.nan for column in finite],
    }


def assert_equals_full_scan(
    store: Database, width: int, steps: tuple[float, float] | None = None
) -> None:
    connection = connect(store)
    columns = read_columns(connection, "stage", "loss", width, steps=steps)
    curve = readings.curve(connection, "stage", "loss")
    low, high = columns.edges[0], columns.edges[-1]
    plain = full_scan(curve, width, float(low), float(high))
    mean = np.array(plain.pop("mean"))
    for name, expected in plain.items():
        np.testing.assert_array_equal(getattr(columns, name), expected)
    # large values that cancel each other leave what their rounding left, in whichever order
    size = np.maximum(np.abs(plain["minimum"]), np.abs(plain["maximum"]))
    np.testing.assert_array_equal(np.isnan(columns.mean), np.isnan(mean))
    assert not (np.abs(columns.mean - mean) > 1e-9 * size).any()


def test_columns_equal_a_full_scan(store: Database) -> None:
    random = np.random.default_rng(5)
    feeder = Feeder(store)
    first = random.normal(size=30_000)
    first[[0, 777, 29_999]] = [math.nan, math.inf, math.nan]
    feeder.feed({"loss": list(enumerate(first.tolist()))})
    later = enumerate(random.normal(size=9_000).tolist(), start=20_500)
    feeder.feed({"loss": list(later)}, attempt=2)
    feeder.feed({"loss": [(29_500, 7.0), (100, -9.0)]})
    for steps in (None, (1000.0, 1500.0), (-5.0, 10.0**6), (30_000.0, 30_001.0)):
        for width in (1, 7, 200):
            assert_equals_full_scan(store, width, steps)


@pytest.mark.parametrize("stride", [1, -3, 0, 0.1, 2**49, 1e300])
def test_columns_of_steps_at_even_distances_equal_a_full_scan(
    store: Database, stride: float
) -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=2 * CHUNK_POINTS + 10)
    values[[3, CHUNK_POINTS + 5]] = [math.nan, math.inf]
    feeder = Feeder(store)
    feeder.feed({"loss": [(5 + at * stride, value) for at, value in enumerate(values.tolist())]})
    last = float(abs(5 + len(values) * stride))
    for steps in (None, (last * 0.3, last * 0.4), (4.5, 5.5)):
        for width in (3, 9_000):
            assert_equals_full_scan(store, width, steps)


def test_points_superseded_from_outside_a_zoom_are_not_in_it(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": line(range(30_000))})
    feeder.feed({"loss": line(range(20_000, 20_000 + 2 * CHUNK_POINTS), 0.5)}, attempt=2)
    feeder.feed({"accuracy": [(0, 1.0)]}, attempt=2)
    assert_equals_full_scan(store, 7, (29_000.0, 29_500.0))
    assert_equals_full_scan(store, 7, (19_900.0, 20_100.0))


def test_a_quick_look_at_columns_misses_no_point(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(step, math.sin(step / 1000)) for step in range(50_000)]})
    connection = connect(store)
    quick = read_columns(connection, "stage", "loss", 5, exact=False)
    exact = read_columns(connection, "stage", "loss", 5)
    assert quick.count.sum() == exact.count.sum() == 50_000
    assert (np.abs(quick.count - exact.count) <= 4096).all()
    assert quick.last[-1] == exact.last[-1]


def test_columns_of_nothing_and_of_one_step(store: Database) -> None:
    connection = connect(store)
    assert read_columns(connection, "stage", "loss", 10).count.sum() == 0
    Feeder(store).feed({"loss": [(5, 1.0), (5, 3.0)]})
    columns = read_columns(connection, "stage", "loss", 10)
    assert (columns.count[0], columns.mean[0], columns.last[0]) == (2, 2.0, 3.0)


STEPS = st.integers(0, 50).map(float) | st.floats(0, 50, allow_nan=False)
BATCH = st.lists(st.tuples(STEPS, st.floats(width=32)), max_size=30)


CANCELLING = [([(0.0, -3e38), (0.0, 3e38), (0.0, 1.0)], 0, False)]
TINY_RANGE = [([(0.0, 0.0), (4.0, 0.0)], 0, True), ([(2.2250738585072014e-308, 0.0)], 1, False)]


@given(
    batches=st.lists(st.tuples(BATCH, st.integers(0, 1), st.booleans()), max_size=8),
    width=st.integers(1, 20),
)
@example(batches=CANCELLING, width=1)
@example(batches=TINY_RANGE, width=1)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_history_of_attempts(
    store: Database, batches: list[tuple[Column, int, bool]], width: int
) -> None:
    from trainui.store.points import write_points

    readings.close_all()  # those of the example before
    with store.write() as connection:
        write_points.forget(connection, ["stage"])
    feeder, attempt = Feeder(store), 1
    read: list[tuple[int, float, float]] = []
    for column, next_attempt, into_chunks in batches:
        attempt += next_attempt
        feeder.feed({"loss": column}, into_chunks=into_chunks, attempt=attempt)
        read += [(attempt, step, value) for step, value in column]
    found = [(p.attempt, p.step, p.value) for p in read_points.points(connect(store), ["stage"])]
    assert repr(found) == repr([(a, int(s) if s.is_integer() else s, v) for a, s, v in read])
    starts: dict[int, float] = {}
    for number, step, _value in read:
        starts.setdefault(number, step)
    expected = [
        step
        for number, step, _value in read
        if all(step < start for later, start in starts.items() if later > number)
    ]
    assert kept(store) == expected
    assert_equals_full_scan(store, width)


def test_reading_imports_nothing_heavy() -> None:
    code = (
        "import sys, trainui.store.points.read_points\n"
        "heavy = {'sqlalchemy', 'sqlmodel', 'pydantic', 'numpy', 'msgspec'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


MANY = CHUNK_POINTS * 3 + 5


def test_every_point_is_in_a_block_with_attempt_and_validity(store: Database) -> None:
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


def test_only_the_requested_series_is_returned(
    store: Database,
) -> None:
    Feeder(store).feed({"loss": [(0, 1.0)], "acc": [(0.5, math.inf)]})
    (one,) = blocks(connect(store), ["nobody", "stage"], "acc")
    assert (one.owner, one.name, one.points.steps.tolist(), one.points.values.tolist()) == (
        "stage",
        "acc",
        [0.5],
        [math.inf],
    )
