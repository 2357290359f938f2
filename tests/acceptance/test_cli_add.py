"""Trainings that trainui did not start: added from directories, adopted by pid, and only read."""

from __future__ import annotations

import gzip
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.conftest import serving
from tests.acceptance.test_cli_terminal import terminal
from tests.integration import background
from tests.unit.metrics.corpus import corpus_root, needs_corpus
from tests.unit.supervisor.waiting import wait_for

CORPUS = corpus_root() or Path()

TRAINER = """
import json, pathlib, time
with open("metrics.jsonl", "a") as file:
    for step in range(100_000):
        file.write(json.dumps({"step": step, "loss": 1 / (step + 1)}) + "\\n")
        file.flush()
        print("step", step, flush=True)
        time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[CommandLine]:
    directory = tmp_path_factory.mktemp("served")
    quick = background.with_less_patience(directory / "at-start", execution__external__PERIOD=0.5)
    with serving(directory, {**served_database, **quick}) as command_line:
        command_line.always_forks = True
        yield command_line


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


@pytest.fixture
def trainer(cli: CommandLine) -> Iterator[subprocess.Popen[bytes]]:
    """A training that somebody started in `live`, with its output in a file."""
    directory = cli.directory / "live"
    directory.mkdir()
    with (directory / "train.out").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINER], cwd=directory, stdout=log, stderr=log
        )
    wait_for(lambda: (directory / "metrics.jsonl").exists(), "its first metrics")
    yield process
    process.kill()
    process.wait()


def state_of(tree: Path) -> dict[str, tuple[Any, ...]]:
    """All that may change in a directory by more than reading it."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns, path.lstat().st_size)
        for path in (tree, *tree.rglob("*"))
    }


def series(cli: CommandLine, run: str) -> dict[str, Any]:
    return {one["name"]: one for one in cli.json("metrics", run)["series"]}


@needs_corpus
def test_trainings_of_a_directory_are_added_once_and_only_read(
    cli: CommandLine, tmp_path: Path
) -> None:
    trainings = tmp_path / "trainings"
    trainings.mkdir()
    for name in ("produced/sb3", "trackers/wandb", "trackers/mlflow_files", "trackers/hydra"):
        subprocess.run(["cp", "-r", CORPUS / name, trainings / name.split("/")[1]], check=True)
    before = state_of(trainings)
    none = tmp_path / "none"
    preview = cli.json("add", str(trainings), "--dry-run", TRAINUI_HOME=str(none))["runs"]
    assert not (none / "trainui.db").exists()
    added = cli.json("add", str(trainings))["runs"]
    assert [one["path"] for one in added] == [one["path"] for one in preview]
    assert {"sb3", "wandb", "mlflow", "hydra"} == {one["kind"] for one in added}
    assert not any(one["new"] for one in cli.json("add", str(trainings))["runs"])
    (ppo,) = (one for one in added if one["name"] == "ppo")
    wait_for(lambda: "rollout/ep_rew_mean" in series(cli, ppo["run"]), "its metrics")
    listed = {one["run"]: one for one in cli.json("ls")["runs"]}
    assert listed[ppo["run"]]["external"] == {"kind": "sb3", "path": ppo["path"], "pid": None}
    assert listed[ppo["run"]]["status"] == "ended"
    outer = next(one for one in added if one["name"] == "outer")
    assert listed[outer["run"]]["status"] == "completed"
    (multirun,) = (one for one in added if len(one["stages"]) == 6)
    shown = cli.json("show", multirun["run"])
    assert [stage["params"] for stage in shown["stages"]][:2] == [
        {"lr": "0.1", "seed": "1"},
        {"lr": "0.1", "seed": "2"},
    ]
    assert cli("rm", ppo["run"], "--yes").code == 0
    assert state_of(trainings) == before
    subprocess.run(["cp", "-r", f"{multirun['path']}/5", f"{multirun['path']}/6"], check=True)
    again = {one["path"]: one for one in cli.json("add", multirun["path"])["runs"]}
    assert again[multirun["path"]]["run"] == multirun["run"]
    names = [stage["name"] for stage in cli.json("show", multirun["run"])["stages"]]
    values = itertools.product((0.1, 0.2, 0.3), (1, 2))
    made = [f"job={job},lr={lr},seed={seed}" for job, (lr, seed) in enumerate(values)]
    assert names == [f"make_hydra[{one}]" for one in (*made, "job=6,lr=0.3,seed=2")]
    wait_for(lambda: names[6] in series_by_stage(cli, multirun["run"]), "metrics of the new job")


