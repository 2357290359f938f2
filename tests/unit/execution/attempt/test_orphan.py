"""What becomes of attempts whose supervisor is dead or hangs, or that cannot be inspected."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_monitor import granted, look_until
from tests.unit.execution.submitted import of_stage, submit
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death
from trainui import control, paths
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import Status
from trainui.execution.attempt import attempt_poller, lost_attempts, running_attempts
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.store.db.engine import Store
from trainui.store.runs import stages
from trainui.store.runs.tables import ATTEMPTS
from trainui.supervisor import process
from trainui.supervisor.process import ProbeState

HOLD = "echo ran >> ran; until test -e go; do sleep 0.02; done"


class Running:
    """A run of one stage, whose process runs."""

    def __init__(
        self, store: Store, follower: AttemptMonitor, directory: Path, **fields: Any
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
            connection.execute(update(ATTEMPTS).values(host=host))

    def set_in_pids(self, **fields: Any) -> None:
        path = Path(self.attempt.directory, "pid.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("limit", "error"),
    [({"timeout": 1}, "timed out after 1s"), ({"silence_timeout": 1}, "was silent for 1s")],
)
def test_time_limits_hold_though_the_supervisor_is_dead(
    store: Store, follower: AttemptMonitor, tmp_path: Path, limit: dict[str, float], error: str
) -> None:
    obedient = "trap 'exit 0' TERM; echo ran >> ran; sleep 100 & wait"
    run = Running(store, follower, tmp_path, run=obedient, **limit)
    run.lose_supervisor()
    assert process.probe(Path(run.attempt.directory)).state == ProbeState.ORPHAN
    attempt = run.until(Status.FAILED)
    assert attempt.error == error
    assert not is_alive(run.pid)


def test_without_limits_an_orphan_continues(
    store: Store, follower: AttemptMonitor, tmp_path: Path
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


def test_what_an_orphan_leaves_behind_is_ended(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    left = "setsid sh -c \"trap '' TERM; echo \\$\\$ > left; while :; do sleep 0.05; done\" & "
    run = Running(store, follower, tmp_path, run=left + HOLD, grace=0.2)
    pid = read_pid(tmp_path / "left")
    run.lose_supervisor()
    run.go()
    run.until(Status.INTERRUPTED)
    assert not is_alive(pid)


def test_a_stage_whose_records_are_removed_is_not_started_again(
    store: Store, follower: AttemptMonitor, tmp_path: Path
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
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.remove_records()
    control.cancel(run.id)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)
    wait_for_death(run.supervisor)


def test_a_stage_whose_records_are_removed_has_vanished_once_its_process_has_ended(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.remove_records()
    assert lost_attempts.runs() == set()
    run.go()
    wait_for_death(run.pid)
    assert lost_attempts.runs() == {run.id}


def test_a_stopped_supervisor_stops_its_stage_all_the_same(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    os.kill(run.supervisor, signal.SIGSTOP)
    control.cancel(run.id)
    attempt = run.until(Status.CANCELLED)
    assert attempt.signal == signal.SIGTERM  # as the supervisor saw it


def test_a_supervisor_that_hangs_is_killed_and_its_stage_ended(
    store: Store, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_poller, "SUPERVISOR_PATIENCE", 0.1)
    monkeypatch.setattr(process, "request_stop", lambda _directory: True)
    run = Running(store, follower, tmp_path, grace=0.1)
    control.cancel(run.id)
    run.until(Status.CANCELLED)
    assert not is_alive(run.pid)
    assert not is_alive(run.supervisor)


def test_an_attempt_of_another_host_is_left_alone_until_a_person_gives_it_up(
    store: Store, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_poller, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_host("far-away")
    run.set_in_pids(boot_id="another")
    run.until_reason("it runs on far-away, which cannot be seen from ")
    assert "`trainui cancel` marks it as cancelled" in str(run.stage.reason)
    control.cancel(run.id)
    follower.poll(changed=True)
    assert run.attempt.status == Status.RUNNING  # the other host gets its time to end it
    monkeypatch.setattr(attempt_poller, "INVISIBLE_PATIENCE", 0.1)
    error = str(run.until(Status.CANCELLED).error)
    assert error.startswith("cancelled, although it may still be running: it runs on far-away")
    assert is_alive(run.pid)  # of another boot: a foreign process
    run.go()


def test_a_machine_that_got_another_name_still_knows_its_stages(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_host("as-it-was-called")
    run.go()
    run.until(Status.INTERRUPTED)


def test_an_attempt_whose_records_cannot_be_read_is_no_secret_and_can_be_given_up(
    store: Store, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_poller, "INVISIBLE_AFTER", 0.0)
    run = Running(store, follower, tmp_path)
    run.lose_supervisor()
    run.set_in_pids(version=99)
    run.until_reason("is of version 99")
    run.set_in_pids(version=1)
    run.until_reason("None")
    run.set_in_pids(version=99)
    monkeypatch.setattr(attempt_poller, "INVISIBLE_PATIENCE", 0.0)
    control.cancel(run.id)
    error = str(run.until(Status.CANCELLED).error)
    assert "although it may still be running: it cannot be inspected" in error
    assert not is_alive(run.pid)  # its variables gave it away


def test_an_attempt_with_an_invalid_record_is_none_that_can_be_ended_without_the_database(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    assert [one.name for one in running_attempts.of_home(paths.home())] == ["a"]
    record = Path(run.attempt.directory, "exit.json")
    record.write_text('{"version": 1, "reason": "bored", "left": []}')
    assert running_attempts.of_home(paths.home()) == []
    record.unlink()
    (tmp_path / "go").touch()
    run.until(Status.COMPLETED)
