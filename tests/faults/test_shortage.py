"""The system runs short of something as a stage starts: it waits, says why, and runs once."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import NewRun
from tests.faults.disks import disk_with_an_error, read_only, strike
from tests.integration.runs import NOTE, stage
from trainui import control
from trainui.cli import doctor
from trainui.cli.doctor import BAD
from trainui.execution import processes
from trainui.model.states import Status
from trainui.paths import Home


@pytest.fixture(scope="module", autouse=True)
def low_limit() -> Iterator[None]:
    """A soft limit of open files below the hard one, as in a shell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def pid_of_worker(home: Home) -> int:
    holder = processes.lock_holder(home.worker_lock)
    assert holder
    return holder


def leave_one_file(pid: int) -> None:
    """Let a process open one more file at a time, and no two."""
    files = Path(f"/proc/{pid}/fd")
    looks = [{int(entry.name) for entry in files.iterdir()} for _ in range(200)]
    used = set.intersection(*looks)  # and none that is open for a moment
    free = [number for number in range(max(used) + 3) if number not in used]
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[1], hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others: Linux only")
def test_a_stage_without_free_descriptors_waits_and_runs_once(home: Home, new_run: NewRun) -> None:
    assert new_run(stage("before", "true")).wait().status == Status.COMPLETED
    pid = pid_of_worker(home)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    leave_one_file(pid)
    try:
        run = new_run(stage("a", NOTE))
        waiting = run.until(
            "a",
            lambda _: any("Too many open files" in str(one.error) for one in run.attempts("a")),
            "waiting with the reason",
        )
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert waiting.status in (Status.QUEUED, Status.RUNNING)
    assert run.wait().status == Status.COMPLETED
    assert run.stage("a").retries_used == 0
    assert len(run.lines("ledger")) == 1


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others: Linux only")
def test_the_worker_raises_its_own_file_limit_alone(home: Home, new_run: NewRun) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    run = new_run(stage("a", "ulimit -Sn > limit"))
    assert run.wait().status == Status.COMPLETED
    assert resource.prlimit(pid_of_worker(home), resource.RLIMIT_NOFILE) == (hard, hard)
    assert run.lines("limit") == [str(soft)]


def test_a_stage_in_a_read_only_run_waits_once(home: Home, new_run: NewRun) -> None:
    control.set_paused(True)
    run = new_run(stage("a", NOTE, retries=2))
    with read_only(Path(run.record().directory)):
        control.set_paused(False)
        waiting = run.until(
            "a", lambda one: "is read-only" in (one.reason or ""), "waiting with the reason"
        )
        assert (waiting.status, waiting.attempt) == (Status.QUEUED, 0)
    run.completed_once("a")


def test_a_file_system_error_uses_up_no_retry(
    home: Home, new_run: NewRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_with_an_error(tmp_path / "disk") as disk:
        monkeypatch.setenv("TRAINUI_RUNS_DIR", str(disk))
        control.set_paused(True)
        run = new_run(stage("a", NOTE, retries=2))
        strike(disk)
        assert doctor.runs_directory()[0] == BAD
        control.set_paused(False)
        waiting = run.until(
            "a", lambda one: "Read-only" in (one.reason or ""), "waiting with the reason"
        )
        assert waiting.retries_used == 0
        assert run.wait_for("a", Status.QUEUED).retries_used == 0
        control.cancel(run.id)
        assert run.wait().status == Status.CANCELLED
