"""The table of transitions is whole, and a run's state follows from its stages'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.errors import TransitionError
from trainui.model.states import (
    ATTEMPT_TRANSITIONS,
    ENDED,
    TRANSITIONS,
    UNFINISHED,
    Status,
    check_transition,
    run_status,
)

S = Status


def test_every_state_has_a_row_and_is_ended_or_unfinished() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(Status) == ENDED | UNFINISHED
    assert not ENDED & UNFINISHED


def test_every_ended_state_leads_back_to_pending() -> None:
    assert all(S.PENDING in TRANSITIONS[status] for status in ENDED - {S.ENDED})


def test_only_queued_stages_start_and_not_ended_ones_complete() -> None:
    assert {before for before, after in TRANSITIONS.items() if S.RUNNING in after} == {S.QUEUED}
    # a pending one: an evaluation, whose members are the checkpoints; a queued one: as it was
    # before a rerun that was cancelled
    completing = {before for before, after in TRANSITIONS.items() if S.COMPLETED in after}
    assert completing == {S.RUNNING, S.PENDING, S.QUEUED}


def test_an_attempt_ends_once() -> None:
    ends = {status for status, after in ATTEMPT_TRANSITIONS.items() if not after}
    assert ends == {S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.ENDED, S.PRUNED}


def test_a_pair_outside_the_table_raises_with_the_story() -> None:
    with pytest.raises(TransitionError, match="stage a of run r: completed may not become running"):
        check_transition(S.COMPLETED, S.RUNNING, "stage a of run r")


@pytest.mark.parametrize(
    ("stages", "started", "expected"),
    [
        ([S.QUEUED, S.PENDING], False, S.QUEUED),
        ([S.COMPLETED, S.PENDING], True, S.RUNNING),
        ([S.FAILED, S.RUNNING, S.BLOCKED], True, S.RUNNING),
        ([S.COMPLETED, S.FAILED, S.INTERRUPTED, S.BLOCKED], True, S.FAILED),
        ([S.CANCELLED, S.INTERRUPTED], True, S.INTERRUPTED),
        ([S.COMPLETED, S.CANCELLED, S.BLOCKED], True, S.CANCELLED),
        ([S.COMPLETED, S.ENDED], True, S.ENDED),
        ([S.ENDED, S.CANCELLED], True, S.CANCELLED),
        ([S.COMPLETED, S.SKIPPED], True, S.COMPLETED),
        ([S.COMPLETED], True, S.COMPLETED),
        ([S.COMPLETED, S.PRUNED], True, S.COMPLETED),
        ([S.PRUNED, S.PRUNED], True, S.COMPLETED),
        ([S.PRUNED, S.FAILED], True, S.FAILED),
    ],
)
def test_state_of_a_run(stages: list[Status], started: bool, expected: Status) -> None:
    assert run_status(stages, started=started) == expected


@given(st.lists(st.sampled_from(list(Status)), min_size=1), st.booleans())
def test_a_run_is_over_exactly_when_no_stage_is_unfinished(
    stages: list[Status], started: bool
) -> None:
    over = run_status(stages, started=started) in ENDED
    assert over == (not UNFINISHED.intersection(stages))
