"""What is packed comes back bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainui.store.points import chunks
from trainui.store.points.chunks import NO_TIME, Points

INTS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50)
FLOATS = st.lists(st.floats(width=64), min_size=1, max_size=50)


def same_bits(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.tobytes() == right.tobytes()


@given(INTS)
def test_ints_survive(numbers: list[int]) -> None:
    column = np.array(numbers, np.int64)
    assert same_bits(chunks.unpack(chunks.pack(column), len(column), floats=False), column)


@given(FLOATS)
def test_floats_survive_with_nan_infinities_and_signed_zero(numbers: list[float]) -> None:
    column = np.array(numbers, np.float64)
    assert same_bits(chunks.unpack(chunks.pack(column), len(column), floats=True), column)


@pytest.mark.parametrize(
    "column",
    [
        np.arange(4096, dtype=np.int64) * 50 + 7,
        np.repeat(np.arange(4, dtype=np.int64), 1024),
        np.full(4096, NO_TIME, np.int64),
        np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 4096),
        np.random.default_rng(1).normal(0.2, 0.01, 4096),
        np.cumsum(np.random.default_rng(1).random(4096)) + 1.79e9,
        np.array([2**63 - 1, -(2**63), 2**63 - 1, 5], np.int64),
    ],
    ids=["stride", "runs", "constant", "random ints", "noise", "clock", "wrap-around"],
)
def test_typical_columns_survive(column: NDArray[Any]) -> None:
    floats = column.dtype.kind == "f"
    packed = chunks.pack(column)
    assert same_bits(chunks.unpack(packed, len(column), floats=floats), column)
    assert len(packed) <= 8 * len(column) + 64


def test_even_steps_cost_nothing() -> None:
    assert len(chunks.pack(np.arange(0, 4096 * 100, 100, dtype=np.int64))) < 20


def points(steps: list[float], values: list[float]) -> Points:
    return Points(
        np.arange(len(steps), dtype=np.int64),
        chunks.whole_steps(np.array(steps, np.float64)),
        np.array(values, np.float64),
        np.full(len(steps), NO_TIME, np.int64),
    )


def test_figures_leave_out_what_is_not_finite() -> None:
    stats = chunks.describe(points([3, 1, 2], [5.0, math.nan, -math.inf]))
    assert (stats.n, stats.nonfinite, stats.minimum, stats.maximum) == (3, 2, 5.0, 5.0)
    assert (stats.first_step, stats.last_step, stats.low_step, stats.high_step) == (3, 2, 1, 3)
    assert stats.last == -math.inf


def test_a_last_nan_is_none_since_sqlite_has_no_nan() -> None:
    stats = chunks.describe(points([1], [math.nan]))
    assert (stats.last, stats.minimum, stats.maximum) == (None, None, None)


def test_steps_are_ints_where_none_has_a_fraction() -> None:
    assert chunks.whole_steps(np.array([1.0, 2.0])).dtype == np.int64
    assert chunks.whole_steps(np.array([1.0, 2.5])).dtype == np.float64
    assert chunks.whole_steps(np.array([1e300])).dtype == np.float64
    assert type(chunks.describe(points([1, 2.5, 3], [0, 0, 0])).last_step) is int


def test_a_tail_contains_several_series() -> None:
    tail = {7: points([1, 2], [0.5, math.nan]), 9: points([0.5], [3.0])}
    parts = chunks.unpack_tail(chunks.pack_tail(tail))
    assert [part.series_id for part in parts] == [7, 9]
    for part, whole in zip(parts, tail.values(), strict=True):
        for name in ("ordinals", "steps", "values", "times"):
            column = getattr(whole, name)
            assert same_bits(np.array(getattr(part, name)), column)
            assert same_bits(getattr(part.points, name), column)


STEP = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False).map(chunks.step_number)
VALUE = st.none() | st.floats(allow_nan=False)


@given(
    counts=st.tuples(*[st.integers(0, 2**50)] * 4),
    steps=st.tuples(*[STEP] * 4) | st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 4),
    values=st.tuples(VALUE, VALUE, st.floats(), VALUE),
)
def test_figures_survive(
    counts: tuple[int, ...], steps: tuple[float, ...], values: tuple[float | None, ...]
) -> None:
    minimum, maximum, total, last = values
    figures: list[Any] = [*counts[:3], *steps, minimum, maximum, total, counts[3], last]
    blob = chunks.pack_figures((1, 2, 3), chunks.Stats(*figures))
    if any(isinstance(step, float) for step in steps):  # then all of them are
        figures[3:7] = [chunks.step_number(float(step)) for step in steps]
    assert repr(chunks.unpack_figures(blob)) == repr(((1, 2, 3), chunks.Stats(*figures)))
    row = [1, 2, 3, *(math.nan if figure is None else float(figure) for figure in figures)]
    np.testing.assert_array_equal(chunks.figures_table([blob, blob]), [row, row])
