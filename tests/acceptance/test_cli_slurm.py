"""Stages as jobs of a real Slurm, which all tests here share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.executors import slurm_cluster
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death

pytestmark = [
    pytest.mark.usefixtures("only_on_sqlite"),
    pytest.mark.skipif(bool(slurm_cluster.why_not()), reason=slurm_cluster.why_not()),
]

HOLD = "echo $$ > pid; echo $TRAINUI_ATTEMPT >> ledger; until [ -e go ]; do sleep 0.05; done"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")) as file:
        yield file


class Cluster:
    """Slurm, and runs on it."""

    def __init__(self, cli: CommandLine, configuration: Path) -> None:
        self.cli = cli
        cli.environ["SLURM_CONF"] = str(configuration)
        self.environ = {**os.environ, "SLURM_CONF": str(configuration)}

    def slurm(self, *argv: str) -> str:
        found = subprocess.run(argv, env=self.environ, capture_output=True, text=True, check=True)
        return found.stdout

    def start(self, script: str = HOLD, *, options: str = "") -> str:
        self.cli.write(
            "p.yaml",
            f"defaults: {{executor: {options or 'slurm'}}}\n"
            f"stages:\n- name: a\n  run: |\n    {script}\n  retries: 0\n",
        )
        return self.cli("run", "--detach", "p.yaml").out.split()[0]

    def stage(self, run: str) -> Any:
        return self.cli.json("show", run)["stages"][0]

    def jobs(self, run: str) -> list[str]:
        """Return the states of the jobs of a run's first stage."""
        names = [f"trainui-{one['celery_task_id']}" for one in self.stage(run)["attempts"]]
        found = self.slurm("squeue", "-h", "--states=all", f"--name={','.join(names)}", "-o%T")
        return found.split()

    def wait_for_start(self, run: str) -> int:
        wait_for(lambda: self.stage(run)["status"] == "running", "the start")
        return read_pid(self.cli.directory / "pid")

    def go(self) -> None:
        (self.cli.directory / "go").touch()

    def ledger(self) -> list[str]:
        file = self.cli.directory / "ledger"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def cluster(cli: CommandLine, configuration: Path) -> Cluster:
    return Cluster(cli, configuration)


def test_a_pipeline_runs_with_stages_of_both_places(cluster: Cluster, cli: CommandLine) -> None:
    shown = cli.run(
        """
        stages:
          - {name: here, run: 'echo "$${SLURM_JOB_ID:-none}" > here'}
          - name: there
            executor: {slurm: {partition: main, time: 1h, options: [--comment=digits]}}
            gpus: 1
            depends_on: [here]
            run: |
              echo "$SLURM_JOB_ID $CUDA_VISIBLE_DEVICES" > there
              echo '{"step": 1, "loss": 2}' > $TRAINUI_METRICS_FILE
        """
    )
    assert shown["status"] == "completed"
    assert (cli.directory / "here").read_text() == "none\n"
    job, gpu = (cli.directory / "there").read_text().split()
    assert job.isdigit()
    assert gpu in ("0", "1")
    (series,) = cli.json("metrics", shown["run"])["series"]
    assert (series["stage"], series["name"], series["last"]) == ("there", "loss", 2)


def test_each_gpu_is_given_once(cluster: Cluster, cli: CommandLine) -> None:
    shown = cli.run(
        """
        defaults: {executor: slurm, gpus: 1}
        stages:
          - name: a
            matrix: {n: [1, 2, 3, 4]}
            run: gpu=gpu-$CUDA_VISIBLE_DEVICES; mkdir $gpu && sleep 0.5 && rmdir $gpu
        """
    )
    assert [stage["status"] for stage in shown["stages"]] == ["completed"] * 4


