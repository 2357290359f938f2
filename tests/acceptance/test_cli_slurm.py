"""Stages as jobs of a real Slurm, which all tests here share, as they do a worker.

Most faults meet stages of one run, since each takes its time: `Faulty` causes them, and tests look
at what has become of the stages.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine, stage_of, states_of
from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death

pytestmark = [
    pytest.mark.usefixtures("only_on_sqlite"),
    pytest.mark.skipif(bool(slurm_cluster.why_not()), reason=slurm_cluster.why_not()),
]

SAMPLES = Path(__file__).parents[2] / "sample_pipelines"

WORK = """\
echo $TRAINUI_ATTEMPT:${TRAINUI_CHECKPOINT##*/} >> ledger-$TRAINUI_STAGE
trap '[ "$1" != saves ] || echo saved > $TRAINUI_STAGE_DIR/ckpt-$TRAINUI_ATTEMPT.txt; exit 1' TERM
echo $$ > pid-$TRAINUI_STAGE-$TRAINUI_ATTEMPT
until [ -e go ]; do sleep 0.05; done
"""
"""Works until it may end; `saves` when it is asked to stop."""

FAULTY = """
defaults: {executor: slurm, run: sh work.sh, checkpoint: "ckpt-*.txt"}
stages:
- {name: outside}
- {name: killed}
- {name: cancelled}
- {name: held, executor: {slurm: {options: [--hold]}}}
- {name: withdrawn, executor: {slurm: {options: [--hold]}}}
- {name: limit-saved, run: sh work.sh saves}
- {name: limit-unsaved}
- {name: preempted, run: sh work.sh saves, gpus: 1, retries: 1}
- {name: preempted-requeued, run: sh work.sh saves, gpus: 1, retries: 1,
   executor: {slurm: {partition: requeueing, options: [--requeue]}}}
- {name: requeued, retries: 1, executor: {slurm: {options: [--requeue]}}}
"""


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


class Run:
    """A run in a directory of its own, and Slurm."""

    def __init__(self, cli: CommandLine, slurm: SlurmCluster, directory: Path, text: str) -> None:
        self.cli = cli
        self.slurm = slurm
        self.directory = cli.directory = directory
        cli.write("work.sh", WORK)
        cli.write("p.yaml", text)
        done = cli("run", "--detach", "p.yaml")
        assert done.code == 0, done.err
        self.id = done.out.split()[0]
        self.end: Any = None

    def stage(self, name: str = "a") -> Any:
        return stage_of(self.end or self.cli.json("show", self.id), name)

    def job_states(self, name: str = "a") -> list[str]:
        """Return the states of all jobs of a stage."""
        ids = [one["celery_task_id"] for one in self.stage(name)["attempts"]]
        return sorted(self.slurm.jobs(*(f"trainui-{one}" for one in ids)))

    def job(self, name: str = "a") -> str:
        """Return the id of a stage's last job."""
        key = f"trainui-{self.stage(name)['attempts'][-1]['celery_task_id']}"
        return self.slurm("squeue", "-h", f"--name={key}", "-o%i").strip()

    def pid(self, name: str = "a", attempt: int = 1) -> int:
        return read_pid(self.directory / f"pid-{name}-{attempt}")

    def wait_for_state(self, state: str, *names: str) -> None:
        def have_it() -> bool:
            states = states_of(self.cli.json("show", self.id))
            return all(states[name] == state for name in names)

        wait_for(have_it, f"{names} to be {state}")

    def wait_for_reason(self, words: str, name: str = "a") -> None:
        wait_for(lambda: words in str(self.stage(name)["reason"]), f"the reason {words}")

    def wait(self) -> int:
        return self.cli("wait", self.id, "--timeout", "60").code

    def go(self) -> None:
        (self.directory / "go").touch()

    def ledger(self, name: str = "a") -> list[str]:
        """Return the attempts that began, each with the checkpoint that it got."""
        file = self.directory / f"ledger-{name}"
        return file.read_text().split() if file.exists() else []


class Faulty(Run):
    """A run whose stages meet a fault each, and then complete."""

    def __init__(self, cli: CommandLine, slurm: SlurmCluster, directory: Path) -> None:
        super().__init__(cli, slurm, directory, FAULTY)
        started = [one for one in states_of(cli.json("show", self.id)) if one not in self.held]
        self.pids = {name: self.pid(name) for name in started}
        self.wait_for_state("running", *started)
        for name in self.held:
            self.wait_for_reason("JobHeldUser", name)
        slurm("scontrol", "release", self.job("held"))
        assert cli("cancel", self.id, "withdrawn").code == 0
        assert cli("cancel", self.id, "cancelled").code == 0
        slurm("scancel", self.job("outside"))
        os.kill(self.stage("killed")["attempts"][0]["supervisor_pid"], signal.SIGKILL)
        for name in ("limit-saved", "limit-unsaved"):  # as Slurm does before the limit
            slurm("scancel", "--signal=USR2", "--batch", self.job(name))
        slurm("sbatch", "-p", "urgent", "--gres=gpu:2", "-o/dev/null", "--wrap=sleep 0.5")
        slurm("scontrol", "requeue", self.job("requeued"))
        wait_for(lambda: self.job_states("killed") == ["FAILED"], "the end of the killed one's job")
        self.killed = self.stage("killed")["status"], is_alive(self.pids["killed"])
        os.kill(self.pids["killed"], signal.SIGKILL)
        self.wait_for_state("interrupted", *self.interrupted)
        self.wait_for_state("cancelled", "cancelled", "withdrawn")
        self.withdrawn = self.job_states("withdrawn"), self.ledger("withdrawn")
        self.left = [name for name in self.interrupted if is_alive(self.pids[name])]
        self.drain()
        self.go()
        self.code = self.wait()
        slurm.wait_for_ends()
        self.end = cli.json("show", self.id)

    held = ("held", "withdrawn")
    interrupted = ("outside", "killed", "limit-unsaved")

    def drain(self) -> None:
        """Resume what has ended, on a node that takes no jobs for a while."""
        node = f"nodename={self.slurm.node}"
        for name in ("limit-saved", "preempted", "preempted-requeued", "requeued"):
            self.pid(name, 2)
        self.slurm("scontrol", "update", node, "state=drain", "reason=test")
        assert self.cli("resume", self.id, "--detach").code == 0
        self.wait_for_reason("drained", "outside")
        self.drained = self.stage("requeued")["status"]
        self.slurm.kill("slurmctld")
        self.slurm.start_controller()
        self.wait_for_reason("JobHeldUser", "withdrawn")
        self.slurm.restore()


@pytest.fixture(scope="module")
def faulty(
    shared: CommandLine, slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory
) -> Faulty:
    return Faulty(shared, slurm, tmp_path_factory.mktemp("faulty"))


@pytest.fixture
def cli(shared: CommandLine, slurm: SlurmCluster, tmp_path: Path) -> Iterator[CommandLine]:
    shared.directory = tmp_path
    yield shared
    slurm.cancel_all()


def test_a_run_with_many_faults_completes(faulty: Faulty) -> None:
    assert faulty.code == 0
    assert set(states_of(faulty.end).values()) == {"completed"}


@pytest.mark.parametrize(
    ("name", "ledger", "error", "jobs"),
    [
        ("outside", ["1:", "2:"], "is CANCELLED", ["CANCELLED", "COMPLETED"]),
        ("killed", ["1:", "2:"], "Slurm: job", ["COMPLETED", "FAILED"]),
        ("limit-saved", ["1:", "2:ckpt-1.txt"], "time limit", ["COMPLETED", "COMPLETED"]),
        ("limit-unsaved", ["1:", "2:"], "time limit", ["COMPLETED", "COMPLETED"]),
        ("preempted", ["1:", "2:ckpt-1.txt"], "PREEMPTED", ["COMPLETED", "PREEMPTED"]),
        ("preempted-requeued", ["1:", "2:ckpt-1.txt"], "requeued", ["CANCELLED", "COMPLETED"]),
        ("requeued", ["1:", "2:"], "requeued", ["CANCELLED", "COMPLETED"]),
    ],
)
def test_an_interrupted_job_says_why_and_gets_another(
    faulty: Faulty, name: str, ledger: list[str], error: str, jobs: list[str]
) -> None:
    first, second = faulty.stage(name)["attempts"]
    assert (first["status"], second["status"]) == ("interrupted", "completed")
    assert error in first["error"]
    assert (faulty.ledger(name), faulty.job_states(name)) == (ledger, jobs)


def test_a_lost_supervisors_processes_count_as_running(faulty: Faulty) -> None:
    assert faulty.killed == ("running", True)  # here, Slurm tracks no processes
    assert faulty.left == []


def test_a_held_job_starts_once_it_is_released(faulty: Faulty) -> None:
    assert faulty.ledger("held") == ["1:"]
    assert faulty.job_states("held") == ["COMPLETED"]


def test_a_job_that_waits_is_withdrawn(faulty: Faulty) -> None:
    assert faulty.withdrawn == (["CANCELLED"], [])
    assert faulty.ledger("withdrawn") == ["2:"]


def test_a_cancelled_job_ends_before_that_is_recorded(faulty: Faulty) -> None:
    assert not is_alive(faulty.pids["cancelled"])
    assert faulty.stage("cancelled")["attempts"][0]["status"] == "cancelled"


def test_jobs_outlive_a_drained_node_and_a_restarted_controller(faulty: Faulty) -> None:
    assert faulty.drained == "running"
    assert faulty.ledger("held") == ["1:"]


def test_a_pipeline_runs_and_reruns_in_both_places(cli: CommandLine) -> None:
    shown = cli.run(
        """
        stages:
          - {name: here, run: 'echo "$${SLURM_JOB_ID:-none}" > here'}
          - name: there
            executor: {slurm: {partition: main, time: 1h, options: [--comment=digits]}}
            gpus: 1
            depends_on: [here]
            run: |
              echo "$SLURM_JOB_ID $CUDA_VISIBLE_DEVICES" >> there
              echo '{"step": 1, "loss": 2}' > $TRAINUI_METRICS_FILE
        """
    )
    assert shown["status"] == "completed"
    assert (cli.directory / "here").read_text() == "none\n"
    (series,) = cli.json("metrics", shown["run"])["series"]
    assert (series["stage"], series["name"], series["last"]) == ("there", "loss", 2)
    assert cli("rerun", shown["run"], "there").code == 0
    assert cli("wait", shown["run"]).code == 0
    first, second = (cli.directory / "there").read_text().splitlines()
    assert int(first.split()[0]) < int(second.split()[0])
    assert {first.split()[1], second.split()[1]} <= {"0", "1"}


def test_each_gpu_is_given_once_and_curves_are_live(cli: CommandLine) -> None:
    cli.write(
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
    run = cli("run", "--detach", "p.yaml").out.split()[0]
    wait_for(lambda: len(cli.json("metrics", run)["series"]) == 2, "two curves")
    shown = states_of(cli.json("show", run)).values()
    assert sorted(shown) == ["queued", "queued", "running", "running"]
    (cli.directory / "go").touch()
    assert cli("wait", run, "--timeout", "60").code == 0


def test_a_search_and_the_samples_run_unchanged(cli: CommandLine) -> None:
    """A search that prunes.

    In the long suite also the tutorial's pipeline, the sweep, and one that crashes and resumes.
    """
    cli.write(
        "search.yaml",
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
        """,
    )
    files: dict[str, tuple[str, ...]] = {"search": ("search.yaml",)}
    if LONG:
        files["digits"] = (str(SAMPLES / "digits.yaml"), "-p", "epochs=1")
        files["sweep"] = (str(SAMPLES / "sweep.yaml"), "-p", "epochs=1")
        files["flaky"] = (str(SAMPLES / "flaky.yaml"), "-p", "epochs=3")
    runs = {
        name: cli("run", "--detach", *words, TRAINUI_EXECUTOR="slurm").out.split()[0]
        for name, words in files.items()
    }
    codes = {name: cli("wait", run, "--timeout", "60").code for name, run in runs.items()}
    assert codes == {name: int(name in ("sweep", "flaky")) for name in files}
    stages = {name: cli.json("show", run)["stages"] for name, run in runs.items()}
    assert sorted(one["status"] for one in stages["search"]) == ["completed", "pruned"]
    if not LONG:
        return
    states = [one["status"] for one in stages["sweep"]]
    assert (len(states), states.count("completed"), states[-1]) == (8, 6, "completed")
    assert cli("resume", runs["flaky"], "--wait").code == 0
    fragile = stage_of(cli.json("show", runs["flaky"]), "fragile")
    assert fragile["attempts"][-1]["checkpoint"]
    assert [one["status"] for one in stages["flaky"]].count("failed") == 1


def test_an_edit_of_a_waiting_stage_replaces_its_job(
    cli: CommandLine, slurm: SlurmCluster, tmp_path: Path
) -> None:
    text = "stages: [{name: a, run: sh work.sh, executor: {slurm: {partition: closed}}}]\n"
    run = Run(cli, slurm, tmp_path, text)
    run.wait_for_reason("its partition is down (PartitionDown)")
    assert run.stage()["status"] == "queued"
    run.go()
    cli.write("p.yaml", text.replace("closed", "main"))
    assert cli("resume", run.id, "--file", "p.yaml").code == 0
    assert run.wait() == 0
    slurm.wait_for_ends()
    assert run.job_states() == ["CANCELLED", "COMPLETED"]
    assert run.ledger() == ["2:"]


def test_a_killed_worker_submits_no_job_twice(
    tmp_path: Path, database: Mapping[str, str], slurm: SlurmCluster
) -> None:
    """`sbatch` here submits the job, and then its caller is killed, once."""
    own = CommandLine(tmp_path, {**database, **slurm_cluster.quick()})
    real, programs = slurm("which", "sbatch").strip(), tmp_path / "programs"
    programs.mkdir()
    (programs / "sbatch").write_text(
        f'#!/bin/sh\n{real} "$@"\ncase "$*" in *--test-only*) exit;; esac\n'
        f"[ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; kill -KILL $PPID; sleep 1; }}\n"
    )
    (programs / "sbatch").chmod(0o755)
    own.environ |= {"SLURM_CONF": str(slurm.configuration)}
    own.environ["PATH"] = f"{programs}:{own.environ['PATH']}"
    both = "defaults: {executor: slurm, run: sh work.sh, gpus: 2}\nstages: [{name: a}, {name: b}]\n"
    try:
        run = Run(own, slurm, own.directory, both)
        wait_for(lambda: [*own.directory.glob("pid-*")], "a start")
        assert (tmp_path / "killed").exists()
        names = sorted("ab", key=lambda name: not run.ledger(name))
        run.wait_for_state("running", names[0])
        run.wait_for_reason("(Resources)", names[1])
        found = own.json("worker", "status")
        for name in ("guard_pid", "pid"):
            os.kill(found[name], signal.SIGKILL)
            wait_for_death(found[name])
        assert own("worker", "start").code == 0
        run.go()
        assert run.wait() == 0
        slurm.wait_for_ends()
        assert (run.ledger("a"), run.ledger("b")) == (["1:"], ["1:"])
        assert (run.job_states("a"), run.job_states("b")) == (["COMPLETED"], ["COMPLETED"])
    finally:
        own.close()


def test_without_slurm_nothing_is_stored(cli: CommandLine, tmp_path: Path) -> None:
    before = cli.json("ls")
    done = cli("run", "--executor", "slurm", "--", "true", PATH=str(tmp_path))
    assert (done.code, len(done.err.splitlines())) == (4, 1)
    assert "sbatch" in done.err
    assert cli.json("ls") == before


@pytest.mark.parametrize(
    "refused",
    [
        {
            "executor: {slurm: {time: soon}}": ("bad-option", 26, "duration"),
            "executor: {slurm: {partition: [a]}}": ("bad-option", 20, "name"),
            "executor: {slurm: {options: a}}": ("bad-option", 29, "sbatch"),
            "executor: {slurm: {options: [--array=1-3]}}": ("bad-option", 20, "--array"),
            "executor: slrum": ("bad-executor", 11, "local, slurm"),
        },
        {
            "executor: {slurm: {partition: nowhere}}": ("bad-option", 31, "main, closed"),
            "executor: {slurm: {options: [--constraint=x]}}": ("bad-option", 29, "feature"),
            "gpus: 3": ("bad-option", 7, "2"),
            "cpus: 99": ("bad-option", 7, "refused by Slurm"),
        },
    ],
    ids=["by the file", "by Slurm"],
)
def test_what_slurm_refuses_is_said_at_its_place(
    cli: CommandLine, refused: Mapping[str, tuple[str, int, str]]
) -> None:
    stages = "".join(f"- {{name: a{at}, run: x, {one}}}\n" for at, one in enumerate(refused))
    cli.write("p.yaml", f"defaults: {{executor: slurm}}\nstages:\n{stages}")
    found = cli("validate", "p.yaml", "--json").json()["problems"]
    problems = sorted(found, key=lambda problem: int(problem["line"]))
    for at, (problem, (code, column, words)) in enumerate(
        zip(problems, refused.values(), strict=True)
    ):
        assert (problem["code"], problem["line"]) == (code, at + 3)
        assert problem["column"] == column + len("- {name: a0, run: x, ")
        assert words in problem["message"]


def test_the_doctor_says_what_of_slurm_is_here(cli: CommandLine) -> None:
    found = {one["name"]: one for one in cli("doctor", "--json").json()["findings"]}
    message = found["executors"]["message"]
    assert "main*: 1 node with 2 GPUs" in message
    assert f"{cli.home}/runs" in message
