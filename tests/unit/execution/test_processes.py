"""Processes of their own: apart from us, private, and ended for certain."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from tests.unit.supervisor.waiting import is_alive, wait_for
from trainui.execution import processes
from trainui.execution.processes import MAX_DELAY, RespawnedProcess
from trainui.paths import Home

DAY = 86_400 * 10**9


def ended(pid: int) -> bool:
    return not is_alive(pid)


def test_a_process_has_its_own_session_and_nothing_of_ours(tmp_path: Path) -> None:
    log, reader = tmp_path / "log", os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(reader, True)
    script = "umask; pwd; ps -o sid= -p $$; readlink /proc/$$/fd/0; ls /proc/$$/fd"
    process = processes.spawn(["sh", "-c", script], log)
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
    process = processes.spawn([sys.executable, "-P", "-c", code], tmp_path / "log")
    assert process.wait() == 0, (tmp_path / "log").read_text()


def test_a_log_that_has_grown_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (1 << 20) + b"y")
    processes.spawn(["echo", "new"], log).wait()
    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").stat().st_size == (1 << 20) + 1


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        processes.spawn(["/nowhere/program"], tmp_path / "log")


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
    process = processes.spawn(["sh", "-c", script], tmp_path / "log")
    wait_for(lambda: processes.read_tail(tmp_path / "log") == "up")
    assert processes.end(process.pid, lambda: process.poll() is not None, grace=0.5)
    assert process.returncode == code


def test_ending_what_has_ended_is_a_success(tmp_path: Path) -> None:
    process = processes.spawn(["true"], tmp_path / "log")
    process.wait()
    assert processes.end(process.pid, lambda: ended(process.pid), grace=0.1)


def test_the_end_of_a_log_is_shown_from_a_byte(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert processes.read_tail(log) == ""
    log.write_text("old\n" + "".join(f"{number}\n" for number in range(30)))
    assert processes.read_tail(log, 4, lines=2) == "28\n29"
    assert processes.read_tail(log, 4, lines=99).startswith("0\n")


def test_a_child_started_before_exec_is_reaped_with_its_code(tmp_path: Path) -> None:
    parent = (
        "import os, signal, sys\n"
        "from tests.unit.supervisor.waiting import wait_for\n"
        "from trainui.execution import processes\n"
        "child = processes.InheritedChild(int(sys.argv[1]))\n"
        "assert child.poll() is None\n"
        "os.kill(child.pid, signal.SIGKILL)\n"
        "wait_for(lambda: child.poll() is not None)\n"
        "assert child.poll() == -signal.SIGKILL\n"
    )
    program = tmp_path / "it's the parent.py"
    program.write_text(parent)
    argv = processes.with_child([sys.executable, str(program)], ["sleep", "600"])
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run(argv, env=environ).returncode == 0


def test_a_child_that_the_shell_reaped_before_exec_has_ended() -> None:
    parent = (
        "import sys; from trainui.execution import processes; "
        "assert processes.InheritedChild(int(sys.argv[1])).poll() == 0"
    )
    become = shlex.join([sys.executable, "-c", parent])
    argv = ["/bin/sh", "-c", f"true & wait $!; exec {become} $!"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run(argv, env=environ).returncode == 0


class FakeProcess:
    """A process that ends when the test says so."""

    pid = 4711

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


class World:
    """One kept process whose life is the test's to decide."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.alive = False
        self.starts: list[float] = []
        self.now = 0.0
        self.kept = RespawnedProcess("thing", self._spawn, lambda: self.alive)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.processes.append(FakeProcess())
        self.starts.append(self.now)
        return cast("subprocess.Popen[bytes]", self.processes[-1])

    def poll(self, now: float) -> None:
        self.now = now
        self.kept.poll(now)

    def die(self) -> None:
        self.processes[-1].code = 1
        self.alive = False


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_started_at_once(world: World) -> None:
    world.poll(100.0)
    assert world.starts == [100.0]


def test_a_starting_process_is_not_started_twice(world: World) -> None:
    for now in (0.0, 10.0, 100.0):
        world.poll(now)
    assert world.starts == [0.0]
    assert not world.kept.is_settled()


def test_one_that_somebody_else_started_is_left_alone(world: World) -> None:
    world.alive = True
    world.poll(0.0)
    assert world.starts == []
    assert world.kept.is_settled()


