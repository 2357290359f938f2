"""Whatever is killed comes back for as long as it is wanted, and nothing stays when it is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration import background
from tests.unit.supervisor.waiting import is_alive, wait_for
from trainui.execution import processes
from trainui.execution.daemon import health, lifecycle
from trainui.paths import Home


@pytest.fixture
def home(trainui_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose worker knows the sample tasks."""
    monkeypatch.setenv("TRAINUI_INCLUDE", '["tests.integration.sample_tasks"]')
    return trainui_home


def test_whatever_is_killed_comes_back(home: Home, tmp_path: Path) -> None:
    """Worker and broker are killed, and the socket removed (case 17): all is there again."""
    background.start()
    guard, first_worker = background.guard_pid(home), background.worker_pid(home)

    background.kill(first_worker, home.worker_lock)
    second_worker = background.worker_pid(home)
    assert background.run_note(home, tmp_path / "worker killed") == second_worker

    background.kill_broker(home)
    assert background.run_note(home, tmp_path / "broker killed") == second_worker

    home.broker_socket.unlink()
    wait_for(home.broker_socket.exists, "the socket, made anew")
    assert background.run_note(home, tmp_path / "socket removed") == second_worker

    assert background.guard_pid(home) == guard


def test_a_new_guard_adopts_and_stop_works_without_one(home: Home, tmp_path: Path) -> None:
    background.start()
    worker, server = background.worker_pid(home), background.broker_pid(home)
    first_guard = background.guard_pid(home)
    background.kill(first_guard, home.guard_lock)
    assert is_alive(worker)
    background.start()
    assert background.guard_pid(home) != first_guard
    assert (background.worker_pid(home), background.broker_pid(home)) == (worker, server)
    background.kill(worker, home.worker_lock)
    assert background.worker_pid(home) != worker

    background.kill(background.guard_pid(home), home.guard_lock)
    assert lifecycle.stop()
    assert background.is_all_gone(home)


def test_everything_stops_although_each_process_was_suspended(home: Home) -> None:
    """Worker and broker are suspended: `worker stop` ends them all the same."""
    background.start()
    victims = [background.worker_pid(home), background.broker_pid(home)]
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    assert lifecycle.stop()
    assert background.is_all_gone(home)


def test_a_worker_ignores_hangups_and_leaves_in_time_while_waiting(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 11 and 3, by signals. A hangup changes nothing; TERM ends it though it waits."""
    monkeypatch.setenv("TRAINUI_INCLUDE", '["no.such.module", "tests.integration.sample_tasks"]')
    background.start()
    worker, guard = background.worker_pid(home), background.guard_pid(home)
    for pid in (worker, guard):
        os.kill(pid, signal.SIGHUP)
    assert background.run_note(home, tmp_path / "note") == worker
    assert background.guard_pid(home) == guard
    assert home.worker_log.read_text().count(" ready.") == 1
    assert "cannot import no.such.module" in home.worker_log.read_text()

    for number in range(3):
        background.send(home, "tests.wait_for_days", str(tmp_path / f"{number}"))
    for number in range(3):
        wait_for((tmp_path / f"{number}").exists)
    background.kill(worker, home.worker_lock, signal.SIGTERM)
    assert background.worker_pid(home) != worker  # nobody has said that it is not wanted


def test_a_guard_that_is_terminated_ends_worker_and_broker_too(home: Home) -> None:
    """TERM to the guard, as at a shutdown: nothing stays, and nothing comes back unasked."""
    background.start()
    background.kill(background.guard_pid(home), home.guard_lock, signal.SIGTERM)
    assert background.is_all_gone(home)
    # A supervisor may try to revive it, of which nobody has asked.
    assert subprocess.run(processes.GUARD_ARGV, cwd="/", env=_environment()).returncode == 0
    assert background.is_all_gone(home)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.long
def test_a_revived_guard_brings_back_what_is_wanted(home: Home) -> None:
    background.start()
    guard, worker = background.guard_pid(home), background.worker_pid(home)
    background.kill(guard, home.guard_lock)
    background.kill(worker, home.worker_lock)
    with subprocess.Popen(processes.GUARD_ARGV, cwd="/", env=_environment()) as reviver:
        assert background.worker_pid(home) != worker
        assert lifecycle.stop()
        assert reviver.wait() == 0


def test_an_idle_worker_ends_and_with_it_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_IDLE_TIMEOUT", "1.5")
    background.start()
    worker = background.worker_pid(home)
    wait_for(lambda: not processes.is_worker_wanted(home), "idleness")
    lifecycle.ensure_started()  # though it is about to end
    assert wait_for(lambda: new_worker(home, worker), "a new worker")
    wait_for(lambda: background.is_all_gone(home), "the end of all")
    assert (home.worker / "guard.log").read_text().count("started the worker") == 2


def new_worker(home: Home, than: int) -> bool:
    ready = health.read_ready(home)
    return ready is not None and int(ready["pid"]) != than


def remove(home: Home) -> None:
    """Remove a home to its end, in which its processes may make files meanwhile."""

    def is_gone() -> bool:
        shutil.rmtree(home.root, ignore_errors=True)
        return not home.root.exists()

    wait_for(is_gone, "the removal")


def test_all_end_when_their_home_is_removed(home: Home) -> None:
    """`rm -rf` of the home under all of them leaves no process behind."""
    background.start()
    pids = [background.guard_pid(home), background.worker_pid(home), background.broker_pid(home)]
    remove(home)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), "the end of all")


def test_a_stop_ends_the_broker_of_a_removed_home_without_guard(home: Home) -> None:
    background.start()
    server = background.broker_pid(home)
    background.kill(background.guard_pid(home), home.guard_lock)
    remove(home)
    assert lifecycle.stop()
    assert not is_alive(server)


def test_a_stop_waits_for_the_processes_of_a_removed_home(home: Home) -> None:
    background.start()
    guard, worker = background.guard_pid(home), background.worker_pid(home)
    os.kill(guard, signal.SIGSTOP)  # so that it notices only later
    remove(home)
    with ThreadPoolExecutor() as pool:
        stop = pool.submit(lifecycle.stop)
        wait_for(lambda: not is_alive(worker), "the end of the worker")
        assert not stop.done()
        os.kill(guard, signal.SIGCONT)
        assert stop.result()
    assert not is_alive(guard)
