"""Each package that docs/plugins.md shows is built, installed and run as it stands there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.conftest import serving
from tests.acceptance.pages import ROOT, blocks_of
from tests.unit.plugin import packages
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from trainui.plugin import Viewer, registry

PAGE = ROOT / "docs/plugins.md"
FILES = {block.file: block.body for block in blocks_of(PAGE) if block.file is not None}
PACKAGES = sorted({file.partition("/")[0] for file in FILES})
MOST_LINES = 40

PIPELINE = """
name: plugins
stages:
  - name: format
    run: printf 'step=3 loss=0.5\\nstep=4 loss=0.25 acc=0.5\\n' > log.kv
  - name: lines
    depends_on: [format]
    run: for n in 1 2 3; do echo "ding $n! quality 0.$n"; done
    metrics: [{stdout: bell}]
  - name: cause
    depends_on: [lines]
    run: echo 'E LICENCE-17 none left' >&2; echo bye >&2; exit 3
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all packages of the page, built and installed by pip."""
    root = tmp_path_factory.mktemp("plugins")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    builder = str(root / "builder")  # for all: pip would install it for each
    subprocess.run([*pip, "--target", builder, "hatchling"], check=True, cwd=root)
    built = [*pip, "--no-build-isolation", "--no-deps", "--target", str(root / "site")]
    environ = {**os.environ, "PYTHONPATH": builder}
    subprocess.run(
        [*built, *(str(root / one) for one in PACKAGES)], check=True, cwd=root, env=environ
    )
    return root / "site"


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str], site: Path
) -> Iterator[CommandLine]:
    settings = {**served_database, "PYTHONPATH": str(site)}
    with serving(tmp_path_factory.mktemp("served"), settings) as command_line:
        command_line.always_forks = True
        yield command_line


@pytest.fixture
def cli_with_all(emptied: CommandLine) -> CommandLine:
    return emptied


@pytest.fixture
def loaded(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages, in this process."""
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    packages.use(site, monkeypatch)
    yield
    packages.forget(*(one.name for one in site.iterdir()))
    registry.reset()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_whole_package_is_short(package: str) -> None:
    lines = [text.splitlines() for name, text in FILES.items() if name.startswith(f"{package}/")]
    assert len(lines) >= 2
    assert sum(map(len, lines)) <= MOST_LINES


@pytest.mark.usefixtures("only_on_sqlite")
def test_every_package_is_listed_and_right(cli_with_all: CommandLine) -> None:
    listed = cli_with_all.json("plugins")["plugins"]
    theirs = {one["package"]: one for one in listed if one["package"] != "trainui"}
    assert sorted(theirs) == PACKAGES
    assert {one["problem"] for one in theirs.values()} == {None}
    assert all(one["loaded"] for one in theirs.values())


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_run_reads_the_plugins_files(cli_with_all: CommandLine) -> None:
    cli = cli_with_all
    done = cli("run", str(cli.write("plugins.yaml", PIPELINE)), "--wait", "--json")
    assert done.code == 1, done
    (failed,) = (one for one in done.json()["stages"] if one["name"] == "cause")
    assert "all licences of the simulator are in use" in failed["reason"]
    points = cli("metrics", "plugins", "--points").out.splitlines()
    assert len(points) == 6
    series = {
        (one["stage"], one["name"]): (one["count"], one["last_step"], one["last"])
        for one in cli.json("metrics", "plugins")["series"]
    }
    assert series == {
        ("format", "loss"): (2, 4, 0.25),
        ("format", "acc"): (1, 4, 0.5),
        ("lines", "quality"): (3, 3, 0.3),
    }
    assert cli("count").out == "failed 1\n"
    assert cli("count", "--state", "completed").out == ""


