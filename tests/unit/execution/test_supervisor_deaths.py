"""A supervisor killed at each of its steps: its stage runs once at most, and its end is known."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_monitor import granted, look_until
from tests.unit.execution.submitted import of_stage, submit
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.supervisor import process

DYING = """\
#!{python}
# Runs the supervisor, which is killed {when} it comes to {step}.
import os, runpy, signal, sys
supervise = type(sys)("supervise")
source = sys.argv[-1]
code = compile(open(source).read(), source, "exec")
exec(code, supervise.__dict__)
owner = supervise.Attempt if hasattr(supervise.Attempt, "{step}") else supervise
real = getattr(owner, "{step}")
def die(*arguments, **named):
    if "{when}" == "after":
        real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, "{step}", die)
supervise.main()
"""

STEPS = {
    "before all": ("before", "begin"),
    "before it is marked as started": ("before", "load_spec"),
    "once it is marked as started": ("after", "begin"),
    "with its process made": ("before", "write_pids"),
    "with its process on record": ("after", "write_pids"),
    "as its process runs": ("before", "follow"),
    "as its process has ended": ("after", "follow"),
    "before its end is on record": ("before", "finish"),
    "when its end is on record": ("after", "finish"),
}

NEVER_RAN = {"before all", "before it is marked as started", "once it is marked as started"} | {
    "with its process made",
    "with its process on record",
}


@pytest.fixture(params=list(STEPS))
def step(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A step at which every supervisor is killed."""
    when, name = STEPS[str(request.param)]
    python = tmp_path / "python"
    # the options that a fork_server is started with mean nothing to a script
    python.write_text(DYING.format(python=f"{sys.executable} -IS", when=when, step=name))
    python.chmod(0o700)

    real = process.spawn_fork_server

    def spawn(_python: str, connection: socket.socket) -> subprocess.Popen[bytes]:
        return real(str(python), connection)

    monkeypatch.setattr(process, "spawn_fork_server", spawn)
    return str(request.param)


def test_a_supervisor_may_be_killed_at_any_step(
    store: Database, follower: AttemptMonitor, tmp_path: Path, step: str
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: echo ran >> ran; echo hi}]")
    attempt = granted(store, run)
    assert follower.claim(run, "a", str(attempt.celery_task_id)) is not None
    expected = {
        "before all": Status.FAILED,
        "before it is marked as started": Status.FAILED,
        "when its end is on record": Status.COMPLETED,
    }.get(step, Status.INTERRUPTED)
    look_until(follower, run, expected)
    ran = tmp_path / "ran"
    assert (ran.read_text() if ran.exists() else "") == ("" if step in NEVER_RAN else "ran\n")
    assert len(of_stage(run, "a")) == 1
