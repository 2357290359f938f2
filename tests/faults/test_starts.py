"""Many processes start the same thing at once: there is one of it, and the others say so."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil

from tests.integration import background
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import PATIENCE, wait_for, wait_for_death, wait_for_exit
from trainui import paths
from trainui.execution import broker, processes
from trainui.execution.daemon import health, lifecycle
from trainui.execution.daemon.health import EXIT_HELD
from trainui.paths import Home
from trainui.supervisor import process
from trainui.supervisor.process import ForkServer
from trainui.supervisor.protocol import Spec
from trainui.supervisor.supervise import ALREADY, STARTED

AT_ONCE = 8 if LONG else 4


def test_simultaneous_starts_make_one_each_and_survive_a_stop(
    trainui_home: Home,
) -> None:
    """Case 10. Many processes start the worker: one guard, one worker, one broker, all succeed.

    A start that falls into a stop wins.
    """
    code = (
        "from trainui.execution.daemon import lifecycle; "
        f"lifecycle.ensure_started(wait={background.PATIENCE})"
    )
    starters = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(AT_ONCE)]
    assert [starter.wait() for starter in starters] == [0] * AT_ONCE
    log = (trainui_home.worker / "guard.log").read_text()
    assert log.count("started the worker") == 1
    assert log.count("started the broker") == 1

    holder = background.worker_pid(trainui_home)
    others = [
        subprocess.Popen(
            processes.module_argv("trainui.execution.worker"), stderr=subprocess.PIPE, text=True
        )
        for _ in range(AT_ONCE)
    ]
    for other in others:
        assert f"is already running, pid {holder}" in other.communicate()[1]
        assert other.returncode == EXIT_HELD

    stopper = threading.Thread(target=lifecycle.stop)
    stopper.start()
    wait_for(lambda: not processes.is_worker_wanted(trainui_home))
    lifecycle.ensure_started()
    stopper.join()
    background.worker_pid(trainui_home)
    assert processes.is_worker_wanted(trainui_home)


def test_an_early_worker_serves_the_run_below_the_guard(trainui_home: Home) -> None:
    others = set(psutil.Process().children())  # of earlier tests, e.g. a database server
    with processes.early_worker():
        (shell,) = set(psutil.Process().children()) - others
        (worker,) = wait_for(shell.children, "the early worker")
        lifecycle.ensure_started(wait=background.PATIENCE)
        assert background.worker_pid(trainui_home) == worker.pid
        assert background.guard_pid(trainui_home) == shell.pid
    background.kill(worker.pid, trainui_home.worker_lock)
    assert background.worker_pid(trainui_home) != worker.pid
    end = health.last_end(trainui_home)
    assert end is not None
    assert (end.pid, end.code) == (worker.pid, -signal.SIGKILL)


def test_an_early_worker_waits_for_a_slow_command(trainui_home: Home) -> None:
    """It reads the command's pipe; from an empty stdin it would exit before it is wanted."""
    others = set(psutil.Process().children())  # of earlier tests, e.g. a database server
    with processes.early_worker():
        (shell,) = set(psutil.Process().children()) - others
        (worker,) = wait_for(shell.children, "the early worker")
        wait_for(lambda: worker.cmdline()[-1] == processes.EARLY, "the worker's program")
        pipes = {Path(f"/proc/{pid}/fd/0").readlink() for pid in (shell.pid, worker.pid)}
    assert len(pipes) == 1
    wait_for_death(worker.pid, shell.pid)


def test_a_guard_replaces_an_early_worker_that_died_before_it(trainui_home: Home) -> None:
    others = set(psutil.Process().children())  # of earlier tests, e.g. a database server
    with processes.early_worker():
        (shell,) = set(psutil.Process().children()) - others
        (worker,) = wait_for(shell.children, "the early worker")
        worker.kill()
        wait_for_death(worker.pid)
        lifecycle.ensure_started(wait=background.PATIENCE)
        assert background.worker_pid(trainui_home) != worker.pid
        assert background.guard_pid(trainui_home) == shell.pid


def test_an_early_worker_vanishes_with_its_refused_or_killed_command(
    trainui_home: Home,
) -> None:
    code = (
        "import psutil\n"
        "from trainui.execution import processes\n"
        "with processes.early_worker():\n"
        "    (shell,) = psutil.Process().children()\n"
        "    while not shell.children(): pass\n"
        "    print(shell.pid, shell.children()[0].pid, flush=True)\n"
        "    {}"
    )
    for end in ("1/0", "psutil.Process().kill()"):
        with subprocess.Popen(
            [sys.executable, "-c", code.format(end)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as command:
            assert command.stdout is not None
            pids = [int(word) for word in command.stdout.readline().split()]
            wait_for_death(*pids)
        assert not trainui_home.root.exists()


def test_the_worker_starts_beside_the_broker(trainui_home: Home) -> None:
    """A broker that takes long to start does not keep the worker from being started."""
    for directory in (trainui_home.root, trainui_home.broker):
        paths.make_private(directory)
    held = processes.acquire_lock(broker.lock_path(trainui_home))
    assert held is not None
    with held:  # as if another process were starting the broker
        lifecycle.ensure_started()
        wait_for(lambda: processes.is_held(trainui_home.worker_lock), "the worker")
        assert not trainui_home.broker_socket.exists()
    background.broker_pid(trainui_home)
    background.worker_pid(trainui_home)


def test_of_many_supervisors_of_one_attempt_one_runs_it(tmp_path: Path) -> None:
    """Case 10, an attempt. Fork servers start it at once: it runs once; all but one say it did."""
    spec = Spec(("sh", "-c", "echo ran; sleep 0.2"), cwd=str(tmp_path), env={"PATH": "/bin"})
    attempt_dir = tmp_path / "attempt-1"
    attempt_dir.mkdir(mode=0o700)
    process.create_lock(attempt_dir)
    (attempt_dir / "spec.json").write_text(spec.to_json())

    def start(_: int) -> tuple[int, int, str]:
        with closing(ForkServer()) as server:
            return server.ask(attempt_dir, PATIENCE)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sorted(pool.map(start, range(AT_ONCE)))
    assert [code for code, _, _ in answers] == [STARTED] + [ALREADY] * (AT_ONCE - 1)
    assert sum("was started before" in message for _, _, message in answers) == AT_ONCE - 1
    wait_for_exit(attempt_dir)
    assert (attempt_dir / "stdout.log").read_text() == "ran\n"
