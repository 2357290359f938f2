"""Processes of their own: apart from us, private, and ended for certain."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import is_alive, wait_for
from trainui.execution.processes import spawn


def ended(pid: int) -> bool:
    return not is_alive(pid)


def test_it_has_a_session_of_its_own_and_nothing_of_ours(tmp_path: Path) -> None:
    log, reader = tmp_path / "log", os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(reader, True)
    script = "umask; pwd; ps -o sid= -p $$; readlink /proc/$$/fd/0; ls /proc/$$/fd"
    process = spawn.spawn(["sh", "-c", script], log)
    os.close(reader)
    assert process.wait() == 0
    umask, cwd, session, stdin, *descriptors = log.read_text().split()
    assert (umask, cwd, stdin) == ("0077", "/", "/dev/null")
    assert int(session) == process.pid
    assert descriptors == ["0", "1", "2"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_it_finds_our_modules_and_not_those_that_lie_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "found_by_relative_path.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "here")
    code = "import trainui, found_by_relative_path, sys; assert '' not in sys.path, sys.path"
    process = spawn.spawn([sys.executable, "-P", "-c", code], tmp_path / "log")
    assert process.wait() == 0, (tmp_path / "log").read_text()


def test_a_log_that_has_grown_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (1 << 20) + b"y")
    spawn.spawn(["echo", "new"], log).wait()
    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").stat().st_size == (1 << 20) + 1


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn.spawn(["/nowhere/program"], tmp_path / "log")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done", 3),
        ("trap '' TERM; echo up; while :; do sleep 0.01; done", -signal.SIGKILL),
        ("trap 'exit 3' TERM; echo up; kill -STOP $$; while :; do sleep 0.01; done", 3),
    ],
    ids=["heeds TERM", "ignores TERM", "is stopped"],
)
def test_ending_ends(tmp_path: Path, script: str, code: int) -> None:
    process = spawn.spawn(["sh", "-c", script], tmp_path / "log")
    wait_for(lambda: spawn.read_tail(tmp_path / "log") == "up")
    assert spawn.end(process.pid, lambda: process.poll() is not None, grace=0.5)
    assert process.returncode == code


def test_ending_what_has_ended_is_a_success(tmp_path: Path) -> None:
    process = spawn.spawn(["true"], tmp_path / "log")
    process.wait()
    assert spawn.end(process.pid, lambda: ended(process.pid), grace=0.1)


def test_the_end_of_a_log_is_shown_from_a_byte_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert spawn.read_tail(log) == ""
    log.write_text("old\n" + "".join(f"{number}\n" for number in range(30)))
    assert spawn.read_tail(log, 4, lines=2) == "28\n29"
    assert spawn.read_tail(log, 4, lines=99).startswith("0\n")


def test_a_child_started_before_exec_is_reaped_with_its_exit_code(tmp_path: Path) -> None:
    parent = (
        "import os, signal, sys\n"
        "from tests.unit.supervisor.waiting import wait_for\n"
        "from trainui.execution.processes import spawn\n"
        "child = spawn.InheritedChild(int(sys.argv[1]))\n"
        "assert child.poll() is None\n"
        "os.kill(child.pid, signal.SIGKILL)\n"
        "wait_for(lambda: child.poll() is not None)\n"
        "assert child.poll() == -signal.SIGKILL\n"
    )
    program = tmp_path / "it's the parent.py"
    program.write_text(parent)
    argv = spawn.with_child([sys.executable, str(program)], ["sleep", "600"])
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    assert subprocess.run(argv, env=environ).returncode == 0


def test_a_child_that_the_shell_reaped_before_exec_has_ended() -> None:
    parent = (
        "import sys; from trainui.execution.processes import spawn; "
        "assert spawn.InheritedChild(int(sys.argv[1])).poll() == 0"
    )
    become = shlex.join([sys.executable, "-c", parent])
    argv = ["/bin/sh", "-c", f"true & wait $!; exec {become} $!"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    assert subprocess.run(argv, env=environ).returncode == 0
