"""A home of another version: refused by each command, and left in order all the same."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for
from trainui.cli import doctor
from trainui.store.db import schema
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ProbeState

OTHERS = [schema.BEFORE_RELEASE[-1], "9999"]

NEW_COLUMNS = {"runs": ["kind"], "stages": ["executor", "gpus"], "attempts": ["executor"]}
"""Those that no database from before the first release has."""


def attempts_of(cli: CommandLine) -> list[Path]:
    return [path.parent for path in cli.home.glob(f"runs/*/.trainui/*/*/{protocol.PIDS_FILE}")]


def make_other(cli: CommandLine, revision: str) -> None:
    """Make the database one of another version."""
    with closing(sqlite3.connect(cli.home / "trainui.db")) as connection:
        if revision in schema.BEFORE_RELEASE:
            for table, columns in NEW_COLUMNS.items():
                for column in columns:
                    connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


@pytest.mark.parametrize("revision", [OTHERS[0], pytest.param(OTHERS[1], marks=pytest.mark.long)])
def test_a_home_of_another_version_is_refused_but_stoppable(
    cli: CommandLine, revision: str
) -> None:
    wait = "touch begun; until [ -e go ]; do sleep 0.05; done"
    run = cli("run", "--detach", "--", "sh", "-c", wait).out.split()[0]
    wait_for((cli.directory / "begun").exists, "the stage")
    (attempt,) = attempts_of(cli)
    assert cli("worker", "stop").code == 0
    make_other(cli, revision)

    cli.write("p.yaml", "stages: [{name: a, run: 'true'}]")
    for command in (["ls"], ["show", run], ["resume", run], ["run", "--detach", "p.yaml"]):
        done = cli(*command, "--json")
        assert (done.code, done.error()) == (4, "environment")
        assert f"schema {revision}" in done.json()["error"]["message"]
    findings = {one["name"]: one for one in cli("doctor", "--json").json()["findings"]}
    assert findings["database"]["level"] == doctor.BAD
    assert f"schema {revision}" in findings["database"]["message"]
    archive = cli.json("backup", "copy.tar.gz")["file"]
    with tarfile.open(archive) as packed:
        assert "trainui.db" in packed.getnames()

    assert process.probe(attempt).state == ProbeState.RUNNING
    assert cli("worker", "stop", "--with-stages").code == 0
    assert process.probe(attempt).state != ProbeState.RUNNING
    with closing(sqlite3.connect(cli.home / "trainui.db")) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [(revision,)]
