"""The plan of a resume says for each stage what happens and why."""

from __future__ import annotations

import dataclasses

import pytest

from trainui.errors import UsageError
from trainui.model.definition import StageDefinition
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules.resume_plan import (
    Evidence,
    plan_rerun,
    plan_resume,
    restarts_in_new_directory,
)

S = Status
DIAMOND = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"]}


def record(name: str, upstreams: list[str], status: Status) -> StageRecord:
    return StageRecord(
        id=name,
        run_id="r",
        position=0,
        name=name,
        status=status,
        reason=None,
        definition=StageDefinition(name, command="true", depends_on=tuple(upstreams)),
        directory=f"/runs/r/{name}",
        attempt=0 if status in (S.PENDING, S.BLOCKED) else 1,
        celery_task_id=None,
        started_at=None,
        completed_at=None,
        exit_code=None,
        result=None,
        error=None,
        stalled=False,
        retries_used=0,
        not_before=None,
    )


def diamond(**states: Status) -> list[StageRecord]:
    return [record(name, ups, states.get(name, S.COMPLETED)) for name, ups in DIAMOND.items()]


def actions(stages: list[StageRecord], until: list[str] | None = None) -> dict[str, str]:
    planned = plan_resume(stages, find_checkpoint=lambda _: None, until=until or [])
    return {stage.name: str(stage.action) for stage in planned}


def test_completed_stages_are_skipped() -> None:
    assert actions(diamond(B=S.FAILED, D=S.BLOCKED)) == {
        "A": "skip",
        "B": "run",
        "C": "skip",
        "D": "run",
    }


def test_a_pruned_stage_is_skipped_by_resume_not_rerun() -> None:
    stages = diamond(B=S.PRUNED, C=S.FAILED, D=S.BLOCKED)
    stages[1] = stages[1]._replace(reason="1 at step 3 is above the median 0.5 of 7")
    planned = {stage.name: stage for stage in plan_resume(stages, find_checkpoint=lambda s: s.name)}
    assert [planned[name].action for name in "ABCD"] == ["skip", "skip", "continue", "run"]
    assert planned["B"].reason == "was pruned: 1 at step 3 is above the median 0.5 of 7"
    assert plan_rerun(stages, ["B"], downstream=False) == ["B"]
    assert not restarts_in_new_directory(stages[1], {"B"}, {})


@pytest.mark.parametrize(
    ("last", "action", "reason"),
    [
        (S.FAILED, "skip", "was blocked: no trial of B completed; `resume --trials N` asks for"),
        (S.PRUNED, "skip", "was blocked: no trial of B completed; `resume --trials N` asks for"),
        (S.COMPLETED, "run", "was blocked"),
        (S.INTERRUPTED, "run", "was blocked"),
    ],
)
def test_a_dependant_of_trials_needs_a_completed_one(
    last: Status, action: str, reason: str
) -> None:
    stages = [record("B0", [], S.FAILED), record("B1", [], last)]
    for number, stage in enumerate(stages):
        definition = dataclasses.replace(stage.definition, group="B", trial=number)
        stages[number] = stage._replace(definition=definition)
    stages += [record("D", ["B0", "B1"], S.BLOCKED), record("E", ["D"], S.BLOCKED)]
    counted = frozenset({"B0"} if last == S.INTERRUPTED else {"B0", "B1"})
    planned = plan_resume(
        stages, find_checkpoint=lambda _: None, evidence=Evidence(counted=counted)
    )
    *_, needing, after = planned
    assert (str(needing.action), str(after.action)) == (action, action)
    assert needing.reason.startswith(reason)


def test_with_a_whole_checkpoint_a_stage_continues() -> None:
    stages = diamond(B=S.INTERRUPTED, D=S.BLOCKED)
    planned = {stage.name: stage for stage in plan_resume(stages, find_checkpoint=lambda s: s.name)}
    assert planned["B"].action == "continue"
    assert planned["B"].checkpoint == "B"
    assert planned["B"].reason == "was interrupted"
    assert planned["D"].action == "run"  # it never started, so it has nothing to continue from


def test_running_stages_continue() -> None:
    assert actions(diamond(B=S.FAILED, C=S.RUNNING, D=S.BLOCKED))["C"] == "skip"


