"""The kernel kills for want of memory: only the stage, and it is said so by evidence alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import background
from tests.integration.runs import Run, home_of_its_own
from tests.unit.supervisor import memory_group
from tests.unit.supervisor.waiting import wait_for
from trainui.model.states import Status
from trainui.paths import Home

GROW = [sys.executable, "-c", "x = []\nwhile True: x.append(bytearray(b'1') * 2**20)"]
BY_THE_KERNEL = "killed by the kernel: out of memory"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose worker, broker and stages share little memory."""
    group = memory_group.make(megabytes=512)

    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    start = [sys.executable, "-m", "trainui", "worker", "start"]
    with home_of_its_own(tmp_path_factory.mktemp("memory")) as home:
        subprocess.run(start, check=True, preexec_fn=enter, capture_output=True)
        yield home
    wait_for(lambda: not (group / "cgroup.procs").read_text(), "an empty group")
    group.rmdir()


def oom_score_adj(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_only_the_stage_dies_and_as_often_as_retries_allow(home: Home, tmp_path: Path) -> None:
    worker, broker = background.worker_pid(home), background.broker_pid(home)
    run = Run(tmp_path / "p", {"name": "grow", "run": GROW, "retries": 1, "retry_delay": "0s"})
    assert run.wait().status == Status.FAILED
    attempts = run.attempts("grow")
    assert [attempt.status for attempt in attempts] == [Status.FAILED, Status.FAILED]
    for attempt in attempts:
        assert attempt.signal == signal.SIGKILL
        words = rf"{BY_THE_KERNEL} \(signal 9, largest process \d+ MB\)"
        assert re.fullmatch(words, attempt.error or "")
    assert (run.stage("grow").reason or "").startswith(BY_THE_KERNEL)
    assert (background.worker_pid(home), background.broker_pid(home)) == (worker, broker)


def test_a_shell_whose_command_is_killed_says_it_too(home: Home, tmp_path: Path) -> None:
    script = f"{GROW[0]} -c 'x = []\nwhile True: x.append(bytearray(2**20) + b\"1\")'; exit $?"
    run = Run(tmp_path / "p", {"name": "grow", "run": script})
    run.wait()
    assert (run.stage("grow").error or "").startswith(f"{BY_THE_KERNEL} (exit code 137, largest")


def test_a_stage_killed_by_hand_had_enough_memory(home: Home, tmp_path: Path) -> None:
    other = Run(tmp_path / "a", {"name": "grow", "run": GROW})  # the group has seen one by now
    other.wait()
    run = Run(tmp_path / "b", {"name": "wait", "run": ["sleep", "60"]})
    attempt = run.process("wait")
    assert attempt.pid is not None
    assert attempt.supervisor_pid is not None
    assert oom_score_adj(attempt.pid) == 500
    assert oom_score_adj(attempt.supervisor_pid) == oom_score_adj(background.worker_pid(home)) < 500
    os.kill(attempt.pid, signal.SIGKILL)
    run.wait()
    assert run.stage("wait").error == "killed by signal 9 (KILL)"


def test_a_full_gpu_is_named(home: Home, tmp_path: Path) -> None:
    words = "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    script = f"echo '{words}' >&2; echo 'terminating 3 workers' >&2; exit 1"
    run = Run(tmp_path / "p", {"name": "train", "run": script})
    run.wait()
    assert (run.stage("train").error or "").splitlines()[
        0
    ] == f"exit code 1: out of memory: {words}"
