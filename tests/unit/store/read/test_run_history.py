"""How long a stage and a run will take, from earlier completions and from the steps reached."""

from __future__ import annotations

import pytest

from trainui.model.records import RemainingTime
from trainui.store.read.run_history import (
    PastDuration,
    StepProgress,
    comparable,
    from_checkpoint,
    remaining,
    run_remaining,
    typical,
)


def past(*seconds: float, work: str = "w") -> list[PastDuration]:
    return [PastDuration("s", one, work) for one in seconds]


def test_the_usual_duration_is_the_newest_equal_works_median() -> None:
    assert typical([]) is None
    assert typical(past(10, 12, 1000)) == 12
    assert typical(past(1, 1, 1, 1, 1, 100, 100, 100, 100)) == 1
    assert typical(comparable([*past(100, work="longer"), *past(10)], "w")) == 10
    assert typical(comparable(past(100, work="longer"), "w")) == 100


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (None, 60.0),
        (StepProgress(20), 40.0),
        (StepProgress(61), None),  # longer than usual: nobody knows
        (StepProgress(20, 0, 100, 400), 60.0),  # by its own rate, whatever is usual
        (StepProgress(20, 300, 350, 400), 20.0),  # it began from a checkpoint
        (StepProgress(20, 0, 0, 400), 40.0),  # no step yet
        (StepProgress(2, 0, 100, 400), 58.0),  # too early for a rate
        (StepProgress(90, 0, 100, 400), 270.0),
        (StepProgress(20, 0, 500, 400), 40.0),  # it goes further than before
    ],
)
def test_a_stages_remaining_time_is_estimated(
    progress: StepProgress | None, expected: float | None
) -> None:
    assert remaining(60, progress) == expected


def test_from_a_checkpoint_the_remaining_share_of_steps_counts() -> None:
    assert from_checkpoint(100, 30, 40) == 25
    assert from_checkpoint(100, 40, 40) == 0
    assert from_checkpoint(100, 50, 40) is None
    assert from_checkpoint(100, None, 40) == 100
    assert from_checkpoint(None, 30, 40) is None


CHAINS = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_a_run_takes_its_longest_path() -> None:
    one = {key: {"cpu": 1} for key in CHAINS}
    seconds = {"d": 1.0, "b": 10.0, "c": 2.0}  # a is done
    assert run_remaining(seconds, CHAINS, one, {"cpu": 4}) == RemainingTime(11, True)
    lacking = {**seconds, "c": None}
    assert run_remaining(lacking, CHAINS, one, {"cpu": 4}) == RemainingTime(11, False)
    assert run_remaining({"b": None, "d": None}, CHAINS, one, {"cpu": 4}) is None


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_a_sweep_shares_the_slots(kind: str) -> None:
    sweep: dict[str, list[str]] = {str(n): [] for n in range(64)}
    needs, seconds = {key: {kind: 1} for key in sweep}, dict.fromkeys(sweep, 10.0)
    slots = {"cpu": 2, "gpu": 2}
    assert run_remaining(seconds, sweep, needs, slots) == RemainingTime(320, True)
    assert run_remaining(seconds, sweep, needs, {}) == RemainingTime(10, True)
