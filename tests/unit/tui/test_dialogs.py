"""What a question says before a stage is cancelled or runs again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.tui.filled import Filler
from trainui.model.definition import CheckpointRule
from trainui.model.records import RunRecord
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.runs import trials
from trainui.tui.app_interface import run_label
from trainui.tui.dialogs import cancel_question, lost_work, rerun_question

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


def run_of(run_id: str) -> RunRecord:
    with engine.reading() as connection:
        return views.find_run(connection, run_id)


def test_the_rerun_of_a_pruned_stage_says_how_it_continues(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ("a",)}, checkpoint=CheckpointRule("ckpt-*"))
    target = run_of(run_id)
    stage = filler.stage(run_id, "a")
    pruned = stage._replace(status=Status.PRUNED)
    others = [f"of the run {run_label(target)}", "b depends on it"]
    assert rerun_question(target, [stage])._facts() == others
    words = "was pruned: it runs from its checkpoint if it has one, with pruning off"
    assert rerun_question(target, [pruned])._facts() == [others[0], words, others[1]]
    assert rerun_question(target, [pruned, stage])._facts() == others


def test_cancelling_all_stages_asks_no_second_time(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    for has_others, keys in ((True, "yan"), (False, "yn")):
        stages = [filler.stage(run_id, "a")]
        question = cancel_question(run_of(run_id), stages, has_others=has_others)
        assert "".join(one.key for one in question._answers) == keys
