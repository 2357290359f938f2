"""Stages as jobs of a real Slurm, which all tests here share, as they do a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine, states_of
from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death

pytestmark = [
    pytest.mark.usefixtures("only_on_sqlite"),
    pytest.mark.skipif(bool(slurm_cluster.why_not()), reason=slurm_cluster.why_not()),
]

HOLD = "echo $$ > pid; echo $TRAINUI_ATTEMPT >> ledger; until [ -e go ]; do sleep 0.05; done"

SAVING = """\
echo $TRAINUI_ATTEMPT:$TRAINUI_CHECKPOINT >> ledger
trap 'echo saved > $TRAINUI_STAGE_DIR/ckpt-$TRAINUI_ATTEMPT.txt; exit 1' TERM
echo $$ > pid-$TRAINUI_ATTEMPT
until [ -e go ]; do sleep 0.05; done"""
"""Saves when it is asked to stop."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
    served_database: Mapping[str, str],
    slurm: SlurmCluster,
) -> Iterator[CommandLine]:
    """A command line whose worker all of these tests share."""
    settings = {**served_database, **slurm_cluster.quick()}
    command_line = CommandLine(tmp_path_factory.mktemp("shared"), settings)
    command_line.environ["SLURM_CONF"] = str(slurm.configuration)
    assert command_line("worker", "start").code == 0
    yield command_line
    command_line.close()


class Runs:
    """A directory for the runs of one test, and Slurm."""

    def __init__(self, cli: CommandLine, slurm: SlurmCluster) -> None:
        self.cli = cli
        self.slurm = slurm
        self.directory = cli.directory

    def start(self, script: str = HOLD, *, executor: str = "slurm", more: str = "") -> str:
        indented = script.replace("\n", "\n    ")
        self.cli.write(
            "p.yaml",
            f"defaults: {{executor: {executor}}}\n"
            f"stages:\n- name: a\n  run: |\n    {indented}\n  {more or 'retries: 0'}\n",
        )
        done = self.cli("run", "--detach", "p.yaml")
        assert done.code == 0, done.err
        return done.out.split()[0]

    def stage(self, run: str) -> Any:
        return self.cli.json("show", run)["stages"][0]

    def jobs(self, run: str) -> list[str]:
        """Return the states of the jobs of a run's first stage."""
        ids = [one["celery_task_id"] for one in self.stage(run)["attempts"]]
        return self.slurm.jobs(*(f"trainui-{one}" for one in ids))

    def job(self, run: str) -> str:
        """Return the id of the last job of a run's first stage."""
        name = f"trainui-{self.stage(run)['attempts'][-1]['celery_task_id']}"
        return self.slurm("squeue", "-h", f"--name={name}", "-o%i").strip()

    def wait_for_start(self, run: str, name: str = "pid") -> int:
        pid = read_pid(self.directory / name)
        wait_for(lambda: self.stage(run)["status"] == "running", "the start")
        return pid

    def wait(self, run: str) -> int:
        return self.cli("wait", run, "--timeout", "60").code

    def go(self) -> None:
        (self.directory / "go").touch()

    def ledger(self) -> list[str]:
        file = self.directory / "ledger"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def runs(shared: CommandLine, slurm: SlurmCluster, tmp_path: Path) -> Iterator[Runs]:
    shared.directory = tmp_path
    yield Runs(shared, slurm)
    slurm("scancel", "--me", check=False)


@pytest.fixture
def own(cli: CommandLine, slurm: SlurmCluster) -> Runs:
    """Runs with a worker of their own, to be killed."""
    cli.environ |= {"SLURM_CONF": str(slurm.configuration), **slurm_cluster.quick()}
    return Runs(cli, slurm)


