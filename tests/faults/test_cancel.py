"""Stages that resist being ended."""

from __future__ import annotations

import os
import signal

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, stage
from tests.unit.supervisor.waiting import is_alive, read_pid
from trainui import clock, control
from trainui.model.states import Status
from trainui.paths import Home
from trainui.supervisor.process import processes_of

GRACE = 0.5


def test_cancelling_ends_every_process_of_a_stage(new_run: NewRun) -> None:
    """Case 13. A stage ignores TERM, and so does a grandchild that left its session.

    All are gone soon after the grace, and the stage is `cancelled`.
    """
    script = (
        "trap '' TERM; setsid sh -c \"trap '' TERM; echo \\$\\$ > away; sleep 100 & wait\" & "
        "echo $$ > pid; while :; do sleep 0.1; done"
    )
    run = new_run(stage("a", script, grace=GRACE), stage("b", "true", "a"))
    pids = [read_pid(run.directory / "pid"), read_pid(run.directory / "away")]
    run.process("a")
    assert control.cancel(run.id) == ["a", "b"]
    assert run.wait().status == Status.CANCELLED
    assert not any(is_alive(pid) for pid in pids)
    assert processes_of({"TRAINUI_RUN_ID": run.id}) == []
    assert run.statuses() == {"a": "cancelled", "b": "cancelled"}
    attempt = run.attempt("a")
    assert attempt.cancel_requested_at is not None
    assert attempt.completed_at is not None
    taken = (attempt.completed_at - attempt.cancel_requested_at) / clock.SECOND
    assert GRACE <= taken < 30  # the grace of a stage that states none


def test_a_stage_that_exits_with_0_when_cancelled_is_cancelled(new_run: NewRun) -> None:
    """A trainer saves and exits with 0 after our signal: `cancelled`, not `completed`."""
    script = "trap 'exit 0' TERM; echo $$ > pid; while :; do sleep 0.05; done"
    run = new_run(stage("a", script, retries=3))
    read_pid(run.directory / "pid")
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert len(run.attempts("a")) == 1


def test_a_suspended_stage_is_cancelled_too(new_run: NewRun) -> None:
    """A stage that was stopped with ctrl+z or `kill -STOP` handles TERM only once it continues."""
    run = new_run(stage("a", "exec sleep 60"))
    os.kill(int(run.process("a").pid or 0), signal.SIGSTOP)
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert run.attempt("a").signal == signal.SIGTERM


def test_a_cancelled_stage_of_an_earlier_worker_is_ended(home: Home, new_run: NewRun) -> None:
    """A person cancels while there is no worker: the next one ends the stage."""
    run = new_run(stage("a", HOLD))
    pid = run.process("a").pid
    background.kill(background.worker_pid(home), home.worker_lock)
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert pid is not None
    assert not is_alive(pid)
