"""External runs are read again where files have changed; adopted processes are cancelled."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.unit.metrics.trackers.test_databases import MLFLOW, OLDER
from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.control import external
from trainui.errors import UsageError
from trainui.execution import external as external_watch
from trainui.execution.external import ExternalWatch
from trainui.execution.gpus import Gpu
from trainui.execution.stall import StallDetector
from trainui.metrics.discovery import trainings
from trainui.model.states import Status
from trainui.settings import host
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import external_runs
from trainui.store.runs.metrics_progress import (
    AttemptToRead,
    attempts_to_read,
    mark_metrics_complete,
)


def statuses(store: Database) -> dict[str, Status]:
    with closing(engine.connect_to_read()) as connection:
        return {run.name: run.status for run in views.runs(connection)}


def test_a_database_of_many_runs_is_read_once_a_change(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    reads, below = list[Path](), trainings.below

    def count(one: Path) -> list[trainings.Training]:
        reads.append(one)
        return below(one)

    watch = ExternalWatch(store, host())
    monkeypatch.setattr("trainui.execution.external.PERIOD", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(MLFLOW)
        for name in "abc":
            row = (name, name, "RUNNING", 1000, None, "active")
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)
        external.add(external.find(path))
        monkeypatch.setattr(trainings, "below", count)
        watch.poll()
        watch.poll()
        assert reads == [path]
        assert set(statuses(store).values()) == {Status.RUNNING}
        connection.execute("UPDATE runs SET status = 'FINISHED' WHERE name = 'b'")
        watch.poll()
        assert reads == [path, path]
        assert statuses(store) == {"a": "running", "b": "completed", "c": "running"}
    watch.poll()
    assert statuses(store) == {"a": "ended", "b": "completed", "c": "ended"}


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_watch, "PERIOD", 0.0)
    monkeypatch.setattr(external_watch, "RESTING_PERIOD", 0.0)


@pytest.mark.usefixtures("_at_once")
def test_a_trackio_run_runs_while_it_writes_and_again_later(
    store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "project.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLDER["trackio"])
    watch = ExternalWatch(store, host())

    def log(step: int, age: float) -> None:
        at = datetime.fromtimestamp(time.time() - age, UTC).isoformat()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            row = (at, "old", step, '{"loss": 1}')
            connection.execute("INSERT INTO metrics VALUES (NULL, ?, ?, ?, ?)", row)
        os.utime(path, (time.time() - age,) * 2)

    log(4, 3600)
    external.add(external.find(path))
    watch.poll()
    assert statuses(store) == {"old": "ended"}
    log(5, 0)
    watch.poll()
    assert statuses(store) == {"old": "running"}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE metrics SET timestamp = '2025-01-01T00:00:00'")
    watch.poll()
    assert statuses(store) == {"old": "ended"}


@pytest.mark.usefixtures("_at_once")
def test_another_machines_output_is_read(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    path.write_text("step,loss\n1,0.5\n")
    os.utime(path, (time.time() - 3600,) * 2)
    (added,) = external.add(external.find(path.parent))
    watch = ExternalWatch(store, host())

    def unread() -> list[AttemptToRead]:
        with store.read() as connection:
            return attempts_to_read(connection, host())

    watch.poll()
    with store.write() as connection:
        for one in unread():
            mark_metrics_complete(connection, one.attempt_id)
    watch.poll()
    assert unread() == []
    now = round(time.time()) - 1800  # on another machine, whose clock may differ
    with path.open("a") as file:
        file.write("2,0.4\n")
    os.utime(path, (now, now))
    watch.poll()
    assert len(unread()) == 1
    (path.parent / "notes.txt").touch()  # no output of the training
    watch.poll()
    with closing(engine.connect_to_read()) as own:
        run = views.find_run(own, added.run_id)
    assert (run.status, run.completed_at) == ("ended", now * 1_000_000)


@pytest.mark.usefixtures("_at_once")
def test_a_journals_trial_runs_while_the_journal_is_written(
    store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "study.log"
    begun = {"op_code": 4, "study_id": 0, "datetime_start": "2026-11-26T10:00:00+00:00"}
    lines = [{"op_code": 0, "study_name": "s", "directions": [1]}, begun]

    def write(*entries: dict[str, object]) -> None:
        with path.open("a") as file:
            file.writelines(json.dumps(one | {"worker_id": "w"}) + "\n" for one in entries)

    def stages() -> dict[str, str]:
        with closing(engine.connect_to_read()) as own:
            return {one.name: str(one.status) for one in views.stages(own, added.run_id)}

    write(*lines)
    watch = ExternalWatch(store, host())
    (added,) = external.add(external.find(path))
    write({"op_code": 7, "trial_id": 0, "step": 3, "intermediate_value": 0.5}, begun)
    write({"op_code": 6, "trial_id": 0, "state": 1, "values": [0.25]})
    watch.poll()
    assert stages() == {"trial 0": "completed", "trial 1": "running"}
    write({"op_code": 6, "trial_id": 1, "state": 3, "values": None})
    watch.poll()
    assert statuses(store) == {"s": "running"}  # another trial may begin at once
    watch.poll()
    assert statuses(store) == {"s": "failed"}
    write(begun)
    watch.poll()
    assert stages() == {"trial 0": "completed", "trial 1": "failed", "trial 2": "running"}
    assert statuses(store) == {"s": "running"}
    os.utime(path, (1, 1))
    watch.poll()
    watch.poll()
    assert stages() == {"trial 0": "completed", "trial 1": "failed", "trial 2": "ended"}


@pytest.mark.usefixtures("_at_once")
def test_a_trial_that_a_study_begins_later_becomes_a_stage(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    watch = ExternalWatch(store, host())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLDER["optuna"])
        connection.execute("INSERT INTO trials VALUES (2, 1, 1, 'RUNNING', NULL, NULL)")
        (added,) = external.add(external.find(path))
        connection.execute("UPDATE trials SET state = 'FAIL' WHERE trial_id = 2")
        connection.execute("INSERT INTO trials VALUES (3, 2, 1, 'RUNNING', NULL, NULL)")
        watch.poll()
        with closing(engine.connect_to_read()) as own:
            found = {one.name: str(one.status) for one in views.stages(own, added.run_id)}
        assert found == {"trial 0": "completed", "trial 1": "failed", "trial 2": "running"}


@pytest.mark.usefixtures("_at_once")
def test_a_multiruns_job_seen_half_made_becomes_a_stage(store: Database, tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").touch()
    (tmp_path / "app.log").touch()

    def make(job: str) -> Path:
        made = tmp_path / job / ".hydra"
        made.mkdir(parents=True)
        return made / "overrides.yaml"

    make("0").write_text("- lr=0.1\n")
    (added,) = external.add(external.find(tmp_path))
    watch = ExternalWatch(store, host())
    overrides = make("1")
    watch.poll()
    overrides.write_text("- lr=0.2\n")
    watch.poll()
    with closing(engine.connect_to_read()) as own:
        assert [one.name for one in views.stages(own, added.run_id)] == ["0", "1"]


Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python programs, and ends them and what they have started."""
    started: list[subprocess.Popen[bytes]] = []

    def program(text: str) -> subprocess.Popen[bytes]:
        none = subprocess.DEVNULL
        command = [sys.executable, "-c", text]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=none, stderr=none)
        started.append(process)
        wait_for(lambda: (tmp_path / "ready").exists(), "the program")
        return process

    yield program
    for process in started:
        process.kill()
        process.wait()


