"""Runs go on though the broker is killed, forgets everything, or hangs."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from kombu.exceptions import OperationalError

from tests.acceptance.terminal import terminal
from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, stage
from tests.unit.supervisor.waiting import wait_for, wait_for_death
from trainui import control
from trainui import settings as settings_module
from trainui.execution import broker
from trainui.execution.daemon import health, lifecycle
from trainui.execution.worker import celery_app
from trainui.model.states import Status
from trainui.paths import Home

AT_ONCE = 30.0
"""Seconds within which whatever a person does is done, whatever the broker does: on a busy machine
many times as long as on an idle one, but never as long as the broker hangs."""


def test_a_broker_killed_during_stages_is_respawned(home: Home, new_run: NewRun) -> None:
    """Case 5. The broker is killed as a stage runs, and again as the next one does.

    The worker lives on, takes the next message from the new broker, and each stage runs once.
    """
    worker = background.worker_pid(home)
    run = new_run(
        stage("a", NOTE + "until [ -e go-a ]; do sleep 0.02; done"),
        stage("b", NOTE + "until [ -e go-b ]; do sleep 0.02; done", "a"),
        stage("c", NOTE, "b"),
    )
    for name in "ab":
        run.process(name)
        background.kill_broker(home)
        (run.directory / f"go-{name}").touch()
    run.completed_once("a", "b", "c")
    assert background.worker_pid(home) == worker


def test_the_worker_respawns_a_killed_guard_and_broker(home: Home, new_run: NewRun) -> None:
    """The broker is killed, and so is the guard that would start it: the worker starts that."""
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    guard, broker = background.guard_pid(home), background.broker_pid(home)
    log, started = home.worker / "guard.log", "guard: started the broker"
    before = log.read_text().count(started)
    for pid in (guard, broker):
        os.kill(pid, signal.SIGKILL)
    run.go()
    run.completed_once("a", "b")
    assert background.guard_pid(home) != guard
    assert log.read_text().count(started) > before


def wipe(home: Home) -> None:
    for kept in home.broker.glob("appendonly*"):
        shutil.rmtree(kept)


def garble(home: Home) -> None:
    (stored,) = (home.broker / "appendonlydir").glob("*.incr.aof")
    stored.write_bytes(b"garbage\r\n" * 100)


def ask_worker(home: Home, what: str) -> None:
    """Tell the worker by Celery's remote control to take messages, or none; once it does so."""
    app = celery_app.create_app(home, settings_module.load())
    queue = app.conf.task_default_queue

    def is_told() -> bool:
        try:
            return bool(getattr(app.control, what)(queue, reply=True, timeout=1.0))
        except (OperationalError, redis.RedisError):
            return False  # the broker is on its way up

    wait_for(is_told, f"an answer to {what}")


def messages(home: Home) -> int:
    """How many messages wait in the broker."""
    app = celery_app.create_app(home, settings_module.load())
    with app.connection_for_read() as connection:
        return int(connection.default_channel.client.llen(app.conf.task_default_queue))


@pytest.mark.parametrize("spoil", [wipe, pytest.param(garble, marks=pytest.mark.long)])
def test_a_lost_broker_with_all_its_messages_loses_no_stage(
    home: Home, new_run: NewRun, spoil: Callable[[Home], None]
) -> None:
    """Case 6. The broker is killed, and the messages that it had taken are lost with its store.

    All run once; `worker status` and the screen say what happened, and the guard's log says more.
    """
    names = [f"s{n}" for n in range(6)]
    held = stage("z", HOLD.replace("go", "go-z"))
    run = new_run(stage("a", HOLD), *(stage(name, NOTE, "a") for name in names), held)
    run.process("a")
    run.process("z")
    pid = background.broker_pid(home)
    ask_worker(home, "cancel_consumer")  # the broker takes messages, and nobody gets them
    run.go()
    wait_for(lambda: messages(home) == 2, "messages for the places that are free")
    os.kill(pid, signal.SIGKILL)
    wait_for_death(pid)
    spoil(home)
    ask_worker(home, "add_consumer")
    assert messages(home) == 0
    for name in names:
        run.wait_for(name, Status.COMPLETED)
    assert broker.find_pid(home) != pid
    (problem,) = lifecycle.status()["problems"]
    assert problem.startswith("the broker died and was restarted at ")
    assert problem.endswith(": its messages were lost and are sent again")
    with terminal(program=screen_on(run)) as shown:
        shown.until_shown("its messages were lost and are sent again")
    (run.directory / "go-z").touch()
    run.completed_once("a", "z", *names)
    if spoil is garble:
        log = (home.worker / "guard.log").read_text()
        assert "the broker's data is damaged; moved it to" in log


