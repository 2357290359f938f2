"""Launchers that wait: used once each, replaced when killed, gone with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import is_alive, wait_for, wait_for_death, wait_for_exit
from trainui.supervisor import process
from trainui.supervisor.process import LaunchState
from trainui.supervisor.protocol import Spec
from trainui.supervisor.spares import Spares


@pytest.fixture
def spares() -> Iterator[Spares]:
    spares = Spares(2)
    yield spares
    spares.close()


def launch(directory: Path, spares: Spares) -> LaunchState:
    directory.mkdir(mode=0o700, exist_ok=True)
    spec = Spec(("sh", "-c", "echo $PPID; exit 3"), str(directory), dict(os.environ))
    return process.launch(directory, spec, spares=spares).state


def waiting(spares: Spares) -> list[int]:
    return [launcher.pid for launcher in spares._waiting]


def test_a_spare_launches_one_attempt(tmp_path: Path, spares: Spares) -> None:
    spares.refill()
    first, second = waiting(spares)
    assert launch(tmp_path / "a", spares) == LaunchState.STARTED
    assert wait_for_exit(tmp_path / "a").exit_code == 3
    assert waiting(spares) == [first]
    assert not is_alive(second)
    spares.refill()
    assert len(waiting(spares)) == 2
    assert launch(tmp_path / "a", spares) == LaunchState.ALREADY


def test_with_no_spare_left_it_is_launched_all_the_same(tmp_path: Path, spares: Spares) -> None:
    assert launch(tmp_path / "a", spares) == LaunchState.STARTED
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_killed_spares_hinder_nothing(tmp_path: Path, spares: Spares) -> None:
    spares.refill()
    for pid in waiting(spares):
        os.kill(pid, signal.SIGKILL)
    assert launch(tmp_path / "a", spares) == LaunchState.STARTED
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_a_spare_that_dies_as_it_is_asked_hinders_nothing(tmp_path: Path) -> None:
    class Dying(Spares):
        def take(self) -> subprocess.Popen[bytes] | None:
            launcher = super().take()
            assert launcher is not None
            os.kill(launcher.pid, signal.SIGKILL)
            wait_for_death(launcher.pid)
            return launcher

    spares = Dying(1)
    spares.refill()
    assert launch(tmp_path / "a", spares) == LaunchState.STARTED
    assert wait_for_exit(tmp_path / "a").exit_code == 3


def test_spares_end_when_they_are_not_needed(spares: Spares) -> None:
    spares.refill()
    pids = waiting(spares)
    spares.close()
    wait_for_death(*pids)


def test_spares_end_with_who_started_them() -> None:
    script = (
        "from trainui.supervisor.spares import Spares\n"
        "spares = Spares(2)\nspares.refill()\n"
        "print(*(one.pid for one in spares._waiting), flush=True)\nimport time\ntime.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert all(is_alive(pid) for pid in pids)
        starter.kill()
    wait_for_death(*pids)


def test_spares_get_an_attempts_variables_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_STAGE", "of the one who started us")
    spares = Spares(1, without=["TRAINUI_STAGE"])
    try:
        spares.refill()
        (pid,) = waiting(spares)
        environ = Path(f"/proc/{pid}/environ")
        # for a moment after it was started a process shows none
        wait_for(lambda: environ.read_bytes(), "the environment of a spare")
        carried = environ.read_bytes().split(b"\0")
    finally:
        spares.close()
    assert [line for line in carried if line.startswith(b"TRAINUI_STAGE")] == [b"TRAINUI_STAGE="]
