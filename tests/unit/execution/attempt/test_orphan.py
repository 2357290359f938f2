"""What becomes of attempts whose supervisor is dead or hangs, or that cannot be inspected."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_monitor import granted, look_until
from tests.unit.execution.submitted import of_stage, submit
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death
from trainui import clock, control, paths, settings
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution import processes
from trainui.execution.attempt import executors, lost_attempts, monitor
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.model.records import AttemptRecord, Lost, StageRecord
from trainui.model.states import Status
from trainui.plugin.backends import JobLook, JobState, StageJob
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stages
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ProbeState

DAYS_LATER = clock.now() + 10 * 24 * 3600 * clock.SECOND
HOLD = "echo ran >> ran; until test -e go; do sleep 0.02; done"


class Running:
    """A run of one stage, whose process runs."""

    def __init__(
        self, store: Database, follower: AttemptMonitor, directory: Path, **fields: Any
    ) -> None:
        self.store, self.follower, self.directory = store, follower, directory
        stage = {"name": "a", "run": HOLD, "grace": 5, **fields}
        self.id = submit(directory, json.dumps({"stages": [stage]}))
        task_id = str(granted(store, self.id).celery_task_id)
        assert follower.claim(self.id, "a", task_id) is not None
        self.pid, self.supervisor = int(self.attempt.pid or 0), self.attempt.supervisor_pid or 0
        wait_for(lambda: self.ran == 1, "its first line")

    @property
    def attempt(self) -> AttemptRecord:
        return of_stage(self.id, "a")[0]

    @property
    def stage(self) -> StageRecord:
        with self.store.read() as connection:
            return stages.get(connection, self.attempt.stage_id)

    @property
    def ran(self) -> int:
        ran = self.directory / "ran"
        return ran.read_text().count("ran") if ran.exists() else 0

    def go(self) -> None:
        (self.directory / "go").touch()

    def lose_supervisor(self) -> None:
        os.kill(self.supervisor, signal.SIGKILL)
        wait_for_death(self.supervisor)

    def remove_records(self) -> None:
        shutil.rmtree(Path(self.attempt.directory).parent)

    def until(self, status: Status) -> AttemptRecord:
        return look_until(self.follower, self.id, status)

    def until_reason(self, words: str) -> None:
        def seen() -> bool:
            self.follower.poll(changed=True)
            return words in str(self.stage.reason)

        wait_for(seen, words)

    def set_host(self, host: str) -> None:
        with self.store.write() as connection:
            connection.execute("UPDATE attempts SET host = ?", (host,))

    def set_in_pids(self, **fields: Any) -> None:
        path = Path(self.attempt.directory, "pid.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("limit", "error"),
    [({"timeout": 1}, "timed out after 1s"), ({"silence_timeout": 1}, "was silent for 1s")],
)
def test_time_limits_hold_though_the_supervisor_is_dead(
    store: Database, follower: AttemptMonitor, tmp_path: Path, limit: dict[str, float], error: str
) -> None:
    obedient = "trap 'exit 0' TERM; echo ran >> ran; sleep 100 & wait"
    run = Running(store, follower, tmp_path, run=obedient, **limit)
    run.lose_supervisor()
    assert process.probe(Path(run.attempt.directory)).state == ProbeState.ORPHAN
    attempt = run.until(Status.FAILED)
    assert attempt.error == error
    assert not is_alive(run.pid)


def test_an_orphan_completes_at_its_budget(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, budget=1)
    run.lose_supervisor()
    run.until(Status.COMPLETED)
    assert (run.stage.reason, is_alive(run.pid)) == ("stopped early: budget", False)


def test_without_limits_an_orphan_continues(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, timeout=1000, silence_timeout=1000)
    run.lose_supervisor()
    for _ in range(20):
        follower.poll(changed=True)
    assert is_alive(run.pid)
    run.go()
    assert (
        run.until(Status.INTERRUPTED).error
        == "ended while its supervisor was not running, so how it ended is unknown"
    )


def test_an_orphans_leftover_processes_are_ended(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    left = "setsid sh -c \"trap '' TERM; echo \\$\\$ > left; while :; do sleep 0.05; done\" & "
    run = Running(store, follower, tmp_path, run=left + HOLD, grace=0.2)
    pid = read_pid(tmp_path / "left")
    run.lose_supervisor()
    run.go()
    run.until(Status.INTERRUPTED)
    assert not is_alive(pid)


def test_an_ended_orphan_has_its_executors_reason(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = executors.LocalExecutor.probe

    def explained(self: executors.LocalExecutor, job: StageJob) -> JobLook:
        look = probe(self, job)
        return replace(look, problem="job 3 is FAILED") if look.state == JobState.GONE else look

    monkeypatch.setattr(executors.LocalExecutor, "probe", explained)
    run = Running(store, follower, tmp_path, run=f"(trap '' TERM; sleep 100) & {HOLD}", grace=0.2)
    run.lose_supervisor()
    run.go()  # what it leaves behind is ended by the worker, which then sees it gone
    assert run.until(Status.INTERRUPTED).error == "job 3 is FAILED"


def test_a_stage_whose_records_are_removed_is_not_started_again(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.remove_records()
    for _ in range(5):
        follower.poll(changed=True)
    assert run.attempt.status == Status.RUNNING
    assert is_alive(run.pid)
    run.go()
    run.until(Status.INTERRUPTED)
    assert run.ran == 1


def test_a_stage_whose_records_are_removed_can_be_cancelled(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.remove_records()
    control.cancel(run.id)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)
    wait_for_death(run.supervisor)


def test_a_stage_without_records_has_vanished_after_its_process(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.remove_records()
    assert lost_attempts.runs() == set()
    run.go()
    wait_for_death(run.pid)
    wait_for_death(run.supervisor)
    assert lost_attempts.runs() == {run.id}


def find_lost() -> Lost:
    """Look as a reader does while no worker lives; the last heartbeat of each host is old."""
    with engine.reading() as connection:
        found = views.open_attempts(connection)
    return lost_attempts.LossFinder().find(found, {settings.host(): 0, "far-away": 0})


def test_an_attempt_is_lost_only_without_any_process_left(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    assert not find_lost().stages, "its supervisor lives"
    run.lose_supervisor()
    assert not find_lost().stages, "its process lives"
    os.kill(run.pid, signal.SIGKILL)
    found = wait_for(lambda: one if (one := find_lost()).stages else None, "the end of all")
    assert found.stages.keys() == {run.attempt.stage_id}
    assert found.runs.keys() == {run.id}
    assert found.runs[run.id].at <= clock.now()
    (stage,) = found.marked([run.stage])
    assert stage.worked_until(clock.now() + 10**12) == stage.worked_until(0)


def test_nothing_is_lost_while_a_worker_or_its_guard_lives(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: find_lost().stages, "the end of its children, too")
    for path in (paths.home().worker_lock, paths.home().guard_lock):
        path.parent.mkdir(exist_ok=True, parents=True)
        with processes.acquire_lock(path) as lock:  # type: ignore[union-attr]
            assert lock
            assert not find_lost().stages


def test_an_end_recorded_by_the_supervisor_is_the_last_sign(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.go()
    wait_for_death(run.supervisor)
    end = protocol.read_exit(Path(run.attempt.directory))
    assert end is not None
    assert find_lost().runs[run.id].at == end.completed_at


def test_a_pid_of_another_boot_is_no_sign_of_life(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_in_pids(boot_id="another")
    assert find_lost().stages
    run.go()


def test_an_attempt_that_never_started_is_not_lost(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: find_lost().stages, "the end of its children, too")
    for record in ("started", "pid.json"):
        Path(run.attempt.directory, record).unlink()
    assert not find_lost().stages, "the next worker starts it"


def test_another_executors_attempt_is_not_searched_among_processes(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_in_pids(boot_id="another")
    with store.write() as connection:
        connection.execute("UPDATE attempts SET executor = 'slurm'")
    assert not find_lost().stages
    run.go()


def test_another_hosts_attempt_is_lost_once_that_host_is_silent(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_host("far-away")
    run.set_in_pids(boot_id="another")
    found = find_lost()
    assert [one.is_elsewhere for one in found.stages.values()] == [True]
    with engine.reading() as connection:
        running = views.open_attempts(connection)
    assert not lost_attempts.LossFinder().find(running, {"far-away": clock.now()}).stages
    run.go()


def test_a_stopped_supervisor_stops_its_stage_all_the_same(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    os.kill(run.supervisor, signal.SIGSTOP)
    control.cancel(run.id)
    attempt = run.until(Status.CANCELLED)
    assert attempt.signal == signal.SIGTERM  # as the supervisor saw it


def test_a_supervisor_that_hangs_is_killed_and_its_stage_ended(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "SUPERVISOR_PATIENCE", 0.1)
    monkeypatch.setattr(process, "request_stop", lambda *_: True)
    run = Running(store, follower, tmp_path, grace=0.1)
    control.cancel(run.id)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)
    assert not is_alive(run.supervisor)


def test_a_cancel_on_another_host_waits_until_given_up(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_host("far-away")
    run.set_in_pids(boot_id="another")
    run.until_reason("it runs on far-away, which cannot be seen from ")
    control.cancel(run.id)
    run.until_reason(f"far-away, which cannot be seen from {settings.host()} (process {run.pid})")
    assert str(run.stage.reason).startswith("cancel requested at ")
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: DAYS_LATER)
        later.setattr(time, "monotonic", lambda: DAYS_LATER / clock.SECOND)
        for _ in range(3):
            follower.poll(changed=True)
    assert run.attempt.status == Status.RUNNING  # no time proves an end
    assert list(control.forget(run.id)) == ["a"]
    attempt = run.attempt
    assert (attempt.status, run.stage.status) == (Status.CANCELLED, Status.CANCELLED)
    assert f"process {run.pid}" in str(attempt.error)
    assert is_alive(run.pid)  # of another boot: a foreign process
    assert control.forget(run.id) == {}
    run.go()


def test_a_cancel_is_carried_out_when_the_host_returns(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path)
    with pytest.raises(UsageError):
        control.forget(run.id, ["a"])  # it can be seen
    assert control.forget(run.id) == {}
    assert run.attempt.cancel_requested_at is None
    boot = json.loads(Path(run.attempt.directory, "pid.json").read_text())["boot_id"]
    run.lose_supervisor()
    run.set_host("far-away")
    run.set_in_pids(boot_id="another")
    control.cancel(run.id)
    run.until_reason("cancel requested at ")
    run.set_in_pids(boot_id=boot)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)


def test_a_machine_that_got_another_name_still_knows_its_stages(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_host("as-it-was-called")
    run.go()
    run.until(Status.INTERRUPTED)


def spoil_pids(directory: Path) -> None:
    (directory / "pid.json").write_text("garbled")


def replace_with_directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def replace_with_fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def spoil_all(directory: Path) -> None:
    for name in ("pid.json", "spec.json", "exit.json", "started"):
        (directory / name).write_text("garbled")
    (directory / "lock").unlink()
    (directory / "lock").touch()


def set_version(directory: Path) -> None:
    (directory / "pid.json").write_text('{"version": 99}')


def hide(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))


def replace_with_file(directory: Path) -> None:
    hide(directory)
    directory.write_text("")


FAULTS: dict[str, Callable[[Path], None]] = {
    "pids garbled": spoil_pids,
    "pids of another version": set_version,
    "pids a directory": lambda path: replace_with_directory(path / "pid.json"),
    "pids a FIFO": lambda path: replace_with_fifo(path / "pid.json"),
    "lock removed": lambda path: (path / "lock").unlink(),
    "lock a directory": lambda path: replace_with_directory(path / "lock"),
    "lock a FIFO": lambda path: replace_with_fifo(path / "lock"),
    "start record removed": lambda path: (path / "started").unlink(),
    "exit a directory": lambda path: replace_with_directory(path / "exit.json"),
    "exit a FIFO": lambda path: replace_with_fifo(path / "exit.json"),
    "all garbled": spoil_all,
    "directory moved": hide,
    "directory a file": replace_with_file,
}


MOST_TELLING = ("all garbled", "lock a FIFO", "directory moved", "exit a directory")

IN_THE_LONG_SUITE = ("pids garbled", "pids a directory", "lock a directory", "exit a FIFO")
"""Faults like others: garbled with all records, a directory and a FIFO in place of another one."""


@pytest.mark.parametrize(
    ("fault", "supervised"),
    [
        pytest.param(
            fault,
            supervised,
            marks=[]
            if fault in MOST_TELLING or (supervised and fault not in IN_THE_LONG_SUITE)
            else [pytest.mark.long],
        )
        for fault in FAULTS
        for supervised in (True, False)
    ],
)
def test_a_cancelled_attempt_with_spoilt_records_ends_with_its_processes(
    store: Database, follower: AttemptMonitor, tmp_path: Path, fault: str, supervised: bool
) -> None:
    run = Running(store, follower, tmp_path)
    if not supervised:
        run.lose_supervisor()
    FAULTS[fault](Path(run.attempt.directory))
    for _ in range(3):
        follower.poll(changed=True)
    assert run.attempt.status == Status.RUNNING
    control.cancel(run.id)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)
    wait_for_death(run.supervisor)
    assert run.ran == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=[pytest.mark.long] if fault in IN_THE_LONG_SUITE else [])
        for fault in FAULTS
    ],
)
def test_the_end_without_the_database_needs_no_readable_records(
    store: Database, follower: AttemptMonitor, tmp_path: Path, fault: str
) -> None:
    run = Running(store, follower, tmp_path)
    FAULTS[fault](Path(run.attempt.directory))
    running = lost_attempts.running_of_home(paths.home())
    assert [(one.name, run.pid in one.pids()) for one in running] == [("a", True)]
    assert lost_attempts.end_running(running) == []
    for pid in (run.pid, run.supervisor):
        wait_for_death(pid)  # the last moment of a process that ends has no environment any more


def test_a_worker_taking_over_an_unreadable_attempt_starts_no_process(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    for name in ("started", "pid.json"):
        Path(run.attempt.directory, name).unlink()
    run.go()
    wait_for_death(run.pid)
    next_worker = AttemptMonitor(store, threading.Event())
    look_until(next_worker, run.id, Status.INTERRUPTED)
    next_worker.release()
    assert run.ran == 1


def test_unreadable_records_are_a_warning_until_they_can_be_read(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_in_pids(version=99)
    run.until_reason(f"is of version 99; this trainui reads 1; process {run.pid} runs")
    run.set_in_pids(version=1)
    run.until_reason("None")
    run.set_in_pids(version=99)
    run.go()
    wait_for_death(run.pid)
    run.until_reason("none of its processes is left")
    assert run.attempt.status == Status.RUNNING
    run.set_in_pids(version=1)
    run.until(Status.INTERRUPTED)


def test_an_attempt_with_a_process_surviving_sigkill_has_not_ended(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path, grace=0.1)
    run.lose_supervisor()
    with monkeypatch.context() as patch:
        patch.setattr(process, "_signal_all", lambda *_: None)  # as one stuck in the kernel
        patch.setattr(process, "KILL_WAIT", 0.1)
        control.cancel(run.id)
        run.until_reason("survives SIGKILL")
        assert str(run.pid) in str(run.stage.reason)
        assert run.attempt.status == Status.RUNNING
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)


def test_a_run_with_a_living_process_is_not_deleted(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    with store.write() as connection:
        attempts.end(connection, run.attempt.id, Outcome(Status.CANCELLED, clock.now()))
    with pytest.raises(UnfitEnvironmentError, match=f"kill {run.pid}"):
        control.remove(run.id)
    assert run.attempt.status == Status.CANCELLED
    run.go()
    wait_for_death(run.pid)
    wait_for_death(run.supervisor)
    control.remove(run.id)
