"""A database of an older trainui, with runs and points in it, under this one."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from tests.unit.supervisor.waiting import wait_for
from trainui.store import schema, views
from trainui.store.engine import open_store

DUMP = Path(__file__).with_name("revision_0001.sql")
"""A run of four stages that revision 0001 stored: one failed, one took two attempts."""

EARLIER = [
    one.revision
    for one in ScriptDirectory.from_config(schema.alembic_config("sqlite://")).walk_revisions()
    if one.revision != schema.HEAD
]

COUNTED = ("runs", "stages", "attempts", "events", "sources", "chunks")

NEXT = """
import os, time
from alembic import op
revision, down_revision = "9000", "{head}"
def upgrade():
    op.execute("ALTER TABLE runs ADD COLUMN extra TEXT")
    op.execute("UPDATE runs SET extra = 'kept'")
    with open("{ledger}", "a") as file:
        file.write("begun\\n")
    while not os.path.exists("{gate}"):
        time.sleep(0.01)
    op.execute("CREATE TABLE another (id INTEGER PRIMARY KEY)")
"""
"""A revision that does a part, waits, and does the rest."""

PROGRAM = """
import sys
from trainui.store import engine, schema
config = schema.alembic_config
def elsewhere(url):
    made = config(url)
    made.set_main_option("script_location", sys.argv[1])
    return made
schema.alembic_config, schema.HEAD = elsewhere, "9000"
engine.open_store(sys.argv[2]).close()
"""


def make_database(directory: Path, revision: str = "0001") -> Path:
    """A database of a revision, with the data in it."""
    file = directory / "trainui.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    schema.upgrade(url_of(file), revision)
    return file


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def ask(file: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(question).fetchall()


def counts(file: Path) -> dict[str, int]:
    return {table: ask(file, f"SELECT count(*) FROM {table}")[0][0] for table in COUNTED}


def copies(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.name}.before-*"))


@pytest.mark.parametrize("revision", EARLIER)
def test_every_earlier_revision_is_upgraded_with_its_data(tmp_path: Path, revision: str) -> None:
    file = make_database(tmp_path, revision)
    before = counts(file)
    assert all(before.values())
    open_store(url_of(file)).close()
    assert schema.revision(file) == schema.HEAD
    assert counts(file) == before
    (copy,) = copies(file)
    assert schema.revision(copy) == revision
    assert ask(copy, "SELECT name, status FROM runs") == [("old", "failed")]
    with views.reading(file) as connection:
        run = views.find_run(connection, "old")
        stages = {stage.name: stage for stage in views.stages(connection, run.id)}
        tries = views.attempts_of_stage(connection, stages["train"].id)
    assert [str(stage.status) for stage in stages.values()] == [
        "completed",
        "completed",
        "failed",
        "blocked",
    ]
    assert [(one.number, one.exit_code) for one in tries] == [(1, 1), (2, 0)]


class Upgrade:
    """A newer trainui, whose one more revision waits in its middle."""

    def __init__(self, directory: Path) -> None:
        self.file = make_database(directory, schema.HEAD)
        self.gate, self.ledger = directory / "gate", directory / "ledger"
        self._scripts = directory / "migrations"
        shutil.copytree(Path(schema.__file__).with_name("migrations"), self._scripts)
        text = NEXT.format(head=schema.HEAD, ledger=self.ledger, gate=self.gate)
        (self._scripts / "versions" / "rev_9000.py").write_text(text)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(self._scripts), url_of(self.file)]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def begun(self) -> int:
        return len(self.ledger.read_text().splitlines()) if self.ledger.exists() else 0


def test_an_upgrade_that_is_killed_has_done_nothing_and_is_done_again(tmp_path: Path) -> None:
    upgrade = Upgrade(tmp_path)
    before = counts(upgrade.file)
    process = upgrade.start()
    wait_for(upgrade.begun, "the middle of an upgrade")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert schema.revision(upgrade.file) == schema.HEAD
    assert ask(upgrade.file, "SELECT 1 FROM pragma_table_info('runs') WHERE name = 'extra'") == []
    assert counts(upgrade.file) == before
    assert ask(upgrade.file, "PRAGMA integrity_check") == [("ok",)]

    upgrade.gate.touch()
    process = upgrade.start()
    assert process.communicate()[1] == b""
    assert process.returncode == 0
    assert ask(upgrade.file, "SELECT extra FROM runs") == [("kept",)]
    assert ask(upgrade.file, "SELECT version_num FROM alembic_version") == [("9000",)]


def test_of_two_processes_at_once_one_upgrades(tmp_path: Path) -> None:
    upgrade = Upgrade(tmp_path)
    processes = [upgrade.start(), upgrade.start()]
    wait_for(upgrade.begun, "the middle of an upgrade")
    upgrade.gate.touch()
    for process in processes:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    assert upgrade.begun() == 1
    assert len(copies(upgrade.file)) == 1
    assert ask(upgrade.file, "SELECT extra FROM runs") == [("kept",)]
