"""A window of a series in columns: no spike lost, each point where it belongs, few or many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.readings import Feeder, connect
from trainui.store.db.engine import Database
from trainui.store.points import (
    plot_points,
    plot_windows,
    point_sources,
    read_points,
    write_points,
)
from trainui.store.points.chunks import Points
from trainui.store.points.plot_points import Axis
from trainui.store.points.plot_windows import ABOVE, BELOW, NAN, Plotted

START = 1_700_000_000


def fill(store: Database, values: np.ndarray, first: int = 0, attempt: int = 1) -> None:
    """Store a long series, a point each half second; attempts begin an hour apart."""
    with store.write() as connection:
        known = point_sources.add_source(connection, "stage", f"a{attempt}", attempt=attempt)
        steps = np.arange(first, first + len(values))
        times = (START + 3600 * (attempt - 1)) * 1_000_000 + (steps - first) * 500_000
        batch = Points(np.arange(len(values)), steps, values, times)
        after = known._replace(offset=len(values))
        write_points.save(connection, known, after, {"loss": batch}, records=len(values))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, count)


def plotted(store: Database, axis: Axis = Axis.STEP, attempt: int | None = None) -> Plotted:
    return Plotted(connect(store), "stage", "loss", axis, attempt=attempt)


def test_few_points_lie_each_in_their_column(store: Database) -> None:
    Feeder(store).feed({"loss": [(0, 3.0), (1, 1.0), (2, 2.0), (10, 5.0)]})
    found = plotted(store).window(0.0, 10.0, 5)
    assert found.minimum.tolist()[:2] == [1.0, 2.0]
    assert found.maximum.tolist()[:2] == [3.0, 2.0]
    assert np.isnan(found.minimum[2:4]).all()
    assert (found.at[0], found.steps[0], found.last[0], found.last[4]) == (1.0, 1.0, 1.0, 5.0)


def test_values_that_are_not_finite_are_shown_by_their_kind(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(0, math.nan), (1, math.inf), (2, -math.inf), (3, 1.0)]})
    found = plotted(store).window(0.0, 3.0, 4)
    assert found.odd.tolist() == [NAN, ABOVE, BELOW, 0]


def test_a_spike_is_in_every_window_that_contains_it(store: Database, few: None) -> None:
    values = noise(30_000)
    values[12_345] = 99.0
    fill(store, values)
    series = plotted(store)
    for low, high in ((0, 29_999), (12_000, 20_000), (12_300, 12_400)):
        found = series.window(low, high, 100)
        column = int(np.nanargmax(found.maximum))
        assert found.maximum[column] == 99.0
        assert abs(found.at[column] - 12_345) <= 2 * 4096 if high - low > 5000 else 5


@pytest.mark.parametrize("window", [(0, 29_999), (5000, 25_000), (14_000, 14_900)])
def test_many_points_are_summed_up_as_they_are(
    store: Database, few: None, window: tuple[int, int]
) -> None:
    values = noise(30_000)
    fill(store, values)
    low, high = window
    found = plotted(store).window(float(low), float(high), 50)
    shown = values[low : high + 1]
    column = np.minimum(np.arange(len(shown)) * 50 // (len(shown) - 1), 49)
    for at in range(50):
        assert found.minimum[at] == shown[column == at].min()
        assert found.maximum[at] == shown[column == at].max()


def test_more_chunks_than_are_decoded_leave_no_column_empty(
    store: Database, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot_windows, "DECODED", 0)
    values = noise(30_000)
    fill(store, values)
    found = plotted(store).window(0.0, 29_999.0, 50)
    assert not np.isnan(found.minimum).any()
    assert np.nanmin(found.minimum) == values.min()


@pytest.mark.parametrize("many", [False, True])
def test_times_place_points_on_the_axis(
    store: Database, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    if many:
        monkeypatch.setattr(plot_windows, "READ_ONE_BY_ONE", 5000)
    fill(store, noise(20_000))
    series = plotted(store, Axis.RELATIVE)
    assert series.extent == (0.0, 9999.5)
    found = series.window(1000.0, 2000.0, 10)
    assert found.at == pytest.approx(np.arange(1100, 2001, 100), abs=20)
    assert found.steps == pytest.approx(np.arange(2200, 4001, 200), abs=40)
    assert found.times == pytest.approx(START + found.at, abs=1)


def test_superseded_points_stay_beside_those_that_count(store: Database) -> None:
    fill(store, np.full(100, 2.0))
    fill(store, np.full(100, 1.0), first=50, attempt=2)
    found = plotted(store).window(0.0, 149.0, 150)
    assert (found.maximum[49], found.maximum[50]) == (2.0, 1.0)
    assert found.old_maximum[60] == 2.0
    assert np.isnan(found.old_maximum[40])
    assert found.boundaries == ((50.0, 2),)
    assert plotted(store, Axis.RELATIVE).window(0.0, 4000.0, 10).boundaries == ((3600.0, 2),)


def test_an_attempt_made_again_takes_no_time_on_the_axis(store: Database) -> None:
    fill(store, np.full(100, 2.0))
    fill(store, np.full(100, 1.0), attempt=2)
    series = plotted(store, Axis.RELATIVE)
    assert series.extent == (0.0, 49.5)
    assert np.isnan(series.window(0.0, 49.5, 10).old_maximum).all()
    assert plotted(store).window(0.0, 99.0, 10).old_maximum[5] == 2.0, "beside it, over steps"


def test_an_attempt_alone_counts_with_all_that_it_made(store: Database) -> None:
    fill(store, np.full(100, 2.0))
    fill(store, np.full(100, 1.0), first=50, attempt=2)
    first = plotted(store, attempt=1)
    assert first.extent == (0.0, 99.0)
    assert first.window(0.0, 99.0, 10).maximum.tolist() == [2.0] * 10


def test_the_best_value_is_found_with_its_place(store: Database, few: None) -> None:
    values = noise(30_000)
    values[777], values[20_000] = -50.0, 50.0
    fill(store, values)
    for axis, factor in ((Axis.STEP, 1.0), (Axis.RELATIVE, 0.5)):
        series = plotted(store, axis)
        assert series.best(lower=True) == (-50.0, 777.0, 777.0 * factor)
        assert series.best(lower=False) == (50.0, 20_000.0, 20_000.0 * factor)


def test_nothing_finite_has_no_best(store: Database) -> None:
    Feeder(store).feed({"loss": [(0, math.nan)]})
    assert plotted(store).best(lower=True) is None


def test_a_long_series_of_epochs_places_others(
    store: Database, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot_points, "READ_ONE_BY_ONE", 5000)
    count = 20_000
    with store.write() as connection:
        known = point_sources.add_source(connection, "stage", "a", attempt=1)
        steps, none = np.arange(count), np.zeros(count, np.int64)
        batch = {
            "loss": Points(steps, steps, noise(count), none),
            "epoch": Points(steps, steps, steps / 1000, none),
        }
        after = known._replace(offset=count)
        write_points.save(connection, known, after, batch, records=count)
    found = plotted(store, Axis.EPOCH).window(5.0, 10.0, 5)
    assert found.at == pytest.approx([6, 7, 8, 9, 10], abs=0.2)


def test_a_point_more_is_another_state(store: Database) -> None:
    feeder = Feeder(store)
    connection = connect(store)
    feeder.feed({"loss": [(0, 1.0)]})
    before = plot_windows.points_state(connection, "stage")
    assert plot_windows.points_state(connection, "stage") == before
    feeder.feed({"loss": [(1, 1.0)]})
    assert plot_windows.points_state(connection, "stage") != before


def test_a_log_axis_has_columns_of_equal_ratio(store: Database) -> None:
    values = noise(2000)
    fill(store, values)
    found = plotted(store).window(1.0, 1000.0, 30, log=True)
    steps = np.arange(1, 1001)
    column = np.minimum(np.floor(np.log10(steps) / 3 * 30).astype(int), 29)
    for at in range(30):
        inside = values[steps[column == at]]
        assert (len(inside) == 0) == bool(np.isnan(found.mean[at]))
        if len(inside):
            assert found.mean[at] == pytest.approx(inside.mean(), rel=1e-9)
            assert found.maximum[at] == inside.max()


def test_a_log_axis_of_many_points_shows_the_first_too(store: Database, few: None) -> None:
    values = np.arange(30_000.0)
    fill(store, values)
    found = plotted(store).window(1.0, 29_999.0, 100, log=True)
    assert found.at[0] < 3
    assert np.isfinite(found.mean).sum() > 80
    assert np.nanmax(found.maximum) == 29_999
    assert np.nanmin(found.minimum) <= 1


@pytest.mark.parametrize("count", [100, 30_000])
def test_positions_are_converted_between_axes_by_their_steps(
    store: Database, few: None, count: int
) -> None:
    fill(store, noise(count))
    steps, times = plotted(store), plotted(store, Axis.RELATIVE)
    x = times.x_at(steps.step_at(40.0))
    assert x == pytest.approx(20.0, abs=0.5)
    assert steps.x_at(times.step_at(x)) == pytest.approx(40.0, abs=0.5)


@pytest.mark.parametrize("count", [100, 30_000])
def test_the_last_value_is_the_one_of_the_summary(store: Database, few: None, count: int) -> None:
    fill(store, noise(count))
    fill(store, noise(count), first=count // 2, attempt=2)
    (summary,) = read_points.summaries(connect(store), ["stage"])
    assert plotted(store).last() == (summary.last, summary.last_step)
    (first,) = read_points.summaries(connect(store), ["stage"], attempt=1)
    assert plotted(store, attempt=1).last() == (first.last, first.last_step)


def test_the_mean_of_a_constant_is_the_constant(store: Database) -> None:
    fill(store, np.full(1000, 0.1))
    found = plotted(store).window(0.0, 999.0, 7)
    assert found.mean.tolist() == [0.1] * 7


@pytest.mark.parametrize("count", [1, 300, 30_000])
def test_the_last_smoothed_value_is_that_of_all_points(
    store: Database, few: None, count: int
) -> None:
    values = noise(count)
    values[count // 2 :: 7] = math.nan if count > 1 else 1.0
    fill(store, values)
    expected = plot_windows.smooth_points(values, 0.9)[-1]
    assert plotted(store).last_smoothed(0.9) == pytest.approx(expected, rel=1e-9)


def test_nothing_finite_has_no_smoothed_value(store: Database) -> None:
    fill(store, np.full(5, math.nan))
    assert plotted(store).last_smoothed(0.9) is None


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
    found = plot_windows.smooth_points(np.array(values, float), weight)
    np.testing.assert_allclose(found, one_by_one(np.array(values), weight), rtol=1e-6, atol=1e-6)


def test_a_constant_stays_constant() -> None:
    assert plot_windows.smooth_points(np.full(10_000, 0.1), 0.97) == pytest.approx(
        np.full(10_000, 0.1)
    )


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_column_of_equal_points_is_smoothed_like_them(weight: float) -> None:
    means, counts = np.array([1.0, 5.0, np.nan, 2.0]), np.array([7, 1, 0, 40])
    whole = one_by_one(np.repeat(means, counts), weight)
    found = plot_windows.smooth_columns(means, counts, weight)
    assert found[[0, 1, 3]] == pytest.approx(whole[np.cumsum(counts)[[0, 1, 3]] - 1])
    assert math.isnan(found[2])


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_part_is_smoothed_with_what_came_before(
    store: Database,
    few: None,
    weight: float,
) -> None:
    values = noise(30_000)
    fill(store, values)
    series = plotted(store)
    first = int(series._segments[3].stats.low_step)  # nothing before it is in the same chunk
    found = series.window(float(first), first + 99.0, 100, weight=weight)
    assert found.smooth == pytest.approx(one_by_one(values, weight)[first:][:100], abs=1e-5)


def test_a_part_of_many_points_includes_earlier_smoothing(store: Database, few: None) -> None:
    values = np.where(np.arange(30_000) < 15_000, 0.0, 1.0)
    fill(store, values)
    found = plotted(store).window(15_000.0, 29_999.0, 250, weight=0.97)
    assert found.smooth[0] == pytest.approx(1 - 0.97**60, abs=0.02)
    assert found.smooth[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [Axis.STEP, Axis.RELATIVE])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_of_many_points_the_trend_is_smoothed_alike(
    store: Database,
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


def test_superseded_points_and_what_is_not_finite_count_nothing(store: Database) -> None:
    feeder = Feeder(store)
    feeder.feed({"loss": [(0, 1.0), (1, math.nan), (2, 1.0), (3, 99.0)]})
    feeder.feed({"loss": [(3, 1.0), (4, 1.0)]}, attempt=2)
    found = plotted(store).window(0.0, 4.0, 5, weight=0.9)
    assert found.smooth[[0, 2, 3, 4]].tolist() == pytest.approx([1.0] * 4)
    assert math.isnan(found.smooth[1])
