"""Numbers, sizes and times as people read them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from tests.unit.tui.charts import chart, figures, line
from trainui import clock
from trainui.clock import SECOND
from trainui.tui import numbers
from trainui.tui.curve_data import PlotOptions
from trainui.tui.curves.table import table_rows
from trainui.tui.numbers import blocks, no_better_since, spark
from trainui.tui.styled_text import plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0"),
        (3.0, "3"),
        (0.12345678, "0.1235"),
        (97.123456, "97.123"),
        (0.00012, "1.20e-4"),
        (-12_345_678.0, "-1.23e7"),
        (math.nan, "NaN"),
        (-math.inf, "-inf"),
    ],
)
def test_values_are_short(value: float | None, shown: str) -> None:
    assert numbers.number(value) == shown


@pytest.mark.parametrize("value", [1e-300, -1e300, 123456.789, -0.000123456, 1 / 3])
def test_no_value_is_wider_than_its_label(value: float) -> None:
    assert len(numbers.number(value)) <= 7


def test_steps_are_whole_where_they_are() -> None:
    shown = [numbers.step(step) for step in (None, 7, 0.25, 123_456, 12_345_678)]
    assert shown == ["–", "7", "0.25", "123.5k", "12.35M"]


def test_running_stages_count_whole_seconds_and_ended_ones_show_tenths() -> None:
    assert numbers.elapsed(3_700_000, ticks=True) == "3.0s"
    assert numbers.elapsed(3_700_000) == "3.7s"
    assert numbers.elapsed(None) == ""


def test_a_day_is_named_only_where_it_is_another() -> None:
    now = clock.now()
    assert numbers.when(now) == f"{datetime.now().astimezone():%H:%M}"
    long_ago = int((datetime.now() - timedelta(days=800)).timestamp()) * SECOND
    assert numbers.when(long_ago).isdigit()


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert numbers.progress_bar(4, 5, 4)[0] == "━━━"
    assert numbers.progress_bar(5, 5, 4)[0] == "━━━━"
    assert numbers.progress_bar(0, 0, 4)[0] == ""


def test_a_spark_spans_least_to_greatest_and_bridges_gaps() -> None:
    assert spark([0, 1, 2, 3], 2) == "⡠⠊"
    assert spark([0.0, math.nan, math.nan, 3.0], 2) == spark([0, 1, 2, 3], 2)
    assert spark([5.0] * 40, 3) == "⠒⠒⠒"
    assert spark([], 8) == ""
    assert spark([math.nan] * 4, 2).strip() == ""
    assert len(spark([float(n) for n in range(40)], 20)) == 20


def test_blocks_of_shares_compare() -> None:
    assert blocks([0, 50, 100, 140, -3]) == "▁▅██▁"


@pytest.mark.parametrize(
    ("seconds", "words", "changes"),
    [
        (0.4, "0s", 0.6),
        (59.5, "59s", 0.5),
        (119, "1m", 1),
        (7300, "2h 01m", 20),
        (90_000, "1d 1h", 3600),
    ],
)
def test_an_age_of_hours_has_minutes_and_its_next_change(
    seconds: float, words: str, changes: float
) -> None:
    now = clock.now()
    moment = now - round(seconds * clock.SECOND)
    assert numbers.age(moment, now) == f"{words} ago ({numbers.clock_time(moment)})"
    assert numbers.age_changes_in(moment, now) == pytest.approx(changes)


@pytest.mark.parametrize(
    ("best", "count", "words"),
    [
        (300, 60, ", no better for 290 steps"),
        (449, 60, ""),
        (0, 60, ", no better for 590 steps"),
        (0, 19, ""),
        (590, 60, ""),
    ],
)
def test_a_best_value_of_long_ago_is_said_to_be_so(best: int, count: int, words: str) -> None:
    series = figures("val/loss", first_step=0, last_step=590, count=count)
    assert no_better_since(best, series, "step") == words


def test_a_metric_that_does_not_get_better_says_so_on_its_page() -> None:
    known = figures("val/loss", first_step=0, last_step=39, count=40)
    drawn = line([1.0] * 40, best=(1.0, 9.0, 9.0), last=(1.0, 39.0))
    rows = table_rows(chart(drawn, name="val/loss"), known, PlotOptions(), 120, 4)
    words = "best   1 at step 9, no better for 30 steps (lower is better)"
    assert plain(rows[1]).startswith(f"{words}   min ")
    assert plain(table_rows(chart(drawn, name="val/loss"), known, PlotOptions(), 66, 4)[1]) == words
