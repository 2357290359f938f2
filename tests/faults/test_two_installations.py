"""Two installations of trainui on one home: the newer has one more revision of the schema."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import trainui
from tests.acceptance.command_line import CommandLine, Done, stage_of, states_of
from tests.unit.supervisor.waiting import wait_for
from trainui.execution import processes
from trainui.paths import Home
from trainui.store.db.schema import HEAD
from trainui.supervisor import process
from trainui.supervisor.process import ProbeState

NEXT = "0999"

REVISION = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{NEXT}", "{HEAD}"
def upgrade():
    op.add_column("runs", sa.Column("extra", sa.String()))
"""

HELD = """
stages:
  - {name: a, run: "echo >> a; touch begun; until [ -e go ]; do sleep 0.05; done"}
  - {name: b, run: "echo >> b", depends_on: [a]}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with another revision."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(trainui.__file__).parent, site / "trainui")
    store = site / "trainui" / "store"
    (store / "migrations" / "versions" / "rev_0999_next.py").write_text(REVISION)
    change(store / "db" / "schema.py", f'("{HEAD}",)', f'("{HEAD}", "{NEXT}")')
    table = "CREATE TABLE runs (\n"
    change(store / "migrations" / "tables.sql", table, f"{table}\textra VARCHAR,\n")
    change(site / "trainui" / "version.py", '__version__ = "', '__version__ = "1')
    return site


class Newer:
    """The newer installation's command line."""

    def __init__(self, cli: CommandLine, site: Path) -> None:
        self.site = site
        self._cli = cli

    def __call__(self, *arguments: str) -> Done:
        return self._cli(*arguments, PYTHONPATH=str(self.site))


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


@pytest.fixture
def newer(cli: CommandLine, site: Path, only_on_sqlite: None) -> Newer:
    return Newer(cli, site)


def revision(cli: CommandLine) -> str:
    with closing(sqlite3.connect(cli.home / "trainui.db")) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def begin(cli: CommandLine) -> int:
    """Start a run whose stage waits; return the worker's pid."""
    cli.write("p.yaml", HELD)
    assert cli("run", "p.yaml", "--detach", "--name", "r").code == 0
    wait_for((cli.directory / "begun").exists, "the stage")
    wait_for(lambda: states_of(cli.json("show", "r"))["a"] == "running", "its record")
    return int(cli.json("worker", "status")["pid"])


def is_left(cli: CommandLine) -> bool:
    home = Home(cli.home)
    return not processes.is_held(home.guard_lock) and not processes.is_held(home.worker_lock)


READERS = (("ls",), ("show", "r"), ("resume", "r", "--dry-run"), ("worker", "status"), ("doctor",))


def test_readers_of_the_newer_one_move_nothing(cli: CommandLine, newer: Newer) -> None:
    old = begin(cli)
    for command in READERS:
        done = newer(*command, "--json")
        assert revision(cli) == HEAD, command
        assert cli.json("worker", "status")["pid"] == old, command
        if command[0] in ("ls", "show", "resume"):
            assert (done.code, done.error()) == (4, "environment")
            assert "trainui worker start" in done.json()["error"]["message"]
        if command[0] == "worker":
            (problem,) = done.json()["problems"]
            assert HEAD in problem
        if command[0] == "doctor":
            levels = {one["name"]: one["level"] for one in done.json()["findings"]}
            assert (levels["database"], levels["processes"]) == ("bad", "note")
        assert list(cli.home.glob("*.before-*")) == [], command
    (cli.directory / "go").touch()
    assert cli("wait", "r", "--timeout", "60").code == 0


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["worker", "start"], marks=pytest.mark.long),
        ["run", "q.yaml", "--wait"],
    ],
    ids=" ".join,
)
def test_the_older_worker_leaves_before_the_newer_one_upgrades(
    cli: CommandLine, newer: Newer, command: list[str]
) -> None:
    old = begin(cli)
    cli.write("q.yaml", "stages: [{name: q, run: 'true'}]")
    assert newer(*command).code == 0
    assert revision(cli) == NEXT
    assert newer("worker", "status", "--json").json()["pid"] not in (None, old)

    for reader in (["show", "r"], ["ls"]):
        assert NEXT in cli(*reader, "--json").json()["error"]["message"]
    assert NEXT in str(cli.json("worker", "status")["problems"])
    findings = {one["name"]: one for one in cli("doctor", "--json").json()["findings"]}
    assert NEXT in findings["database"]["message"]

    (cli.directory / "go").touch()
    assert newer("wait", "r", "--timeout", "60").code == 0
    shown = newer("show", "r", "--json").json()
    assert [len(stage_of(shown, name)["attempts"]) for name in "ab"] == [1, 1]
    assert [(cli.directory / name).read_text() for name in "ab"] == ["\n", "\n"]


@pytest.mark.long
def test_the_newer_installations_change_follows_the_upgrade(cli: CommandLine, newer: Newer) -> None:
    begin(cli)
    assert newer("cancel", "r").code == 0
    assert revision(cli) == NEXT
    wait_for(
        lambda: newer("show", "r", "--json").json()["status"] == "cancelled", "the cancellation"
    )


@pytest.mark.long
def test_several_commands_of_the_newer_one_upgrade_once(cli: CommandLine, newer: Newer) -> None:
    begin(cli)
    cli.environ["PYTHONPATH"] = str(newer.site)
    started = [cli.start("note", "r", f"note {number}") for number in range(3)]
    for one in started:
        one.communicate(timeout=90)
    assert [one.returncode for one in started] == [0, 0, 0]
    assert len(list(cli.home.glob("*.before-*"))) == 1
    starts = Home(cli.home).guard_log.read_text().count("started the worker")
    assert starts == 2, "the older one, and the newer one once"
    (cli.directory / "go").touch()
    shown = cli.json("wait", "r", "--timeout", "60")
    assert [len(stage_of(shown, name)["attempts"]) for name in "ab"] == [1, 1]


def test_the_older_installations_worker_yields_and_its_stages_can_end(
    cli: CommandLine, newer: Newer
) -> None:
    begin(cli)
    assert newer("worker", "start").code == 0
    (attempt,) = [path.parent for path in cli.home.glob("runs/*/.trainui/a/*/pid.json")]
    assert newer("worker", "stop").code == 0

    assert cli("worker", "start", "--json").error() == "environment"
    assert is_left(cli)
    # also a guard that is started some other way, e.g. by systemd or a supervisor
    (cli.home / "worker" / "wanted").write_text("9000000000000000000\n")
    guard = [sys.executable, "-m", "trainui.execution.daemon.guard"]
    assert subprocess.run(guard, env=cli.environ, timeout=60, check=False).returncode == 0
    assert is_left(cli)
    problems = cli.json("worker", "status")["problems"]
    assert any(NEXT in one for one in problems), problems

    assert process.probe(attempt).state == ProbeState.RUNNING
    assert cli("worker", "stop", "--with-stages").code == 0
    assert process.probe(attempt).state != ProbeState.RUNNING
    assert revision(cli) == NEXT


def test_an_older_worker_that_cannot_be_ended_keeps_its_database(
    cli: CommandLine, newer: Newer
) -> None:
    """It is on another machine or of another user, so that its process is not known here."""
    begin(cli)
    assert cli("worker", "stop").code == 0
    with Home(cli.home).worker_lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = newer("run", "p.yaml", "--detach", "--json")
    assert done.error() == "environment"
    assert revision(cli) == HEAD
    assert len(cli.json("ls")["runs"]) == 1
