"""Adopted processes: a cancellation that outlives the worker, and stalls that no log shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.control.trainings import external
from trainui.errors import UsageError
from trainui.execution.external import adopted_processes
from trainui.execution.external.external_watch import ExternalWatch
from trainui.execution.gpu.nvml import Gpu
from trainui.execution.stall.detector import StallDetector
from trainui.model.states import Status
from trainui.settings import host
from trainui.store.db.engine import Store
from trainui.store.read import views
from trainui.store.runs import external_runs

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python programs, and ends them and what they have started."""
    started: list[subprocess.Popen[bytes]] = []

    def program(text: str) -> subprocess.Popen[bytes]:
        none = subprocess.DEVNULL
        command = [sys.executable, "-c", text]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=none, stderr=none)
        started.append(process)
        wait_for(lambda: (tmp_path / "ready").exists(), "the program")
        return process

    yield program
    for process in started:
        process.kill()
        process.wait()


def status_of(run: str) -> Status:
    with closing(views.connect()) as connection:
        return views.find_run(connection, run).status


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.mkdir("ready")  # no file, which could be seen open
time.sleep(600)
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"


def test_a_worker_that_restarts_during_a_cancellation_still_knows_the_children(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = start(PARENT)
    (child,) = psutil.Process(leader.pid).children()
    run = external.adopt(leader.pid).run_id
    control.cancel(run)
    ExternalWatch(store, host()).poll()
    leader.wait(30)
    restarted = ExternalWatch(store, host())
    restarted.poll()
    assert (status_of(run), child.is_running()) == (Status.RUNNING, True)
    monkeypatch.setattr(adopted_processes, "GRACE", 0.0)

    def is_cancelled() -> bool:
        restarted.poll()
        return status_of(run) == Status.CANCELLED

    wait_for(is_cancelled, "its end")
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_got_the_pid_is_no_adopted_one(store: Store, start: Start) -> None:
    other = start(STUBBORN)
    external.adopt(other.pid)
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
    assert adopted_processes.is_alive(stage)
    for key, value in (("ticks", stage.external["ticks"] - 1), ("boot", "another")):
        one = replace(stage, external={**stage.external, key: value})
        assert not adopted_processes.is_alive(one)
        assert adopted_processes.Cancellation(one).is_over
        Path(stage.attempt_directory, adopted_processes.RECORD).unlink()
    assert other.poll() is None


WRITER = """
import os, time
file = open("weights.bin", "wb", buffering=0)
open("ready", "w").close()
while True:
    if not os.path.exists("quiet"):
        file.write(b"x")
    time.sleep(0.02)
"""


def is_stalled(run: str) -> bool:
    with closing(views.connect()) as connection:
        (stage,) = views.stages(connection, run)
    return stage.stalled


def test_files_of_unknown_formats_show_that_an_adopted_process_stalls(
    store: Store, start: Start, tmp_path: Path
) -> None:
    run = external.adopt(start(WRITER).pid).run_id
    stalls = StallDetector(store, least_silence=0.5, grace=0.0)
    file = tmp_path / "weights.bin"
    for _ in range(8):
        size = file.stat().st_size
        wait_for(lambda size=size: file.stat().st_size > size, "a write")  # type: ignore[misc]
        stalls.poll()
    assert not is_stalled(run)
    (tmp_path / "quiet").touch()

    def seen() -> bool:
        stalls.poll()
        return is_stalled(run)

    wait_for(seen, "the stall")


def test_an_adopted_process_without_output_stalls_when_its_gpu_is_idle(
    store: Store, start: Start
) -> None:
    process = start(STUBBORN)
    run = external.adopt(process.pid).run_id
    gpu = Gpu(0, "GPU-0", "GPU", pids=(process.pid,), utilisation=90)
    gpus = [gpu]
    stalls = StallDetector(store, least_silence=0.5, grace=0.0, gpus=lambda: gpus)
    for _ in range(8):
        stalls.poll()
    assert not is_stalled(run)
    gpus[:] = [replace(gpu, utilisation=0)]

    def seen() -> bool:
        stalls.poll()
        return is_stalled(run)

    wait_for(seen, "the stall")


def test_a_kernel_thread_is_named_as_such(store: Store) -> None:
    found = (one.pid for one in psutil.process_iter() if one.ppid() == 2 and one.uids().real == 0)
    pid = next(found, None)
    if pid is None or os.getuid() != 0:
        pytest.skip("no kernel thread is visible here, or it is another user's")
    with pytest.raises(UsageError, match="has no command: it belongs to the kernel"):
        external.adopt(pid)
