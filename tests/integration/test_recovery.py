"""Whatever is killed, each stage runs once, and how it ended is on record."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import background
from tests.integration.runs import Run, home_with_worker
from tests.unit.supervisor.waiting import is_alive, wait_for, wait_for_exit
from trainui import control
from trainui.domain.records import Slot
from trainui.domain.states import Status
from trainui.execution import broker_server, locks, service
from trainui.execution.slots import HOST
from trainui.paths import Home
from trainui.store import attempts, stages
from trainui.store.engine import open_store

NewRun = Callable[..., Run]

NOTE = "printf '%s\\n' \"$TRAINUI_STAGE $TRAINUI_ATTEMPT\" >> ledger; "
HOLD = NOTE + "until [ -e go ]; do sleep 0.02; done"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_with_worker(tmp_path_factory.mktemp("recovery"), cpus="3") as home:
        yield home


@pytest.fixture
def new_run(home: Home, tmp_path: Path) -> NewRun:
    """Submit a run to a worker that takes work."""
    background.start()

    def submit(*stages: dict[str, Any], **fields: Any) -> Run:
        return Run(tmp_path / "run", *stages, **fields)

    return submit


def stage(name: str, run: Any, *depends_on: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "run": run, "depends_on": list(depends_on), **fields}


def go(run: Run) -> None:
    (run.directory / "go").touch()


def completed_once(run: Run, *names: str) -> None:
    assert run.wait().status == Status.COMPLETED
    assert sorted(run.lines("ledger")) == sorted(f"{name} 1" for name in names)
    for name in names:
        assert [one.status for one in run.attempts(name)] == [Status.COMPLETED]


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_killed_worker_leaves_the_stage_and_the_next_one_records_it(
    home: Home, new_run: NewRun, whole_group: bool
) -> None:
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    pid = run.process("a").pid
    worker = background.worker_pid(home)
    if whole_group:
        os.killpg(os.getpgid(worker), signal.SIGKILL)
    else:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not is_alive(worker), "the worker's end")
    assert pid is not None
    assert is_alive(pid)
    go(run)
    completed_once(run, "a", "b")


def test_a_stage_that_ends_while_there_is_no_worker_is_recorded_later(
    home: Home, new_run: NewRun
) -> None:
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    attempt = run.process("a")
    began = time.monotonic()
    assert service.stop()
    assert time.monotonic() - began < 8
    assert is_alive(int(attempt.pid or 0))
    assert is_alive(int(attempt.supervisor_pid or 0))
    assert run.stage("a").status == Status.RUNNING
    go(run)
    ended = wait_for_exit(Path(attempt.directory))
    assert run.stage("a").status == Status.RUNNING
    assert locks.holder(home.guard_lock) is None  # a stop is a stop, also when a stage ends
    background.start()
    completed_once(run, "a", "b")
    assert run.stage("a").completed_at == ended.completed_at


def test_a_worker_that_is_told_to_end_leaves_at_once_and_the_next_one_adopts(
    home: Home, new_run: NewRun
) -> None:
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    worker = background.worker_pid(home)
    began = time.monotonic()
    os.kill(worker, signal.SIGTERM)
    wait_for(lambda: not is_alive(worker), "the worker's end")
    assert time.monotonic() - began < 5
    assert run.stage("a").status == Status.RUNNING
    go(run)
    completed_once(run, "a", "b")


def test_a_cancelled_stage_of_an_earlier_worker_is_ended(home: Home, new_run: NewRun) -> None:
    run = new_run(stage("a", HOLD))
    pid = run.process("a").pid
    background.kill(background.worker_pid(home), home.worker_lock)
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert pid is not None
    assert not is_alive(pid)


def test_a_lost_broker_with_all_its_messages_loses_no_stage(home: Home, new_run: NewRun) -> None:
    run = new_run(stage("a", HOLD), *(stage(f"s{n}", NOTE, "a") for n in range(6)))
    run.process("a")
    broker = background.broker_pid(home)
    os.kill(broker, signal.SIGSTOP)  # messages go nowhere from here on
    go(run)
    run.wait_for("a", Status.COMPLETED)
    os.kill(broker, signal.SIGKILL)
    wait_for(lambda: not is_alive(broker), "the broker's end")
    for kept in home.broker.glob("appendonly*"):
        shutil.rmtree(kept)
    completed_once(run, "a", *(f"s{n}" for n in range(6)))
    assert broker_server.find_pid(home) != broker


def test_an_attempt_that_was_claimed_and_never_launched_is_launched_once(
    home: Home, new_run: NewRun
) -> None:
    assert service.stop()
    run = Run(home.root.parent / "claimed", stage("a", NOTE), stage("b", NOTE, "a"))
    with open_store().write() as connection:
        found = stages.named(connection, run.id, "a")
        assert found is not None
        granted = attempts.grant(connection, found, [Slot(HOST, "cpu", 0)], host=HOST)
        assert granted is not None
        assert attempts.claim(connection, run.id, "a", str(granted.celery_task_id))
    background.start()
    completed_once(run, "a", "b")


def test_what_was_claimed_and_then_cancelled_is_never_launched(home: Home) -> None:
    assert service.stop()
    run = Run(home.root.parent / "cancelled", stage("a", NOTE))
    with open_store().write() as connection:
        found = stages.named(connection, run.id, "a")
        assert found is not None
        granted = attempts.grant(connection, found, [Slot(HOST, "cpu", 0)], host=HOST)
        assert granted is not None
        attempts.claim(connection, run.id, "a", str(granted.celery_task_id))
    control.cancel(run.id)
    background.start()
    assert run.wait().status == Status.CANCELLED
    assert run.lines("ledger") == []


def test_where_all_is_killed_the_end_of_a_stage_brings_the_rest_back(
    home: Home, new_run: NewRun
) -> None:
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    guard, worker = background.guard_pid(home), background.worker_pid(home)
    os.kill(guard, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    for pid in (guard, worker):
        wait_for(lambda pid=pid: not is_alive(pid), f"the end of {pid}")  # type: ignore[misc]
    go(run)
    completed_once(run, "a", "b")


def test_where_guard_and_broker_are_killed_the_worker_brings_them_back(
    home: Home, new_run: NewRun
) -> None:
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    guard, broker = background.guard_pid(home), background.broker_pid(home)
    for pid in (guard, broker):
        os.kill(pid, signal.SIGKILL)
    go(run)
    completed_once(run, "a", "b")
    assert background.guard_pid(home) != guard


def test_where_supervisor_and_worker_are_killed_the_stage_is_interrupted_once_it_has_ended(
    home: Home, new_run: NewRun
) -> None:
    run = new_run(stage("a", HOLD, retries=1))
    attempt = run.process("a")
    background.kill(background.worker_pid(home), home.worker_lock)
    os.kill(int(attempt.supervisor_pid or 0), signal.SIGKILL)
    background.worker_pid(home)
    assert run.stage("a").status == Status.RUNNING
    go(run)
    assert run.wait().status == Status.COMPLETED  # by its retry
    assert [one.status for one in run.attempts("a")] == [Status.INTERRUPTED, Status.COMPLETED]
    assert run.lines("ledger") == ["a 1", "a 2"]
