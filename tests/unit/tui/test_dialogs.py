"""What a question says before a stage is cancelled or runs again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.tui.filled import Filler
from trainui.model.definition import CheckpointRule
from trainui.model.records import RunRecord
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.runs import trials
from trainui.tui.app_interface import run_label
from trainui.tui.dialogs import cancel_question, rerun_question
from trainui.tui.run_actions import lost_work

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
    assert [
        line for line in lost_work(run_id, [*cancelled]) if line.startswith("would")
    ] == expected


def test_dependants_of_a_stage_that_may_fail_are_not_blocked(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ("a",)}, allow_failure=True)
    filler.start(run_id, "a")
    assert "would start, without what is cancelled: b" in lost_work(run_id, ["a"])
    run_id = filler.run({"a": (), "b": ("a",)})
    assert "would be blocked: b" in lost_work(run_id, ["a"])
    assert filler.stage(run_id, "b").status == Status.PENDING


def called_here(action: Callable[..., Any], *arguments: Any) -> Any:
    return action(*arguments)


def run_of(run_id: str) -> RunRecord:
    with engine.reading() as connection:
        return views.find_run(connection, run_id)


def test_the_rerun_of_a_pruned_stage_says_how_it_continues(filler: Filler) -> None:
    stages = {"a": (), "b": ("a",), "c": ()}
    run_id = filler.run(stages, checkpoint=CheckpointRule("ckpt-*"))

    def facts(*names: str) -> list[str]:
        chosen = [filler.stage(run_id, name) for name in names]
        return rerun_question(run_of(run_id), chosen, called_here)._facts()

    others = [f"of the run {run_label(run_of(run_id))}", "b depends on it"]
    assert facts("a") == others
    filler.end(filler.start(run_id, "a"), Status.PRUNED)
    words = "was pruned: it runs from its checkpoint if it has one, with pruning off"
    assert facts("a") == [others[0], words, others[1]]
    assert facts("a", "c") == others


def test_cancelling_all_stages_asks_no_second_time(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    for has_others, keys in ((True, "yan"), (False, "yn")):
        stages = [filler.stage(run_id, "a")]
        question = cancel_question(run_of(run_id), stages, called_here, has_others=has_others)
        assert "".join(one.key for one in question._answers) == keys