def test_a_failed_job_fails_its_stage(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start("echo bad luck >&2; exit 3")
    assert cli("wait", run, "--timeout", "60").code == 1
    stage = cluster.stage(run)
    assert (stage["status"], stage["exit_code"]) == ("failed", 3)


def test_a_job_that_waits_says_why_and_is_withdrawn(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start(options="{slurm: {partition: closed}}")
    wait_for(lambda: "PartitionDown" in str(cluster.stage(run)["reason"]), "Slurm's reason")
    assert cluster.stage(run)["status"] == "queued"
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    assert cluster.jobs(run) == ["CANCELLED"]
    assert cluster.ledger() == []


def test_a_cancelled_job_ends_before_that_is_recorded(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start()
    pid = cluster.wait_for_start(run)
    assert cli("cancel", run).code == 0
    assert cli("wait", run, "--timeout", "60").code == 130
    assert not is_alive(pid)


def test_a_job_cancelled_outside_ends_and_can_be_resumed(
    cluster: Cluster, cli: CommandLine
) -> None:
    run = cluster.start()
    pid = cluster.wait_for_start(run)
    cluster.slurm("scancel", "--me")
    assert cli("wait", run, "--timeout", "60").code == 1
    # failed: the signal, which all of its processes get, ended the stage before its supervisor
    assert cluster.stage(run)["status"] in ("interrupted", "failed")
    assert not is_alive(pid)
    cluster.go()
    assert cli("resume", run, "--wait").code == 0
    assert cluster.ledger() == ["1", "2"]


def test_a_job_killed_without_a_record_reports_its_end(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start()
    pid = cluster.wait_for_start(run)
    os.kill(cluster.stage(run)["attempts"][0]["supervisor_pid"], signal.SIGKILL)
    wait_for(lambda: cluster.jobs(run) == ["FAILED"], "the job's end")
    assert is_alive(pid)  # where Slurm tracks no processes, they outlive the job
    assert cli.status(run) == "running"
    os.kill(pid, signal.SIGKILL)
    assert cli("wait", run, "--timeout", "60").code == 1
    stage = cluster.stage(run)
    assert stage["status"] == "interrupted"
    assert "Slurm: job" in stage["error"]


def test_a_new_worker_takes_over_a_job_that_runs(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start()
    cluster.wait_for_start(run)
    found = cli.json("worker", "status")
    for name in ("guard_pid", "pid"):
        os.kill(found[name], signal.SIGKILL)
        wait_for_death(found[name])
    assert cli("worker", "start").code == 0
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]
    assert len(cluster.jobs(run)) == 1


def test_a_worker_killed_before_noting_the_job_submits_once(
    cluster: Cluster, cli: CommandLine, tmp_path: Path
) -> None:
    """`sbatch` here submits the job, and then its caller is killed, once."""
    real = cluster.slurm("which", "sbatch").strip()
    programs = tmp_path / "programs"
    programs.mkdir()
    script = f'#!/bin/sh\n{real} "$@"\n[ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; '
    (programs / "sbatch").write_text(f"{script}kill -KILL $PPID; sleep 1; }}\n")
    (programs / "sbatch").chmod(0o755)
    cli.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    run = cluster.start()
    cluster.wait_for_start(run)
    assert (tmp_path / "killed").exists()
    cluster.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    assert cluster.ledger() == ["1"]
    assert len(cluster.jobs(run)) == 1


def test_a_refused_job_fails_with_slurms_words(cluster: Cluster, cli: CommandLine) -> None:
    run = cluster.start(options="{slurm: {partition: nowhere}}")
    assert cli("wait", run, "--timeout", "60").code == 1
    assert "invalid partition" in cluster.stage(run)["error"].lower()


def test_without_slurm_nothing_is_stored(
    cluster: Cluster, cli: CommandLine, tmp_path: Path
) -> None:
    done = cli("run", "--executor", "slurm", "--", "true", PATH=str(tmp_path))
    assert (done.code, len(done.err.splitlines())) == (4, 1)
    assert "sbatch" in done.err
    assert cli.json("ls")["runs"] == []


@pytest.mark.parametrize(
    ("options", "column"), [("{time: soon}", 28), ("{partition: [a]}", 22), ("{options: a}", 31)]
)
def test_wrong_options_are_refused_at_their_place(
    cluster: Cluster, cli: CommandLine, options: str, column: int
) -> None:
    cli.write("p.yaml", f"stages:\n- name: a\n  run: x\n  executor: {{slurm: {options}}}\n")
    (problem,) = cli("validate", "p.yaml", "--json").json()["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("bad-option", 4, column)
