"""An upgrade that is killed, and two at once, with runs and points in the database."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.unit.supervisor.waiting import wait_for
from trainui.model.definition import Pipeline, StageDefinition
from trainui.store.db import schema
from trainui.store.db.engine import open_store
from trainui.store.runs import stored_pipeline
from trainui.store.runs.stored_pipeline import NewRun

COUNTED = ("pipelines", "runs", "stages", "events")

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
import pathlib, sys
from trainui.store.db import schema
config = schema.alembic_config
def elsewhere(url):
    made = config(url)
    made.set_main_option("script_location", sys.argv[1])
    return made
schema.alembic_config, schema.HEAD = elsewhere, "9000"
schema.REVISIONS = (*schema.REVISIONS, "9000")
schema.upgrade_file(sys.argv[2], pathlib.Path(sys.argv[2].removeprefix("sqlite:///")))
"""


def make_database(directory: Path) -> Path:
    """A database of the present revision, with a run in it."""
    file = directory / "trainui.db"
    stage = StageDefinition("a", command="true")
    pipeline = Pipeline("p", (stage,), text="stages: []", digest="0" * 64)
    new = NewRun("r", "r", pipeline, "/r", {"a": "/r/a"}, submission={})
    with closing(open_store(url_of(file))) as store, store.write() as connection:
        stored_pipeline.create(connection, new)
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


class Upgrade:
    """A newer trainui, whose one more revision waits in its middle."""

    def __init__(self, directory: Path) -> None:
        self.file = make_database(directory)
        self.gate, self.ledger = directory / "gate", directory / "ledger"
        self.lock = self.file.with_name(f"{self.file.name}.upgrade.lock")
        self._scripts = directory / "migrations"
        shutil.copytree(Path(schema.__file__).parents[1] / "migrations", self._scripts)
        text = NEXT.format(head=schema.HEAD, ledger=self.ledger, gate=self.gate)
        (self._scripts / "versions" / "rev_9000.py").write_text(text)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(self._scripts), url_of(self.file)]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def begun(self) -> int:
        return len(self.ledger.read_text().splitlines()) if self.ledger.exists() else 0


def has_open(process: subprocess.Popen[bytes], file: Path) -> bool:
    """Whether a process has a file open."""
    with suppress(OSError):  # it closes others meanwhile
        descriptors = Path(f"/proc/{process.pid}/fd").iterdir()
        return any(one.is_symlink() and one.readlink() == file for one in descriptors)
    return False


def test_a_killed_upgrade_changed_nothing_and_is_repeated(tmp_path: Path) -> None:
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
    wait_for(lambda: all(has_open(one, upgrade.lock) for one in processes), "the one that waits")
    upgrade.gate.touch()
    for process in processes:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    assert upgrade.begun() == 1
    assert len(copies(upgrade.file)) == 1
    assert ask(upgrade.file, "SELECT extra FROM runs") == [("kept",)]