def test_one_that_dies_at_once_is_respawned_with_backoff(world: World) -> None:
    for tenth in range(0, 2000):
        world.poll(tenth / 10)
        world.die()
    pauses = [round(later - sooner, 1) for sooner, later in pairwise(world.starts)]
    assert pauses[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6], abs=0.11)
    assert max(pauses) == pytest.approx(MAX_DELAY, abs=0.11)
    assert pauses == sorted(pauses)


def test_one_that_lived_a_minute_is_started_again_at_once(world: World) -> None:
    for tenth in range(0, 600):
        world.poll(tenth / 10)
        world.die()
    world.poll(world.kept.due)
    start = world.starts[-1]
    world.alive = True
    world.poll(start + 1)
    world.poll(start + 62)
    world.die()
    world.poll(start + 63)
    assert world.starts[-1] == start + 63
    world.die()
    world.poll(start + 63.1)
    assert world.starts[-1] == start + 63
    world.poll(start + 63.3)
    assert world.starts[-1] == start + 63.3


def test_its_end_is_noticed_while_what_it_made_lives_on(world: World) -> None:
    world.poll(0.0)
    world.alive = True
    world.processes[-1].code = 0
    world.poll(1.0)
    assert world.kept.process is None
    assert world.starts == [0.0]


def test_an_error_while_noting_an_end_prevents_no_further_start(world: World) -> None:
    def note(_pid: int, _code: int) -> None:
        raise OSError("no space left")

    world.kept.on_end = note
    world.poll(0.0)
    world.die()
    with pytest.raises(OSError, match="no space"):
        world.poll(1.0)
    world.poll(2.0)
    assert world.starts == [0.0, 2.0]


def test_the_log_reports_no_end_of_a_start_that_ended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trainui")
    world.poll(0.0)
    world.alive, world.processes[-1].code = True, 0
    world.poll(1.0)
    assert caplog.messages[-1] == "the thing runs; pid 4711, which started it, has ended"
    world.die()
    world.poll(2.0)
    assert not world.kept.is_settled()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.worker.mkdir()
    return home


def test_it_is_not_wanted_before_the_first_request(home: Home) -> None:
    assert not processes.is_worker_wanted(home)


def test_the_last_wish_counts(home: Home) -> None:
    for _ in range(3):
        processes.want_worker(home)
        assert processes.is_worker_wanted(home)
        processes.withdraw_worker(home)
        assert not processes.is_worker_wanted(home)


def test_the_last_wish_counts_though_the_clock_went_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.want_worker(home)
    yesterday = time.time_ns() - DAY
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    processes.withdraw_worker(home)
    assert not processes.is_worker_wanted(home)
    processes.want_worker(home)
    assert processes.is_worker_wanted(home)


def test_a_request_after_the_look_is_not_withdrawn(home: Home) -> None:
    processes.want_worker(home)
    seen = processes.worker_wanted_at(home)
    processes.want_worker(home)
    processes.withdraw_worker_as_seen(home, seen)
    assert processes.is_worker_wanted(home)


def test_a_request_after_the_look_survives_a_clock_change(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.want_worker(home)
    seen = processes.worker_wanted_at(home)
    yesterday = time.time_ns() - DAY
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    processes.want_worker(home)
    processes.withdraw_worker_as_seen(home, seen)
    assert processes.is_worker_wanted(home)


def test_a_wish_that_was_seen_is_withdrawn(home: Home) -> None:
    processes.want_worker(home)
    processes.withdraw_worker_as_seen(home, processes.worker_wanted_at(home))
    assert not processes.is_worker_wanted(home)


def test_a_later_stop_is_not_undone_by_an_idle_worker(home: Home) -> None:
    processes.want_worker(home)
    processes.withdraw_worker(home)
    stopped_at = processes.worker_withdrawn_at(home)
    processes.withdraw_worker_as_seen(home, processes.worker_wanted_at(home))
    assert processes.worker_withdrawn_at(home) == stopped_at


def test_many_may_wish_at_once(home: Home) -> None:
    failures: list[BaseException] = []

    def wish() -> None:
        try:
            for _ in range(50):
                processes.want_worker(home)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=wish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert processes.is_worker_wanted(home)


def test_a_stamp_that_cannot_be_read_is_no_wish(home: Home) -> None:
    (home.worker / "wanted").write_text("\0\0\0")
    assert not processes.is_worker_wanted(home)
