"""The process beside a stage is killed: the stage is watched, never run twice, and can be ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, stage
from tests.unit.supervisor.waiting import is_alive, wait_for, wait_for_death
from trainui import control
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.store.points import read_points
from trainui.supervisor.process import processes_of


def kill_supervisor(run: Run, name: str) -> None:
    pid = int(run.process(name).supervisor_pid or 0)
    os.kill(pid, signal.SIGKILL)
    wait_for_death(pid)


def points(run: Run, name: str) -> int:
    with engine.reading() as connection:
        return sum(one.count for one in read_points.summaries(connection, [run.stage(name).id]))


def test_a_dead_supervisors_child_is_watched_then_interrupted(home: Home, new_run: NewRun) -> None:
    """Case 4. A supervisor is killed while its stage continues.

    Nothing else runs in its place while the child lives, and a resume starts nothing either; when
    the child has ended the stage is `interrupted`, with all its metrics, and can be resumed.
    """
    script = NOTE + 'echo \'{"step": 1, "loss": 2}\' >> $TRAINUI_METRICS_FILE; '
    run = new_run(
        stage("a", script + "until [ -e go ]; do sleep 0.02; done"), stage("b", NOTE, "a")
    )
    kill_supervisor(run, "a")
    watched = f"the supervisor of {run.attempt('a').directory} is dead"
    wait_for(lambda: watched in home.worker_log.read_text(), "a line in the log")
    assert control.resume(run.id) == []
    assert run.stage("a").status == Status.RUNNING
    wait_for(lambda: points(run, "a"), "a reader that reads")
    run.go()
    assert run.wait().status == Status.INTERRUPTED
    assert (
        run.stage("a").error
        == "ended while its supervisor was not running, so how it ended is unknown"
    )
    assert run.stage("b").status == Status.BLOCKED
    assert run.attempt("a").metrics_complete
    assert run.lines("ledger") == ["a 1"]
    control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger") == ["a 1", "a 2", "b 1"]


def test_cancelling_reaches_a_child_whose_supervisor_died(new_run: NewRun) -> None:
    """Case 4, cancelled. The child and one that left its session are found without a supervisor."""
    script = (
        "trap '' TERM; setsid sh -c \"trap '' TERM; echo \\$\\$ > away; sleep 100 & wait\" & "
        "while :; do sleep 0.1; done"
    )
    run = new_run(stage("a", script, grace=0.5, retries=2))
    wait_for(lambda: run.lines("away"), "the one that left")
    kill_supervisor(run, "a")
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert not is_alive(int(run.attempt("a").pid or 0))
    assert not is_alive(int(run.lines("away")[0]))
    assert processes_of({"TRAINUI_RUN_ID": run.id}) == []
    assert len(run.attempts("a")) == 1


@pytest.mark.long
def test_with_supervisor_and_worker_killed_the_ended_stage_is_interrupted(
    home: Home, new_run: NewRun
) -> None:
    """Case 4, with the worker. The next worker finds the child alive and waits for it."""
    run = new_run(stage("a", HOLD, retries=1))
    background.kill(background.worker_pid(home), home.worker_lock)
    kill_supervisor(run, "a")
    background.worker_pid(home)
    assert run.stage("a").status == Status.RUNNING
    run.go()
    assert run.wait().status == Status.COMPLETED  # by its retry
    assert [one.status for one in run.attempts("a")] == [Status.INTERRUPTED, Status.COMPLETED]
    assert run.lines("ledger") == ["a 1", "a 2"]


def test_a_stage_dying_with_its_supervisor_is_interrupted_soon(
    new_run: NewRun,
) -> None:
    """Case 4, both. `running` with nobody there becomes `interrupted`, after a look."""
    run = new_run(stage("a", HOLD))
    attempt = run.process("a")
    for pid in (int(attempt.supervisor_pid or 0), int(attempt.pid or 0)):
        os.kill(pid, signal.SIGKILL)
    assert run.wait().status == Status.INTERRUPTED
    assert not (Path(attempt.directory) / "exit.json").exists()


def test_a_stage_that_died_without_any_worker_is_interrupted_soon(
    home: Home, new_run: NewRun
) -> None:
    """Case 4, both, with nobody there. The next worker says so within 15 seconds."""
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    attempt = run.process("a")
    assert lifecycle.stop()
    for pid in (int(attempt.supervisor_pid or 0), int(attempt.pid or 0)):
        os.kill(pid, signal.SIGKILL)
        wait_for_death(pid)
    assert run.stage("a").status == Status.RUNNING
    background.start()
    wait_for(lambda: run.statuses() == {"a": "interrupted", "b": "blocked"}, "its end", 15.0)
    assert (
        run.stage("a").error
        == "ended while its supervisor was not running, so how it ended is unknown"
    )
    assert run.lines("ledger") == ["a 1"]
