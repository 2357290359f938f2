"""Time worked: the union of a run's attempts, whatever the clock did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainui.store.read.time_worked import LONGEST_GAP, TimeWorked, union

MINUTES = st.integers(0, 40)
SPANS = st.lists(st.tuples(MINUTES, MINUTES), max_size=8)
PAUSE = 10 * LONGEST_GAP


def test_a_pause_between_attempts_does_not_count() -> None:
    assert union([(0, 60), (PAUSE, PAUSE + 48)]) == TimeWorked(108)


def test_overlapping_attempts_count_once() -> None:
    assert union([(0, 60), (30, 90), (40, 50)]) == TimeWorked(90)


def test_a_running_attempt_counts_until_now() -> None:
    worked = union([(0, 60), (50, None), (70, 80)])
    assert worked == TimeWorked(60, since=60)
    assert worked.until(100) == 100


def test_a_clock_set_back_makes_no_time_negative() -> None:
    assert union([(PAUSE, PAUSE - 10), (50, 60)]) == TimeWorked(10)
    assert union([(100, None)]).until(40) == 0


def test_the_time_of_a_run_that_continues_never_falls() -> None:
    tick, now = LONGEST_GAP // 60, PAUSE
    seen = list[int]()
    stages = list[tuple[int, int | None]]()
    for _ in range(30):  # short members, one at a time, whose ends are recorded late
        stages.append((now, None))
        seen += [union(stages, continues=True).until(now + late * tick) for late in range(7)]
        stages[-1] = (now, now + tick // 10)
        seen += [union(stages, continues=True).until(now + late * tick) for late in range(6, 9)]
        now += 8 * tick
    assert seen == sorted(seen)
    assert seen[-1] == now - PAUSE
    assert union(stages).until(now) == now - PAUSE - 8 * tick + tick // 10


def test_a_run_that_waits_for_long_does_not_work() -> None:
    assert union([(0, 60)], continues=True).until(PAUSE) == 60


@given(SPANS)
def test_the_union_counts_each_moment_once(spans: list[tuple[int, int]]) -> None:
    moments = {moment for start, end in spans for moment in range(start, end)}
    far = [(start * PAUSE, end * PAUSE) for start, end in spans]
    assert union(far).until(0) == len(moments) * PAUSE
