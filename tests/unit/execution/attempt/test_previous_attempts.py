"""No process of an earlier attempt lives beside a new one."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.unit.execution.submitted import begin, submit
from tests.unit.supervisor import launching
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from trainui.execution.attempt import executors
from trainui.execution.attempt.executors import Executors
from trainui.execution.attempt.prepared_process import AttemptContext, identity_of
from trainui.plugin.backends import LaunchAnswer
from trainui.store.db.engine import Database
from trainui.supervisor import protocol
from trainui.supervisor.protocol import Spec


@pytest.fixture
def context(store: Database, tmp_path: Path) -> AttemptContext:
    """An attempt that is ready to be started."""
    return begin(store, submit(tmp_path, "stages: [{name: a, run: x, grace: 1}]"), "a")


def directory_of(context: AttemptContext) -> Path:
    return Path(context.attempt.directory)


def launch(context: AttemptContext, cwd: Path, script: str) -> int:
    """Start a script in the attempt's place; return its pid, which it writes."""
    identity = identity_of(context)
    environ = {"PATH": os.environ["PATH"], **identity}
    argv = ("bash", "-c", f"echo $$ > pid; {script}")
    spec = Spec(argv=argv, cwd=str(cwd), env=environ, grace=1.0, identity=identity)
    assert launching.launch(directory_of(context), spec).state == LaunchAnswer.STARTED
    return read_pid(cwd / "pid")


@pytest.mark.parametrize("removed", [False, True], ids=["", "its records were removed"])
def test_one_whose_supervisor_died_is_ended(
    context: AttemptContext, tmp_path: Path, removed: bool
) -> None:
    pid = launch(context, tmp_path, "trap '' TERM; while :; do sleep 1; done")
    pids = protocol.read_pids(directory_of(context))
    assert pids is not None
    os.kill(pids.supervisor_pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pids.supervisor_pid), "the supervisor's end")
    if removed:
        shutil.rmtree(directory_of(context))
    assert is_alive(pid)
    executors.end_previous([context], Executors())
    assert not is_alive(pid)


def test_one_whose_supervisor_lives_is_asked_to_end(
    context: AttemptContext, tmp_path: Path
) -> None:
    pid = launch(context, tmp_path, "sleep 100")
    executors.end_previous([context], Executors())
    assert not is_alive(pid)
    assert protocol.read_exit(directory_of(context)) is not None


@pytest.mark.parametrize("removed", [False, True], ids=["never started", "its directory is gone"])
def test_where_nothing_is_left_nothing_is_done(context: AttemptContext, removed: bool) -> None:
    if removed:
        shutil.rmtree(directory_of(context))
    executors.end_previous([context], Executors())
