"""The worker or its metrics reader hangs: it is reported, and replaced."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, stage
from tests.unit.supervisor.waiting import wait_for, wait_for_death
from trainui import wakeup
from trainui.execution.daemon import guard, health, lifecycle, metrics_process
from trainui.execution.daemon.metrics_process import MetricsProcess
from trainui.paths import Home
from trainui.supervisor.supervise import list_processes


def test_a_worker_that_hangs_is_reported_and_replaced(home: Home, new_run: NewRun) -> None:
    """As the guard does it; only two minutes' clock is turned on by hand."""
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    hanging = background.worker_pid(home)
    with closing(wakeup.WorkerProbe(home.wake_socket)) as knock:
        replaced(home, run, hanging, knock)


def replaced(home: Home, run: Run, hanging: int, knock: wakeup.WorkerProbe) -> None:
    watched = health.Heartbeat(
        home,
        health.WORKER_CHECK,
        lambda: knock.is_heard() is not False,
        lambda: guard.end_worker(home),
    )
    watched.poll(0.0)
    wait_for(knock.is_heard, "the worker's answer")
    assert not health.hangs(home)
    os.kill(hanging, signal.SIGSTOP)
    wait_for(lambda: health.hangs(home), "the stop")
    assert health.brief(home, home.database).words == "worker does not answer"
    told = lifecycle.status()
    assert (told["running"], told["pid"]) == (False, hanging)
    (words,) = told["problems"]
    assert words.startswith(f"the worker is suspended by a signal, pid {hanging}: resume it with ")
    run.go()
    watched.poll(health.POLL_EVERY)  # at the latest this knock is heard no more
    watched.poll(2 * health.POLL_EVERY)
    assert health.silent_since(home, health.WORKER_CHECK)
    watched.poll(health.POLL_EVERY + health.WORKER_CHECK.hangs_for - 1)
    assert background.worker_pid(home) == hanging
    watched.poll(3 * health.POLL_EVERY + health.WORKER_CHECK.hangs_for)
    wait_for_death(hanging)
    assert health.silent_since(home, health.WORKER_CHECK) is None
    run.completed_once("a", "b")
    assert background.worker_pid(home) != hanging
    assert lifecycle.status()["problems"] == []


def test_a_stopped_guard_is_reported(home: Home) -> None:
    guard_pid = background.guard_pid(home)
    os.kill(guard_pid, signal.SIGSTOP)
    try:
        (words,) = wait_for(lambda: lifecycle.status()["problems"], "the guard's stop")
        assert words.startswith(f"the guard is suspended by a signal, pid {guard_pid}: ")
    finally:
        os.kill(guard_pid, signal.SIGCONT)
    wait_for(lambda: lifecycle.status()["problems"] == [], "the guard, well again")


@pytest.mark.parametrize("listens", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_reader_that_hangs_is_replaced(
    trainui_home: Home, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    """As the worker does it; the minute is left out. It hangs as it starts, or later."""
    background.start()
    assert lifecycle.stop()  # so that the home is there, and no other reader
    (trainui_home.worker / "metrics.sock").unlink(missing_ok=True)
    reader = MetricsProcess()
    reader.poll()
    try:
        (hanging,) = wait_for(readers, "a reader")
        bell = trainui_home.worker / "metrics.sock"
        wait_for(lambda: bell.exists() or not listens, "a reader that listens")
        os.kill(hanging, signal.SIGSTOP)
        with monkeypatch.context() as minute:
            minute.setattr(metrics_process, "POLL_EVERY", 0.0)
            minute.setattr(metrics_process, "STUCK_FOR", 0.0)
            minute.setattr(metrics_process, "HANGS_FOR", 0.0)
            wait_for(lambda: looked(reader) and hanging not in readers(), "the end of what hangs")
        wait_for(lambda: looked(reader) and readers(), "another")
    finally:
        reader.stop()
        wait_for(reader.has_ended, "the end of those that were killed")


def looked(reader: MetricsProcess) -> bool:
    reader.poll()
    return True


def readers() -> list[int]:
    """The readers that are children of ours."""
    ours = [one.pid for one in list_processes() if one.parent == os.getpid() and not one.dead]
    return [pid for pid in ours if is_reader(pid)]


def is_reader(pid: int) -> bool:
    try:
        return b"trainui.metrics.reader" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
