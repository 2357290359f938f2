"""Everything is killed at once, as by a reboot, and pids mean something else afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.conftest import kill_all
from tests.integration.runs import HOLD, NOTE, Run, stage
from trainui import control
from trainui.cli.main import main
from trainui.execution.attempt import lost_attempts
from trainui.model.records import Lost
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.supervisor.supervise import boot_id, start_ticks


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"]}) as process:
        yield process
        process.kill()


def give_pids_away(run: Run, name: str, stranger: int, **changes: Any) -> None:
    """Have an attempt's record name pids of other processes, as after a reboot."""
    record = Path(run.attempt(name).directory) / "pid.json"
    ticks = start_ticks(stranger)
    taken = {"pid": stranger, "supervisor_pid": stranger}
    started = {"start_ticks": ticks, "supervisor_start_ticks": ticks}
    record.write_text(
        json.dumps({**json.loads(record.read_bytes()), **taken, **started, **changes})
    )


def test_after_a_reboot_all_is_interrupted_and_resumed_once(
    home: Home, new_run: NewRun, stranger: subprocess.Popen[bytes]
) -> None:
    """Worker, guard, broker, supervisors and stages are all killed at once, then a worker starts.

    What is completed stays so, what ran is `interrupted`, what waits starts once or is blocked,
    and one resume runs the rest. Case 12: in the new boot one of the old pids is a stranger's.
    """
    run = new_run(
        stage("done", NOTE),
        stage("a", HOLD, "done"),
        stage("b", HOLD, "done"),
        stage("end", NOTE, "a", "b"),
    )
    other = new_run(stage("x", HOLD), stage("waits", NOTE))
    for one, name in ((run, "a"), (run, "b"), (other, "x")):
        one.process(name)
    kill_all(home)
    give_pids_away(run, "a", stranger.pid, boot_id="another")
    for one in (run, other):
        one.go()
    background.start()
    assert run.wait().status == Status.INTERRUPTED
    assert run.statuses() == {
        "done": "completed", "a": "interrupted", "b": "interrupted", "end": "blocked",
    }  # fmt: skip
    assert run.stage("a").completed_at is not None
    assert other.wait().status == Status.INTERRUPTED
    assert other.statuses() == {"x": "interrupted", "waits": "completed"}
    assert control.resume(run.id) == ["a", "b", "end"]
    assert control.resume(other.id) == ["x"]
    assert run.wait().status == other.wait().status == Status.COMPLETED
    ledger = ["a 1", "a 2", "b 1", "b 2", "done 1", "end 1"]
    assert sorted(run.lines("ledger")) == ledger
    assert sorted(other.lines("ledger")) == ["waits 1", "x 1", "x 2"]
    assert stranger.poll() is None


def test_until_a_worker_starts_readers_say_that_nobody_knows(
    home: Home, new_run: NewRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is killed: no reader starts anything, and one command finds out and resumes."""

    def said(*arguments: str) -> str:
        main(list(arguments))
        return " ".join(capsys.readouterr().out.split())

    def read() -> Any:
        return json.loads(said("show", run.id, "--json"))

    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")
    assert read()["lost_at"] is None
    kill_all(home)
    monkeypatch.setattr(lost_attempts, "SILENT_AFTER", 0)  # where hosts share the database
    shown = read()
    assert (shown["status"], shown["stages"][0]["status"]) == ("running", "running")
    assert shown["lost_at"] == shown["stages"][0]["lost_at"] is not None
    listed = json.loads(said("ls", "--json"))["runs"]
    assert [one["lost_at"] for one in listed if one["run"] == run.id] == [shown["lost_at"]]
    assert "running?" in said("ls")
    words = "no worker since"
    assert words in said("show", run.id)
    assert words in said("worker", "status")
    assert "starts automatically" not in said("worker", "status")
    assert words in said("doctor")
    main(["worker", "stop", "--json"])
    assert "still running" not in capsys.readouterr().err
    planned = json.loads(said("resume", run.id, "--dry-run", "--json"))["stages"]
    assert [one["action"] for one in planned] == ["run", "skip"]
    assert words in planned[0]["reason"]
    assert background.is_all_gone(home)
    run.go()
    assert "resumed: a, b" in said("resume", run.id, "--detach")
    assert run.wait().status == Status.COMPLETED
    assert sorted(run.lines("ledger")) == ["a 1", "a 2", "b 1"]
    assert read()["lost_at"] is None


def test_a_stage_whose_supervisor_lives_is_not_lost(home: Home, new_run: NewRun) -> None:
    """Worker and guard are killed; the stage runs on, ends, and nobody has recorded that yet."""
    run = new_run(stage("a", HOLD))
    run.process("a")
    background.kill(background.guard_pid(home), home.guard_lock)
    background.kill(background.worker_pid(home), home.worker_lock)
    with engine.reading() as connection:
        assert lost_attempts.find(connection) == Lost()
    run.go()
    assert run.wait().status == Status.COMPLETED  # its supervisor starts a guard


@pytest.mark.parametrize(
    "reused",
    [
        pytest.param({"boot_id": "another"}, marks=pytest.mark.long),
        {"boot_id": boot_id(), "start_ticks": 1, "supervisor_start_ticks": 1},
    ],
)
def test_no_signal_is_sent_to_a_reused_pid(
    home: Home, new_run: NewRun, stranger: subprocess.Popen[bytes], reused: dict[str, Any]
) -> None:
    """Case 12, cancelled. The pid on record is another process's: other boot, or other start time.

    A cancel ends the record and sends the stranger no signal.
    """
    run = new_run(stage("a", HOLD, grace=0.2))
    attempt = run.process("a")
    background.kill(background.guard_pid(home), home.guard_lock)
    background.kill(background.worker_pid(home), home.worker_lock)
    for pid in (attempt.supervisor_pid, attempt.pid):
        os.kill(int(pid or 0), signal.SIGKILL)
    give_pids_away(run, "a", stranger.pid, **reused)
    control.cancel(run.id)
    background.start()
    assert run.wait().status == Status.CANCELLED
    assert stranger.poll() is None
