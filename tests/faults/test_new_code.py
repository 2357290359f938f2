"""Another trainui is installed under a worker that runs: it takes over, and no stage notices."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

import trainui
from tests.acceptance.command_line import CommandLine, stage_of, states_of
from tests.unit.supervisor.waiting import wait_for


@pytest.fixture
def installed(cli: CommandLine, tmp_path: Path) -> Path:
    """A copy of trainui that the commands run."""
    package = tmp_path / "site" / "trainui"
    shutil.copytree(Path(trainui.__file__).parent, package)
    cli.environ["PYTHONPATH"] = str(package.parent)
    return package


def change(file: Path, before: str, after: str) -> None:
    """Replace a file as an installer does."""
    text = file.read_text()
    assert before in text
    new = file.with_name(f"{file.name}.new")
    new.write_text(text.replace(before, after))
    new.replace(file)


def upgrade(package: Path) -> None:
    """Install a trainui whose worker and supervisors speak with each other in other words."""
    ask, asked = "os.fsencode(directory.absolute())", "os.fsdecode(asked)"
    change(package / "supervisor" / "process.py", ask, f'b"new:" + {ask}')
    change(
        package / "supervisor" / "supervise.py",
        f"fork_supervisor({asked},",
        f'fork_supervisor({asked}.removeprefix("new:") if asked[:4] == b"new:" else "/nowhere",',
    )
    guard = package / "execution" / "daemon" / "guard.py"
    change(guard, "no longer wanted: stopping", "no longer wanted: the new guard stops")
    change(package / "version.py", '__version__ = "', '__version__ = "1')


def test_worker_and_guard_with_replaced_code_yield_and_lose_no_stage(
    cli: CommandLine, installed: Path
) -> None:
    wait = "echo {0} >> started; until [ -e {0}.go ]; do sleep 0.05; done"
    cli.write(
        "p.yaml",
        f"""
        stages:
          - {{name: a, run: "{wait.format("a")}"}}
          - {{name: b, run: "{wait.format("b")}", depends_on: [a]}}
          - {{name: c, run: "{wait.format("c")}"}}
        """,
    )
    assert cli("run", "p.yaml", "--detach", "--name", "r").code == 0
    wait_for(lambda: states_of(cli.json("show", "r"))["a"] == "running", "a")
    # a worker that starts beside its guard may be the first of both
    wait_for(lambda: cli.json("worker", "status")["guard_pid"], "the guard")
    old = cli.json("worker", "status")["pid"]

    upgrade(installed)
    os.kill(fork_server_of(old), signal.SIGKILL)
    cli.write("a.go", "")
    wait_for(lambda: states_of(cli.json("show", "r"))["b"] == "running", "b")
    for name in ("b.go", "c.go"):
        cli.write(name, "")
    assert cli("wait", "r", "--timeout", "60").code == 0
    shown = cli.json("show", "r")
    assert [len(stage_of(shown, name)["attempts"]) for name in "abc"] == [1, 1, 1]
    assert sorted((cli.directory / "started").read_text().split()) == ["a", "b", "c"]
    assert cli.json("worker", "status")["pid"] not in (None, old)
    log_file = cli.home / "worker" / "guard.log"
    wait_for(lambda: "executing its guard" in log_file.read_text(), "the guard's new code")
    # another process, if a command found the lock free while the first one executed the new code
    wait_for(lambda: cli.json("worker", "status")["guard_pid"], "the new guard")
    assert cli("worker", "stop").code == 0
    log = log_file.read_text()
    assert log.count("the new guard stops the worker") == 1
    assert len(set(re.findall(r"started the worker, pid (\d+)", log))) == 2


def fork_server_of(worker: int) -> int:
    """The process that forks a worker's supervisors, which are not the worker's children."""
    children = Path(f"/proc/{worker}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
    return next(pid for pid, line in lines.items() if b"supervise.py" in line)
