"""Disks that fill up: nothing lost, nothing twice, said in words, and over when there is space."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine, states_of
from tests.faults.disks import fill, small_disk
from tests.unit.supervisor.waiting import wait_for
from trainui import paths
from trainui.model.records import StageRecord
from trainui.store.db import engine
from trainui.store.read import views


def write_pipeline(cli: CommandLine, name: str, first: str) -> None:
    """A stage, and one after it whatever becomes of it; each notes that it started."""
    stages = [
        {"name": "first", "run": f"echo first >> started; {first}", "allow_failure": True},
        {"name": "after", "run": "echo after >> started", "depends_on": ["first"]},
    ]
    cli.write(name, json.dumps({"name": Path(name).stem, "stages": stages}))


def starts(cli: CommandLine) -> list[str]:
    path = cli.directory / "started"
    return path.read_text().splitlines() if path.exists() else []


def wait_for_stage(cli: CommandLine, run: str, name: str, **expected: Any) -> StageRecord:
    def look() -> StageRecord | None:
        with engine.reading(cli.home / "trainui.db") as connection:
            found = views.find_run(connection, run)
            stage = views.find_stages(connection, found.id, name)[0]
        same = all(getattr(stage, key) == value for key, value in expected.items())
        return stage if same else None

    return wait_for(look, f"{name} of {run} with {expected}")


def check_database(cli: CommandLine) -> None:
    with closing(sqlite3.connect(cli.home / "trainui.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def full_runs(cli: CommandLine, tmp_path: Path) -> Iterator[Path]:
    """A small disk for the runs."""
    with small_disk(tmp_path / "disk", megabytes=160) as disk:
        cli.environ["TRAINUI_RUNS_DIR"] = str(disk / "runs")
        yield disk
        cli.close()


@pytest.fixture
def small_home(cli: CommandLine) -> Iterator[Path]:
    """A small disk for the home; the runs lie on a large one."""
    with small_disk(cli.home, megabytes=160) as disk:
        cli.environ["TRAINUI_RUNS_DIR"] = str(cli.directory / "runs")
        yield disk
        cli.close()


def test_a_stage_that_fills_the_disk_of_the_runs(cli: CommandLine, full_runs: Path) -> None:
    written = full_runs / "written"
    write_pipeline(
        cli, "p.yaml", f"dd if=/dev/zero of={written} bs=1M || echo lost || true; exit 5"
    )
    submitted = cli("run", "p.yaml", "--detach", "--name", "r")
    assert "! the disk is nearly full: 1" in submitted.err
    first = wait_for_stage(cli, "r", "first", status="failed")
    assert (first.exit_code, first.attempt) == (5, 1)
    assert (first.error or "").startswith("exit code 5; the disk was full")
    (stage, *_) = cli.json("show", "r")["stages"]
    assert stage["attempts"][0]["cause"]["id"] == "disk_full"
    reason = f"needs 100 MB of disk space: 0 B free on {full_runs}/runs"
    wait_for_stage(cli, "r", "after", status="queued", reason=reason)

    status = cli.json("worker", "status")
    assert [disk["low"] for disk in status["disks"]][-1] is True
    shown = cli("worker", "status").out  # some pages are left
    assert re.search(rf"! [\d.]+ k?B free on {re.escape(str(full_runs))}/runs", shown)
    assert cli("doctor").code == 4
    waiting = cli("wait", "r", "--timeout", "1")
    assert re.search(r"! too little disk space: [\d.]+ k?B free", waiting.err)
    rest = fill(full_runs)
    refused = cli("run", "p.yaml", "--detach", "--name", "s", "--json")
    assert (refused.code, refused.error()) == (4, "environment")
    assert "No space left on device" in refused.err

    rest.unlink()
    worker = status["pid"]
    written.unlink()
    wait_for_stage(cli, "r", "after", status="completed")
    assert starts(cli) == ["first", "after"]
    assert cli.json("worker", "status")["pid"] == worker
    assert cli("run", "p.yaml", "--detach", "--name", "s").code == 0
    check_database(cli)


def test_a_home_that_is_full(cli: CommandLine, small_home: Path) -> None:
    elsewhere = cli.environ.pop("TRAINUI_RUNS_DIR")
    weights = "head -c 2000000 /dev/zero > $TRAINUI_STAGE_DIR/weights"
    for name in ("older", "old"):
        assert cli("run", "--wait", "--name", name, "--", "sh", "-c", weights).code == 0
    cli.environ["TRAINUI_RUNS_DIR"] = elsewhere
    write_pipeline(cli, "p.yaml", "while [ ! -e go ]; do sleep 0.1; done; exit 3")
    assert cli("run", "p.yaml", "--detach", "--name", "r").code == 0
    stage = wait_for_stage(cli, "r", "first", status="running")
    filler = fill(small_home)

    assert states_of(cli.json("show", "r")) == {"first": "running", "after": "pending"}
    assert cli("ls").code == 0
    refused = cli("run", "p.yaml", "--detach", "--name", "s", "--json")
    assert (refused.code, refused.error()) == (4, "environment")
    assert "No space left on device" in refused.err
    assert "Traceback" not in refused.err
    os.truncate(filler, filler.stat().st_size - 8192)  # for the note of a deletion, and no more
    assert cli("rm", "older", "--yes").code == 0
    assert cli("show", "older").code == 3
    fill(small_home)
    assert cli("prune", "--keep", "0", "--older-than", "0s", "--yes").code == 0
    assert cli("show", "old").code == 3
    fill(small_home)

    before = cli.json("worker", "status")
    os.kill(before["pid"], signal.SIGKILL)  # the guard has no room to note it, either
    cli.write("go", "")
    record = paths.attempt_directory(Path(stage.directory), 1) / "exit.json"
    wait_for(record.exists, "the record of the end")
    assert json.loads(record.read_text())["exit_code"] == 3
    filler.unlink()

    wait_for_stage(cli, "r", "first", status="failed", exit_code=3, attempt=1)
    wait_for_stage(cli, "r", "after", status="completed")
    assert starts(cli) == ["first", "after"]
    assert cli.json("worker", "status")["guard_pid"] == before["guard_pid"]
    assert cli("run", "--wait", "--", "true").code == 0
    check_database(cli)
