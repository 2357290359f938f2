"""An envelope keeps every peak."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainui.metrics.downsample import envelope

POINTS = st.lists(st.tuples(st.integers(0, 40), st.floats(width=32)), max_size=60)


@given(POINTS, st.integers(1, 12))
def test_each_column_holds_its_least_and_greatest_value(
    points: list[tuple[int, float]], width: int
) -> None:
    x = np.array([float(step) for step, _value in points])
    y = np.array([value for _step, value in points])
    got = envelope(x, y, width)
    columns: list[list[float]] = [[] for _ in range(width)]
    for step, value in points:
        span = x.max() - x.min()
        at = int((step - x.min()) / span * width) if span else 0
        columns[min(at, width - 1)].append(value)
    finite = [[value for value in column if math.isfinite(value)] for column in columns]
    np.testing.assert_array_equal(got.low, [min(c, default=math.nan) for c in finite])
    np.testing.assert_array_equal(got.high, [max(c, default=math.nan) for c in finite])


def test_bounds_leave_out_the_rest() -> None:
    x = np.arange(100.0)
    got = envelope(x, x, 10, bounds=(50.0, 60.0))
    assert (got.low[0], got.high[-1], got.x[0]) == (50.0, 60.0, 50.5)


def test_one_narrow_peak_among_a_million_is_seen() -> None:
    y = np.zeros(1_000_000)
    y[123_456] = 5.0
    assert np.nanmax(envelope(np.arange(1e6), y, 80).high) == 5.0
