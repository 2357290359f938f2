"""A home that was copied, moved or restored: nothing of its original is started, stopped or lost.

Deeds are done from the copy at every moment of its original; each case of the rule in
`store.db.home_identity` is caused.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import postgresql
from tests.acceptance.command_line import CommandLine, states_of
from tests.faults.disks import small_disk
from tests.faults.network_disk import network_disk
from tests.integration.conftest import kill_all
from tests.security.another_user import needs_root
from tests.unit.supervisor.waiting import is_alive, wait_for
from tests.unit.tui.driving import opened
from trainui.execution import broker, processes
from trainui.paths import Home

MARK = 'echo "$TRAINUI_STAGE $TRAINUI_HOME" >> {marks}; '
PIPELINE = {
    "name": "p",
    "stages": [
        {
            "name": "train",
            "run": MARK + "echo $$ > {pid}; while [ ! -e {end} ]; do sleep 0.1; done",
            "outputs": ["made.txt"],
        },
        {"name": "retried", "run": MARK + "exit 1", "retries": 1, "retry_delay": 600},
        {"name": "queued", "run": MARK + "true", "cpus": 2, "depends_on": ["done"]},
        {"name": "after", "run": MARK + "true", "depends_on": ["train"]},
        {"name": "done", "run": MARK + "echo made > $TRAINUI_STAGE_DIR/made.txt"},
    ],
}
PIPELINE["stages"][0]["run"] += "; echo made > $TRAINUI_STAGE_DIR/made.txt"  # type: ignore[index]

DEEDS = (
    ("run", "--detach", "--", "true"),
    ("resume", "r", "--detach"),
    ("rerun", "r", "done"),
    ("cancel", "r"),
    ("rm", "r", "--yes"),
    ("rm", "r", "--dry-run"),
    ("prune", "--keep", "0", "--older-than", "0s", "--yes"),
    ("prune", "--dry-run"),
    ("uninstall", "--yes"),
    ("uninstall", "--dry-run"),  # it would list what is the original's
    ("worker", "start"),
    ("worker", "stop", "--with-stages"),
    ("worker", "pause"),
)

LOOKS = (("ls",), ("show", "r"), ("logs", "r", "done"), ("metrics", "r"), ("worker", "status"))


class Original:
    """A home with a run of which a stage runs, one waits for its retry, and one for a slot."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.home = Home(cli.home)
        self.marks, self.pid_file = cli.directory / "marks", cli.directory / "pid"
        self.end_file = cli.directory / "end"
        text = json.dumps(PIPELINE)
        for name, path in (("marks", self.marks), ("pid", self.pid_file), ("end", self.end_file)):
            text = text.replace(f"{{{name}}}", str(path))
        cli.write("p.yaml", text)
        self.run = cli("run", "p.yaml", "--name", "r", "--detach").out.split()[0]
        wait_for(lambda: "retry 1" in str(cli.json("show", "r")), "the retry")
        wait_for(lambda: self.states["done"] == "completed", "the first stage's end")
        wait_for(lambda: self.states["queued"] == "queued", "the stage after it")
        self.pid = int(wait_for(lambda: self.pid_file.read_text().strip(), "the running stage"))
        self.begun = self.states

    @property
    def states(self) -> dict[str, str]:
        return states_of(self.cli.json("show", "r"))

    @property
    def directory(self) -> Path:
        return self.cli.home / "runs" / self.run

    def count(self, stage: str) -> int:
        return sum(line.startswith(f"{stage} ") for line in self.marks.read_text().splitlines())

    def is_as_begun(self) -> bool:
        """Return True if the same process runs, and no stage has started or ended since."""
        return is_alive(self.pid) and self.states == self.begun

    def finish(self) -> None:
        """Let the running stage end, and see that each stage ran once."""
        self.end_file.touch()
        assert self.cli("worker", "start").code == 0
        wait_for(lambda: self.states["after"] == "completed", "the original's end")
        for stage in ("train", "after", "done", "retried"):
            assert self.count(stage) == 1, self.marks.read_text()
        assert self.states["train"] == "completed"


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    return cli_with(cli, cli.home, TRAINUI_CPUS="2")


@pytest.fixture
def original(cli: CommandLine) -> Original:
    return Original(cli)


@pytest.fixture(scope="module")
def untouched(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Original]:
    """The original of copies from which nothing reaches it, whatever is tried."""
    settings = {**served_database, "TRAINUI_CPUS": "2"}
    with closing(CommandLine(tmp_path_factory.mktemp("original"), settings)) as cli:
        original = Original(cli)
        yield original
        original.finish()


