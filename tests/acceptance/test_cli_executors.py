"""Stages that another executor runs: a directory in which a process of a foreign boot serves."""

from __future__ import annotations

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
from tests.executors import trainui_spool
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death
from trainui.supervisor import protocol

HOLD = "echo $$ > pid; echo $TRAINUI_ATTEMPT >> ledger; until [ -e go ]; do sleep 0.05; done"

POINT = '{"step": 1, "loss": 2}'


class Cluster:
    """The directory, and the process that runs its jobs; each test sets its own command line."""

    cli: CommandLine

    def __init__(self, directory: Path) -> None:
        self.place = directory / "spool"
        self.place.mkdir()
        install(directory / "site")
        self.environ = {"SPOOL": str(self.place), "PYTHONPATH": str(directory / "site")}
        self.earlier: set[Path] = set()
        self.server = self.serve()

    def serve(self) -> subprocess.Popen[bytes]:
        server = subprocess.Popen([sys.executable, trainui_spool.__file__, str(self.place)])
        wait_for(lambda: trainui_spool.is_served(self.place), "the cluster")
        return server

    def start(self, script: str = HOLD) -> str:
        argv = ("run", "--detach", "--executor", "spool", "--", "sh", "-c", script)
        return self.cli(*argv).out.split()[0]

    def jobs(self) -> int:
        """Return how many jobs the test has submitted."""
        return len({*self.place.glob("*.job")} - self.earlier)

    def begin(self, cli: CommandLine) -> None:
        """Serve another test."""
        self.cli, self.earlier = cli, {*self.place.glob("*.job")}
        for name in ("hold", "limit", "broken", "die"):
            (self.place / name).unlink(missing_ok=True)

    def pid(self) -> int:
        return read_pid(self.cli.directory / "pid")

    def go(self) -> None:
        (self.cli.directory / "go").touch()

    def ledger(self) -> list[str]:
        file = self.cli.directory / "ledger"
        return file.read_text().split() if file.exists() else []

    def stage(self, run: str) -> Any:
        return self.cli.json("show", run)["stages"][0]

    def records(self, run: str) -> Path:
        return Path(self.stage(run)["attempts"][-1]["stdout"]).parent

    def close(self) -> None:
        self.server.kill()
        self.server.wait()


def install(site: Path) -> None:
    """Install the executor's package, as pip would."""
    about = site / "trainui_spool-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: trainui-spool\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[trainui.executors]\nspool = trainui_spool:EXECUTOR\n")
    (site / "trainui_spool.py").write_bytes(Path(trainui_spool.__file__).read_bytes())


@pytest.fixture(scope="module")
def served_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    served_database: Mapping[str, str],
    served_cluster: Cluster,
) -> Iterator[CommandLine]:
    settings = {**served_database, **served_cluster.environ}
    with serving(tmp_path_factory.mktemp("served"), settings) as command_line:
        command_line.always_forks = True
        yield command_line


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


@pytest.fixture
def cluster(cli: CommandLine, served_cluster: Cluster) -> Cluster:
    served_cluster.begin(cli)
    return served_cluster


def test_a_stage_runs_elsewhere_and_ends_as_its_supervisor_wrote(
    cluster: Cluster, cli: CommandLine
) -> None:
    done = cli(
        *("run", "--wait", "--json", "--executor", "spool", "--"),
        *(
            "sh",
            "-c",
            'echo {\\"step\\": 1, \\"loss\\": 2} > $TRAINUI_METRICS_FILE; echo hello; exit 3',
        ),
    )
    assert done.code == 1
    run = done.json()["run"]
    stage = cluster.stage(run)
    assert (stage["status"], stage["exit_code"], stage["gpus"]) == ("failed", 3, [])
    assert "hello" in cli("logs", run).out
    assert [one["name"] for one in cli.json("metrics", run)["series"]] == ["loss"]
    pids = protocol.read_pids(cluster.records(run))
    assert pids is not None
    assert pids.boot_id == "foreign"


def test_a_pipeline_names_its_executor_with_options(cluster: Cluster, cli: CommandLine) -> None:
    shown = cli.run(
        """
        defaults: {executor: {spool: {partition: gpu}}}
        stages:
          - {name: a, run: echo a, gpus: 4}
          - {name: b, run: echo b, depends_on: [a], executor: local}
        """
    )
    assert shown["status"] == "completed"
    assert cluster.jobs() == 1


