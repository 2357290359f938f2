"""Submissions and deletions that are killed in the middle leave no directory without a run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainui import control
from trainui.errors import UsageError
from trainui.paths import Home
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.read import views

KILLED = """
import os, signal, sys
from trainui import control
from trainui.resume import code_version
from trainui.resume import code_snapshot
from trainui.control import cancellation, submission
from trainui.pipeline import loader
from trainui.store.runs import stored_pipeline

owner, name, when, act = sys.argv[1:]
owners = {
    "code": code_version,
    "new_run": stored_pipeline,
    "code_snapshot": code_snapshot,
    "Note": submission.StagingNote,
    "ending": cancellation,
}
owner, count = owners[owner], [0]
original = getattr(owner, name)

def dying(*arguments, **named):
    count[0] += 1
    if when == f"before {count[0]}":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **named)
    if when == f"after {count[0]}":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, dying)
if act == "submit":
    control.submit(loader.from_command(["true"]), run_id="killed")
else:
    control.remove("killed")
"""
"""Dies before or after the nth call of a function."""


def submit(run_id: str) -> str:
    return control.submit(loader.from_command(["true"]), run_id=run_id)


def killed(act: str, owner: str, name: str, when: str) -> None:
    """Submit or delete the run `killed`, in a process that dies at a moment."""
    done = subprocess.run([sys.executable, "-c", KILLED, owner, name, when, act], check=False)
    assert done.returncode == -signal.SIGKILL


def directories(home: Home) -> set[str]:
    return {path.name for path in home.runs.iterdir()}


def known() -> set[str]:
    with engine.reading() as connection:
        return {run.id for run in views.runs(connection)}


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        ("Note", "write", "after 1"),
        pytest.param("Note", "write", "before 2", marks=pytest.mark.long),
        ("code", "record", "before 1"),
        pytest.param("new_run", "create", "before 1", marks=pytest.mark.long),
        ("new_run", "create", "after 1"),
    ],
)
def test_the_next_submission_removes_a_killed_ones_leftovers(
    trainui_home: Home, owner: str, name: str, when: str
) -> None:
    submit("first")
    killed("submit", owner, name, when)
    submit("second")
    assert directories(trainui_home) == {"first", "second"} == known()
    assert list((trainui_home.root / "unstored").iterdir()) == []
    assert submit("killed") == "killed"


def test_a_submission_that_is_killed_once_it_is_stored_stays(trainui_home: Home) -> None:
    killed("submit", "Note", "remove", "before 1")
    submit("second")
    assert directories(trainui_home) == {"killed", "second"} == known()
    with pytest.raises(UsageError, match="already"):
        submit("killed")


@pytest.mark.parametrize("when", ["before 1", "after 1"])
def test_a_deletion_that_is_killed_is_whole_or_not_begun(trainui_home: Home, when: str) -> None:
    submit("killed")
    control.cancel("killed")
    killed("remove", "ending", "_delete_directory", when)
    submit("second")
    assert directories(trainui_home) == {"second"} == known()


@pytest.mark.parametrize(
    ("act", "owner", "name", "when"),
    [
        ("submit", "code_snapshot", "prepare", "after 1"),
        ("submit", "new_run", "create", "before 1"),
        ("remove", "ending", "_delete_directory", "before 1"),
    ],
)
def test_the_files_of_a_snapshot_go_with_the_run(
    trainui_home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    owner: str,
    name: str,
    when: str,
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").touch()
    monkeypatch.chdir(code)
    monkeypatch.setenv("TRAINUI_SNAPSHOT", "always")
    if act == "remove":
        submit("killed")
        control.cancel("killed")
    killed(act, owner, name, when)
    assert ".snapshots" in directories(trainui_home)
    monkeypatch.delenv("TRAINUI_SNAPSHOT")
    submit("second")
    assert directories(trainui_home) == {"second"} == known()


def test_a_directory_that_is_another_is_never_touched(trainui_home: Home) -> None:
    """One of that name is made, with something in it, after the submission was killed."""
    killed("submit", "new_run", "create", "before 1")
    (trainui_home.runs / "killed").rename(trainui_home.runs / "moved")
    (trainui_home.runs / "killed").mkdir()
    (trainui_home.runs / "killed" / "thesis.tex").touch()
    killed("submit", "Note", "remove", "before 1")  # and another dies as that is in its way
    submit("second")
    assert (trainui_home.runs / "killed" / "thesis.tex").exists()
    assert (trainui_home.runs / "moved").exists()
    with pytest.raises(UsageError, match="already exists"):
        submit("killed")
    assert (trainui_home.runs / "killed" / "thesis.tex").exists()