SEARCH = """
name: search
stages:
  - name: train
    search:
      space: {x: {low: 0, high: 1.0}}
      metric: loss
      goal: minimize
      trials: 3
      sampler: halton
    run: 'echo "{\\"step\\": 1, \\"loss\\": ${search.x}}" >> $TRAINUI_METRICS_FILE'
"""


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_searcher_decides_what_trials_try(cli_with_all: CommandLine) -> None:
    cli = cli_with_all
    assert cli("run", str(cli.write("search.yaml", SEARCH)), "--wait").code == 0
    trials = cli.json("best", "search")["trials"]
    assert [(one["trial"], one["search"]) for one in trials] == [
        (1, {"x": 0.25}),
        (0, {"x": 0.5}),
        (2, {"x": 0.75}),
    ]


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_trackers_training_is_added(cli_with_all: CommandLine, tmp_path: Path) -> None:
    training = tmp_path / "first"
    training.mkdir()
    (training / "board.json").write_text('{"name": "one", "params": {"lr": 3}, "state": "failed"}')
    (training / "metrics.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    (added,) = cli_with_all.json("add", str(training))["runs"]
    assert (added["kind"], added["name"]) == ("board", "one")
    shown = cli_with_all.json("show", "one")
    assert shown["status"] == "failed"
    assert shown["stages"][0]["params"] == {"lr": 3}


@pytest.mark.usefixtures("loaded")
def test_the_code_of_the_others_does_what_it_says(tmp_path: Path) -> None:
    viewer = next(one for one in registry.records(Viewer) if one.name == "hex")
    (tmp_path / "a.bin").write_bytes(bytes(range(20)))
    assert registry.run(viewer, viewer.view, tmp_path / "a.bin", 24, 2) == [
        "00 01 02 03 04 05 06 07",
        "08 09 0a 0b 0c 0d 0e 0f",
    ]


@pytest.mark.usefixtures("only_on_sqlite")
def test_another_programs_file_becomes_a_pipeline(cli_with_all: CommandLine) -> None:
    cli = cli_with_all
    cli.write("tasks.txt", "make data\npython train.py\n")
    assert cli("init", "--from", "tasks.txt", "made.yaml").code == 0
    assert cli.json("graph", "made.yaml")["stages"] == [
        {"name": "task-1", "depends_on": []},
        {"name": "task-2", "depends_on": ["task-1"]},
    ]


TURNS = """
name: turns
defaults: {{executor: {{turns: {{lock: {lock}}}}}}}
stages:
  - {{name: first, run: {hold}}}
  - {{name: second, run: {hold}}}
"""


@pytest.mark.usefixtures("only_on_sqlite")
def test_an_executors_jobs_take_turns_and_end_on_cancel(
    cli_with_all: CommandLine, tmp_path: Path
) -> None:
    cli = cli_with_all
    hold = f"echo $$ >> {tmp_path}/pids; exec sleep 600"
    cli.write("turns.yaml", TURNS.format(lock=tmp_path / "lock", hold=json.dumps(hold)))
    assert cli("run", "turns.yaml", "--detach").code == 0
    wait_for(lambda: "another job" in str(stages_of(cli, "turns")), "the reason of one that waits")
    pid = read_pid(tmp_path / "pids")
    assert is_alive(pid)
    assert cli("cancel", "turns").code == 0
    assert cli("wait", "turns", "--timeout", "60").code == 130
    assert not is_alive(pid)
    assert len((tmp_path / "pids").read_text().split()) == 1


@pytest.mark.usefixtures("only_on_sqlite")
def test_an_executors_killed_supervisor_leaves_nothing(
    cli_with_all: CommandLine, tmp_path: Path
) -> None:
    cli = cli_with_all
    script = f"echo $$ > {tmp_path}/pid; exec sleep 600"
    run = cli("run", "--detach", "--executor", "turns", "--", "sh", "-c", script).out.split()[0]
    pid = read_pid(tmp_path / "pid")
    wait_for(lambda: stages_of(cli, run)[0]["attempts"][0]["supervisor_pid"], "the start")
    os.kill(stages_of(cli, run)[0]["attempts"][0]["supervisor_pid"], signal.SIGKILL)
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code in (1, 130)
    assert not is_alive(pid)


def stages_of(cli: CommandLine, run: str) -> Any:
    return cli.json("show", run)["stages"]
