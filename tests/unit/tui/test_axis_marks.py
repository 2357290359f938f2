"""Marks of an axis: round, few, and none alike; their labels are short and right."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterable
from decimal import Decimal
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainui.store.points.plot_points import Axis
from trainui.tui import axis_marks
from trainui.tui.axis_marks import Tick
from trainui.tui.plot_axes import XAxis, YAxis

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "": 0}
SMALLER = {"m": "s", "h": "m", "d": "h"}
SIZES = {"k": 1000, "M": 10**6, "G": 10**9}


def texts(found: Iterable[Tick]) -> list[str]:
    return [tick.label for tick in found]


def number(text: str) -> tuple[Decimal, Decimal]:
    """Return the number that a label says, and one unit of its last digit."""
    size = SIZES.get(text[-1], 1)
    found = Decimal(text.rstrip("kMG"))
    return found * size, Decimal(1).scaleb(int(found.as_tuple().exponent)) * size


def restored(text: str, title: str) -> tuple[Decimal, Decimal]:
    """Return the value of a label of an axis with this title, and one unit of its last digit."""
    value, unit = number(text)
    if title == "10^labels":
        return Decimal(10) ** value, Decimal(10) ** value * (Decimal(10) ** unit - 1)
    title = re.sub(r"(.+) \+$", r"labels + \1", title)
    found = re.fullmatch(r"(?:labels)?(?:·1e(\S+))?(?: ([+-]) (\S+))?", title)
    assert found is not None, title
    power, sign, offset = found.groups()
    scale = Decimal(1).scaleb(int(power or 0))
    return value * scale + Decimal(f"{sign or '+'}{offset or 0}"), unit * scale


def seconds(text: str) -> tuple[float, float]:
    """Return the seconds that a duration says, and one unit of its last part."""
    if text == "0":
        return 0.0, 1.0
    found = re.fullmatch(r"(?:([\d.e-]+)([dhms]))(?:(\d+)([hms]?))?", text)
    assert found is not None, text
    first, unit, second, smaller = found.groups()
    smaller = smaller or SMALLER.get(unit, "")
    last = number(first)[1] if second is None else 1
    whole = float(first) * UNITS[unit] + float(second or 0) * UNITS[smaller]
    return whole, float(last) * UNITS[smaller if second else unit]


def are_right(found: Iterable[Tick], title: str) -> bool:
    marks = list(found)
    values = [restored(label, title) for _, label in marks]
    rounded = [
        abs(value - Decimal(tick.value)) <= unit + abs(Decimal(math.ulp(tick.value)))
        for tick, (value, unit) in zip(marks, values, strict=True)
    ]
    distinct = len({value for value, _ in values}) == len(marks)
    return all(rounded) and distinct and all(len(label) <= axis_marks.LABEL for _, label in marks)


NUMBERS = st.floats(-1e12, 1e12) | st.floats(-10, 10) | st.floats(-1e-3, 1e-3)
SPANS = st.floats(1e-9, 1e12) | st.floats(1e-6, 10)


@example(0.0465, 0.1, 4)
@example(-0.0465, 0.02, 4)
@example(1.23412, 0.0011, 6)
@example(274877906944.0, 0.0078125, 8)
@example(99998.0, 2.0, 4)
@example(0.001, 2e-10, 9)
@example(-1e-12, 3e-12, 5)
@given(NUMBERS, SPANS, st.integers(1, 12))
def test_y_labels_are_five_different_correct_characters(low: float, span: float, most: int) -> None:
    scale = YAxis.around([low, low + span], log=False, marks=most)
    assert scale is not None
    found = scale.ticks(most)
    assert are_right(found, scale.form.title), (found, scale.form.title)
    if scale.constant is None:
        assert [tick.value for tick in found[:2]] == [scale.high, scale.low]


@example(1e-308, 1e308, 4)
@example(1.2e-12, 1.3e-12, 4)
@example(3e-120, 2e-118, 4)
@example(2.34e-7, 5e9, 12)
@given(st.floats(1e-308, 1e308), st.floats(1e-308, 1e308), st.integers(1, 12))
def test_labels_of_a_logarithmic_axis_are_as_short_and_right(
    one: float, other: float, most: int
) -> None:
    scale = YAxis.around([one, other], log=True, marks=most)
    assert scale is not None
    found = scale.ticks(most)
    assert are_right(found, scale.form.title), (found, scale.form.title)
    if scale.constant is None:
        assert scale.low <= min(one, other) * (1 + 1e-9)
        assert max(one, other) <= scale.high * (1 + 1e-9)


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_the_label_of_a_constant_is_right(value: float, log: bool) -> None:
    scale = YAxis.around([value], log=log, marks=4)
    if scale is not None:
        assert are_right(scale.ticks(4), scale.form.title), (scale.ticks(4), scale.form.title)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0.1586, "0.159"),
        (0.9567, "0.957"),
        (-0.1586, "-0.16"),
        (0.98, "0.98"),
        (0.9999, ".9999"),
        (-0.9951, "-.995"),
        (0.0123, "0.012"),
        (-0.0123, "-.012"),
    ],
)
def test_the_label_of_one_value_keeps_its_zero_where_it_stays_right(
    value: float, label: str
) -> None:
    scale = YAxis.around([value], log=False, marks=4)
    assert scale is not None
    assert [tick.label for tick in scale.ticks(4)] == [label]


@example(1_000_055.0, 311.0, 90)
@example(123_456_055.0, 311.0, 90)
@example(0.0, 117_760.0, 60)
@given(st.floats(0, 1e12) | st.integers(0, 10**9), SPANS, st.integers(10, 200))
def test_labels_of_steps_are_five_characters_all_different_and_right(
    low: float, span: float, width: int
) -> None:
    across = XAxis(low, low + span, width)
    marks, write, title = across.ticks(Axis.STEP)
    assert are_right(marks, title), (marks, title)
    assert are_right([Tick(across.high, write(across.high))], title)


@example(86_400_000.0, 40_000.0, 90)
@example(100.0, 0.3, 90)
@example(600.0, 70.0, 90)
@example(0.0, 45_015.0, 90)
@example(24_999_999.75, 0.5, 10)
@given(st.floats(0, 1e8) | st.floats(0, 1e4), st.floats(1e-3, 1e8), st.integers(10, 200))
def test_labels_of_durations_are_five_characters_all_different_and_right(
    low: float, span: float, width: int
) -> None:
    for across in (
        XAxis(low, low + span, width),
        XAxis(max(low, 1e-3), low + span + 1, width, True),
    ):
        marks, write, title = across.ticks(Axis.RELATIVE)
        base = seconds(title.removesuffix(" +"))[0] if title else 0.0
        ends = [Tick(across.high, write(across.high))]
        for tick in (*marks, *ends):
            value, unit = seconds(tick.label)
            assert abs(base + value - tick.value) <= unit * (1 + 1e-6), (tick, title)
            assert len(tick.label) <= axis_marks.LABEL, tick
        assert len({seconds(label) for _, label in marks}) == len(marks)


@given(st.floats(1.5e9, 2e9), st.floats(1, 1e8), st.integers(10, 200))
def test_labels_of_times_are_five_characters_and_all_different(
    low: float, span: float, width: int
) -> None:
    marks, write, _ = XAxis(low, low + span, width).ticks(Axis.WALL)
    assert len(set(texts(marks))) == len(marks)
    assert all(len(label) <= axis_marks.LABEL for label in (*texts(marks), write(low + span)))


@pytest.mark.parametrize(
    ("low", "high", "ends", "inner", "title"),
    [
        (0.00924, 0.01, (".0092", ".0100"), ".0094", ""),
        (0.0465, 0.2, ("0.04", "0.20"), "0.12", ""),
        (1.23412, 1.23522, (".0041", ".0053"), ".0050", "labels + 1.23"),
        (-1.23522, -1.23412, (".0047", ".0059"), ".0050", "labels - 1.24"),
        (-1e-5, 1.1e-4, ("-1e-5", "11e-5"), "5e-5", ""),
        (-1e-12, 3e-12, ("-1", "3"), "2", "labels·1e-12"),
        (12_345.6, 98_765, ("10k", "100k"), "55k", ""),
        (2.5e-5, 3e-4, ("0", "3e-4"), "1e-4", ""),
    ],
)
def test_an_axiss_labels_are_as_exact_as_its_ends(
    low: float, high: float, ends: tuple[str, str], inner: str, title: str
) -> None:
    scale = YAxis.around([low, high], log=False, marks=6)
    assert scale is not None
    found = texts(scale.ticks(6))
    assert ((found[1], found[0]), scale.form.title) == (ends, title)
    assert inner in found


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12), st.integers(3, 50))
def test_even_marks_are_equally_far_apart_around_a_range(
    low: float, span: float, most: int, height: int
) -> None:
    marks, end = axis_marks.even_marks(low, low + span, most, height - 1)
    if marks:
        scale = YAxis(marks[0], end, marks=marks)
        rows = [scale.row(mark, height) or 0 for mark in marks]  # 0 is the highest, too
        assert len({below - above for below, above in itertools.pairwise(rows)}) == 1
        steps = [after - before for before, after in itertools.pairwise(marks)]
        slack = 1e-9 * max(abs(marks[0]), abs(marks[-1]), span)
        assert max(steps) - min(steps) <= 2 * slack
        assert marks[0] <= low + slack
        assert end >= low + span - slack
        assert 2 <= len(steps) <= most
        assert (end - marks[0]) * (1 - axis_marks.NO_MORE) <= span + slack


def test_nearly_every_range_has_even_marks_also_on_a_few_lines() -> None:
    numbers = random.Random(2)
    ranges = [(numbers.uniform(-9, 9), numbers.uniform(0.3, 9)) for _ in range(200)]
    for most, rows in itertools.product((3, 4, 5), (3, 4, 5, 6)):
        without = sum(
            not axis_marks.even_marks(low, low + span, most, rows).marks for low, span in ranges
        )
        assert without <= 6, (most, rows)


def test_the_labels_of_a_tall_plot_are_no_eight_lines_apart() -> None:
    source = Random(7)
    gaps = []
    for height in (20, 26, 34, 46):
        for _ in range(100):
            low = source.choice([0.0, source.uniform(0, 5), source.uniform(90, 99)])
            high = low + source.uniform(0.3, 3) * source.choice([0.3, 1, 20])
            scale = YAxis.around([low, high], log=False, marks=height // 3 + 1, height=height)
            assert scale is not None
            gaps.append((height - 1) / (len(scale.ticks(height // 3 + 1)) - 1))
    assert sum(gap >= 8 for gap in gaps) <= len(gaps) // 50


def test_steps_are_whole_and_short() -> None:
    assert texts(axis_marks.steps(0, 10_000_000, 6).marks) == ["0", "2M", "4M", "6M", "8M", "10M"]
    assert texts(axis_marks.steps(0, 1, 6).marks) == ["0", "1"]
    near = axis_marks.steps(1_000_055, 1_000_366, 6)
    assert (texts(near.marks), near.title) == (["100", "200", "300"], "1000000 +")


def test_powers_of_ten_mark_a_log_scale() -> None:
    assert axis_marks.powers(1e-9, 1e9, 6) == [1e-9, 1e-5, 0.1, 1000, 1e7]
    assert axis_marks.powers(0.11, 2.3, 5) == [0.2, 0.5, 1, 2]
    assert axis_marks.powers(0.0136, 2.0, 3) == [0.1, 1]
    assert axis_marks.powers(1e-10, 9e-10, 5) == [1e-10, 2e-10, 5e-10]


def test_durations_are_round_in_minutes_hours_and_days() -> None:
    assert texts(axis_marks.durations(0, 0.4, 5).marks) == ["0s", "0.1s", "0.2s", "0.3s", "0.4s"]
    assert texts(axis_marks.durations(0, 4000, 5).marks) == ["0", "15m", "30m", "45m", "1h"]
    assert texts(axis_marks.durations(0, 500_000, 6).marks) == ["0", "1d", "2d", "3d", "4d", "5d"]
    assert axis_marks.duration(200) == "3m20s"
    assert [*map(axis_marks.short_duration, (615, 45_000, 0.25))] == ["10m15", "12h30", "0.25s"]
    near = axis_marks.durations(100, 100.3, 4)
    assert (texts(near.marks), near.title) == (["0s", "0.1s", "0.2s", "0.3s"], "100s +")


def test_times_of_the_day_are_round_here() -> None:
    found = axis_marks.moments(1_789_000_000, 1_789_007_200, 4).marks
    assert all(label.endswith((":00", ":30")) or label[-1].isalpha() for label in texts(found))
    soon = axis_marks.moments(1_789_000_010, 1_789_000_080, 4)
    assert soon.title.endswith(" +")
    assert texts(soon.marks) == ["1m", "1m30s", "2m"]


@given(st.floats(-1e9, 1e9), st.floats(1e-7, 1e9), st.integers(1, 12))
def test_an_axis_is_little_wider_than_its_values(low: float, span: float, marks: int) -> None:
    high = low + span
    scale = YAxis.around([low, high], log=False, marks=marks)
    assert scale is not None
    stride = max(axis_marks.round_stride(high - low, marks), (high - low) / 3)
    slack = stride * 1e-6 + math.ulp(abs(low) + abs(high)) * 4
    if scale.constant is None:
        assert low - stride - slack <= scale.low <= low + slack
        assert high - slack <= scale.high <= high + stride + slack
