"""Smoothing: what TensorBoard's loop gives, at whatever length and in whatever columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.plotting.test_windows import fill, noise, plotted
from tests.unit.store.readings import Feeder
from trainui.store.db.engine import Store
from trainui.store.plotting import smoothing
from trainui.store.plotting.x_axis import Axis

WEIGHTS = (0.6, 0.9, 0.97)


def one_by_one(values: np.ndarray, weight: float) -> np.ndarray:
    """The definition, as a loop over points."""
    last, count, found = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            last = weight * last + (1 - weight) * value
            count += 1
        found.append(last / (1 - weight**count) if count else math.nan)
    return np.array(found)


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf])), max_size=200),
    st.sampled_from([0.1, *WEIGHTS, 0.999]),
)
def test_points_are_smoothed_as_defined(values: list[float], weight: float) -> None:
    found = smoothing.of_points(np.array(values, float), weight)
    np.testing.assert_allclose(found, one_by_one(np.array(values), weight), rtol=1e-6, atol=1e-6)


def test_what_is_constant_stays_so() -> None:
    assert smoothing.of_points(np.full(10_000, 0.1), 0.97) == pytest.approx(np.full(10_000, 0.1))


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_column_of_alike_points_is_smoothed_as_its_points_are(weight: float) -> None:
    means, counts = np.array([1.0, 5.0, np.nan, 2.0]), np.array([7, 1, 0, 40])
    whole = one_by_one(np.repeat(means, counts), weight)
    found = smoothing.of_columns(means, counts, weight)
    assert found[[0, 1, 3]] == pytest.approx(whole[np.cumsum(counts)[[0, 1, 3]] - 1])
    assert math.isnan(found[2])


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_part_is_smoothed_with_what_came_before(
    store: Store,
    few: None,
    weight: float,
) -> None:
    values = noise(30_000)
    fill(store, values)
    series = plotted(store)
    first = int(series._segments[3].stats.low_step)  # nothing before it is in the same chunk
    found = series.window(float(first), first + 99.0, 100, weight=weight)
    assert found.smooth == pytest.approx(one_by_one(values, weight)[first:][:100], abs=1e-5)


def test_a_part_of_many_points_is_smoothed_with_what_came_before(store: Store, few: None) -> None:
    values = np.where(np.arange(30_000) < 15_000, 0.0, 1.0)
    fill(store, values)
    found = plotted(store).window(15_000.0, 29_999.0, 250, weight=0.97)
    assert found.smooth[0] == pytest.approx(1 - 0.97**60, abs=0.02)
    assert found.smooth[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [Axis.STEP, Axis.RELATIVE])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_of_many_points_the_trend_is_smoothed_alike(
    store: Store,
    few: None,
    axis: Axis,
    share: float,
) -> None:
    values = np.linspace(0.0, 1.0, 30_000) ** 2
    fill(store, values)
    series = plotted(store, axis)
    assert series.extent is not None
    low, high = series.extent.high * (1 - share), series.extent.high
    found = series.window(low, high, 100, weight=0.97)
    exact = one_by_one(values, 0.97)[np.nan_to_num(found.steps).astype(int)]
    assert not np.isnan(found.smooth).any()
    assert found.smooth == pytest.approx(exact, abs=0.02)


def test_superseded_points_and_what_is_not_finite_count_nothing(store: Store) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(0, 1.0), (1, math.nan), (2, 1.0), (3, 99.0)]})
    feeder.feed({"loss": [(3, 1.0), (4, 1.0)]}, attempt=2)
    found = plotted(store).window(0.0, 4.0, 5, weight=0.9)
    assert found.smooth[[0, 2, 3, 4]].tolist() == pytest.approx([1.0] * 4)
    assert math.isnan(found.smooth[1])
