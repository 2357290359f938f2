"""Time worked: the union of a run's attempts, whatever the clock did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainui.store.read.time_worked import TimeWorked, union

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def test_a_pause_between_attempts_does_not_count() -> None:
    assert union([(0, 60), (10_000, 10_048)]) == TimeWorked(108)


def test_overlapping_attempts_count_once() -> None:
    assert union([(0, 60), (30, 90), (40, 50)]) == TimeWorked(90)


def test_a_running_attempt_counts_until_now() -> None:
    worked = union([(0, 60), (50, None), (70, 80)])
    assert worked == TimeWorked(60, since=60)
    assert worked.until(100) == 100


def test_a_clock_set_back_makes_no_time_negative() -> None:
    assert union([(100, 90), (50, 60)]) == TimeWorked(10)
    assert union([(100, None)]).until(40) == 0


@given(SPANS)
def test_the_union_counts_each_moment_once(spans: list[tuple[int, int]]) -> None:
    moments = {moment for start, end in spans for moment in range(start, end)}
    assert union(spans).until(0) == len(moments)
