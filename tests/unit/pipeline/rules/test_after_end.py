"""The end of a stage: what becomes of those that depend on it, and when it is retried."""

from __future__ import annotations

import pytest

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.states import Status
from trainui.pipeline.rules.after_end import LONGEST_DELAY, Retry, Upstream, next_retry, next_state

S = Status


def upstreams(*states: tuple[Status, bool]) -> list[Upstream]:
    return [Upstream(f"s{number}", *state) for number, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], (S.QUEUED, None)),
        ([(S.COMPLETED, False), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.COMPLETED, False), (S.RUNNING, False)], None),
        ([(S.RUNNING, False), (S.FAILED, False)], (S.BLOCKED, "s1 failed")),
        ([(S.FAILED, True), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.PRUNED, False), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.PRUNED, False), (S.RUNNING, False)], None),
        ([(S.CANCELLED, True)], (S.QUEUED, None)),
        ([(S.INTERRUPTED, True)], (S.BLOCKED, "s0 was interrupted")),
        ([(S.BLOCKED, False)], (S.BLOCKED, "s0 is blocked")),
        ([(S.SKIPPED, False)], (S.SKIPPED, "s0 was skipped")),
    ],
)
def test_settled(
    states: list[tuple[Status, bool]], expected: tuple[Status, str | None] | None
) -> None:
    assert next_state(upstreams(*states)) == expected


def stage(retries: int, delay: float = 0.0) -> StageDefinition:
    return StageDefinition("a", retries=retries, retry_delay=delay)


@pytest.mark.parametrize("ended", [Status.COMPLETED, Status.CANCELLED])
def test_stopped_or_completed_stages_are_not_retried(ended: Status) -> None:
    assert next_retry(stage(5), ended, used=0, completed_at=7) is None


def test_the_delay_doubles_until_the_retries_are_used_up() -> None:
    ends = [
        next_retry(stage(3, 1.5), Status.FAILED, used=used, completed_at=7) for used in range(4)
    ]
    delays = [1_500_000, 3_000_000, 6_000_000]
    assert ends == [*(Retry(at + 1, 7 + delay) for at, delay in enumerate(delays)), None]


@pytest.mark.parametrize("used", [40, 2_000, 10**6])
def test_a_doubled_delay_has_an_end(used: int) -> None:
    longest = int(LONGEST_DELAY * clock.SECOND)
    retry = next_retry(stage(10**7, 1.0), Status.INTERRUPTED, used=used, completed_at=0)
    assert retry == Retry(used + 1, longest)
    week = 7 * LONGEST_DELAY
    retry = next_retry(stage(10**7, week), Status.FAILED, used=used, completed_at=0)
    assert retry == Retry(used + 1, int(week * clock.SECOND))
