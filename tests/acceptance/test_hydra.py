"""Hydra's multiruns as runs: Hydra's own tests of a launcher, and what a crash leaves."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from tests.acceptance.command_line import CommandLine, states_of
from tests.integration.runs import home_with_worker
from tests.unit.supervisor.waiting import wait_for

pytestmark = pytest.mark.filterwarnings("ignore")  # Hydra's tests, and Hydra, give some


@pytest.fixture(scope="module", autouse=True)
def worker(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    """A worker for all of Hydra's tests."""
    with home_with_worker(tmp_path_factory.mktemp("hydra"), served_database, cpus="3"):
        yield


@pytest.mark.parametrize(("launcher_name", "overrides"), [("trainui", [])])
class TestLauncher(LauncherTestSuite):
    """What Hydra asks of a launcher."""

    test_sweep_1_job = pytest.mark.long(LauncherTestSuite.test_sweep_1_job)
    test_sweep_1_job_strict = pytest.mark.long(LauncherTestSuite.test_sweep_1_job_strict)
    test_sweep_2_optimizers = pytest.mark.long(LauncherTestSuite.test_sweep_2_optimizers)
    test_sweep_and_override = pytest.mark.long(LauncherTestSuite.test_sweep_and_override)


@pytest.mark.long
@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("trainui", ["hydra.sweeper.max_batch_size=2"])],
)
class TestBatches(BatchedSweeperTestSuite):
    """The same where a sweeper launches several batches."""


def only(test: Callable[..., None], *ids: str) -> Callable[..., None]:
    """One of Hydra's tests with these cases alone: the others differ in what Hydra composes."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    names, cases = mark.args

    @functools.wraps(test)
    def with_few(*arguments: Any, **fixtures: Any) -> None:
        test(*arguments, **fixtures)

    with_few.pytestmark = []  # type: ignore[attr-defined]
    kept = [case for case in cases if case.id in ids]
    assert len(kept) == len(ids)
    marked: Callable[..., None] = pytest.mark.parametrize(names, kept)(with_few)
    return marked


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=trainui"])]
)
class TestIntegration(IntegrationTestSuite):
    """Real applications, with working directories of their own."""

    test_custom_task_name = pytest.mark.long(
        only(
            IntegrationTestSuite.test_custom_task_name,
            "no_config",
            "different_filename_and_config_file_name_override_and_command_line_override",
        )
    )
    test_custom_sweeper_run_workdir = only(
        IntegrationTestSuite.test_custom_sweeper_run_workdir, "subdir:custom_override_dirname"
    )
    test_get_orig_dir_multirun = pytest.mark.long(IntegrationTestSuite.test_get_orig_dir_multirun)
    test_to_absolute_path_multirun = pytest.mark.long(
        IntegrationTestSuite.test_to_absolute_path_multirun
    )


APP = """
import pathlib, time
import hydra

@hydra.main(version_base=None, config_path=None, config_name=None)
def main(cfg):
    with open("jobs", "a") as jobs:
        jobs.write(f"{cfg.optimizer.lr}\\n")
    while cfg.optimizer.lr == 0.2 and not pathlib.Path("go").exists():
        time.sleep(0.05)
    print(f"step 1 loss {cfg.optimizer.lr}")

main()
"""

JOBS = ["app[job=0,lr=0.1]", "app[job=1,lr=0.2]"]


def test_batches_are_one_run_and_a_killed_sweep_repeats_no_job(cli: CommandLine) -> None:
    cli.write("app.py", APP)
    swept = ["+optimizer.lr=0.1,0.2", "hydra/launcher=trainui", "hydra.sweep.dir=out"]
    sweep = [sys.executable, "app.py", "-m", *swept, "hydra.sweeper.max_batch_size=1"]
    sweeper = subprocess.Popen(sweep, cwd=cli.directory, env=cli.environ)

    def states() -> dict[str, str]:
        runs = cli.json("ls")["runs"] if (cli.home / "trainui.db").exists() else []
        assert len(runs) < 2
        return states_of(cli.json("show", runs[0]["run"])) if runs else {}

    half_done = dict(zip(JOBS, ["completed", "running"], strict=True))
    jobs = cli.directory / "jobs"
    wait_for(lambda: states() == half_done and jobs.read_text().count("\n") == 2, "a waiting job")
    cli.close()  # kills all: sweeper, worker, guard, broker, supervisors and jobs
    sweeper.wait()
    (cli.directory / "go").touch()
    resumed = cli("resume", "--interrupted")
    assert resumed.code == 0
    logs = [file.read_text() for file in sorted((cli.home / "worker").glob("*.log"))]
    assert set(states().values()) == {"completed"}, (resumed, *logs)
    subprocess.run(sweep, cwd=cli.directory, env=cli.environ, check=True, timeout=90)
    assert states() == dict.fromkeys(JOBS, "completed")
    (known,) = cli.json("add", "out")["runs"]
    assert not known["new"]
    assert known["stages"] == JOBS
    assert jobs.read_text().split() == ["0.1", "0.2", "0.2"]
    overrides = {
        one.name: (one / ".hydra/overrides.yaml").read_text()
        for one in (cli.directory / "out").glob("?")
    }
    assert overrides == {
        str(number): f"- +optimizer.lr={lr}\n" for number, lr in enumerate([0.1, 0.2])
    }


def test_a_failed_job_raises_its_error_naming_killed_ones(cli: CommandLine) -> None:
    cli.environ["TRAINUI_HOME"] = os.environ["TRAINUI_HOME"]  # its worker has started
    cli.write(
        "app.py", APP.replace("while", "assert cfg.get('die') or cfg.seed < 2, 'seed 2'\n    while")
    )
    swept = ["+optimizer.lr=0.1", "+seed=1,2", "hydra/launcher=trainui"]

    def launch(*more: str) -> str:
        command = [sys.executable, "app.py", "-m", *swept, *more]
        done = subprocess.run(
            command, cwd=cli.directory, env=cli.environ, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 1
        return done.stderr

    assert "AssertionError: seed 2" in launch()
    cli.write(
        "app.py", APP.replace("while", "cfg.seed == 2 and __import__('os').abort()\n    while")
    )
    assert "job 1: app[seed=2] failed in run " in launch()
    assert states_of(cli.json("show", "app")) == {
        "app[seed=1]": "completed",
        "app[seed=2]": "failed",
    }
