"""Records of a running attempt are garbled, replaced or unreadable: its processes are ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.execution.attempt.test_orphan import FAULTS
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death

STAGE = "echo $$ >> pid; trap 'exit 1' TERM; while :; do sleep 0.05; done"


def close_directory(directory: Path) -> None:
    directory.chmod(0)


def close_records(directory: Path) -> None:
    for file in directory.iterdir():
        file.chmod(0)


HERE = {
    **{name: FAULTS[name] for name in ("all garbled", "directory a file", "lock a FIFO")},
    "directory closed": close_directory,
    "records closed": close_records,
}


CLOSED = ("directory closed", "records closed")
"""Only a worker without root's rights heeds these. With each of the others, `test_orphan` cancels a
stage, and ends one without the database."""

OF_CLOSED = (CLOSED[0], pytest.param(CLOSED[1], marks=pytest.mark.long))
OF_ALL = [
    name if name == CLOSED[0] else pytest.param(name, marks=pytest.mark.long) for name in HERE
]


def begin(cli: CommandLine) -> tuple[str, int, Path]:
    """Start a stage under a worker that heeds the modes of files.

    Returns:
        Its run, its pid and the directory of its records.
    """
    assert cli.unprivileged("worker", "start").code == 0
    run = cli("run", "--detach", "--name", "r", "--", "sh", "-c", STAGE).out.split()[0]
    pid = read_pid(cli.directory / "pid")
    log = Path(str(cli.json("show", run)["stages"][0]["attempts"][0]["stdout"]))
    return run, pid, log.parent


def starts(cli: CommandLine) -> int:
    return len((cli.directory / "pid").read_text().split())


@pytest.mark.parametrize("fault", OF_CLOSED)
def test_a_cancelled_stage_has_no_process_after_its_recorded_end(
    cli: CommandLine, fault: str
) -> None:
    run, pid, records = begin(cli)
    HERE[fault](records)
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    assert not is_alive(pid)
    assert cli.json("show", run)["stages"][0]["status"] == "cancelled"
    assert cli("rm", run, "--yes").code == 0
    assert starts(cli) == 1


@pytest.mark.long
@pytest.mark.parametrize("fault", OF_CLOSED)
def test_stopping_with_stages_leaves_no_process(cli: CommandLine, fault: str) -> None:
    _, pid, records = begin(cli)
    HERE[fault](records)
    done = cli("worker", "stop", "--with-stages")
    assert (done.code, is_alive(pid)) == (0, False), done


@pytest.mark.parametrize("fault", OF_CLOSED)
def test_stopping_with_stages_needs_neither_records_nor_database(
    cli: CommandLine, fault: str
) -> None:
    _, pid, records = begin(cli)
    HERE[fault](records)
    database = cli.home / "trainui.db"
    for file in cli.home.glob("trainui.db-*"):
        file.unlink()
    database.write_bytes(b"no database" * 1000)
    done = cli("worker", "stop", "--with-stages")
    assert (done.code, is_alive(pid)) == (0, False), done


@pytest.mark.parametrize("fault", OF_ALL)
def test_a_new_worker_adopts_the_stage_without_a_second_process(
    cli: CommandLine, fault: str
) -> None:
    run, pid, records = begin(cli)
    assert cli("worker", "stop").code == 0
    HERE[fault](records)
    assert cli.unprivileged("worker", "start").code == 0
    assert is_alive(pid)
    assert cli.status(run) == "running"
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    wait_for_death(pid)
    assert starts(cli) == 1


def test_a_run_with_live_processes_is_not_deleted(
    cli: CommandLine,
) -> None:
    run, _, _ = begin(cli)
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    records = Path(cli.json("show", run)["stages"][0]["attempts"][0]["stdout"]).parent
    environ = {
        "TRAINUI_RUN_ID": run,
        "TRAINUI_RUN_DIR": str(cli.home / "runs" / run),
        "TRAINUI_STAGE": "sh",
        "TRAINUI_ATTEMPT": "1",
        "TRAINUI_METRICS_FILE": str(records / "metrics.jsonl"),
    }
    left = os.spawnve(os.P_NOWAIT, "/bin/sleep", ["sleep", "600"], environ)
    try:
        wait_for(lambda: b"sleep" in Path(f"/proc/{left}/cmdline").read_bytes(), "its environment")
        done = cli("rm", run, "--yes")
        assert (done.code, f"kill {left}" in done.err) == (4, True), done
        assert cli.status(run) == "cancelled"
        found = {one["name"]: one for one in cli.json("doctor", code=4)["findings"]}
        assert (found["processes"]["level"], found["processes"]["advice"]) == (
            "bad",
            f"`kill {left}`",
        )
    finally:
        os.kill(left, 9)
        os.waitpid(left, 0)
    assert cli("rm", run, "--yes").code == 0