def cli_with(cli: CommandLine, home: Path, **environ: str) -> CommandLine:
    """The same command line with another home."""
    other = object.__new__(CommandLine)
    other.home, other.directory, other.always_forks = home, cli.directory, cli.always_forks
    other.environ = {**cli.environ, "TRAINUI_HOME": str(home), **environ}
    return other


COPIES = itertools.count()


@contextmanager
def copy(cli: CommandLine, *command: str) -> Iterator[CommandLine]:
    """A copy of the home, made by a command; its processes are ended."""
    target = cli.home.with_name(f"copy{next(COPIES)}")
    # a living home: a temporary file may be gone before it is copied
    subprocess.run([*(command or ("cp", "-a")), cli.home, target], check=False)
    yield cli_with(cli, target)
    if "-al" not in command:  # its locks would be those of the original
        kill_all(Home(target))


def stopped(original: Original) -> None:
    assert original.cli("worker", "stop").code == 0


def killed(original: Original) -> None:
    home = original.home
    held = (home.guard_lock, home.worker_lock, broker.lock_path(home))
    pids = [*map(processes.lock_holder, held[:2]), broker.find_pid(home)]
    for pid in filter(None, pids):
        os.kill(pid, signal.SIGKILL)  # all at once: they restart each other
    wait_for(lambda: not any(map(processes.is_held, held)), "the end of all processes")
    wait_for(lambda: not is_open(home.database), "the end of the metrics reader")


def is_open(file: Path) -> bool:
    """Return True if another process has a file open: a copy of a database is then torn."""
    others = (one for one in Path("/proc").glob("[0-9]*/fd/*") if one.parts[2] != str(os.getpid()))
    for descriptor in others:
        with suppress(OSError):
            if descriptor.readlink() == file:
                return True
    return False


def refuses_all_deeds(original: Original) -> None:
    with copy(original.cli) as copied:
        for deed in DEEDS:
            done = copied(*deed)
            assert done.code == 4, (deed, done)
            (line,) = done.err.strip().splitlines()
            assert f"{copied.home} is a copy of the home {original.cli.home}" in line, (deed, done)
        assert copied("cancel", "r", "--json").error() == "copied_home"
        for module in ("trainui.execution.daemon.guard", "trainui.execution.worker"):
            ended = subprocess.run([sys.executable, "-m", module], env=copied.environ, check=False)
            assert ended.returncode in (4, 76)
        for look in LOOKS:
            assert copied(*look).code == 0, look
        for look in (("ls",), ("show", "r"), ("worker", "status"), ("doctor",)):
            done = copied(*look)
            for path in (copied.home, original.cli.home):
                assert str(path) in done.out + done.err, (look, done)
        assert copied.json("worker", "status")["copy_of"] == str(original.cli.home)
        assert not processes.is_held(Home(copied.home).worker_lock)
    assert original.is_as_begun()


def test_no_deed_in_a_copy_changes_its_living_original(
    untouched: Original, only_on_sqlite: None
) -> None:
    refuses_all_deeds(untouched)


@pytest.mark.long
def test_no_deed_in_a_copy_changes_its_killed_original(
    original: Original, only_on_sqlite: None
) -> None:
    killed(original)
    refuses_all_deeds(original)
    original.finish()


def answered(cli: CommandLine) -> dict[str, Any] | None:
    """Return the status of a home's worker; None if the broker did not answer in time."""
    status: dict[str, Any] = cli.json("worker", "status")
    return status if status["broker"]["reachable"] else None


def leaves_its_original_alone(original: Original) -> None:
    """Make a copy independent, and do in it what would harm the original."""
    with copy(original.cli) as copied:
        link = copied.home / "runs" / original.run / "done" / "link"
        link.symlink_to(original.directory / "done" / "made.txt")
        assert copied("worker", "start", "--as-copy").code == 0
        shown = copied.json("show", "r")
        assert states_of(shown) == {
            "train": "interrupted",
            "retried": "cancelled",
            "queued": "cancelled",
            "after": "blocked",
            "done": "completed",
        }
        assert str(original.cli.home) not in json.dumps([one["dir"] for one in shown["stages"]])
        assert link.readlink() == copied.home / "runs" / original.run / "done" / "made.txt"
        assert copied("logs", "r", "train").code == 0
        status = wait_for(lambda: answered(copied), "an answer of the broker")
        assert status["copy_of"] is None
        assert status["problems"] == []  # e.g. that a broker died, which was the original's
        assert copied("rerun", "r", "done").code == 0
        wait_for(lambda: states_of(copied.json("show", "r"))["done"] == "completed", "the rerun")
        assert copied("resume", "r", "--detach").code == 0
        wait_for(lambda: original.count("train") == 2, "the copy's own stage")
        assert is_alive(original.pid)
        assert copied("worker", "stop", "--with-stages").code == 0
        assert copied("rm", "r", "--yes").code == 0
        assert is_alive(original.pid)
        assert (original.directory / "done" / "made.txt").exists()
        assert not list(original.directory.glob("done~*"))
        marks = original.marks.read_text().splitlines(keepends=True)
        assert [line for line in marks if str(copied.home) in line]  # stages know their own home
        original.marks.write_text("".join(line for line in marks if "/copy" not in line))
        assert is_alive(original.pid)
        again = copied("worker", "start", "--as-copy")
        assert again.code == 2, again


