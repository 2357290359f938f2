"""The plan of a resume as lines: reasons stand beside the stages where they fit."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from tests.unit.execution.submitted import submit
from tests.unit.tui.driving import PATIENCE, opened
from tests.unit.tui.filled import Filler
from trainui.errors import UsageError
from trainui.execution.daemon import lifecycle
from trainui.model.states import CAUSE, Status
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import submitted
from trainui.resume.edit_effects import suggestion, with_prepared_edit
from trainui.resume.edits import EditedValue, Value
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.tui import run_actions
from trainui.tui.plan_screen import plan_lines
from trainui.tui.run_actions import Editable
from trainui.tui.styled_text import plain, width_of


def lines(width: int, *stages: PlannedStage) -> list[str]:
    found = plan_lines(stages, width)
    assert all(width_of(line.row) <= width for line in found)
    return [" ".join(plain(line.row).split()) for line in found]


def test_short_reasons_are_beside_stages_on_narrow_terminals_too() -> None:
    stages = [
        PlannedStage("prepare", Action.SKIP, "completed", seconds=2.0),
        PlannedStage("train", Action.RUN, "failed: exit code 1"),
    ]
    assert lines(80, *stages) == [
        "STAGE TIME WHY",
        "– skip prepare 2.0s completed",
        "▶ run train failed: exit code 1",
    ]
    long = PlannedStage("evaluate", Action.RUN, "failed: " + "word " * 20)
    assert lines(70, *stages, long)[:3] == [
        "STAGE TIME",
        "– skip prepare completed 2.0s",
        "▶ run train failed: exit code 1",
    ]
    assert "WHY" in lines(140, *stages, long)[0]


async def test_a_long_plans_summary_stays_above_its_first_stage(
    filler: Filler,
) -> None:
    graph = {f"stage-{number}": () for number in range(60)}
    run_id = filler.run(graph)
    filler.complete(run_id, *list(graph)[:-1])
    filler.fail(run_id, "stage-59", "exit code 1")
    async with opened(run_id, size=(80, 24)) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("r")
        await driven.until_shown("1 to run, 59 skipped", "▶ run       stage-59", "STAGE")
        assert "stage-0 " not in driven.text()
        await driven.press("g")
        await driven.until_shown("1 to run, 59 skipped", "stage-0 ", "STAGE")


async def test_several_marked_runs_are_not_rerun_with_a_reason(filler: Filler) -> None:
    for name in ("first", "second"):
        filler.complete(filler.run({"a": ()}, name=name), "a")
    async with opened() as driven:
        await driven.until_shown("first", "second")
        await driven.press("space", "j", "space", "R")
        await driven.until_shown("R reruns a stage of one run: esc clears the marks")


async def test_the_prepared_edit_of_a_failure_fills_the_page(
    filler: Filler, tmp_path: Path
) -> None:
    text = (
        "params: {batch_size: 32, lr: 0.1}\n"
        "stages: [{name: train, run: 'python t.py ${params.batch_size} ${params.lr}'}]\n"
    )
    run_id = submit(tmp_path, text)
    filler.fail(run_id, "train", "exit code 1")
    edit = {"params": {"batch_size": 16, "accumulate": 2}, "note": "batch_size 32 -> 16"}
    cause = {
        "id": "gpu_oom",
        "text": "The GPU was full.",
        "evidence": "CUDA out of memory",
        "file": "t.py",
        "line": 37,
        "fix": "Lower the batch size.",
        "edit": edit,
    }
    with filler.store.write() as connection:
        stage = views.stage(connection, run_id, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, "train: full", attempt=1, data=cause)
    async with opened(run_id, size=(120, 40)) as driven:
        await driven.until_shown("cause", "The GPU was full.", "t.py:37", "batch_size 32 -> 16")
        await driven.press("P")
        await driven.until_shown("The GPU was full.", "Not a value of this page: accumulate", "16")
        values = {one.value for one in driven.app.screen.query(Input)}
        assert {"16", "0.1"} <= values
        await driven.press("enter")
        await driven.until_shown("With your edits:")
    assert filler.stage(run_id, "train").status == Status.FAILED


async def test_the_prepared_edit_reaches_an_option_in_a_file(
    filler: Filler, tmp_path: Path
) -> None:
    text = (
        "params: {bs: 8}\n"
        "stages: [{name: train, run: [python, t.py, --bs, '64']},\n"
        "  {name: end, run: 'echo ${params.bs}'}]\n"
    )
    run_id = submit(tmp_path, text)
    filler.fail(run_id, "train", "exit code 1")
    cause = {
        **dict.fromkeys(("file", "line", "evidence", "fix")),
        "text": "The GPU was full.",
        "edit": {"params": {"bs": 32}, "note": "bs 64 -> 32"},
    }
    with filler.store.write() as connection:
        stage = views.stage(connection, run_id, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, "train: full", attempt=1, data=cause)
    async with opened(run_id, size=(120, 40)) as driven:
        await driven.until_shown("bs 64 -> 32")
        await driven.press("P")
        await driven.until_shown("The GPU was full.", "python t.py --bs 32")
        await driven.press("enter")
        await driven.until_shown("With your edits:", '"--bs", "32"')
        await driven.press("escape", "escape", "escape", "W")
        await driven.until_shown("P on ", f"trainui resume {run_id[:8]} --prepared train")
        await driven.press("enter")
        await driven.until_shown("The GPU was full.", "python t.py --bs 32")
    edit, before = with_prepared_edit(submitted.run_of(run_id), "train")
    assert '"--bs", "32"' in edit.text
    assert "{bs: 8}" in edit.text
    assert before == {}
    with pytest.raises(UsageError):
        with_prepared_edit(submitted.run_of(run_id), "end")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python t.py --bs 64 --lr 0.1", "python t.py --bs 32 --lr 0.1"),
        ("python t.py --bs=64 x.bs=64", "python t.py --bs=32 x.bs=64"),
        ("torchrun t.py bs=64", "torchrun t.py bs=32"),
        ("python t.py '++bs=64'", "python t.py '++bs=32'"),
        ('python t.py --bs "64"', 'python t.py --bs "32"'),
        ("python t.py --other-bs 64", None),
    ],
)
def test_a_prepared_edit_changes_the_commands_option(
    filler: Filler, command: str, expected: str | None
) -> None:
    run_id = filler.run({"train": ()})
    filler.fail(run_id, "train", "exit code 1")
    cause = {"text": "The GPU was full.", "edit": {"params": {"bs": 32}, "note": "bs 64 -> 32"}}
    stage = filler.stage(run_id, "train")
    with filler.store.write() as connection:
        runs.record_stage_event(connection, stage, CAUSE, "train: full", attempt=1, data=cause)
    value = Value(EditedValue("command", "command", command, 0, 0), command)
    found = suggestion(stage, [value])
    assert found.values == ({} if expected is None else {0: expected})


async def test_s_adds_seeds_to_both_compared_runs(
    filler: Filler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: True)
    text = "name: {}\nstages: [{{name: train, seeds: 3, run: 'echo ${{matrix.seed}}'}}]\n"
    found = []
    for name, worth in (("first", (0.3, 0.31, 0.35)), ("second", (0.31, 0.33, 0.34))):
        (tmp_path / name).mkdir()
        run_id = submit(tmp_path / name, text.format(name))
        for seed, value in enumerate(worth):
            points: list[tuple[float, float]] = [(step, value) for step in range(5)]
            filler.feed(run_id, f"train[seed={seed}]", {"val/loss": points})
            filler.complete(run_id, f"train[seed={seed}]")
        found.append(run_id)

    def seeds(run_id: str) -> int:
        with engine.reading() as connection:
            return len(views.stages(connection, run_id))

    async with opened() as driven:
        await driven.until_shown("first", "second")
        await driven.press("g", "space", "space", "c")
        await driven.until_shown("best over seeds", "not distinguishable", "S adds")
        await driven.press("S")
        await driven.until_shown("Resume second", "to run, 3 skipped", "train[seed=3]")
        assert [seeds(one) for one in found] == [3, 3]
        await driven.press("y")
        await driven.until_shown("Resume first", "to run, 3 skipped", "train[seed=3]")
        await driven.press("y")
        await driven.until(lambda: seeds(found[0]) > 3)
    assert seeds(found[0]) == seeds(found[1])


async def test_keys_typed_before_the_values_are_read_reach_them(
    filler: Filler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit(tmp_path, "params: {lr: 1}\nstages: [{name: a, run: 'echo ${params.lr}'}]\n")
    filler.fail(run_id, "a", "exit code 1")
    may_read, read = threading.Event(), run_actions.editable

    def late(*asked: Any) -> Editable:
        may_read.wait(PATIENCE)
        return read(*asked)

    monkeypatch.setattr(run_actions, "editable", late)
    async with opened(run_id) as driven:
        await driven.until_shown("✗ failed")
        await driven.press("e")
        await driven.until_shown("reading the run's pipeline")
        await driven.press("ctrl+u", "7")
        assert not driven.app.screen.query(Input)
        may_read.set()
        await driven.until(lambda: [one.value for one in driven.app.screen.query(Input)] == ["7"])
        await driven.press("enter")
        await driven.until_shown("With your edits:", "lr: 7")
