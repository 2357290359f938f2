"""Another process locks the database for some seconds: reads go through, and writes wait.

Longer locks: `test_long_locks`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration import background
from tests.integration.runs import Run
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.driving import opened
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import statements

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA busy_timeout = 10000")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Lock the database in another process."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield  # and at the end its stdin is closed


def started(run: Run) -> list[str]:
    return run.lines("started")


async def test_nothing_is_lost_and_nothing_twice(trainui_home: Home, tmp_path: Path) -> None:
    background.start()
    worker = background.worker_pid(trainui_home)
    first = "echo first >> started; while [ ! -e go ]; do sleep 0.05; done; echo ended >> started"
    after = {"name": "after", "run": "echo after >> started", "depends_on": ["first"]}
    run = Run(tmp_path / "p", {"name": "first", "run": first}, after)
    run.process("first")
    (tmp_path / "q.yaml").write_text(json.dumps({"stages": [{"name": "a", "run": "true"}]}))
    trainui = [sys.executable, "-m", "trainui"]
    submit = [*trainui, "run", str(tmp_path / "q.yaml"), "--name", "q", "--wait", "--json"]
    said = tmp_path / "said"
    with held(trainui_home.database):
        (tmp_path / "p" / "go").touch()
        with said.open("wb") as errors:
            submission = subprocess.Popen(submit, stdout=subprocess.PIPE, stderr=errors)
        looked = subprocess.run([*trainui, "ls", "--json"], capture_output=True, check=True)
        assert [one["name"] for one in json.loads(looked.stdout)["runs"]] == ["test"]
        async with opened() as screen:
            await screen.until_shown("test", "running")
            await screen.press("enter")
            await screen.until_shown("first", "after")
            await screen.press("escape")
        wait_for(lambda: started(run) == ["first", "ended"], "the stage's end")
        wait_for(lambda: statements.LOCK_NOTICE in said.read_text(), "the word that it waits")
        assert run.statuses() == {"first": "running", "after": "pending"}
        assert submission.poll() is None
    assert run.wait().status == Status.COMPLETED
    assert started(run) == ["first", "ended", "after"]
    assert [len(run.attempts(name)) for name in ("first", "after")] == [1, 1]
    out, _ = submission.communicate(timeout=60)
    assert submission.returncode == 0, said.read_text()
    assert said.read_text().count(statements.LOCK_NOTICE) == 1
    assert json.loads(out)["status"] == "completed"
    listed = subprocess.run([*trainui, "ls", "--json"], capture_output=True, check=True)
    assert [one["name"] for one in json.loads(listed.stdout)["runs"]] == ["q", "test"]
    assert background.worker_pid(trainui_home) == worker