def test_a_copy_made_independent_leaves_its_original_alone(
    untouched: Original, only_on_sqlite: None
) -> None:
    leaves_its_original_alone(untouched)
    assert untouched.is_as_begun()


@pytest.mark.long
def test_a_copy_made_independent_leaves_its_killed_original_alone(
    original: Original, only_on_sqlite: None
) -> None:
    killed(original)
    leaves_its_original_alone(original)
    original.finish()


def test_an_unpacked_backup_beside_its_original_is_a_copy(
    untouched: Original, only_on_sqlite: None
) -> None:
    assert untouched.cli("backup", "b.tar.gz").code == 0
    target = untouched.cli.home.with_name("restored")
    target.mkdir()
    subprocess.run(["tar", "xzf", untouched.cli.directory / "b.tar.gz", "-C", target], check=True)
    restored = cli_with(untouched.cli, target)
    assert not (target / "home.json").exists()
    assert restored("worker", "start").code == 4
    assert restored("cancel", "r").code == 4
    assert restored("worker", "start", "--as-copy").code == 0
    assert states_of(restored.json("show", "r"))["train"] == "interrupted"
    kill_all(Home(target))
    assert untouched.is_as_begun()


@pytest.mark.long
def test_two_copies_each_become_a_home_of_their_own(
    untouched: Original, only_on_sqlite: None
) -> None:
    with copy(untouched.cli) as first, copy(untouched.cli) as second:
        ids = set()
        for copied in (first, second):
            assert copied("worker", "start").code == 4
            assert copied("worker", "start", "--as-copy").code == 0
            ids.add(json.loads((copied.home / "home.json").read_text())["id"])
        ids.add(json.loads((untouched.cli.home / "home.json").read_text())["id"])
        assert len(ids) == 3
        assert untouched.is_as_begun()


def test_a_copy_of_which_hard_links_are_shared_changes_nothing(
    untouched: Original, only_on_sqlite: None
) -> None:
    with copy(untouched.cli, "cp", "-al") as copied:
        assert untouched.home.guard_lock.samefile(Home(copied.home).guard_lock)
        for deed in (*DEEDS, ("worker", "stop")):
            assert copied(*deed).code == 4, deed
        for decision in ("--as-copy", "--moved"):
            refused = copied("worker", "start", decision)
            assert refused.code == 4, refused
            assert "hard links" in refused.err or "has a worker" in refused.err
        assert processes.is_held(untouched.home.worker_lock)
        assert copied("ls").code == 0
    assert untouched.is_as_begun()


