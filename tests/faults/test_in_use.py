"""What a stage reads that runs just now is not taken from under it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.faults.conftest import NewRun
from tests.integration.runs import NOTE, Run, stage
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control
from trainui.errors import NotFoundError, UsageError
from trainui.execution.planner import host
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.paths import Home
from trainui.pipeline import loader
from trainui.pipeline.rules.resume_plan import StageOptions
from trainui.store.db.engine import Database, open_store
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import attempts, runs
from trainui.store.runs.attempts import Outcome

READ = NOTE + "until [ -e go ]; do sleep 0.02; done; cat ${stages.a.dir}/data"
WRITE = NOTE + "echo made > ${stage_dir}/data"


@pytest.mark.parametrize("between", [[], [stage("between", NOTE, "a")]])
def test_a_stage_is_not_rerun_while_another_reads_its_outputs(
    home: Home, new_run: NewRun, between: list[dict[str, Any]]
) -> None:
    """Rerun, restarted, or edited: its directory would be renamed under its reader."""
    upstream = "between" if between else "a"
    reader = stage("b", READ, upstream)
    run = new_run(stage("a", WRITE), *between, reader, stage("c", "exit 3", "a"))
    run.process("b")
    run.wait_for("c", Status.FAILED)
    refused = "b is using the outputs of a; wait until b ends"
    with pytest.raises(UsageError, match=refused):
        control.rerun(run.id, ["a"])
    with pytest.raises(UsageError, match=refused):
        control.resume(run.id, StageOptions(fresh=["a"]))
    edited = run.directory / "pipeline.yaml"
    edited.write_text(
        edited.read_text().replace("echo made", "echo other").replace("exit 3", "exit 0")
    )
    pipeline = loader.load(str(edited), {})
    planned = {one.name: one for one in control.plan_resume(run.id, pipeline=pipeline)}
    assert (planned["a"].action, planned["a"].reason) == ("skip", "b is using its outputs")
    assert control.resume(run.id, pipeline=pipeline) == ["c"]
    run.go()
    assert run.wait().status == Status.COMPLETED
    assert len(run.attempts("a")) == 1
    again = {one.name: str(one.action) for one in control.plan_resume(run.id)}
    assert again["a"] == "run"  # now that nobody reads it


def waiting(pool: ThreadPoolExecutor, act: Callable[[], object]) -> Future[object]:
    """Have somebody make a plan, and wait for the database, in which we write."""
    waits = pool.submit(act)
    wait_for(lambda: any(map(begins, sys._current_frames().values())), "one who waits")
    return waits


def begins(frame: FrameType) -> bool:
    """Tell whether somebody is about to write: who only reads waits for nobody."""
    taking_turns: Any = Database._exclusive
    return frame.f_code is taking_turns.__wrapped__.__code__


def claim(connection: Connection, run: Run, name: str) -> AttemptRecord:
    """Start a queued stage, as the worker records it."""
    found = views.stage(connection, run.id, name)
    assert found is not None
    granted = attempts.grant(connection, found, [], host=host())
    assert granted is not None
    claimed = attempts.claim(connection, run.id, name, str(granted.celery_task_id))
    assert claimed is not None
    return claimed


def half_done(directory: Path) -> Run:
    """A run with no worker, of which `a` has completed and `b` is queued."""
    run = Run(directory, stage("a", NOTE), stage("b", NOTE, "a"))
    with open_store().write() as connection:
        attempt = claim(connection, run, "a")
        attempts.end(connection, attempt.id, Outcome(Status.COMPLETED, clock.now()))
    return run


def test_a_stage_starting_during_a_waiting_resume_keeps_its_inputs(
    trainui_home: Home, tmp_path: Path
) -> None:
    """A plan that was made before is looked at once more as it is carried out."""
    run = half_done(tmp_path / "p")
    again = partial(control.resume, run.id, StageOptions(fresh=["a"]))
    with ThreadPoolExecutor() as pool:
        with open_store().write() as connection:
            resume = waiting(pool, again)
            claim(connection, run, "b")
        assert resume.result() == []
    assert run.stage("a").status == Status.COMPLETED


def test_a_run_deleted_during_a_waiting_resume_is_gone(trainui_home: Home, tmp_path: Path) -> None:
    run = half_done(tmp_path / "p")
    control.cancel(run.id)
    with ThreadPoolExecutor() as pool:
        with open_store().write() as connection:
            resume = waiting(pool, partial(control.resume, run.id))
            runs.remove(connection, run.id)
        with pytest.raises(NotFoundError):
            resume.result()