@needs_corpus
def test_runs_of_trackers_databases_are_added_and_only_read(
    cli: CommandLine, tmp_path: Path
) -> None:
    place = tmp_path / "tracked"
    place.mkdir()
    for name in ("mlflow/mlflow.db", "trackio/digits.db", "optuna/optuna.db"):
        packed = CORPUS / "trackers" / f"{name}.gz"
        (place / Path(name).name).write_bytes(gzip.decompress(packed.read_bytes()))
    before = state_of(place)
    added = cli.json("add", str(place))["runs"]
    assert not any(one["new"] for one in cli.json("add", str(place))["runs"])
    runs = {(one["kind"], one["name"]): one["run"] for one in added}
    assert len(runs) == len(added) == 15
    long = runs["mlflow", "long"]
    wait_for(lambda: series(cli, long).get("train/loss", {}).get("count") == 1000, "its points")
    assert cli.status(long) == "completed"
    assert cli.status(runs["mlflow", "killed"]) == "ended"
    assert cli.json("show", long)["stages"][0]["params"] == {"steps": "1000"}
    study = runs["optuna", "digits"]
    wait_for(lambda: len(series_by_stage(cli, study)) == 15, "its trials")
    assert series_by_stage(cli, study)["trial 0"]["value"]["last"] == 0.20408677143846407
    best = cli.json("best", study)
    values = [
        one["value"]["last"] for one in series_by_stage(cli, study).values() if "value" in one
    ]
    assert [one["value"] for one in best["trials"]] == sorted(values)[:5]
    assert best["trials"][0]["search"].keys() == {"lr", "layers", "opt"}
    second = runs["trackio", "second"]
    wait_for(lambda: "val/loss" in series(cli, second), "its metrics")
    assert cli("rm", second, "--yes").code == 0
    assert state_of(place) == before


