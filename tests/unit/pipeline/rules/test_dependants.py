"""What becomes of a stage when its upstream stages end."""

from __future__ import annotations

import pytest

from trainui.model.states import Status
from trainui.pipeline.rules.after_end import Upstream, next_state

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
