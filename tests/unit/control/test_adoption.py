"""Candidates for adoption: processes that write metrics, and not all that write a log."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui.control import external
from trainui.errors import NotFoundError

HOLD = """
import os, sys, time
file = open(sys.argv[1], "a")
for step in range(5):
    file.write(sys.argv[2].replace("N", str(step)) + "\\n")
file.flush()
for _ in range(int(sys.argv[3])):
    if os.fork() == 0:
        break
open(f"ready-{os.getpid()}", "w").close()
time.sleep(600)
"""
LAUNCH = """
import subprocess, sys
ranks = [subprocess.Popen([sys.executable, *sys.argv[1:]]) for _ in range(2)]
[rank.wait() for rank in ranks]
"""

ORPHAN = """
import subprocess, sys
none = subprocess.DEVNULL
process = subprocess.Popen(
    sys.argv[2:], cwd=sys.argv[1], stdin=none, stdout=none, stderr=none, start_new_session=True
)
print(process.pid)
"""


class Programs:
    """A directory with a training and a launcher.

    What is started is no child of this process, which may be a candidate itself: of several
    processes that write metrics the one that started the others is listed, and the output of pytest
    may go to a log with metrics.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started: list[int] = []
        (directory / "train.py").write_text(HOLD)
        (directory / "torchrun").write_text(LAUNCH)

    def start(self, *words: str, processes: int = 1) -> int:
        """Start a program; return its pid once it has so many processes that write."""
        before = self.ready
        orphan = [sys.executable, "-c", ORPHAN, str(self.directory), sys.executable, *words]
        pid = int(subprocess.check_output(orphan))
        self.started.append(pid)
        wait_for(lambda: self.ready - before == processes, "the processes")
        return pid

    @property
    def ready(self) -> int:
        return len(list(self.directory.glob("ready-*")))


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Programs that are ended after the test."""
    found = Programs(tmp_path)
    yield found
    for pid in found.started:
        os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("name", "line", "is_training"),
    [
        ("train.log", "step N loss 0.25", True),
        ("server.log", "2026-11-26 10:00:00 GET /index.html 200", False),
        ("bits.log", "\1\2\3\4", False),
        ("metrics.jsonl", '{"step": 1, "loss": 0.5}', True),
        ("other.db", "SQLite format 3", False),
        ("chat.jsonl", '{"role": "user", "content": "hello"}', False),
    ],
)
def test_a_text_is_examined_for_metrics(
    programs: Programs, name: str, line: str, is_training: bool
) -> None:
    pid = programs.start("train.py", name, line, "0")
    found = {one.pid: one.why for one in external.candidates()}
    assert found.get(pid) == (f"writes {name}" if is_training else None)


@pytest.mark.parametrize("line", ["step N loss 0.25", "GET /index.html 200"])
def test_the_output_of_a_process_may_have_any_name(programs: Programs, line: str) -> None:
    redirect = "import os; os.dup2(os.open('out.txt', os.O_CREAT | os.O_WRONLY), 1)\n"
    (programs.directory / "prints.py").write_text(redirect + HOLD)
    pid = programs.start("prints.py", "out.txt", line, "0")
    found = {one.pid: one.why for one in external.candidates()}
    assert found.get(pid) == ("writes out.txt" if "loss" in line else None)
    assert external.training_of(pid)[0].jobs[0].log == programs.directory / "out.txt"


@pytest.mark.parametrize(
    ("table", "is_training"), [("metrics (run_name TEXT)", True), ("files (path TEXT)", False)]
)
def test_a_database_is_known_by_its_tables(
    programs: Programs, table: str, is_training: bool
) -> None:
    """A cache of sources has the names of a tracker's columns in its rows; mypy's is one."""
    file = programs.directory / "cache.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE {table}")
        database.execute("CREATE TABLE configs (id INTEGER, text TEXT)")
        database.execute("INSERT INTO configs VALUES (1, 'run_name latest_metrics')")
    pid = programs.start("train.py", "cache.db", "", "0")
    found = {one.pid: one.why for one in external.candidates()}
    assert found.get(pid) == ("writes cache.db" if is_training else None)
    assert [one.name for one in programs.directory.glob("cache.db*")] == ["cache.db"]


def test_the_own_logs_of_wandb_are_no_metrics(programs: Programs) -> None:
    logs = programs.directory / "wandb/run-20260101_000000-x1/logs"
    logs.mkdir(parents=True)
    log = logs / "debug-internal.log"
    pid = programs.start("train.py", str(log), '{"step": N, "loss": 1}', "0")
    assert pid not in {one.pid for one in external.candidates()}
    found, _ = external.training_of(pid)
    assert log not in [path for path, _format in found.jobs[0].sources or ()]


def test_of_several_processes_the_one_that_started_them_is_listed(programs: Programs) -> None:
    line = '{"step": 1, "loss": 0.5}'
    forked = programs.start("train.py", "metrics.jsonl", line, "3", processes=4)
    launcher = programs.start("torchrun", "train.py", "log.jsonl", line, "0", processes=2)
    found = [one for one in external.candidates() if one.directory == str(programs.directory)]
    assert {one.pid for one in found} == {forked, launcher}
    assert {one.name for one in found} == {"train"}, "the script, also behind a launcher"


def test_a_trackers_service_stands_for_the_training_that_started_it(
    programs: Programs,
) -> None:
    """W&B's log is written by `wandb-core`, a child of the training."""
    service = f"import sys; sys.argv = ['', 'run-1.wandb', '', '0']\n{HOLD}"
    start = f"import os, sys; os.execv(sys.executable, ['bin/wandb-core', '-c', {service!r}])"
    (programs.directory / "fit.py").write_text(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {start!r}])"
    )
    pid = programs.start("fit.py")
    (found,) = [one for one in external.candidates() if one.directory == str(programs.directory)]
    assert (found.pid, found.name, found.why) == (pid, "fit", "writes run-1.wandb")


def test_a_kernel_is_named_by_its_notebook(programs: Programs) -> None:
    (programs.directory / "ipykernel_launcher.py").write_text(HOLD)
    kernel = ("-m", "ipykernel_launcher", "metrics.jsonl", '{"step": 1, "loss": 0.5}', "0")
    for session, name in (("/home/me/digits.ipynb", "digits"), ("", "notebook")):
        with pytest.MonkeyPatch.context() as jupyter:
            jupyter.setenv("JPY_SESSION_NAME", session)
            pid = programs.start(*kernel)
        assert external.training_of(pid)[0].name == name


def test_a_program_with_a_similar_name_is_not_trainui(programs: Programs) -> None:
    (programs.directory / "trainui.runs").mkdir()
    pid = programs.start("train.py", "trainui.runs/metrics.csv", "step,loss\n1,2", "0")
    assert external.training_of(pid)[1].pid == pid


def test_an_unreaped_process_counts_as_ended() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(NotFoundError, match=f"^the process {ended.pid} has ended$"):
        external.training_of(ended.pid)
    ended.wait()