@contextmanager
def hanging_broker(home: Home) -> Iterator[None]:
    """Suspend the broker for a while."""
    broker = background.broker_pid(home)
    os.kill(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker, signal.SIGCONT)


@contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


def test_a_hanging_broker_delays_the_worker_alone(home: Home, new_run: NewRun) -> None:
    """Case 9. The broker is suspended while a stage runs.

    Submitting, resuming, cancelling and asking for the status return at once; a stage that runs is
    cancelled meanwhile; once the broker continues, the same worker runs the rest.
    """
    worker = background.worker_pid(home)
    failed = new_run(stage("a", NOTE + "[ -e go ]"))
    assert failed.wait().status == Status.FAILED
    running = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    running.process("a")
    failed.go()
    with hanging_broker(home):
        with at_once():
            submitted = new_run(stage("a", NOTE))
        with at_once():
            assert control.resume(failed.id) == ["a"]
        with at_once():
            assert not lifecycle.status()["broker"]["reachable"]
        with at_once():
            lifecycle.ensure_started()
        control.cancel(running.id)
        running.wait_for("a", Status.CANCELLED)
        assert submitted.statuses() == {"a": "queued"}
    submitted.completed_once("a")
    assert failed.wait().status == Status.COMPLETED
    assert failed.lines("ledger") == ["a 1", "a 2"]
    assert background.worker_pid(home) == worker


def test_a_broker_that_hangs_permanently_is_replaced(home: Home, new_run: NewRun) -> None:
    """As the guard does it; only a minute's clock is turned on by hand."""
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    hanging, settings = background.broker_pid(home), settings_module.load()
    watched = health.Heartbeat(
        home,
        health.BROKER_CHECK,
        lambda: broker.answers(home, settings),
        lambda: broker.end_hanging(home, settings),
    )
    watched.poll(0.0)
    assert health.silent_since(home, health.BROKER_CHECK) is None
    os.kill(hanging, signal.SIGSTOP)
    watched.poll(health.POLL_EVERY)
    assert health.silent_since(home, health.BROKER_CHECK)
    watched.poll(2 * health.POLL_EVERY)
    assert broker.find_pid(home) == hanging
    watched.poll(health.POLL_EVERY + health.BROKER_CHECK.hangs_for)
    wait_for_death(hanging)
    assert health.silent_since(home, health.BROKER_CHECK) is None
    run.go()
    run.completed_once("a", "b")
    assert background.broker_pid(home) != hanging


@pytest.mark.long
def test_with_a_broker_that_hangs_the_screen_opens_and_acts(home: Home, new_run: NewRun) -> None:
    """Case 9, the screen. It shows a run, moves, and cancels it, with nobody to ask."""
    run = new_run(stage("a", HOLD))
    run.process("a")
    with hanging_broker(home), terminal(program=screen_on(run)) as shown:
        shown.until_shown("● running", "broker does not answer")
        shown.press("x")
        shown.until_shown("Cancel")
        shown.press("y")
        run.wait_for("a", Status.CANCELLED)
        shown.until_shown("cancelled")
        shown.press("q")
        assert shown.ended() == 0


def screen_on(run: Run) -> str:
    return f"import sys; from trainui.tui.start import run_screen; sys.exit(run_screen({run.id!r}))"
