"""How long a stage still waits whose delay was written before the clock was set back."""

from __future__ import annotations

from tests.unit.execution.planner.test_wait_reasons import STAGE
from trainui import clock
from trainui.execution.planner.wait_reasons import RetryTimers
from trainui.store.runs.attempts import LONGEST_PAUSE

HOURS = 5 * 3600 * clock.SECOND


def test_a_retry_waits_no_longer_than_its_delay() -> None:
    ended = clock.now() + HOURS
    retried = STAGE._replace(completed_at=ended, not_before=ended + 4 * clock.SECOND)
    assert 0 < RetryTimers().left(retried) <= 4


def test_a_stage_that_was_put_back_waits_no_longer_than_the_longest_pause() -> None:
    put_back = STAGE._replace(completed_at=None, not_before=clock.now() + HOURS)
    assert 0 < RetryTimers().left(put_back) <= LONGEST_PAUSE
