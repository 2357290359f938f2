"""A stage that is itself a user of trainui: neither confuses, blocks nor ends the other."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, Run, stage
from tests.unit.supervisor.waiting import wait_for, wait_for_death
from trainui import control
from trainui.execution.daemon import lifecycle
from trainui.model.records import RunRecord
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.store.read import views
from trainui.supervisor.supervise import start_ticks

TRAINUI = f"{shlex.quote(sys.executable)} -m trainui"


def runs_named(name: str) -> list[RunRecord]:
    with engine.reading() as connection:
        found = connection.execute("SELECT id FROM runs WHERE name = ?", (name,)).fetchall()
        return [run for (run_id,) in found if (run := views.run(connection, run_id)) is not None]


def end_of(name: str) -> Status:
    wait_for(lambda: [r for r in runs_named(name) if r.completed_at], f"{name}'s end")
    return runs_named(name)[0].status


def test_a_stage_may_start_a_run_but_not_await_it(new_run: NewRun) -> None:
    """A stage runs `trainui run --wait`, and then `--detach`.

    The first could wait for the very place that the stage holds: it is refused and stores nothing.
    The second runs, and sees nothing of the variables of the stage that started it.
    """
    see = "env | grep -E '^(TRAINUI_|MASTER_PORT)' > seen"
    run = new_run(
        stage(
            "outer",
            f"env > own; {TRAINUI} run --name refused --wait -- true 2> said || echo $? > code; "
            f"{TRAINUI} run --name nested --detach -- sh -c {shlex.quote(see)}",
        )
    )
    assert run.wait().status == Status.COMPLETED, run.stages()
    assert run.lines("code") == ["2"]
    assert "stage outer of run" in "".join(run.lines("said"))
    assert runs_named("refused") == []
    assert end_of("nested") == Status.COMPLETED
    own, seen = variables(run, "own"), variables(run, "seen")
    assert seen["TRAINUI_RUN_ID"] == runs_named("nested")[0].id
    assert own["TRAINUI_RUN_ID"] == run.id
    for name in ("TRAINUI_METRICS_FILE", "TRAINUI_STAGE_DIR", "TRAINUI_RUN_DIR", "MASTER_PORT"):
        assert seen[name] != own[name], name


def variables(run: Run, name: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in run.lines(name))


@pytest.mark.parametrize("orphaned", [pytest.param(False, marks=pytest.mark.long), True])
def test_runs_started_by_a_stage_outlive_it(home: Home, new_run: NewRun, orphaned: bool) -> None:
    """A stage finds no worker, so its `trainui run --detach` starts one, and is then cancelled.

    It ends with all its processes, also where its supervisor was killed. Guard, worker and broker
    live on, though they descend from it, and so does the run that it started.
    """
    name = f"inner-{orphaned}"
    start = f"{TRAINUI} run --name {name} --detach -- sh -c {shlex.quote(HOLD)}"
    script = f"until [ -e begin ]; do sleep 0.02; done; {start}; echo $$ > pid; sleep 600"
    run = new_run(stage("outer", script, grace=1))
    attempt = run.process("outer")
    assert lifecycle.stop()
    (run.directory / "begin").touch()
    ours = [
        background.guard_pid(home), background.worker_pid(home), background.broker_pid(home),
    ]  # fmt: skip
    wait_for(lambda: run.lines("ledger"), "the inner stage")
    wait_for(lambda: run.lines("pid"), "the outer stage's sleep")
    before = [start_ticks(pid) for pid in ours]
    if orphaned:
        os.kill(int(attempt.supervisor_pid or 0), signal.SIGKILL)
        wait_for_death(int(attempt.supervisor_pid or 0))
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert start_ticks(int(attempt.pid or 0)) is None
    assert [start_ticks(pid) for pid in ours] == before
    assert runs_named(name)[0].status == Status.RUNNING
    Path(run.directory, "go").touch()
    assert end_of(name) == Status.COMPLETED
    assert run.lines("ledger") == ["sh 1"]