def test_a_pipeline_runs_with_stages_of_both_places(runs: Runs) -> None:
    shown = runs.cli.run(
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
    assert (runs.directory / "here").read_text() == "none\n"
    job, gpu = (runs.directory / "there").read_text().split()
    assert job.isdigit()
    assert gpu in ("0", "1")
    (series,) = runs.cli.json("metrics", shown["run"])["series"]
    assert (series["stage"], series["name"], series["last"]) == ("there", "loss", 2)


def test_each_gpu_is_given_once_and_curves_are_live(runs: Runs) -> None:
    runs.cli.write(
        "p.yaml",
        """
        defaults: {executor: slurm, gpus: 1}
        stages:
          - name: a
            matrix: {n: [1, 2, 3, 4]}
            run: |
              gpu=gpu-$CUDA_VISIBLE_DEVICES; mkdir $gpu
              echo '{"step": 1, "loss": 2}' >> $TRAINUI_METRICS_FILE
              until [ -e go ]; do sleep 0.05; done
              rmdir $gpu
        """,
    )
    run = runs.cli("run", "--detach", "p.yaml").out.split()[0]
    wait_for(lambda: len(runs.cli.json("metrics", run)["series"]) == 2, "two curves")
    shown = states_of(runs.cli.json("show", run)).values()
    assert sorted(shown) == ["queued", "queued", "running", "running"]
    runs.go()
    assert runs.wait(run) == 0


def test_a_search_prunes_a_trial_and_keeps_the_best(runs: Runs) -> None:
    shown = runs.cli.run(
        """
        defaults: {executor: slurm}
        stages:
          - name: a
            run: |
              echo '{"step": 1, "loss": ${search.x}}' >> $TRAINUI_METRICS_FILE
              [ ${search.x} = 1 ] || sleep 60
            search:
              space: {x: [1, 9]}
              sampler: grid
              trials: 2
              metric: loss
              goal: minimize
              prune: {by: threshold, upper: 5}
        """
    )
    assert sorted(states_of(shown).values()) == ["completed", "pruned"]


def test_a_sample_fails_and_resumes_from_its_checkpoint(runs: Runs) -> None:
    sample = Path(__file__).parents[2] / "sample_pipelines/flaky.yaml"
    done = runs.cli("run", str(sample), "--wait", "--json", TRAINUI_EXECUTOR="slurm")
    assert states_of(done.json())["fragile"] == "failed"
    again = runs.cli("resume", done.json()["run"], "--wait", "--json")
    assert set(states_of(again.json()).values()) == {"completed"}
    fragile = next(one for one in again.json()["stages"] if one["name"] == "fragile")
    assert fragile["attempts"][-1]["checkpoint"]


def test_a_job_that_waits_says_why_and_is_withdrawn(runs: Runs) -> None:
    run = runs.start(executor="{slurm: {partition: closed}}")
    wait_for(lambda: "PartitionDown" in str(runs.stage(run)["reason"]), "Slurm's reason")
    assert runs.stage(run)["status"] == "queued"
    assert runs.cli("cancel", run).code == 0
    assert runs.wait(run) == 130
    assert runs.jobs(run) == ["CANCELLED"]
    assert runs.ledger() == []


def test_an_edit_of_a_waiting_stage_replaces_its_job(runs: Runs) -> None:
    run = runs.start(executor="{slurm: {partition: closed}}")
    wait_for(lambda: "PartitionDown" in str(runs.stage(run)["reason"]), "Slurm's reason")
    file = runs.directory / "p.yaml"
    file.write_text(file.read_text().replace("closed", "main").replace("until", "exit #"))
    assert runs.cli("resume", run, "--file", "p.yaml").code == 0
    assert runs.wait(run) == 0
    assert sorted(runs.jobs(run)) == ["CANCELLED", "COMPLETED"]
    assert runs.ledger() == ["2"]


def test_a_cancelled_job_ends_before_that_is_recorded(runs: Runs) -> None:
    run = runs.start()
    pid = runs.wait_for_start(run)
    assert runs.cli("cancel", run).code == 0
    assert runs.wait(run) == 130
    assert not is_alive(pid)


def test_a_job_cancelled_outside_is_interrupted_and_resumable(runs: Runs) -> None:
    run = runs.start()
    pid = runs.wait_for_start(run)
    runs.slurm("scancel", runs.job(run))
    assert runs.wait(run) == 1
    stage = runs.stage(run)
    assert (stage["status"], "is CANCELLED" in stage["error"]) == ("interrupted", True)
    assert not is_alive(pid)
    runs.go()
    assert runs.cli("resume", run, "--wait").code == 0
    assert runs.ledger() == ["1", "2"]


def test_a_job_killed_without_a_record_reports_its_end(runs: Runs) -> None:
    run = runs.start()
    pid = runs.wait_for_start(run)
    os.kill(runs.stage(run)["attempts"][0]["supervisor_pid"], signal.SIGKILL)
    wait_for(lambda: runs.jobs(run) == ["FAILED"], "the job's end")
    assert is_alive(pid)  # where Slurm tracks no processes, they outlive the job
    assert runs.cli.status(run) == "running"
    os.kill(pid, signal.SIGKILL)
    assert runs.wait(run) == 1
    stage = runs.stage(run)
    assert stage["status"] == "interrupted"
    assert "Slurm: job" in stage["error"]


def test_the_time_limit_uses_no_retry_if_a_checkpoint_was_saved(runs: Runs) -> None:
    run = runs.start(SAVING, more='checkpoint: "ckpt-*.txt"\n  retries: 0')
    runs.wait_for_start(run, "pid-1")
    runs.slurm("scancel", "--signal=USR2", "--batch", runs.job(run))  # as Slurm does then
    read_pid(runs.directory / "pid-2")
    runs.go()
    assert runs.wait(run) == 0
    stage, attempts = runs.stage(run), runs.stage(run)["attempts"]
    assert runs.ledger() == ["1:", f"2:{stage['dir']}/ckpt-1.txt"]
    assert [one["status"] for one in attempts] == ["interrupted", "completed"]
    assert len(runs.jobs(run)) == 2


def test_the_time_limit_uses_a_retry_without_a_checkpoint(runs: Runs) -> None:
    script = SAVING.replace("echo saved > $TRAINUI_STAGE_DIR/ckpt-$TRAINUI_ATTEMPT.txt; ", "")
    run = runs.start(script, more='checkpoint: "ckpt-*.txt"\n  retries: 0')
    runs.wait_for_start(run, "pid-1")
    runs.slurm("scancel", "--signal=USR2", "--batch", runs.job(run))
    assert runs.wait(run) == 1
    stage = runs.stage(run)
    assert (stage["status"], "time limit" in stage["error"]) == ("interrupted", True)
    assert len(runs.jobs(run)) == 1


def test_a_preempted_job_continues_by_a_retry(runs: Runs) -> None:
    early = f"echo saved > $TRAINUI_STAGE_DIR/ckpt-$TRAINUI_ATTEMPT.txt\n{SAVING}"
    run = runs.start(early, more='checkpoint: "ckpt-*.txt"\n  cpus: 4\n  retries: 1')
    runs.wait_for_start(run, "pid-1")
    runs.slurm("sbatch", "-p", "urgent", "-c4", "-o/dev/null", "--wrap=sleep 0.5")
    read_pid(runs.directory / "pid-2")
    runs.go()
    assert runs.wait(run) == 0
    first, second = runs.stage(run)["attempts"]
    assert (first["status"], "PREEMPTED" in first["error"]) == ("interrupted", True)
    assert second["checkpoint"].endswith("/ckpt-1.txt")


def test_a_requeued_job_is_withdrawn_and_the_stage_gets_another(runs: Runs) -> None:
    run = runs.start(
        HOLD.replace("> pid", "> pid-$TRAINUI_ATTEMPT"),
        executor="{slurm: {options: [--requeue]}}",
        more="retries: 1",
    )
    runs.wait_for_start(run, "pid-1")
    runs.slurm("scontrol", "requeue", runs.job(run))
    read_pid(runs.directory / "pid-2")
    runs.go()
    assert runs.wait(run) == 0
    first, _second = runs.stage(run)["attempts"]
    assert (first["status"], "requeued" in first["error"]) == ("interrupted", True)
    assert runs.ledger() == ["1", "2"]
    wait_for(lambda: sorted(runs.jobs(run)) == ["CANCELLED", "COMPLETED"], "the withdrawal")


def test_jobs_outlive_a_restart_of_the_controller(runs: Runs) -> None:
    running, waiting = runs.start(more="gpus: 2"), runs.start("echo 2 >> ledger", more="gpus: 1")
    runs.wait_for_start(running)
    runs.slurm.kill("slurmctld")
    runs.slurm.start_controller()
    assert [runs.stage(one)["status"] for one in (running, waiting)] == ["running", "queued"]
    runs.go()
    assert (runs.wait(running), runs.wait(waiting)) == (0, 0)
    assert runs.ledger() == ["1", "2"]
    assert runs.jobs(running) + runs.jobs(waiting) == ["COMPLETED"] * 2


def test_a_new_worker_takes_over_jobs_that_run_and_wait(own: Runs) -> None:
    running, waiting = own.start(more="gpus: 2"), own.start("echo 2 >> ledger", more="gpus: 1")
    own.wait_for_start(running)
    wait_for(lambda: "Resources" in str(own.stage(waiting)["reason"]), "Slurm's reason")
    found = own.cli.json("worker", "status")
    for name in ("guard_pid", "pid"):
        os.kill(found[name], signal.SIGKILL)
        wait_for_death(found[name])
    assert own.cli("worker", "start").code == 0
    own.go()
    assert (own.wait(running), own.wait(waiting)) == (0, 0)
    assert own.ledger() == ["1", "2"]
    assert (len(own.jobs(running)), len(own.jobs(waiting))) == (1, 1)


def test_a_worker_killed_before_noting_the_job_submits_once(own: Runs, tmp_path: Path) -> None:
    """`sbatch` here submits the job, and then its caller is killed, once."""
    real = own.slurm("which", "sbatch").strip()
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sbatch").write_text(
        f'#!/bin/sh\n{real} "$@"\ncase "$*" in *--test-only*) exit;; esac\n'
        f"[ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; kill -KILL $PPID; sleep 1; }}\n"
    )
    (programs / "sbatch").chmod(0o755)
    own.cli.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    run = own.start()
    own.wait_for_start(run)
    assert (tmp_path / "killed").exists()
    own.go()
    assert own.wait(run) == 0
    assert own.ledger() == ["1"]
    assert len(own.jobs(run)) == 1


