"""The process that forks supervisors: replaced when killed, gone with whoever started it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.supervisor import launching
from tests.unit.supervisor.waiting import is_alive, wait_for, wait_for_death, wait_for_exit
from trainui.plugin.backends import LaunchAnswer
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ForkServer, NoAnswerError
from trainui.supervisor.protocol import Spec
from trainui.supervisor.supervise import read_process


@pytest.fixture
def own() -> Iterator[ForkServer]:
    own = ForkServer()
    yield own
    own.close()


def launch(directory: Path, own: ForkServer, script: str = "exit 3") -> LaunchAnswer:
    directory.mkdir(mode=0o700, exist_ok=True)
    process.create_lock(directory)
    spec = Spec(("sh", "-c", script), str(directory), dict(os.environ))
    return launching.launch(directory, spec, fork_server=own).state


def pid_of(own: ForkServer) -> int:
    assert own.pid is not None
    return own.pid


def suspend(pid: int) -> None:
    """Stop a process, and see it stopped: until then it may still take what it is sent."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: b") T " in Path(f"/proc/{pid}/stat").read_bytes(), f"{pid} suspended")


def test_one_process_starts_many_attempts_each_once(tmp_path: Path, own: ForkServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda n: launch(tmp_path / f"{n}", own), range(20)))
    assert set(started) == {LaunchAnswer.STARTED}
    pid = pid_of(own)
    for number in range(20):
        assert wait_for_exit(tmp_path / f"{number}").exit_code == 3
    assert launch(tmp_path / "0", own) == LaunchAnswer.ALREADY
    assert own.pid == pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    assert not children.read_text().split()


def test_a_supervisor_is_no_child_of_it_and_outlives_it(tmp_path: Path, own: ForkServer) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    assert launch(tmp_path / "a", own, f"read x < {gate}; exit 3") == LaunchAnswer.STARTED
    pids = protocol.read_pids(tmp_path / "a")
    assert pids is not None
    found = read_process(pids.supervisor_pid)
    assert found is not None
    assert found.parent != own.pid
    assert found.session == pids.supervisor_pid
    own.close()
    gate.write_text("go\n")
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_the_attempts_process_has_only_its_three_streams(tmp_path: Path, own: ForkServer) -> None:
    assert launch(tmp_path / "a", own, "exec ls /proc/self/fd") == LaunchAnswer.STARTED
    wait_for_exit(tmp_path / "a")
    its_own = "3"  # of the directory that it lists
    assert (tmp_path / "a" / "stdout.log").read_text().split() == ["0", "1", "2", its_own]


def test_one_that_was_killed_is_replaced(tmp_path: Path, own: ForkServer) -> None:
    own.prepare()
    first = pid_of(own)
    os.kill(first, signal.SIGKILL)
    assert launch(tmp_path / "a", own) == LaunchAnswer.STARTED
    assert own.pid != first
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_one_that_dies_while_it_is_probed_blocks_nothing(
    tmp_path: Path, own: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.prepare()
    first = pid_of(own)
    suspend(first)
    real = process._read_all

    def killed_once(reader: int, patience: float) -> bytes:
        if is_alive(first):  # it has been handed the directory by now
            os.kill(first, signal.SIGKILL)
        return real(reader, patience)

    monkeypatch.setattr(process, "_read_all", killed_once)
    assert launch(tmp_path / "a", own) == LaunchAnswer.STARTED
    assert own.pid != first
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_a_supervisor_keeps_nobody_waiting_for_one_that_died(
    tmp_path: Path, own: ForkServer
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    assert launch(tmp_path / "a", own, f"read x < {gate}; exit 3") == LaunchAnswer.STARTED
    suspend(pid_of(own))
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(own.ask, tmp_path / "b", 30.0)
        wait_for(lambda: is_sent(own), "the question")
        os.kill(pid_of(own), signal.SIGKILL)
        with pytest.raises(NoAnswerError, match="ended before it answered"):
            asked.result()
    gate.write_text("go\n")
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def is_sent(own: ForkServer) -> bool:
    """Whether something waits in the socket for a fork_server to read it."""
    assert own._running is not None
    waiting = fcntl.ioctl(own._running[1], termios.TIOCOUTQ, b"\0" * 4)
    return any(waiting)


def test_one_that_hangs_is_replaced(
    tmp_path: Path, own: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.prepare()
    first = pid_of(own)
    suspend(first)
    (tmp_path / "a").mkdir(mode=0o700)
    process.create_lock(tmp_path / "a")
    spec = Spec(("true",), str(tmp_path), dict(os.environ))
    asked = own.ask
    patiences = iter([0.1, 60.0])
    monkeypatch.setattr(own, "ask", lambda directory, _: asked(directory, next(patiences)))
    found = launching.launch(tmp_path / "a", spec, fork_server=own)
    assert found.state == LaunchAnswer.STARTED
    assert own.pid != first
    wait_for_death(first)


def test_it_ends_when_it_is_not_needed(own: ForkServer) -> None:
    own.prepare()
    pid = pid_of(own)
    own.close()
    wait_for_death(pid)


def test_it_ends_with_who_started_it() -> None:
    script = (
        "from trainui.supervisor.process import ForkServer\n"
        "own = ForkServer()\nown.prepare()\nprint(own.pid, flush=True)\n"
        "import time\ntime.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        starter.kill()
    wait_for_death(pid)


def test_it_gets_an_attempts_variables_empty(
    own: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_STAGE", "of the one who started us")
    own.prepare()
    environ = Path(f"/proc/{pid_of(own)}/environ")
    # for a moment after it was started a process shows none
    wait_for(lambda: environ.read_bytes(), "its environment")
    carried = environ.read_bytes().split(b"\0")
    assert [line for line in carried if line.startswith(b"TRAINUI_STAGE")] == [b"TRAINUI_STAGE="]