def test_a_stage_allowed_to_fail_waits_for_its_running_reader() -> None:
    stages = diamond(B=S.FAILED, D=S.RUNNING)
    planned = {one.name: one for one in plan_resume(stages, find_checkpoint=lambda _: None)}
    assert (planned["B"].action, planned["B"].reason) == ("skip", "D is using its outputs")


def test_completed_stages_whose_upstream_runs_again_start_fresh() -> None:
    planned = {s.name: s for s in plan_resume(diamond(B=S.FAILED), find_checkpoint=lambda _: None)}
    assert planned["D"].action == "run"
    assert planned["D"].fresh
    assert planned["D"].reason == "upstream B runs again"


def test_until_leaves_out_what_does_not_lead_there() -> None:
    stages = diamond(A=S.FAILED, B=S.BLOCKED, C=S.BLOCKED, D=S.BLOCKED)
    planned = {s.name: s for s in plan_resume(stages, find_checkpoint=lambda _: None, until=["B"])}
    assert {name: str(stage.action) for name, stage in planned.items()} == {
        "A": "run",
        "B": "run",
        "C": "skip",
        "D": "skip",
    }
    assert planned["D"].left_out


@pytest.mark.parametrize(("other", "follows"), [(S.RUNNING, "run"), (S.FAILED, "skip")])
def test_only_one_stage_and_what_follows_leaves_the_others(other: Status, follows: str) -> None:
    """What follows waits for a running stage, and stays blocked by a failed one."""
    stages = diamond(B=S.FAILED, C=other, D=S.BLOCKED)
    planned = {s.name: s for s in plan_resume(stages, find_checkpoint=lambda _: None, only=["B"])}
    assert {name: str(stage.action) for name, stage in planned.items()} == {
        "A": "skip",
        "B": "run",
        "C": "skip",
        "D": follows,
    }
    assert not any(stage.left_out for stage in planned.values())


def test_a_member_with_another_value_starts_in_a_new_directory() -> None:
    planned = plan_resume(
        diamond(B=S.FAILED),
        find_checkpoint=lambda stage: f"{stage.directory}/1.pt",
        evidence=Evidence(moved=["B"]),
    )
    assert [(one.fresh, one.checkpoint) for one in planned if one.name == "B"] == [(True, None)]


def test_a_fresh_start_uses_no_checkpoint_and_spares_running_stages() -> None:
    stages = diamond(B=S.FAILED, D=S.BLOCKED)
    planned = {s.name: s for s in plan_resume(stages, find_checkpoint=lambda s: "x", fresh=["B"])}
    assert planned["B"].checkpoint is None
    assert planned["B"].fresh
    with pytest.raises(UsageError, match="B is running"):
        plan_resume(diamond(B=S.RUNNING), find_checkpoint=lambda _: None, fresh=["B"])


def test_a_rerun_of_one_stage_or_with_its_dependants() -> None:
    assert plan_rerun(diamond(), ["B"], downstream=False) == ["B"]
    assert plan_rerun(diamond(), ["A"], downstream=True) == ["A", "B", "C", "D"]
    with pytest.raises(UsageError, match="D is running"):
        plan_rerun(diamond(D=S.RUNNING), ["B"], downstream=True)


def test_a_result_from_other_data_is_not_continued() -> None:
    a, b = record("A", [], S.COMPLETED), record("B", ["A"], S.FAILED)
    again = Evidence(reran={"B": ["A"]})  # A ran again, by itself, after B had failed
    planned = plan_resume([a, b], find_checkpoint=lambda _: "x", evidence=again)
    assert (planned[1].action, planned[1].fresh) == ("run", True)
    assert planned[1].reason == "failed; upstream A ran again"
    planned = plan_resume([a, b], find_checkpoint=lambda _: "x")
    assert (planned[1].action, planned[1].fresh) == ("continue", False)
    planned = plan_resume([a, b], find_checkpoint=lambda _: "x", fresh=["A"])
    assert (planned[1].action, planned[1].fresh) == ("run", True)


CHANGED = Evidence(changed={"B": ["command changed: 1 -> 2"], "C": ["input x changed"]})