def status_of(run: str) -> Status:
    with closing(engine.connect_to_read()) as connection:
        return views.find_run(connection, run).status


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.mkdir("ready")  # no file, which could be seen open
time.sleep(600)
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"


def test_a_worker_restarted_during_a_cancel_knows_the_children(
    store: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = start(PARENT)
    (child,) = psutil.Process(leader.pid).children()
    run = external.adopt(leader.pid).run_id
    control.cancel(run)
    ExternalWatch(store, host()).poll()
    leader.wait(30)
    restarted = ExternalWatch(store, host())
    restarted.poll()
    assert (status_of(run), child.is_running()) == (Status.RUNNING, True)
    monkeypatch.setattr(external_watch, "CANCEL_GRACE", 0.0)

    def is_cancelled() -> bool:
        restarted.poll()
        return status_of(run) == Status.CANCELLED

    wait_for(is_cancelled, "its end")
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_reuses_the_pid_is_not_adopted(store: Database, start: Start) -> None:
    other = start(STUBBORN)
    external.adopt(other.pid)
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
    assert external_watch.is_adopted_alive(stage)
    for key, value in (("ticks", stage.external["ticks"] - 1), ("boot", "another")):
        one = replace(stage, external={**stage.external, key: value})
        assert not external_watch.is_adopted_alive(one)
        assert external_watch.Cancellation(one).is_over
        Path(stage.attempt_directory, external_watch.CANCEL_RECORD).unlink()
    assert other.poll() is None


WRITER = """
import os, time
file = open("weights.bin", "wb", buffering=0)
open("ready", "w").close()
while True:
    if not os.path.exists("quiet"):
        file.write(b"x")
    time.sleep(0.02)
"""


def is_stalled(run: str) -> bool:
    with closing(engine.connect_to_read()) as connection:
        (stage,) = views.stages(connection, run)
    return stage.stalled


def test_files_of_unknown_formats_show_that_an_adopted_process_stalls(
    store: Database, start: Start, tmp_path: Path
) -> None:
    run = external.adopt(start(WRITER).pid).run_id
    stalls = StallDetector(store, least_silence=0.5, grace=0.0)
    file = tmp_path / "weights.bin"
    for _ in range(8):
        size = file.stat().st_size
        wait_for(lambda size=size: file.stat().st_size > size, "a write")  # type: ignore[misc]
        stalls.poll()
    assert not is_stalled(run)
    (tmp_path / "quiet").touch()

    def seen() -> bool:
        stalls.poll()
        return is_stalled(run)

    wait_for(seen, "the stall")


def test_a_silent_adopted_process_stalls_with_an_idle_gpu(store: Database, start: Start) -> None:
    process = start(STUBBORN)
    run = external.adopt(process.pid).run_id
    gpu = Gpu(0, "GPU-0", "GPU", pids=(process.pid,), utilisation=90)
    gpus = [gpu]
    stalls = StallDetector(store, least_silence=0.5, grace=0.0, gpus=lambda: gpus)
    for _ in range(8):
        stalls.poll()
    assert not is_stalled(run)
    gpus[:] = [replace(gpu, utilisation=0)]

    def seen() -> bool:
        stalls.poll()
        return is_stalled(run)

    wait_for(seen, "the stall")


def test_a_kernel_thread_is_named_as_such(store: Database) -> None:
    found = (one.pid for one in psutil.process_iter() if one.ppid() == 2 and one.uids().real == 0)
    pid = next(found, None)
    if pid is None or os.getuid() != 0:
        pytest.skip("no kernel thread is visible here, or it is another user's")
    with pytest.raises(UsageError, match="has no command: it belongs to the kernel"):
        external.adopt(pid)


TRAINER = """
import sys
files = []
for name in sys.stdin:
    files.append(open(name.strip(), "a"))
    print("opened", file=sys.stderr, flush=True)
"""


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose output goes to a file, and that opens the files that it is given."""
    with (tmp_path / "train.out").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINER],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        )
    yield process
    process.communicate()


def have_open(trainer: subprocess.Popen[str], name: str) -> None:
    assert trainer.stdin is not None
    assert trainer.stderr is not None
    trainer.stdin.write(f"{name}\n")
    trainer.stdin.flush()
    assert trainer.stderr.readline() == "opened\n"


def sources(store: Database) -> list[str]:
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
        found = external_runs.sources(connection, stage.stage_id)
    return [Path(one.path or "").name for one in found]


def follow(store: Database) -> None:
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
    external_watch.follow_files(store, stage)


def test_files_opened_later_replace_its_log(
    store: Database, trainer: subprocess.Popen[str]
) -> None:
    external.adopt(trainer.pid)
    assert sources(store) == ["train.out"]
    have_open(trainer, "notes.txt")
    follow(store)
    assert sources(store) == ["train.out"]
    have_open(trainer, "metrics.jsonl")
    follow(store)
    assert sources(store) == ["metrics.jsonl"]
    have_open(trainer, "run-1.wandb")
    for _ in range(2):
        follow(store)
    assert sources(store) == ["metrics.jsonl", "run-1.wandb"]
