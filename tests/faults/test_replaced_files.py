"""Files of a home and of runs, replaced by what blocks its reader, or by what never ends."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import is_alive, wait_for
from tests.unit.tui.driving import opened
from trainui.store.db.schema import HEAD

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("ls",),
    ("show", "r"),
    ("logs", "r"),
    ("report", "r"),
    ("doctor",),
)


@pytest.fixture
def completed(cli: CommandLine) -> Path:
    """The directory of a completed run called `r`; the worker has ended."""
    shown = cli.json("run", "--name", "r", "--wait", "--json", "--", "echo", "trained")
    assert cli("worker", "stop").code == 0
    return cli.home / "runs" / str(shown["run"])


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("replacement", [os.mkfifo, pytest.param(zeros, marks=pytest.mark.long)])
async def test_replacements_of_files_are_named_and_not_waited_for(
    cli: CommandLine,
    completed: Path,
    replacement: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = next(completed.rglob("stdout.log"))
    database = cli.home / "trainui.db"
    locks = (cli.home / "worker" / "guard.lock", cli.home / "broker" / "broker.lock")
    for path in (log, log.with_name("times.log"), completed / "code.json", *locks):
        path.unlink()
        replacement(path)
    for command in COMMANDS:
        done = cli(*command)
        assert done.code == (4 if command[0] == "logs" else 0), (command, done)
    assert f"{log} is a " in cli("logs", "r").err
    for name, value in cli.environ.items():
        monkeypatch.setenv(name, value)
    async with opened() as screen:
        await screen.until_shown("r", "completed")
        await screen.press("enter")
        await screen.press("l")
        await screen.until_shown("the log is a ", "not a regular file")
    root_pages(database)
    database.rename(database.with_suffix(".moved"))
    replacement(database)
    for command in (*COMMANDS, ("backup", "b.tar.gz"), ("run", "--detach", "--", "true")):
        done = cli(*command)
        assert done.code == 4, (command, done)
        assert f"{database} is a " in done.out + done.err, (command, done)


def root_pages(database: Path) -> dict[str, int]:
    """Have all of a database in its file; return where each of its tables begins."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0")
        return {str(name): (int(page) - 1) * 4096 for name, page in found}


def test_a_damaged_database_is_named_and_never_backed_up(cli: CommandLine, completed: Path) -> None:
    database = cli.home / "trainui.db"
    pages, whole = root_pages(database), database.read_bytes()
    for table in ("runs", "stages", "events"):
        damaged = bytearray(whole)
        damaged[pages[table] : pages[table] + 4096] = random.Random(1).randbytes(4096)
        database.write_bytes(damaged)
        for asked in (("show", "r"), ("backup", "b.tar.gz"), ("doctor",)):
            done = cli(*asked)
            assert done.code == 4, (table, asked, done)
            assert "the file is damaged" in done.out + done.err, (table, asked, done)
            assert asked == ("doctor",) or len(done.err.splitlines()) == 1, done
    database.write_bytes(b"")
    for command in (*COMMANDS, ("backup", "b.tar.gz"), ("run", "--detach", "--", "true")):
        done = cli(*command)
        assert done.code == 4, (command, done)
        assert f"{database} is empty" in done.out + done.err, (command, done)
    database.unlink()
    assert f"{database} no longer exists" in cli("ls").err
    assert not (cli.directory / "b.tar.gz").exists()
    done = cli("run", "--wait", "--", "true")
    assert done.code == 0
    assert "creating a new one" in done.err
    assert len(cli.json("ls")["runs"]) == 1
    assert completed.exists()


def test_a_database_removed_under_a_worker_is_noticed(
    cli: CommandLine,
) -> None:
    database, pid_file = cli.home / "trainui.db", cli.directory / "pid"
    run = cli("run", "--detach", "--", "sh", "-c", f"echo $$ > {pid_file}; exec sleep 600").out
    wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), "the stage")
    with cli.start("wait", run.split()[0]) as waiting:
        wait_for(lambda: has_open(waiting, database), "one that waits for it")
        for file in sorted(cli.home.glob("trainui.db*")):  # as `rm`: the database first
            if file.suffix != ".lock":
                file.unlink()
        said = waiting.communicate(timeout=60)[1]
    missing = f"{database} no longer exists"  # said instead if it was just about to open it again
    assert waiting.returncode == 4
    assert f"{database} was removed or replaced" in said or missing in said, said
    log = cli.home / "worker" / "worker.log"
    wait_for(lambda: missing in log.read_text(), "the worker's word")
    wait_for(lambda: missing in str(cli.json("worker", "status")["problems"]), "its status")
    done = cli("run", "--wait", "--", "true")
    assert (done.code, is_alive(int(pid_file.read_text()))) == (0, True)
    database.write_bytes(b"no database" * 1000)
    done = cli("worker", "stop", "--with-stages")
    assert done.code == 0, done
    assert "ending without the database: sh" in done.err
    assert not is_alive(int(pid_file.read_text()))


@pytest.mark.long
def test_a_database_overwritten_in_place_under_a_worker_is_noticed(cli: CommandLine) -> None:
    database, log = cli.home / "trainui.db", cli.home / "worker" / "worker.log"
    cli("run", "--wait", "--", "true")
    copy = cli.directory / "copy.db"
    with closing(sqlite3.connect(database)) as connection, closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
    cli("worker", "stop")
    cli("worker", "start")
    worker = cli.json("worker", "status")["pid"]
    wait_for(lambda: application_id(database) not in (0, application_id(copy)), "its mark")
    inode = database.stat().st_ino
    database.write_bytes(copy.read_bytes())
    assert database.stat().st_ino == inode
    wait_for(lambda: "was overwritten while it was in use" in log.read_text(), "its word")
    wait_for(lambda: not is_alive(worker), "its end")


