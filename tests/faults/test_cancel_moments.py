"""A cancel at each moment of a stage's life: it ends cancelled, or as it had ended already."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, stage, wait_until_taken
from tests.unit.supervisor.waiting import wait_for, wait_for_exit
from trainui import control
from trainui.model.states import Status
from trainui.paths import Home
from trainui.supervisor import supervise
from trainui.supervisor.process import processes_of

Moment = Callable[[Home, Path], AbstractContextManager[Run]]
"""Holds a run's stage `a` at a moment of its life, while the block runs."""


def run_of(directory: Path, script: str = HOLD, **fields: Any) -> Run:
    return Run(directory, stage("a", script, **fields), stage("b", NOTE, "a"))


@contextmanager
def paused_queue() -> Iterator[None]:
    control.set_paused(True)
    try:
        yield
    finally:
        control.set_paused(False)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def queued(home: Home, directory: Path) -> Iterator[Run]:
    with paused_queue():
        run = run_of(directory)
        run.until("a", lambda found: found.reason == "the queue is paused", "waiting")
        yield run


@contextmanager
def granted(home: Home, directory: Path) -> Iterator[Run]:
    with stopped(background.broker_pid(home)):  # nobody gets the message
        run = run_of(directory)
        wait_for(lambda: run.attempts("a"), "an attempt")
        assert run.attempt("a").status == Status.QUEUED
        yield run


@contextmanager
def starting(home: Home, directory: Path) -> Iterator[Run]:
    with stopped(fork_server_of(background.worker_pid(home))):  # nothing forks a supervisor
        run = run_of(directory)
        wait_for(lambda: run.stage("a").status == Status.RUNNING, "a claim")
        yield run


def fork_server_of(worker: int) -> int:
    """The pid of the process that forks a worker's supervisors."""

    def find() -> int | None:
        children = psutil.Process(worker).children()
        return next((one.pid for one in children if supervise.__file__ in one.cmdline()), None)

    return wait_for(find, "the fork server")


@contextmanager
def running(home: Home, directory: Path) -> Iterator[Run]:
    run = run_of(directory, retries=2)
    run.process("a")
    yield run


@contextmanager
def waiting_for_a_retry(home: Home, directory: Path) -> Iterator[Run]:
    run = run_of(directory, NOTE + "exit 1", retries=2, retry_delay="1h")
    run.until("a", lambda found: "retry" in str(found.reason), "waiting for a retry")
    yield run


@contextmanager
def ending(home: Home, directory: Path) -> Iterator[Run]:
    run = run_of(directory)
    attempt = run.process("a")
    with stopped(background.worker_pid(home)):
        run.go()
        wait_for_exit(Path(attempt.directory))
        assert run.stage("a").status == Status.RUNNING
        yield run


@pytest.mark.parametrize(
    ("moment", "end", "attempts"),
    [
        (queued, "cancelled", []),
        pytest.param(granted, "cancelled", ["cancelled"], marks=pytest.mark.long),
        (starting, "cancelled", ["cancelled"]),
        (running, "cancelled", ["cancelled"]),
        (waiting_for_a_retry, "cancelled", ["failed"]),
        (ending, "completed", ["completed"]),
    ],
)
def test_a_cancel_at_any_moment_leaves_one_end(
    home: Home, tmp_path: Path, moment: Moment, end: str, attempts: list[str]
) -> None:
    with moment(home, tmp_path / "run") as run:
        assert control.cancel(run.id) == ["a", "b"]
    assert run.wait().status == Status.CANCELLED
    # a later run shows that the worker looked again, and took every message
    assert run_of(tmp_path / "later", NOTE).wait().status == Status.COMPLETED
    wait_until_taken()
    assert run.statuses() == {"a": end, "b": "cancelled"}
    assert [str(attempt.status) for attempt in run.attempts("a")] == attempts
    assert run.attempts("b") == []
    assert run.lines("ledger") in ([], ["a 1"])
    assert processes_of({"TRAINUI_RUN_ID": run.id}) == []
