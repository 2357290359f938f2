"""The plan of a resume says for each stage what happens and why."""

from __future__ import annotations

import dataclasses

import pytest

from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.errors import UsageError
from trainui.pipeline.resume import plan_rerun, plan_resume

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


def test_what_is_done_is_skipped() -> None:
    assert actions(diamond(B=S.FAILED, D=S.BLOCKED)) == {
        "A": "skip",
        "B": "run",
        "C": "skip",
        "D": "run",
    }


def test_with_a_whole_checkpoint_a_stage_continues() -> None:
    stages = diamond(B=S.INTERRUPTED, D=S.BLOCKED)
    planned = {stage.name: stage for stage in plan_resume(stages, find_checkpoint=lambda s: s.name)}
    assert planned["B"].action == "continue"
    assert planned["B"].checkpoint == "B"
    assert planned["B"].reason == "was interrupted"
    assert planned["D"].action == "run"  # it never started, so it has nothing to continue from


def test_what_runs_goes_on() -> None:
    assert actions(diamond(B=S.FAILED, C=S.RUNNING, D=S.BLOCKED))["C"] == "skip"


def test_completed_stages_whose_upstream_runs_again_begin_anew() -> None:
    planned = {s.name: s for s in plan_resume(diamond(B=S.FAILED), find_checkpoint=lambda _: None)}
    assert planned["D"].action == "run"
    assert planned["D"].fresh
    assert planned["D"].reason == "B runs again"


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


def test_beginning_anew_takes_no_checkpoint_and_not_from_what_runs() -> None:
    stages = diamond(B=S.FAILED, D=S.BLOCKED)
    planned = {s.name: s for s in plan_resume(stages, find_checkpoint=lambda s: "x", fresh=["B"])}
    assert planned["B"].checkpoint is None
    assert planned["B"].fresh
    with pytest.raises(UsageError, match="B is running"):
        plan_resume(diamond(B=S.RUNNING), find_checkpoint=lambda _: None, fresh=["B"])


def test_rerun_of_one_stage_or_of_all_that_depends_on_it() -> None:
    assert plan_rerun(diamond(), ["B"], downstream=False) == ["B"]
    assert plan_rerun(diamond(), ["A"], downstream=True) == ["A", "B", "C", "D"]
    with pytest.raises(UsageError, match="D is running"):
        plan_rerun(diamond(D=S.RUNNING), ["B"], downstream=True)


def test_what_was_made_of_other_data_is_not_continued() -> None:
    # A ran again, by itself, after B had started and failed
    a = dataclasses.replace(record("A", [], S.COMPLETED), started_at=30, completed_at=40)
    b = dataclasses.replace(record("B", ["A"], S.FAILED), started_at=20, completed_at=25)
    before = dataclasses.replace(a, started_at=5, completed_at=10)
    planned = plan_resume([a, b], find_checkpoint=lambda _: "x")
    assert (planned[1].action, planned[1].fresh) == ("run", True)
    planned = plan_resume([before, b], find_checkpoint=lambda _: "x")
    assert (planned[1].action, planned[1].fresh) == ("continue", False)
    planned = plan_resume([before, b], find_checkpoint=lambda _: "x", fresh=["A"])
    assert (planned[1].action, planned[1].fresh) == ("run", True)


def test_a_changed_stage_runs_again_and_an_unfinished_one_says_that_it_was_edited() -> None:
    stages = diamond(C=S.FAILED, D=S.BLOCKED)
    changed = {"B": "was edited", "C": "was edited"}
    planned = {
        stage.name: stage
        for stage in plan_resume(stages, find_checkpoint=lambda s: s.name, changed=changed)
    }
    assert (planned["B"].action, planned["B"].reason) == ("run", "was edited")
    assert (planned["C"].action, planned["C"].reason) == ("continue", "failed; was edited")
    assert planned["A"].action == "skip"
