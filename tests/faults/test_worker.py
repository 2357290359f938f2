"""Wherever the worker is killed, each stage runs once, and how it ended is on record."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults import dying
from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, home_with_worker, stage
from tests.unit.supervisor.waiting import wait_for, wait_for_death, wait_for_exit
from trainui import clock, control
from trainui.execution import processes
from trainui.execution.attempt import executors
from trainui.execution.daemon import lifecycle
from trainui.execution.planner import host
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db.engine import open_store
from trainui.store.db.statements import set_values
from trainui.store.read import views
from trainui.store.runs import attempts
from trainui.supervisor.supervise import start_ticks


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Home]:
    directory = tmp_path_factory.mktemp("worker")
    with home_with_worker(
        directory, served_database, cpus="3", include='["tests.faults.dying"]'
    ) as home:
        yield home


@pytest.mark.parametrize("whole_group", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_killed_worker_leaves_the_stage_for_its_successor(
    home: Home, new_run: NewRun, whole_group: bool
) -> None:
    """Case 1. The worker, or its whole process group, is killed in the middle of a stage.

    The stage ends by itself, the next worker records that, and its successor starts.
    """
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    attempt = run.process("a")
    ticks = start_ticks(int(attempt.pid or 0))
    worker = background.worker_pid(home)
    if whole_group:
        os.killpg(os.getpgid(worker), signal.SIGKILL)
    else:
        os.kill(worker, signal.SIGKILL)
    wait_for_death(worker)
    assert start_ticks(int(attempt.pid or 0)) == ticks is not None
    run.go()
    run.completed_once("a", "b")
    assert run.attempt("a").pid == attempt.pid


@pytest.mark.parametrize(
    "moment",
    [pytest.param(dying.GRANTED, marks=pytest.mark.long), dying.CLAIMED, dying.LAUNCHED],
)
def test_a_worker_killed_between_steps_of_a_start_is_succeeded(
    home: Home, new_run: NewRun, moment: str
) -> None:
    """Case 2. The worker is killed between claiming a stage and launching it.

    Also just before its message is sent, and just before its start is noted. It runs once.
    """
    worker = background.worker_pid(home)
    due = dying.die_at(moment)
    run = new_run(stage("a", NOTE), stage("b", NOTE, "a"))
    wait_for(lambda: not due.exists(), f"the death when {moment}")
    run.completed_once("a", "b")
    assert background.worker_pid(home) != worker


def test_an_attempt_claimed_then_cancelled_is_never_launched(home: Home) -> None:
    """Case 2, cancelled. A stage is claimed, its worker dies, and a person cancels it."""
    assert lifecycle.stop()
    run = Run(home.root.parent / "cancelled", stage("a", NOTE))
    with open_store().write() as connection:
        found = views.stage(connection, run.id, "a")
        assert found is not None
        granted = attempts.grant(connection, found, [Slot(host(), "cpu", 0)], host=host())
        assert granted is not None
        executors.make_records(Path(granted.directory))
        attempts.claim(connection, run.id, "a", str(granted.celery_task_id))
    control.cancel(run.id)
    background.start()
    assert run.wait().status == Status.CANCELLED
    assert run.lines("ledger") == []


def test_a_terminated_worker_exits_at_once_and_the_next_adopts(home: Home, new_run: NewRun) -> None:
    """Case 3. TERM to a worker whose stage has long to go: it does not wait for that.

    The stage stays `running`, its supervisor lives, and the next worker adopts it.
    """
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    attempt = run.process("a")
    worker = background.worker_pid(home)
    os.kill(worker, signal.SIGTERM)
    wait_for_death(worker)
    assert run.stage("a").status == Status.RUNNING
    assert start_ticks(int(attempt.supervisor_pid or 0)) is not None
    run.go()
    run.completed_once("a", "b")


def test_a_stage_that_ends_without_a_worker_is_recorded_later(home: Home, new_run: NewRun) -> None:
    """Case 3, stopped. `worker stop` leaves the stage alone, which ends with nobody there.

    The next worker records the time at which its process ended, not that of the look.
    """
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    attempt = run.process("a")
    assert lifecycle.stop()
    for pid in (attempt.pid, attempt.supervisor_pid):
        assert start_ticks(int(pid or 0)) is not None
    assert run.stage("a").status == Status.RUNNING
    run.go()
    ended = wait_for_exit(Path(attempt.directory))
    assert run.stage("a").status == Status.RUNNING
    assert (
        processes.lock_holder(home.guard_lock) is None
    )  # a stop is a stop, also when a stage ends
    background.start()
    run.completed_once("a", "b")
    assert run.stage("a").completed_at == ended.completed_at


def test_a_stages_end_respawns_a_killed_guard_and_worker(home: Home, new_run: NewRun) -> None:
    """The worker and its guard are killed at night: the supervisor starts them as a stage ends."""
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    victims = background.guard_pid(home), background.worker_pid(home)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_for_death(*victims)
    run.go()
    run.completed_once("a", "b")


def test_a_retry_keeps_its_delay_although_the_worker_is_killed(home: Home, new_run: NewRun) -> None:
    """The worker is killed while a retry waits. The next one makes it once, when it is due."""
    script = NOTE + "[ $TRAINUI_ATTEMPT = 2 ]"
    run = new_run(stage("a", script, retries=1, retry_delay="1h"))
    waiting = run.until("a", lambda found: found.not_before is not None, "waiting for a retry")
    background.kill(background.worker_pid(home), home.worker_lock)
    background.worker_pid(home)
    new_run(stage("b", NOTE)).completed_once("b")  # the new worker gives out places
    (first,) = run.attempts("a")
    due = int(first.completed_at or 0) + 3600 * clock.SECOND
    assert waiting.not_before == run.stage("a").not_before == due
    with open_store().write() as connection:  # as if the hour were over
        set_values(connection, "stages", waiting.id, not_before=clock.now())
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger") == ["a 1", "a 2"]


def test_stages_that_clear_their_directories_run_once_under_any_kill(
    home: Home, new_run: NewRun
) -> None:
    """Case 2, a cleared directory. The worker is killed at random moments of many starts.

    A stage that clears its own completes; one that clears its run's, our records with it, does not.
    """

    def clearing(what: str) -> list[Run]:
        script = f'rm -rf "$TRAINUI_{what}_DIR"; {NOTE}sleep 0.3'
        return [new_run(stage("a", script)) for _ in range(2)]

    runs = {what: clearing(what) for what in ("STAGE", "RUN")}
    for _ in range(2):
        pid = background.worker_pid(home)
        time.sleep(random.uniform(0.0, 0.4))  # the moment is what is tried
        background.kill(pid, home.worker_lock)
    assert {run.wait().status for run in runs["STAGE"]} == {Status.COMPLETED}
    assert {run.wait().status for run in runs["RUN"]} == {Status.INTERRUPTED}
    ledgers = [run.lines("ledger") for run in (*runs["STAGE"], *runs["RUN"])]
    assert ledgers == [["a 1"]] * len(ledgers)
    assert "were removed while it ran" in str(runs["RUN"][0].stage("a").error)
