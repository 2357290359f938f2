"""A home that cannot be written to, or is not to be trusted: looked at all the same, and said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.faults.disks import read_only
from tests.faults.network_disk import network_disk
from tests.integration import background
from tests.security.another_user import needs_root
from tests.unit.supervisor.waiting import is_alive, wait_for_death
from tests.unit.tui.driving import opened
from trainui.execution import broker
from trainui.paths import Home

PIPELINE = {
    "name": "p",
    "stages": [
        {
            "name": "train",
            "run": 'echo trained; echo \'{"step": 1, "loss": 0.5}\' >> $TRAINUI_METRICS_FILE',
        },
        {"name": "wrong", "run": "exit 3"},
    ],
}


WRITING = (
    ("run", "p.yaml", "--detach"),
    ("resume", "r", "--detach"),
    ("rm", "r", "--yes"),
    ("worker", "pause"),
    ("worker", "start"),
)


async def test_a_read_only_home_can_be_looked_at(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.write("p.yaml", json.dumps(PIPELINE))
    assert cli("run", "p.yaml", "--wait", "--name", "r").code == 1
    before = cli.json("show", "r")
    with read_only(cli.home):  # with what a worker leaves that was not there to the end
        assert (cli.home / "trainui.db-wal").exists()
        assert cli.json("show", "r") == before
    assert cli("worker", "stop").code == 0
    with closing(sqlite3.connect(cli.home / "trainui.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # who closes last has to write
    with read_only(cli.home):
        assert not (cli.home / "trainui.db-wal").exists()
        assert [run["name"] for run in cli.json("ls")["runs"]] == ["r"]
        assert cli.json("show", "r") == before
        assert cli("logs", "r", "train").out == "trained\n"
        (series,) = cli.json("metrics", "r")["series"]
        assert (series["name"], series["last"]) == ("loss", 0.5)
        found = cli("doctor").out
        assert f"{cli.home} cannot be written: Read-only file system" in found
        assert "which cannot be written: Read-only file system" in found
        for writing in WRITING:
            refused = cli(*writing)
            assert refused.code == 4, (writing, refused)
            assert f"{cli.home} is read-only" in refused.err, (writing, refused)
            assert len(refused.err.splitlines()) == 1, (writing, refused)
        for name, value in cli.environ.items():
            monkeypatch.setenv(name, value)
        async with opened() as screen:
            await screen.until_shown("✗ failed", "1/2")
            await screen.press("enter")
            await screen.until_shown("train", "exit code 3")
            await screen.press("r")
            await screen.until_shown("no plan can be made", "is read-only")
    assert cli("resume", "r", "--wait").code == 1


def test_a_home_on_a_network_file_system_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    cli.write("p.yaml", json.dumps(PIPELINE))
    with network_disk(tmp_path / "far") as far:
        cli.environ["TRAINUI_HOME"] = str(far / "home")
        for writing in (("run", "p.yaml", "--detach"), ("worker", "start")):
            refused = cli(*writing)
            assert refused.code == 4, (writing, refused)
            (message,) = refused.err.splitlines()
            assert message.startswith(f"{far}/home is on a network file system (fuse.sshfs)")
            assert "set TRAINUI_HOME to a directory on a local disk" in message
        assert "a network file system (fuse.sshfs)" in cli("doctor").out
        cli.environ["TRAINUI_HOME"] = str(cli.home)


def test_a_relative_path_of_a_home_is_the_same_home(cli: CommandLine) -> None:
    """The worker and the guard run in `/`; relative paths are those of the shell."""
    cli.environ["TRAINUI_HOME"] = "../home"
    cli.environ["TRAINUI_RUNS_DIR"] = "runs"
    cli.write("p.yaml", json.dumps({"stages": [{"name": "a", "run": "true"}]}))
    shown = cli.json("run", "p.yaml", "--wait")
    assert shown["status"] == "completed"
    assert Path(shown["stages"][0]["dir"]).parent.parent == cli.directory / "runs"
    assert (cli.home / "worker" / "worker.log").exists()
    assert cli("worker", "stop").code == 0


def test_a_home_may_have_any_name(cli: CommandLine) -> None:
    """What is an address's elsewhere is a name here, and nothing beside the home is touched."""
    name = '-n what? a%20b it\'s "ü" #1 $x'
    cli.home = cli.home.with_name(name) / "home"
    cli.environ["TRAINUI_HOME"] = str(cli.home)
    beside = cli.home.parent.parent
    beside.chmod(0o755)
    shown = cli.run(
        "stages: [{name: a, run: 'echo ran; echo x > ${stage_dir}/out', outputs: [out]}]"
    )
    assert shown["status"] == "completed"
    assert [run["status"] for run in cli.json("ls")["runs"]] == ["completed"]
    assert cli("logs", shown["run"], "a").out == "ran\n"
    assert cli("worker", "stop").code == 0
    assert cli.home.joinpath("trainui.db").exists()
    assert beside.stat().st_mode & 0o777 == 0o755
    assert {one.name for one in beside.iterdir()} <= {name, "work", "config"}


