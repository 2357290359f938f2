"""Marks of an axis: round, few, and summary apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainui.tui.curves.drawing import ticks
from trainui.tui.curves.drawing.axes import YAxis


def labels(found: list[ticks.Tick]) -> list[str]:
    return [tick.label for tick in found]


def test_values_get_round_numbers_with_the_same_digits() -> None:
    assert labels(ticks.numbers(0.1, 2.3, 5)) == ["0.5", "1.0", "1.5", "2.0"]
    assert labels(ticks.numbers(-3e-7, 4e-7, 4)) == ["-2e-7", "0", "2e-7", "4e-7"]
    assert labels(ticks.numbers(0, 1e9, 4)) == ["0", "500M", "1e9"]


def test_values_that_hardly_differ_are_told_by_what_they_are_above_the_first() -> None:
    found = labels(ticks.numbers(1, 1.0000002, 4))
    assert len(set(found)) == len(found)
    assert found[1].startswith("+")


def test_steps_are_whole_and_short() -> None:
    assert labels(ticks.steps(0, 10_000_000, 6)) == ["0", "2M", "4M", "6M", "8M", "10M"]
    assert labels(ticks.steps(0, 1, 6)) == ["0", "1"]
    assert labels(ticks.steps(1_000_055, 1_000_366, 6)) == ["1.0001M", "1.0002M", "1.0003M"]


def test_powers_of_ten_mark_a_log_scale() -> None:
    assert labels(ticks.powers(1e-9, 1e9, 6)) == ["1e-9", "1e-5", "0.1", "1000", "10M"]
    assert labels(ticks.powers(0.11, 2.3, 5)) == ["0.2", "0.5", "1", "2"]
    assert labels(ticks.powers(0.0136, 2.0, 3)) == ["0.1", "1"]
    assert labels(ticks.powers(1e-10, 9e-10, 5)) == ["1e-10", "2e-10", "5e-10"]


def test_durations_are_round_in_minutes_hours_and_days() -> None:
    assert labels(ticks.durations(0, 0.4, 5)) == ["0s", "0.1s", "0.2s", "0.3s", "0.4s"]
    assert labels(ticks.durations(0, 4000, 5)) == ["0", "15m", "30m", "45m", "1h"]
    assert labels(ticks.durations(0, 500_000, 6)) == ["0", "1d", "2d", "3d", "4d", "5d"]
    assert ticks.duration(200) == "3m20s"


def test_times_of_the_day_are_round_here() -> None:
    found = ticks.moments(1_789_000_000, 1_789_007_200, 4)
    assert all(label.endswith((":00", ":30")) or " " in label for label in labels(found))


@example(99998.0, 2.0, 4)
@example(274877906944.0, 0.0078125, 8)
@example(180143985095.0, 6.1e-05, 4)
@example(0.001, 2e-10, 9)
@given(st.floats(-1e12, 1e12), st.floats(1e-10, 1e12), st.integers(1, 12))
def test_there_are_few_marks_all_inside_and_none_twice(low: float, span: float, most: int) -> None:
    high = low + span
    found = ticks.numbers(low, high, most)
    assert len(found) <= most + 1
    slack = max(span * 1e-6, math.ulp(abs(low) + abs(high)) * 4)
    assert all(low - slack <= tick.value <= high + slack for tick in found)
    assert all(len(tick.label) <= ticks.LABEL for tick in found)
    assert len(set(labels(found))) == len(found)
    assert "+0" not in labels(found)


@given(st.floats(1e-9, 1e12), st.floats(1e-9, 1e12), st.integers(1, 12))
def test_no_axis_has_a_label_twice(low: float, span: float, most: int) -> None:
    for kind in (ticks.steps, ticks.powers, ticks.durations):
        found = labels(kind(low, low + span, most))
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("low", "high", "ends", "inner"),
    [
        (0.00924, 0.01, ("0.0092", "0.01"), "0.0094"),
        (1.23412, 1.23522, ("1.2341", "1.2353"), "1.2350"),
        (-1e-5, 1.1e-4, ("-1e-5", "1.1e-4"), "6e-5"),
        (12_345.6, 98_765, ("12k", "100k"), "60k"),
        (2.5e-5, 3e-4, ("2.5e-5", "3e-4"), "1.5e-4"),
    ],
)
def test_the_labels_of_an_axis_are_as_exact_as_its_ends(
    low: float, high: float, ends: tuple[str, str], inner: str
) -> None:
    scale = YAxis.around([low, high], log=False, marks=6)
    assert scale is not None
    found = labels(scale.ticks(6))
    assert (found[1], found[0]) == ends
    assert inner in found


@given(st.floats(-1e9, 1e9), st.floats(1e-7, 1e9), st.integers(1, 12))
def test_an_axis_is_little_wider_than_its_values(low: float, span: float, marks: int) -> None:
    high = low + span
    scale = YAxis.around([low, high], log=False, marks=marks)
    assert scale is not None
    stride = ticks.round_stride(high - low, marks)
    slack = stride * 1e-6 + math.ulp(abs(low) + abs(high)) * 4
    if scale.constant is None:
        assert low - stride - slack <= scale.low <= low + slack
        assert high - slack <= scale.high <= high + stride + slack
    assert all(len(label) <= ticks.LABEL for label in labels(scale.ticks(marks)))
