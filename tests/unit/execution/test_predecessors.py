"""No process of an earlier attempt lives beside a new one."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.execution.test_completion import attempt_in
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord
from trainui.execution import predecessors
from trainui.supervisor import journal, process
from trainui.supervisor.protocol import Spec

DEFINITION = StageDefinition("a", command="x", grace=1.0)


def launch(tmp_path: Path, script: str) -> AttemptRecord:
    attempt = attempt_in(tmp_path)
    directory = Path(attempt.directory)
    (directory / "started").unlink()
    identity = {"TRAINUI_TEST_RUN": str(tmp_path)}
    environ = {"PATH": os.environ["PATH"], **identity}
    argv = ("bash", "-c", script)
    spec = Spec(argv=argv, cwd=str(tmp_path), env=environ, grace=1.0, identity=identity)
    assert process.launch(directory, spec).state == "started"
    return attempt


def test_one_whose_supervisor_died_is_ended(tmp_path: Path) -> None:
    attempt = launch(tmp_path, "trap '' TERM; echo $$ > pid; while :; do sleep 1; done")
    pid = read_pid(tmp_path / "pid")
    pids = journal.read_pids(Path(attempt.directory))
    assert pids is not None
    os.kill(pids.supervisor_pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pids.supervisor_pid), "the supervisor's end")
    assert is_alive(pid)
    predecessors.end_all([attempt], DEFINITION)
    assert not is_alive(pid)


def test_one_whose_supervisor_lives_is_asked_to_end(tmp_path: Path) -> None:
    attempt = launch(tmp_path, "echo $$ > pid; sleep 100")
    pid = read_pid(tmp_path / "pid")
    predecessors.end_all([attempt], DEFINITION)
    assert not is_alive(pid)
    assert journal.read_exit(Path(attempt.directory)) is not None


@pytest.mark.parametrize("what", ["never started", "its directory is gone"])
def test_where_nothing_is_left_nothing_is_done(tmp_path: Path, what: str) -> None:
    attempt = attempt_in(tmp_path)
    if what == "never started":
        (Path(attempt.directory) / "started").unlink()
    else:
        attempt = replace(attempt, directory=str(tmp_path / "gone"))
    predecessors.end_all([attempt], DEFINITION)