def test_without_slurm_nothing_is_stored(runs: Runs, tmp_path: Path) -> None:
    before = runs.cli.json("ls")
    done = runs.cli("run", "--executor", "slurm", "--", "true", PATH=str(tmp_path))
    assert (done.code, len(done.err.splitlines())) == (4, 1)
    assert "sbatch" in done.err
    assert runs.cli.json("ls") == before


@pytest.mark.parametrize(
    ("executor", "more", "code", "line", "column", "said"),
    [
        ("{slurm: {time: soon}}", "", "bad-option", 4, 28, "duration"),
        ("{slurm: {partition: [a]}}", "", "bad-option", 4, 22, "name"),
        ("{slurm: {options: a}}", "", "bad-option", 4, 31, "sbatch"),
        ("{slurm: {partition: nowhere}}", "", "bad-option", 4, 33, "main, closed, urgent"),
        ("{slurm: {options: [--constraint=x]}}", "", "bad-option", 4, 31, "feature"),
        ("slurm", "gpus: 3", "bad-option", 5, 9, "2"),
        ("slurm", "cpus: 99", "bad-option", 5, 9, "refused by Slurm"),
        ("slrum", "", "bad-executor", 4, 13, "local, slurm"),
    ],
)
def test_what_slurm_refuses_is_said_at_its_place(
    runs: Runs, executor: str, more: str, code: str, line: int, column: int, said: str
) -> None:
    runs.cli.write("p.yaml", f"stages:\n- name: a\n  run: x\n  executor: {executor}\n  {more}\n")
    (problem,) = runs.cli("validate", "p.yaml", "--json").json()["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == (code, line, column)
    assert said in problem["message"]


def test_the_doctor_says_what_of_slurm_is_here(runs: Runs) -> None:
    found = {one["name"]: one for one in runs.cli("doctor", "--json").json()["findings"]}
    message = found["executors"]["message"]
    assert "main*: 1 node with 2 GPUs" in message
    assert f"{runs.cli.home}/runs" in message