@pytest.mark.parametrize("has_file", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_renamed_home_just_works(cli: CommandLine, has_file: bool, only_on_sqlite: None) -> None:
    cli("run", "--name", "r", "--wait", "--", "echo", "trained")
    before = cli.json("show", "r")
    assert cli("worker", "stop").code == 0
    if not has_file:
        (cli.home / "home.json").unlink()
    target = cli.home.with_name("renamed")
    cli.home.rename(target)
    renamed = cli_with(cli, target)
    assert renamed("logs", "r").out == "trained\n"
    shown = renamed.json("show", "r")
    assert json.dumps(shown) == json.dumps(before).replace(f"{cli.home}/", f"{target}/")
    assert renamed("rerun", "r").code == 0
    assert renamed("wait", "r").code == 0
    assert [one.name for one in (target / "runs").iterdir()] == [before["run"]]
    assert not cli.home.exists()
    assert json.loads((target / "home.json").read_text())["path"] == str(target)
    kill_all(Home(target))


@pytest.mark.long
def test_a_home_renamed_under_its_stages_takes_them_over(
    original: Original, only_on_sqlite: None
) -> None:
    stopped(original)
    target = original.cli.home.with_name("renamed")
    original.cli.home.rename(target)
    renamed = cli_with(original.cli, target)
    assert renamed("worker", "start").code == 0
    assert states_of(renamed.json("show", "r"))["train"] == "running"
    assert is_alive(original.pid)
    assert renamed("cancel", "r", "train").code == 0
    wait_for(lambda: not is_alive(original.pid), "the end of the stage")
    assert original.count("train") == 1
    kill_all(Home(target))


def test_links_and_mounts_of_a_home_are_no_copies(
    untouched: Original, only_on_sqlite: None
) -> None:
    link = untouched.cli.home.with_name("link")
    link.symlink_to(untouched.cli.home)
    linked = cli_with(untouched.cli, link)
    assert linked("worker", "start").code == 0
    assert linked.json("worker", "status")["copy_of"] is None
    if os.geteuid() == 0:
        mount = untouched.cli.home.with_name("mount")
        mount.mkdir()
        done = subprocess.run(["mount", "--bind", untouched.cli.home, mount], check=False)
        if done.returncode == 0:
            try:
                assert cli_with(untouched.cli, mount)("note", "r", "by a mount").code == 0
            finally:
                subprocess.run(["umount", mount], check=True)
    with copy(untouched.cli) as copied:  # what the link named was the original
        link.unlink()
        link.symlink_to(copied.home)
        assert linked("worker", "start").code == 4
    assert untouched.is_as_begun()


@pytest.mark.long
@needs_root
def test_a_home_with_an_unreachable_noted_place_asks(
    cli: CommandLine, tmp_path: Path, only_on_sqlite: None
) -> None:
    disk, target = tmp_path / "disk", tmp_path / "copy"
    on_disk = cli_with(cli, disk / "home")
    with small_disk(disk, megabytes=300):
        on_disk("run", "--name", "r", "--wait", "--", "true")
        assert on_disk("worker", "stop").code == 0
        kill_all(Home(on_disk.home))
        shutil.copytree(on_disk.home, target, symlinks=True)
    copied = cli_with(cli, target)
    refused = copied("worker", "start")
    assert refused.code == 4
    assert f"no file system is mounted at {disk}" in refused.err
    with network_disk(disk, silent=True):
        refused = copied("rerun", "r")
        assert refused.code == 4
        assert str(on_disk.home) in refused.err
    assert copied("worker", "start", "--moved").code == 0
    assert copied("rerun", "r").code == 0
    assert copied("wait", "r").code == 0
    assert copied.json("worker", "status")["copy_of"] is None
    kill_all(Home(target))


def test_a_home_replaces_its_original_when_a_person_says_so(
    original: Original, only_on_sqlite: None
) -> None:
    with copy(original.cli) as copied:
        refused = copied("worker", "start", "--moved")
        assert refused.code == 4
        assert "has a worker" in refused.err
        stopped(original)
        refused = copied("worker", "start", "--moved")
        assert refused.code == 4
        assert f"pid {original.pid}" in refused.err
        assert original.cli("worker", "start").code == 0
        assert original.cli("worker", "stop", "--with-stages").code == 0
        home_id = json.loads((copied.home / "home.json").read_text())["id"]
        assert copied("worker", "start", "--moved").code == 0
        assert json.loads((copied.home / "home.json").read_text())["id"] == home_id
        assert copied("worker", "stop").code == 0
        refused = original.cli("worker", "start")
        assert refused.code == 4
        assert f"{original.cli.home} is a copy of the home {copied.home}" in refused.err
        shutil.rmtree(copied.home)
        assert original.cli("worker", "start").code == 0


@pytest.mark.long
def test_a_home_restored_in_place_waits_for_stages_elsewhere(
    original: Original, only_on_sqlite: None
) -> None:
    assert original.cli("backup", "b.tar.gz").code == 0
    stopped(original)
    original.cli.home.rename(original.cli.home.with_name("aside"))
    original.cli.home.mkdir(mode=0o700)
    archive = original.cli.directory / "b.tar.gz"
    subprocess.run(["tar", "xzf", archive, "-C", original.cli.home], check=True)
    for deed in (("worker", "start"), ("cancel", "r"), ("worker", "stop", "--with-stages")):
        refused = original.cli(*deed)
        assert refused.code == 4, refused
        assert f"pid {original.pid}" in refused.err
    assert is_alive(original.pid)
    original.end_file.touch()
    wait_for(lambda: not is_alive(original.pid), "the end of the stage")
    wait_for(lambda: original.cli("worker", "start").code == 0, "a start after that")
    assert original.states["done"] == "completed"


def test_a_database_of_another_home_is_named_with_advice(
    untouched: Original, tmp_path: Path, only_on_sqlite: None
) -> None:
    other = cli_with(untouched.cli, tmp_path / "other")
    assert other("run", "--wait", "--", "true").code == 0
    assert other("worker", "stop").code == 0
    for file in other.home.glob("trainui.db*"):
        file.unlink()
    with (
        closing(sqlite3.connect(untouched.cli.home / "trainui.db")) as source,
        closing(sqlite3.connect(other.home / "trainui.db")) as target,
    ):
        source.backup(target)
    refused = other("worker", "start")
    assert refused.code == 4
    assert "is that of another home" in refused.err
    assert "--as-copy" in refused.err
    assert other("worker", "stop").code == 0  # its own guard may run
    assert other("worker", "start", "--as-copy").code == 0
    assert states_of(other.json("show", "r"))["train"] == "interrupted"
    kill_all(Home(other.home))
    assert untouched.is_as_begun()


@pytest.mark.long
def test_runs_outside_of_a_copied_home_are_only_read(
    cli: CommandLine, tmp_path: Path, only_on_sqlite: None
) -> None:
    original = Original(cli_with(cli, cli.home, TRAINUI_RUNS_DIR=str(tmp_path / "runs")))
    with copy(original.cli) as copied:
        assert copied("worker", "start", "--as-copy").code == 0
        shown: Any = copied.json("show", "r")
        assert shown["original"] == str(original.cli.home)
        assert states_of(shown)["train"] == "interrupted"
        for deed in (
            ("resume", "r", "--detach"),
            ("resume", "--interrupted", "--detach"),
            ("rerun", "r", "done"),
            ("rm", "r", "--yes"),
            ("rm", "r", "--dry-run"),
        ):
            done = copied(*deed)
            assert done.code == 4, (deed, done)
            assert str(original.cli.home) in done.err
        pruned = copied.json("prune", "--keep", "0", "--older-than", "0s", "--yes")
        assert pruned["runs"] == []
        assert copied("uninstall", "--yes").code == 0
        assert (tmp_path / "runs" / original.run).is_dir()
        assert is_alive(original.pid)
        original.finish()


@pytest.mark.long
def test_a_home_without_a_database_is_known_by_its_file(
    cli: CommandLine, only_on_sqlite: None
) -> None:
    assert cli("run", "--wait", "--", "true").code == 0
    assert cli("worker", "stop").code == 0
    before = json.loads((cli.home / "home.json").read_text())["id"]
    for file in cli.home.glob("trainui.db*"):
        file.unlink()
    shutil.rmtree(cli.home / "runs")
    with copy(cli) as copied:
        assert copied("run", "--wait", "--", "true").code == 4
        assert copied("worker", "start", "--as-copy").code == 0
        for one in (cli, copied):
            assert one("run", "--wait", "--", "true").code == 0
        ids = [json.loads((one.home / "home.json").read_text())["id"] for one in (cli, copied)]
        assert ids[0] == before != ids[1]


async def test_the_screen_names_the_original_and_refuses(
    untouched: Original, monkeypatch: pytest.MonkeyPatch, only_on_sqlite: None
) -> None:
    with copy(untouched.cli) as copied:
        for name, value in copied.environ.items():
            monkeypatch.setenv(name, value)
        async with opened() as screen:
            await screen.until_shown("is a copy of the home")
            await screen.press("p")
            await screen.until_shown("--as-copy")
    assert untouched.is_as_begun()


@pytest.mark.long
def test_a_copied_home_on_a_server_separates_by_decision_only(
    cli: CommandLine, postgresql_server: postgresql.Server, only_on_sqlite: None
) -> None:
    url = postgresql_server.make_database(postgresql_server.filled_template())
    original = Original(cli_with(cli, cli.home, TRAINUI_DATABASE_URL=url))
    with copy(original.cli) as copied:
        for deed in DEEDS:
            done = copied(*deed)
            assert done.code == 4, (deed, done)
        assert is_alive(original.pid)
        assert copied("worker", "start", "--as-copy", TRAINUI_HOST="other").code == 0
        ids = [json.loads((one.home / "home.json").read_text())["id"] for one in (cli, copied)]
        assert ids[0] != ids[1]
        assert original.states["train"] == "running"  # runs on a server are not copied
        assert str(cli.home) in copied("path", "r").out
    original.finish()
    kill_all(original.home)
    postgresql_server.drop(url)