def test_a_changed_stage_reruns_and_unfinished_ones_keep_directories() -> None:
    stages = diamond(C=S.FAILED, D=S.BLOCKED)
    planned = plan_resume(stages, find_checkpoint=lambda s: s.name, evidence=CHANGED)
    assert [(str(one.action), one.reason, one.fresh) for one in planned] == [
        ("skip", "completed", False),
        ("run", "command changed: 1 -> 2", True),
        ("continue", "failed; input x changed; its directory stays", False),
        ("run", "was blocked", False),
    ]


def test_a_completed_stage_whose_upstream_ran_again_alone_runs_again() -> None:
    evidence = Evidence(reran={"D": ["B", "C"]})
    planned = plan_resume(diamond(), find_checkpoint=lambda _: None, evidence=evidence)
    assert [str(one.action) for one in planned] == ["skip", "skip", "skip", "run"]
    assert planned[3].reason == "upstream B (and 1 more) ran again"


def test_a_kept_stage_is_reused_and_so_are_its_dependants() -> None:
    planned = plan_resume(
        diamond(), find_checkpoint=lambda _: None, keep=["B", "C"], evidence=CHANGED
    )
    assert [str(one.action) for one in planned] == ["skip"] * 4
    assert planned[1].reason == "kept (you chose this; command changed: 1 -> 2)"
    assert [one.kept for one in planned] == [False, True, True, False]


def test_only_the_result_of_a_completed_stage_can_be_kept() -> None:
    for stages, fresh, words in (
        (diamond(B=S.FAILED), [], "it is failed"),
        (diamond(), ["B"], "choose one"),
    ):
        with pytest.raises(UsageError, match=words):
            plan_resume(stages, find_checkpoint=lambda _: None, keep=["B"], fresh=fresh)


def test_a_stage_that_was_removed_from_the_file_never_runs() -> None:
    gone = record("D", ["B", "C"], S.SKIPPED)._replace(removed=True)
    stages = [*diamond(B=S.FAILED)[:3], gone]
    planned = plan_resume(stages, find_checkpoint=lambda _: None)
    assert (planned[3].action, planned[3].reason) == ("skip", "no longer in the pipeline file")
    assert plan_rerun(stages, ["A"], downstream=True) == ["A", "B", "C"]
    with pytest.raises(UsageError, match="no longer in the pipeline file"):
        plan_rerun(stages, ["D"], downstream=False)


def test_a_new_stage_is_listed_as_new() -> None:
    stages = diamond(D=S.SKIPPED)
    planned = plan_resume(stages, find_checkpoint=lambda _: None, evidence=Evidence(new={"D"}))
    assert planned[3].reason == "is new"


def test_the_reason_of_a_failed_stage_is_shown() -> None:
    failed = record("A", [], S.FAILED)._replace(reason="exit code 3")
    [planned] = plan_resume([failed], find_checkpoint=lambda _: None)
    assert planned.reason == "failed: exit code 3"


GONE = {"A": "its output a.pt no longer exists", "C": "its output c.pt no longer exists"}


def reasons(stages: list[StageRecord], keep: list[str]) -> dict[str, tuple[str, str]]:
    planned = plan_resume(
        stages, find_checkpoint=lambda _: None, keep=keep, evidence=Evidence(gone=GONE)
    )
    return {one.name: (str(one.action), one.reason) for one in planned}


def test_needed_outputs_are_made_again_and_others_reported() -> None:
    again = reasons(diamond(D=S.FAILED), [])
    assert {action for action, _ in again.values()} == {"run"}
    assert again["A"][1] == "its output a.pt no longer exists"
    assert again["C"][1] == "its output c.pt no longer exists; upstream A runs again"
    over = reasons(diamond(), [])
    assert {action for action, _ in over.values()} == {"skip"}
    assert (
        over["A"][1] == "completed; its output a.pt no longer exists, but no stage to run needs it"
    )


def test_missing_outputs_of_a_kept_stage_are_not_remade() -> None:
    kept = reasons(diamond(D=S.FAILED), ["C"])
    assert kept["C"] == ("skip", "kept (you chose this; its output c.pt no longer exists)")
    assert {name: action for name, (action, _) in kept.items()} == {
        "A": "skip",
        "B": "skip",
        "C": "skip",
        "D": "run",
    }
