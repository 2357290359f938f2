"""What is said of background processes that were really killed: what is gone, and why."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration import background
from tests.integration.runs import Run, stage
from tests.unit.supervisor.waiting import wait_for
from trainui.cli import main, standstill, waiting
from trainui.execution import processes
from trainui.execution.daemon import health, lifecycle
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.supervisor.supervise import list_processes

GONE: dict[str, object] = {"reachable": False, "pid": None}
ANSWERS: dict[str, object] = {"reachable": True, "pid": 1}


def test_deleted_outputs_are_reported_with_the_reason(trainui_home: Home) -> None:
    home = trainui_home
    assert (health.problems(home, GONE), health.brief(home, home.database).words) == (
        [],
        "no worker",
    )
    background.start()
    worker, guard = background.worker_pid(home), background.guard_pid(home)
    broker = background.broker_pid(home)
    wait_for(lambda: lifecycle.status()["problems"] == [], "answers of all processes")
    assert health.brief(home, home.database).words == ""

    os.kill(broker, signal.SIGSTOP)
    (hangs,) = lifecycle.status()["problems"]
    assert hangs.startswith(f"the broker does not respond, pid {broker}; if this lasts 60 s, ")
    os.kill(broker, signal.SIGCONT)

    # the worker dies, and before it is there again that is said; then the guard, too
    os.kill(worker, signal.SIGKILL)
    end = wait_for(lambda: health.last_end(home), "the worker's end")
    assert (end.pid, end.code) == (worker, -signal.SIGKILL)
    os.kill(guard, signal.SIGSTOP)  # so that what it has just started, and would again, stays gone
    for child in [one for one in list_processes() if one.parent == guard]:
        os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: not processes.is_held(home.worker_lock), "no worker")
    wait_for(lambda: len(health.problems(home, ANSWERS)) == 3, "a guard that has stopped")
    stopped, gone, last_line = health.problems(home, ANSWERS)
    assert stopped.startswith("the guard is suspended by a signal")
    assert gone.startswith("the worker is not running: ended at ")
    assert gone.endswith("killed by signal 9 (KILL); the guard restarts it")
    assert last_line.startswith("last line of the worker's log: 2")
    assert health.brief(home, home.database).words == "worker killed by signal 9 (KILL), restarting"

    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: not processes.is_held(home.guard_lock), "no guard")
    found = health.problems(home, ANSWERS)
    assert found[0].startswith("the guard is not running")
    assert "start it with `trainui worker start`" in found[1]
    assert health.brief(home, home.database).words == "worker and guard are not running"

    assert lifecycle.stop()
    assert "stopped" in health.problems(home, GONE)[0]
    assert health.brief(home, home.database).words == "no worker"


def test_a_waiting_user_sees_that_no_broker_comes_up(
    trainui_home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (trainui_home.broker / "broker.log").mkdir(parents=True)
    monkeypatch.setattr(waiting, "STANDSTILL_PATIENCE", 0.0)
    monkeypatch.setattr(waiting, "STANDSTILL_PERIOD", 0.0)  # another reason may come before
    monkeypatch.setattr(waiting, "DISK_PERIOD", 0.0)
    run = Run(tmp_path / "p", stage("a", "true"))
    lifecycle.ensure_started()
    words = "nothing new starts: broker does not start, exit code 4; see `trainui worker status`"
    with engine.reading() as connection:
        watch = waiting._Watch(connection, [run.id], timeout=None, from_start=True)
        wait_for(lambda: watch.look() and words in capsys.readouterr().err, "a line that says so")
    run.until("a", lambda one: one.attempt == 1, "granted")
    assert run.record().status == Status.QUEUED
    wait_for(lambda: standstill.reason(list(run.stages().values())) == words, "the reason")
    (late, _) = lifecycle.status()["problems"]
    assert late == (
        "broker does not start, exit code 4: "
        f"see {trainui_home.guard_log} and {trainui_home.worker_log}"
    )


def test_a_waiting_user_sees_what_the_first_stage_waits_for(
    trainui_home: Home, tmp_path: Path
) -> None:
    background.start()
    held = Run(tmp_path / "p", stage("a", "true", cpus=1, host="elsewhere"))
    waits = held.until("a", lambda one: "elsewhere" in (one.reason or ""), "waiting")
    # a broker that is slow to answer comes before it
    wait_for(lambda: standstill.reason([waits]) == f"a waits: {waits.reason}", "its reason")


def test_a_waiting_user_sees_that_no_worker_records_the_end(
    trainui_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    background.start()
    run = Run(tmp_path / "p", stage("a", "sleep 600"))
    running = run.until("a", lambda one: one.status == Status.RUNNING, "running")
    wait_for(lambda: standstill.reason([running]) == "", "an answer of the broker")
    assert lifecycle.stop()
    words = "running stages are not monitored: no worker; see `trainui worker status`"
    assert standstill.reason([running]) == words
    assert main.main(["ls"]) == 0
    assert f"! {words}" in capsys.readouterr().err
    background.start()
    wait_for(lambda: standstill.reason([running]) == "", "an answer of the broker")
