"""What a question says before a stage is cancelled or runs again."""

from __future__ import annotations

from tests.unit.tui.filled import Filler
from trainui.domain.definition import CheckpointRule
from trainui.domain.records import RunRecord
from trainui.domain.states import Status
from trainui.store.read import views
from trainui.tui.actions.confirmations import cancel_question, rerun_question
from trainui.tui.actions.target import label


def run_of(run_id: str) -> RunRecord:
    with views.reading() as connection:
        return views.find_run(connection, run_id)


def test_the_rerun_of_a_pruned_stage_says_how_it_continues(filler: Filler) -> None:
    run_id = filler.run({"a": (), "b": ("a",)}, checkpoint=CheckpointRule("ckpt-*"))
    target = run_of(run_id)
    stage = filler.stage(run_id, "a")
    pruned = stage._replace(status=Status.PRUNED)
    others = [f"of the run {label(target)}", "b depends on it"]
    assert rerun_question(target, [stage])._facts() == others
    words = "was pruned: it runs from its checkpoint if it has one, with pruning off"
    assert rerun_question(target, [pruned])._facts() == [others[0], words, others[1]]
    assert rerun_question(target, [pruned, stage])._facts() == others


def test_the_cancel_of_all_stages_of_a_run_has_no_second_answer_for_them(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    for has_others, keys in ((True, "yan"), (False, "yn")):
        stages = [filler.stage(run_id, "a")]
        question = cancel_question(run_of(run_id), stages, has_others=has_others)
        assert "".join(one.key for one in question._answers) == keys
