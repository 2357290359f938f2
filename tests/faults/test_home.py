"""A home that cannot be written to, or is not to be trusted: looked at all the same, and said."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.faults.disks import read_only
from tests.faults.network_disk import network_disk
from tests.unit.tui.driving import opened

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
        assert f"{cli.home} is not writable" in found
        assert "which takes no file: Read-only file system" in found
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
            assert message.startswith(f"{far}/home lies on a network file system (fuse.sshfs)")
            assert "set TRAINUI_HOME to a directory on a local disk" in message
        assert "a network file system (fuse.sshfs)" in cli("doctor").out
        cli.environ["TRAINUI_HOME"] = str(cli.home)