@pytest.mark.parametrize(
    ("executor", "code", "column", "said"),
    [
        ("nowhere", "bad-executor", 13, "local, slurm, spool"),
        ("{nowhere: {}}", "bad-executor", 14, "local, slurm, spool"),
        ("{spool: {color: red}}", "bad-option", 22, "color"),
        ("{spool: {partition: tpu}}", "bad-option", 33, "cpu, gpu"),
        ("{local: {color: red}}", "bad-option", 22, "local has no options"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_a_wrong_executor_or_option_is_refused_at_its_place(
    cli: CommandLine, executor: str, code: str, column: int, said: str
) -> None:
    cli.write("p.yaml", f"stages:\n- name: a\n  run: echo a\n  executor: {executor}\n")
    (problem,) = cli("validate", "p.yaml", "--json").json()["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == (code, 4, column)
    assert said in problem["message"]
    assert cli("run", "p.yaml", "--wait").code == 2
    assert cli.json("ls")["runs"] == []


def test_a_wrong_setting_is_refused_before_anything_runs(cli: CommandLine) -> None:
    done = cli("run", "--wait", "--", "true", TRAINUI_EXECUTOR="nowhere")
    assert (done.code, "local" in done.err) == (2, True)
    assert cli.json("ls")["runs"] == []


def test_the_setting_names_the_executor_of_stages_that_name_none(
    cluster: Cluster, cli: CommandLine
) -> None:
    assert cli("run", "--wait", "--", "true", TRAINUI_EXECUTOR="spool").code == 0
    assert cluster.jobs() == 1


def test_a_stage_waiting_elsewhere_says_why_and_cancel_withdraws_it(
    cluster: Cluster, cli: CommandLine
) -> None:
    (cluster.place / "hold").touch()
    run = cluster.start()
    wait_for(lambda: cluster.stage(run)["reason"] == "spool: in the queue", "the reason")
    stage = cluster.stage(run)
    assert (cli.status(run), stage["status"], stage["started_at"]) == ("queued", "queued", None)
    assert [one["status"] for one in stage["attempts"]] == ["queued"]
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    (cluster.place / "hold").unlink()
    assert cluster.ledger() == []
    cluster.go()
    assert cli("resume", run, "--wait").code == 0
    assert cluster.ledger() == ["2"]


def test_a_full_place_is_a_reason_to_wait(cluster: Cluster, cli: CommandLine) -> None:
    (cluster.place / "limit").write_text("1")
    first, second = cluster.start(), cluster.start("true")
    wait_for(lambda: "no more jobs" in str(cluster.stage(second)["reason"]), "the reason")
    assert cli("run", "--wait", "--", "true").code == 0  # of this machine
    cluster.go()
    for run in (first, second):
        assert cli("wait", run, "--timeout", "60").code == 0


def test_a_cancelled_stage_ends_elsewhere_before_that_is_recorded(
    cluster: Cluster, cli: CommandLine
) -> None:
    run = cluster.start()
    pid = cluster.pid()
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    assert not is_alive(pid)
    assert cluster.ledger() == ["1"]


def test_a_stage_with_a_killed_supervisor_is_interrupted_and_resumable(
    cluster: Cluster, cli: CommandLine
) -> None:
    run = cluster.start()
    pid = cluster.pid()
    pids = protocol.read_pids(cluster.records(run))
    assert pids is not None
    os.kill(pids.supervisor_pid, signal.SIGKILL)
    wait_for_death(pid)
    cli("wait", run, "--timeout", "60")
    assert cluster.stage(run)["status"] == "interrupted"
    cluster.go()
    assert cli("resume", run, "--wait").code == 0
    assert cluster.ledger() == ["1", "2"]


def test_a_new_worker_adopts_the_job_without_a_second_launch(
    cluster: Cluster, cli: CommandLine
) -> None:
    run = cluster.start()
    wait_for(lambda: cli.status(run) == "running", "the start")
    found = cli.json("worker", "status")
    for name in ("guard_pid", "pid"):
        os.kill(found[name], signal.SIGKILL)
        wait_for_death(found[name])
    assert cli("worker", "start").code == 0
    assert cli.status(run) == "running"
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]
    assert cluster.jobs() == 1


def test_nothing_is_concluded_while_the_place_does_not_answer(
    cluster: Cluster, cli: CommandLine
) -> None:
    (cluster.place / "hold").touch()
    run = cluster.start()
    wait_for(cluster.jobs, "the job")
    cluster.close()
    wait_for(lambda: "does not answer" in str(cluster.stage(run)["reason"]), "the reason")
    assert cli.status(run) == "queued"
    (cluster.place / "hold").unlink()
    cluster.server = cluster.serve()
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]


def test_a_cancel_waits_for_a_place_that_does_not_answer(
    cluster: Cluster, cli: CommandLine
) -> None:
    (cluster.place / "hold").touch()
    run = cluster.start()
    wait_for(cluster.jobs, "the job")
    cluster.close()
    assert cli("cancel", run).code == 0
    wait_for(
        lambda: str(cluster.stage(run)["reason"]).startswith("cancel requested at "), "the reason"
    )
    assert cli.status(run) == "queued"
    cluster.server = cluster.serve()
    assert cli("wait", run, "--timeout", "60").code == 130
    (cluster.place / "hold").unlink()
    assert cluster.ledger() == []


def test_an_executor_that_raises_is_named_and_nothing_else_suffers(
    cluster: Cluster, cli: CommandLine
) -> None:
    run = cluster.start()
    wait_for(lambda: cli.status(run) == "running", "the start")
    (cluster.place / "broken").touch()
    wait_for(lambda: "the spool is broken" in str(cluster.stage(run)["reason"]), "the reason")
    assert cli("run", "--wait", "--", "true").code == 0
    listed = {one["name"]: one["problem"] for one in cli.json("plugins")["plugins"]}
    assert "the spool is broken" in listed["spool"]
    assert cli.status(run) == "running"
    (cluster.place / "broken").unlink()
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_dying_during_a_launch_causes_no_second_one(
    cluster: Cluster, cli: CommandLine, moment: str
) -> None:
    (cluster.place / "die").write_text(moment)
    run = cluster.start()
    cluster.pid()
    assert not (cluster.place / "die").exists()
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]
    assert cluster.jobs() == 1
