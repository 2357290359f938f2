"""External runs on the screen: offered as new runs of ours, and found where there are no runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.screen.test_acting import noted_start as noted_start
from tests.acceptance.screen.test_acting import question
from tests.acceptance.screen.test_acting import worker as worker
from tests.unit.control.test_external_command import hydra_job
from tests.unit.tui.driving import opened
from trainui import clock, control
from trainui.control import external
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.db.statements import change
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.tui import new_runs


async def test_an_external_runs_command_is_offered_as_a_new_run(
    home: Path, store: Database, noted_start: None, tmp_path: Path
) -> None:
    control.set_paused(True)  # the worker that is started is to start nothing
    job = hydra_job(tmp_path / "outputs/2026-11-26/10-00-00", tmp_path, "lr=0.1")
    (tmp_path / "train.py").touch()
    (added,) = external.add(external.find(job))
    async with opened(size=(160, 40)) as driven:
        await driven.until_shown("train", " ext")
        await driven.press("e")
        await driven.until_shown("is external; R runs")
        for key, answer in (("R", "n"), ("r", "y")):
            await driven.press(key)
            await question(driven, "as a new run?", "python train.py lr=0.1", "directory")
            await driven.press(answer)
        await driven.until_shown("started train lr=0.1")
    with engine.reading() as connection:
        assert {run.origin for run in views.runs(connection)} == {None, added.run_id}


async def test_impossible_actions_on_an_external_run_are_refused_at_once(
    home: Path, store: Database, worker: None, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    with (tmp_path / "runs/metrics.csv").open("w") as file:  # open: it runs
        print("step,loss\n1,0.5", file=file, flush=True)
        external.add(external.find(tmp_path / "runs"))
        async with opened(size=(160, 40)) as driven:
            await driven.until_shown(" ext", "running")
            await driven.until_shown("no worker: nothing new is read")
            for key, sentence in (("R", "and its command"), ("x", "and trainui does")):
                await driven.press(key)
                await driven.until_shown(sentence)
                await driven.until_gone("loading")
                assert driven.app.screen is driven.runs


async def test_marked_runs_are_acted_on_around_an_external_one(
    home: Path, store: Database, noted_start: None, tmp_path: Path
) -> None:
    control.set_paused(True)  # the worker that is started is to start nothing
    file = tmp_path / "own.yaml"
    file.write_text("stages: [{name: a, run: echo}]\n")
    own = [control.submit(loader.load(str(file), {}))]
    job = hydra_job(tmp_path / "outputs/2026-11-26/10-00-00", tmp_path, "lr=0.1")
    (tmp_path / "train.py").touch()
    (added,) = external.add(external.find(job))
    with store.write() as connection:
        running = {"status": "running", "started_at": clock.now(), "completed_at": None}
        change(connection, "stages", {"run_id": added.run_id}, **running)
        runs.refresh(connection, added.run_id)
    own.append(control.submit(loader.load(str(file), {})))
    async with opened(size=(160, 40)) as driven:
        await driven.until_shown("train", " ext", "own")
        await driven.press("A", "x")
        await question(driven, "Cancel 3 runs?")
        await driven.press("y")
        await driven.until_shown("cancelling 2 stages of 2 runs...", "is an external")
        await driven.until(lambda: states(own) == ["cancelled"] * 2, "the end of both")
        await driven.press("escape", "A", "r")
        await question(driven, "Resume 3 runs?", "1 to run", "not resumed: train lr=0.1")
        await driven.press("y")
        await driven.until_shown("resumed: 2 runs", "is an external")
    assert states(own) == ["queued"] * 2
    assert states([added.run_id]) == ["running"]


def states(run_ids: Sequence[str]) -> list[str]:
    """The states of runs."""
    with engine.reading() as connection:
        return [str(run.status) for one in run_ids if (run := views.run(connection, one))]


@pytest.mark.parametrize("key", ["enter", pytest.param("A", marks=pytest.mark.long)])
async def test_an_empty_list_offers_the_trainings_of_this_directory(
    home: Path, worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    for name in ("first", "second"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "metrics.csv").write_text("step,loss\n1,0.5\n")
    for at, name in enumerate(("first", "second"), start=1):  # ended long ago
        for path in (tmp_path / "runs" / name / "metrics.csv", tmp_path / "runs" / name):
            os.utime(path, (at, at))
    monkeypatch.chdir(tmp_path / "runs")
    monkeypatch.setattr(new_runs, "PATIENCE", 600.0)  # the machine may be busy
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("2 trainings in ", "first", "second", "A add all")
        assert ["first", "csv", "first"] in [line.split() for line in driven.text().splitlines()]
        assert not home.exists()
        await driven.press(key)
        await driven.until_shown("second ext", "ended")
        await driven.until_gone("No runs yet")
        assert ("first ext" in driven.text()) == (key == "A")
        assert driven.app.focused is driven.runs.table


async def test_a_search_that_takes_too_long_reports_no_absence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_runs, "PATIENCE", 0.0)
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("Searching this directory took over 0 s; `trainui add .`")
        assert "No trainings" not in driven.text()


WRITE = """
import time
with open("metrics.jsonl", "w") as file:
    print('{"step": 1, "loss": 0.5}', file=file, flush=True)
    print("ready", flush=True)
    time.sleep(600)
"""


async def test_an_empty_list_offers_the_processes_of_this_machine(
    home: Path, worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_runs, "PATIENCE", 600.0)  # the machine may be busy
    process = subprocess.Popen([sys.executable, "-c", WRITE], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        async with opened() as driven:
            await driven.until_shown("Trainings that run on this machine", f"pid {process.pid}")
            welcome = driven.runs.welcome
            for _ in range(welcome.row_count()):
                if welcome.selected is not None and welcome.selected.pid == process.pid:
                    break
                await driven.press("down")
            await driven.press("enter")
            await driven.until_shown("python ext", "● running")
    finally:
        process.kill()
        process.communicate()