@pytest.mark.long
def test_shells_with_different_temporary_directories_share_a_long_home_path(
    cli: CommandLine,
) -> None:
    """The sockets of such a home lie elsewhere, and are found from each."""
    cli.home = cli.home / ("d" * 100)
    cli.environ["TRAINUI_HOME"] = str(cli.home)
    cli.write("p.yaml", json.dumps({"stages": [{"name": "a", "run": "true"}]}))
    for name in ("one", "two"):
        temporary = cli.directory / name
        temporary.mkdir()
        cli.environ["TMPDIR"] = str(temporary)
        assert cli.json("run", "p.yaml", "--wait")["status"] == "completed"
        found = cli.json("worker", "status")
        assert found["broker"]["reachable"]
        assert found["problems"] == []
        assert list(temporary.iterdir()) == []


NOBODYS = """
import os
from trainui import errors, paths
os.setuid(54_321)
try:
    paths.home()
except errors.UnfitEnvironmentError as error:
    print(error)
"""


@needs_root
def test_with_no_home_of_the_user_that_is_said(tmp_path: Path) -> None:
    """As in a container that runs as an unknown uid, whose HOME nobody has set."""
    command = [sys.executable, "-c", NOBODYS]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    assert "HOME is not set, and uid 54321 has no home directory" in done.stdout


def test_processes_of_a_deleted_and_recreated_home_end(cli: CommandLine) -> None:
    home = Home(cli.home)
    assert cli("worker", "start").code == 0
    old = [background.guard_pid(home), cli.json("worker", "status")["pid"]]
    old_broker = broker.find_pid(home)
    assert old_broker is not None
    for _ in range(3):  # they write meanwhile
        shutil.rmtree(cli.home, ignore_errors=True)
    assert cli("run", "--wait", "--", "true").code == 0
    wait_for_death(*old, old_broker)
    assert background.guard_pid(home) not in old
    assert cli("run", "--wait", "--", "true").code == 0


@pytest.mark.long
def test_a_guard_of_a_deleted_home_stops_nothing_of_the_next_one(cli: CommandLine) -> None:
    """Also if it looks when nothing is wanted there, as while a home is deleted or made."""
    home = Home(cli.home)
    assert cli("worker", "start").code == 0
    guard, old_broker = background.guard_pid(home), background.broker_pid(home)
    os.kill(guard, signal.SIGSTOP)
    shutil.rmtree(cli.home)
    assert cli("run", "--wait", "--", "true").code == 0
    next_guard, next_broker = background.guard_pid(home), background.broker_pid(home)
    os.kill(next_guard, signal.SIGSTOP)
    wanted = home.worker / "wanted"
    wanted.rename(aside := wanted.with_name("aside"))
    os.kill(guard, signal.SIGCONT)
    wait_for_death(guard, old_broker)
    assert is_alive(next_broker)
    aside.rename(wanted)
    os.kill(next_guard, signal.SIGCONT)
    assert cli("run", "--wait", "--", "true").code == 0


def test_a_directory_that_others_use_is_not_closed_to_them(cli: CommandLine) -> None:
    """As TRAINUI_HOME=/tmp would be."""
    cli.home.mkdir()
    (cli.home / "of others").touch()
    cli.home.chmod(0o1777)
    for command in (("run", "--wait", "--", "true"), ("worker", "start"), ("doctor",)):
        done = cli(*command)
        assert done.code == 4, done
        words = (
            "contains other files, and other users may write in it; trainui would make it "
            "private: set"
        )
        assert f"{cli.home} {words} TRAINUI_HOME to a separate directory" in done.err + done.out
        assert "chmod" not in done.out
    assert cli.home.stat().st_mode & 0o7777 == 0o1777
    assert [one.name for one in cli.home.iterdir()] == ["of others"]
    cli.home.chmod(0o755)  # others only read there
    assert cli("run", "--wait", "--", "true").code == 0
    assert cli.home.stat().st_mode & 0o7777 == 0o700


def test_a_home_that_is_closed_or_no_directory_is_named(cli: CommandLine) -> None:
    commands = (("ls",), ("worker", "status"), ("worker", "stop"), ("show", "x"))
    cli.home.touch()
    words = f"{cli.home} is not a directory; set TRAINUI_HOME to a directory of your own\n"
    for command in (*commands, ("run", "--detach", "--", "true")):
        done = cli(*command)
        assert (done.code, done.err) == (4, words), command
    cli.home.unlink()
    cli.home.mkdir(mode=0)
    words = f"{cli.home} cannot be read by your user; set TRAINUI_HOME to a directory of your own\n"
    for command in commands:
        done = cli.unprivileged(*command)
        assert (done.code, done.err) == (4, words), command
    cli.home.chmod(0o700)
