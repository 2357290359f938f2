"""What a cancel would do to the stages after those that it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.tui.filled import Filler
from trainui.domain.states import Status
from trainui.store.runs import trials
from trainui.tui.actions.confirmations import lost_work

TRIALS = tuple(f"train[trial={number}]" for number in range(3))


@pytest.mark.parametrize(
    ("completed", "cancelled", "expected"),
    [
        (TRIALS[:1], TRIALS, ["would start, without what is cancelled: final"]),
        (TRIALS[:1], TRIALS[1:2], []),
        (TRIALS[:2], TRIALS[2:], ["would start, without what is cancelled: final"]),
        ((), TRIALS, ["would be blocked: final, report"]),
        ((), TRIALS[:1], []),
    ],
)
def test_stages_after_a_search_need_one_completed_trial(
    filler: Filler, completed: tuple[str, ...], cancelled: tuple[str, ...], expected: list[str]
) -> None:
    run_id = filler.run({**dict.fromkeys(TRIALS, ()), "final": TRIALS, "report": ("final",)})
    for number, name in enumerate(TRIALS):
        stage = filler.stage(run_id, name)
        definition = replace(stage.definition, group="train", trial=number)
        with filler.store.write() as connection:
            trials.give_values(connection, stage, definition)
    filler.complete(run_id, *completed)
    assert [line for line in lost_work(run_id, cancelled) if line.startswith("would")] == expected


def test_dependants_of_a_stage_that_may_fail_are_not_blocked(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ("a",)}, allow_failure=True)
    filler.start(run_id, "a")
    assert "would start, without what is cancelled: b" in lost_work(run_id, ["a"])
    run_id = filler.run({"a": (), "b": ("a",)})
    assert "would be blocked: b" in lost_work(run_id, ["a"])
    assert filler.stage(run_id, "b").status == Status.PENDING