def series_by_stage(cli: CommandLine, run: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in cli.json("metrics", run)["series"]:
        found.setdefault(one["stage"], {})[one["name"]] = one
    return found


def test_a_running_training_is_live_until_its_process_ends(
    cli: CommandLine, trainer: subprocess.Popen[bytes]
) -> None:
    run = cli.json("add", "live", "--name", "mine")["runs"][0]["run"]
    assert cli.status(run) == "running"
    wait_for(lambda: series(cli, run).get("loss", {}).get("count", 0) > 5, "points")
    seen = series(cli, run)["loss"]["count"]
    wait_for(lambda: series(cli, run)["loss"]["count"] > seen, "more points")
    for command in ("resume", "cancel"):
        refused = cli(command, run)
        assert refused.code == 2
        assert "is an external run" in refused.err
    trainer.kill()
    trainer.wait()
    wait_for(lambda: cli.status(run) == "ended", "its end")
    lines = (cli.directory / "live" / "metrics.jsonl").read_text().splitlines()
    wait_for(lambda: series(cli, run)["loss"]["count"] == len(lines), "all of its points")


def test_adopting_a_training_added_by_files_lists_it_once(
    cli: CommandLine, trainer: subprocess.Popen[bytes]
) -> None:
    run = cli.json("add", "live")["runs"][0]["run"]
    for _ in range(2):
        adopted = cli.json("add", "--pid", str(trainer.pid))["runs"][0]
        assert (adopted["run"], adopted["new"]) == (run, False)
    assert [one["run"] for one in cli.json("ls")["runs"]] == [run]
    external = cli.json("show", run)["external"]
    assert (external["kind"], external["pid"]) == ("jsonl", trainer.pid)
    offered = cli("rerun", run).err
    assert f"cd {cli.directory}/live && trainui run" in offered, "its command is known by now"
    assert cli("cancel", run).code == 0
    trainer.wait()
    wait_for(lambda: cli.status(run) == "cancelled", "its end")


def test_a_training_deleted_while_shown_keeps_its_points(
    cli: CommandLine, trainer: subprocess.Popen[bytes]
) -> None:
    run = cli.json("add", "live")["runs"][0]["run"]
    wait_for(lambda: series(cli, run).get("loss", {}).get("count", 0) > 5, "points")
    assert "step " in cli("logs", run).out
    shutil.rmtree(cli.directory / "live")
    wait_for(lambda: cli.status(run) == "ended", "its end")
    (stage,) = cli.json("show", run)["stages"]
    assert stage["reason"] == f"{cli.directory}/live no longer exists; what was read of it is kept"
    assert cli("logs", run).err == f"the log {cli.directory}/live/train.out no longer exists\n"
    assert series(cli, run)["loss"]["count"] > 5


def test_an_adopted_process_is_listed_followed_and_cancelled_with_children(
    cli: CommandLine, trainer: subprocess.Popen[bytes]
) -> None:
    pid = str(trainer.pid)
    none = subprocess.DEVNULL
    with subprocess.Popen("cat", stdin=subprocess.PIPE, stdout=none, stderr=none) as other:
        listed = [one["pid"] for one in cli.json("add", "--pid")["candidates"]]
    # or pytest, which has started it, if the output of that goes to a log with metrics
    assert not {trainer.pid, os.getpid(), os.getppid()}.isdisjoint(listed)
    assert other.pid not in listed  # it writes no metric file
    added = cli.json("add", "--pid", pid, "--name", "mine")["runs"][0]
    assert (added["kind"], added["new"]) == ("process", True)
    assert cli.json("add", "--pid", pid)["runs"][0]["new"] is False
    shown = cli("show", added["run"]).out
    assert f"external   process {pid}\n" in shown
    assert re.search("command    .*python", shown), "an adopted process is shown by its command"
    run = added["run"]
    assert cli.json("show", run)["external"]["pid"] == trainer.pid
    wait_for(lambda: series(cli, run).get("loss", {}).get("count", 0) > 5, "points")
    assert "step " in cli("logs", run).out
    for command in ("rerun", "resume"):
        refused = cli(command, run)
        assert refused.code == 2
        typed = f"cd {cli.directory}/live && trainui run --name mine -- {sys.executable} -c"
        assert typed in refused.err
    (stage,) = cli.json("show", run)["stages"]
    assert cli("cancel", run, stage["name"], "--forget").code == 2, "it can be seen"
    assert (trainer.poll(), cli.status(run)) == (None, "running")
    assert cli("cancel", run).code == 0
    wait_for(lambda: trainer.poll() is not None, "its end")
    wait_for(lambda: cli.status(run) == "cancelled", "the record of it")
    for answer, shown in (("n", "nothing was started"), ("y", re.escape("\x1b[?1049h"))):
        with terminal(cli, "rerun", run) as child:
            child.expect(f"directory +{cli.directory}/live")
            child.expect("Start this new run")
            child.sendline(answer)
            child.expect(shown)
    newest, *_ = cli.json("ls")["runs"]
    assert newest["external"] is None
    assert cli.json("show", newest["run"])["stages"][0]["workdir"] == f"{cli.directory}/live"
    assert cli("cancel", newest["run"]).code == 0


CHILD = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready", "w").close()
time.sleep(600)
"""


def test_an_adopted_process_without_children_is_cancelled_too(cli: CommandLine) -> None:
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    os.utime(cli.write("metrics.csv", "step,loss\n1,0.5\n"), (1, 1))  # of an earlier training
    with subprocess.Popen([sys.executable, "-c", starts], cwd=cli.directory) as leader:
        wait_for(lambda: (cli.directory / "ready").exists(), "its child")
        (child,) = psutil.Process(leader.pid).children()
        run = cli.json("add", "--pid", str(leader.pid))["runs"][0]["run"]
        assert cli("cancel", run).code == 0
        assert leader.wait(60) != 0
        assert cli("run", "--wait", "--", "true").code == 0  # the worker has looked since
        assert (cli.status(run), child.is_running()) == ("running", True)
        child.kill()
        wait_for(lambda: cli.status(run) == "cancelled", "the record of it")
    assert series(cli, run) == {}


def test_an_adopted_process_that_ends_has_ended(
    cli: CommandLine, trainer: subprocess.Popen[bytes]
) -> None:
    run = cli.json("add", "--pid", str(trainer.pid))["runs"][0]["run"]
    trainer.kill()
    trainer.wait()
    wait_for(lambda: cli.status(run) == "ended", "its end")


def test_unstorable_values_are_left_out_and_named(served: CommandLine) -> None:
    bad = os.fsdecode(os.fsencode(served.directory) + b"/found/\xff")
    for directory in (served.directory / "found" / "good", Path(bad)):
        directory.mkdir(parents=True)
        (directory / "metrics.csv").write_text("step,loss\n1,0.5\n")
    value = served.json("add", "found")
    assert [run["name"] for run in value["runs"]] == ["good"]
    assert [one["path"] for one in value["left_out"]] == [bad]
    shutil.rmtree(served.directory / "found" / "good")
    refused = served("add", "found", "--json")
    assert (refused.code, refused.error()) == (3, "not_found")


def test_unsuitable_places_are_refused_in_one_sentence(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "mlflow.db").write_bytes(b"SQLite format 3\0latest_metrics" * 500)
    for name in "ab":
        (tmp_path / "two" / name).mkdir(parents=True)
        (tmp_path / "two" / name / "metrics.csv").write_text("step,loss\n1,2\n")
    for arguments, code, words in (
        ((str(tmp_path / "empty"),), 3, "no training found in "),
        ((str(tmp_path / "none"),), 3, "does not exist"),
        ((str(tmp_path / "damaged"),), 1, "mlflow.db cannot be read as a database: "),
        ((), 2, "give either PATH or --pid"),
        ((str(tmp_path), "--pid", "1"), 2, "give either PATH or --pid"),
        (("--pid", "9999999"), 3, "no process has the pid 9999999"),
        (("--pid", "x"), 2, "expected a process id"),
        ((str(tmp_path / "two"), "--name", "x"), 2, "--name fits one training"),
    ):
        refused = cli("add", *arguments)
        assert (refused.code, len(refused.err.splitlines())) == (code, 1), refused
        assert words in refused.err, refused


def test_a_directory_alone_is_added_and_the_screen_opened(cli: CommandLine) -> None:
    for name, given in (("runs", "runs"), ("ls", "./ls")):  # `ls` is a command
        (cli.directory / name).mkdir()
        cli.write(f"{name}/metrics.csv", "step,loss\n1,2\n")
        opened = cli(given)
        assert opened.code == 2  # without a terminal
        assert "the screen cannot be shown" in opened.err
    assert {one["name"] for one in cli.json("ls")["runs"]} == {"runs", "ls"}