@pytest.mark.long
def test_another_installations_worker_ends_when_the_database_is_upgraded(
    cli: CommandLine,
) -> None:
    wait = "touch begun; until [ -e go ]; do sleep 0.05; done"
    run = cli("run", "--detach", "--", "sh", "-c", wait).out.split()[0]
    wait_for((cli.directory / "begun").exists, "the stage")
    old = cli.json("worker", "status")["pid"]
    database = cli.home / "trainui.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE stages RENAME COLUMN not_before TO next_version")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        wait_for(lambda: not is_alive(old), "the end of the worker")
        wait_for(lambda: "newer trainui" in str(cli.json("worker", "status")["problems"]), "why")
        connection.execute("ALTER TABLE stages RENAME COLUMN next_version TO not_before")
        connection.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    assert cli("worker", "start").code == 0
    (cli.directory / "go").touch()
    done = cli.json("wait", run, "--timeout", "60", "--json")
    assert [len(stage["attempts"]) for stage in done["stages"]] == [1]


def application_id(database: Path) -> int:
    return int.from_bytes(database.read_bytes()[68:72])


def has_open(process: subprocess.Popen[str], file: Path) -> bool:
    """Whether a process has a file open."""
    with suppress(OSError):  # it closes others meanwhile
        descriptors = Path(f"/proc/{process.pid}/fd").iterdir()
        return any(one.is_symlink() and one.readlink() == file for one in descriptors)
    return False


@pytest.mark.long
def test_a_forgotten_attempt_is_not_taken_for_the_next(
    cli: CommandLine,
) -> None:
    """Its records are in the directory of the next attempt, which has its number."""
    script = "echo $TRAINUI_ATTEMPT >> ../ledger; cat ../code; exit $(cat ../code)"
    cli.write("p.yaml", f"stages: [{{name: a, run: '{script}', workdir: sub}}]")
    (cli.directory / "sub").mkdir()
    (cli.directory / "code").write_text("3")
    run = cli("run", "p.yaml", "--wait", "--json").json()["run"]
    cli.json("backup", "b.tar.gz")
    assert cli("resume", run, "--wait").code == 1
    assert cli("worker", "stop").code == 0
    for file in cli.home.glob("trainui.db*"):
        file.unlink()
    subprocess.run(["tar", "xzf", cli.directory / "b.tar.gz", "-C", cli.home], check=True)

    (cli.directory / "code").write_text("0")
    shown = cli.json("resume", run, "--wait")
    assert shown["status"] == "completed"
    assert (cli.directory / "ledger").read_text().split() == ["1", "2", "2"]
    stage = shown["stages"][0]
    assert [one["exit_code"] for one in stage["attempts"]] == [3, 0]
    stdout = Path(stage["attempts"][-1]["stdout"])
    assert stdout.read_text() == "0"
    forgotten = stdout.parent.with_name("attempt-2~1") / "stdout.log"
    assert forgotten.read_text() == "3"


def test_a_result_replaced_by_a_forgotten_attempt_is_made_again(cli: CommandLine) -> None:
    """The restored database has the attempt before, with another command, as completed."""
    pipeline = """
        stages:
          - {name: a, run: 'echo WHICH > ${stage_dir}/out', outputs: [out]}
          - {name: b, run: 'cat ${stages.a.dir}/out', depends_on: [a]}
    """
    cli.write("p.yaml", pipeline.replace("WHICH", "one"))
    run = cli("run", "p.yaml", "--wait", "--json").json()["run"]
    cli.json("backup", "b.tar.gz")
    cli.write("p.yaml", pipeline.replace("WHICH", "two"))
    assert cli("resume", run, "--file", "p.yaml", "--wait").code == 0
    assert cli("worker", "stop").code == 0
    for file in cli.home.glob("trainui.db*"):
        file.unlink()
    subprocess.run(["tar", "xzf", cli.directory / "b.tar.gz", "-C", cli.home], check=True)

    assert cli("rerun", run, "b").code == 0
    assert cli("wait", run).code == 1
    reason = cli.json("show", run)["stages"][1]["error"]
    assert "upstream a has completed, but a later attempt replaced its result" in reason
    assert cli("resume", run, "--as-submitted", "--wait").code == 0
    assert cli("logs", run, "b").out == "one\n"
    planned = cli.json("resume", run, "--as-submitted", "--dry-run")["stages"]
    assert planned[0]["action"] == "skip"


@pytest.mark.parametrize(
    "name", ["trainui.db-wal", pytest.param("trainui.db-shm", marks=pytest.mark.long)]
)
def test_deleting_the_databases_log_under_a_worker_loses_no_run(
    cli: CommandLine, name: str
) -> None:
    """Who takes `trainui.db-wal` for a temporary file deletes what was written last."""
    cli.write("p.yaml", "stages: [{name: a, run: 'until test -e go; do sleep 0.05; done'}]")
    cli.json("run", "p.yaml", "--detach")
    wait_for(lambda: cli.json("show", "p")["stages"][0]["status"] == "running", "the stage")
    database, log = cli.home / "trainui.db", cli.home / "worker" / "worker.log"
    before = read_worker_pid(cli)
    (cli.home / name).unlink()
    wait_for(lambda: f"{name} was deleted while it was in use" in log.read_text(), "a word")
    wait_for(lambda: not is_alive(before), "the end of that worker")
    cli.write("go", "")
    assert cli("wait", "p").code == 0
    assert [one["status"] for one in cli.json("ls")["runs"]] == ["completed"]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def read_worker_pid(cli: CommandLine) -> int:
    return int(cli.json("worker", "status")["pid"])
