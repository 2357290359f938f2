"""Jobs of a real Slurm whose daemons, nodes and answers fail, without a worker."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.unit.supervisor.test_call_task import old_python
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for, wait_for_death
from trainui.clock import now
from trainui.plugin.backends import JobLook, JobState, LaunchAnswer, StageJob
from trainui.plugin.executing import end_of
from trainui.plugins.slurm import jobs, requests
from trainui.plugins.slurm.jobs import Slurm
from trainui.supervisor import process, protocol, supervise
from trainui.supervisor.protocol import Exit, ExitReason, Spec

pytestmark = pytest.mark.skipif(bool(slurm_cluster.why_not()), reason=slurm_cluster.why_not())

HOLD = "echo $$ > pid; echo $SLURM_JOB_ID >> ledger; until [ -e go ]; do sleep 0.05; done"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def quick(slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """The jobs of a worker that asks Slurm often."""
    monkeypatch.setenv("SLURM_CONF", str(slurm.configuration))
    pauses = {"ASK_EVERY": 0.5, "ASK_AFTER": 0.1, "SETTLED": 0.3, "EXPLAINED": 5, "SILENT": 1.5}
    for name, seconds in pauses.items():
        monkeypatch.setattr(jobs, name, seconds)
    yield Slurm()
    slurm.cancel_all()


def a_job(place: Path, script: str = HOLD, **options: Any) -> StageJob:
    """Make the directory of an attempt whose stage runs a script in `place`."""
    key = f"trainui-{uuid.uuid4()}"
    directory = place / "records" / key
    directory.mkdir(mode=0o700, parents=True)
    process.create_lock(directory)
    identity = dict.fromkeys(protocol.IDENTITY, key)
    environ = {"PATH": os.environ["PATH"], **identity}
    process.write_spec(
        directory,
        Spec(argv=("sh", "-c", script), cwd=str(place), env=environ, identity=identity),
    )
    program = Path(supervise.__file__).read_text()
    copy = directory / protocol.SUPERVISOR_FILE
    copy.write_text(program.replace("BEAT = 5.0", "BEAT = 0.2"))
    # the supervisors' Python is 3.8, if it is here
    command = (old_python() or sys.executable, "-I", "-S", str(copy), "--job", str(directory))
    return StageJob(key=key, directory=directory, command=command, identity=identity, **options)


def look_for(backend: Slurm, job: StageJob, state: JobState) -> JobLook:
    return wait_for(
        lambda: look if (look := backend.probe(job)).state == state else None, str(state)
    )


def ledger(place: Path) -> list[str]:
    file = place / "ledger"
    return file.read_text().split() if file.exists() else []


def records(job: StageJob) -> protocol.Pids:
    return wait_for(lambda: protocol.readable_pids(job.directory), "the start")


def test_a_job_submitted_twice_runs_its_stage_once(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    assert quick.launch(job).state == LaunchAnswer.WAITING
    assert Slurm().launch(job).state == LaunchAnswer.WAITING
    read_pid(tmp_path / "pid")
    wait_for(lambda: sorted(slurm.jobs(job.key)) == ["FAILED", "RUNNING"], "the second one's end")
    assert look_for(quick, job, JobState.RUNNING)
    (tmp_path / "go").touch()
    look_for(quick, job, JobState.GONE)
    assert len(ledger(tmp_path)) == 1


def test_a_second_job_that_waits_is_withdrawn_at_the_end(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    quick.launch(job)
    Slurm().launch(replace(job, options={"partition": "closed"}))
    wait_for(lambda: sorted(slurm.jobs(job.key)) == ["PENDING", "RUNNING"], "both jobs")
    (tmp_path / "go").touch()
    look_for(quick, job, JobState.GONE)
    wait_for(lambda: sorted(slurm.jobs(job.key)) == ["CANCELLED", "COMPLETED"], "the withdrawal")


def test_a_job_that_starts_after_its_cancellation_does_nothing(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    (job.directory / protocol.STARTED_FILE).touch()
    ended = Exit.of_no_start(ExitReason.START_FAILED, "cancelled", now())
    (job.directory / protocol.EXIT_FILE).write_text(ended.to_json())
    quick.launch(job)
    wait_for(lambda: slurm.jobs(job.key) == ["FAILED"], "the job's end")
    assert look_for(quick, job, JobState.GONE)
    assert ledger(tmp_path) == []


def test_a_job_of_a_lost_node_is_dead_once_it_is_silent(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    quick.launch(job)
    pid = read_pid(tmp_path / "pid")
    slurm.kill("slurmd", signal.SIGKILL)
    try:
        look_for(quick, job, JobState.RUNNING)
        slurm("scontrol", "update", f"nodename={slurm.node}", "state=down", "reason=test")
        wait_for(lambda: slurm.jobs(job.key) == ["NODE_FAIL"], "the job's end")
        for _ in range(10):  # longer than a silence
            assert quick.probe(job).state == JobState.RUNNING
            time.sleep(jobs.SILENT / 8)
        for one in (records(job).supervisor_pid, pid):  # as when the node loses its power
            os.kill(one, signal.SIGKILL)
        assert "NODE_FAIL" in look_for(quick, job, JobState.GONE).problem
    finally:
        slurm.start_node()


def test_jobs_outlive_the_daemon_of_their_node(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    quick.launch(job)
    read_pid(tmp_path / "pid")
    slurm.kill("slurmd", signal.SIGKILL)
    slurm.start_node()
    assert look_for(quick, job, JobState.RUNNING)
    (tmp_path / "go").touch()
    look_for(quick, job, JobState.GONE)
    assert end_of(job) == "exited"
    assert len(ledger(tmp_path)) == 1


def test_a_lost_answer_is_followed_by_no_second_job(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    with slurm.hung_controller():
        assert quick.launch(job).state == LaunchAnswer.WAITING
        assert quick.probe(job).state == JobState.WAITING
    read_pid(tmp_path / "pid")
    assert quick.find(job)
    (tmp_path / "go").touch()
    look_for(quick, job, JobState.GONE)
    assert len(slurm.jobs(job.key)) == 1


def test_a_submission_that_got_lost_is_repeated(
    quick: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(tmp_path)
    monkeypatch.setattr(requests, "submission", lambda _job: ["sh", "-c", "sleep 9"])
    monkeypatch.setattr(requests, "PATIENCE", 0.2)
    assert quick.launch(job).state == LaunchAnswer.WAITING
    monkeypatch.setattr(requests, "PATIENCE", 9.0)
    look_for(quick, job, JobState.NONE)
    assert not quick.find(job)


def test_a_controller_that_is_away_makes_stages_wait(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    running, job = a_job(tmp_path), a_job(tmp_path)
    quick.launch(running)
    read_pid(tmp_path / "pid")
    slurm.kill("slurmctld")
    try:
        found = quick.launch(job)
        assert (found.state, found.errno) == (LaunchAnswer.BROKEN, errno.EAGAIN)
        wait_for(quick._queue.recent_problem, "the lack of an answer")
        began = time.monotonic()
        assert quick.launch(job).errno == errno.EAGAIN
        assert time.monotonic() - began < 0.5  # the thread is needed by others
        assert quick.probe(running).state == JobState.RUNNING
        (tmp_path / "go").touch()
        look_for(quick, running, JobState.GONE)
    finally:
        slurm.start_controller()
        slurm.wait_for_node()


def test_a_file_system_that_is_not_shared_is_proved(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    slurm.kill("slurmd")
    slurm.start_node(hidden=tmp_path)
    try:
        quick.launch(job)
        look = look_for(quick, job, JobState.GONE)
        assert f"cannot see {job.directory}" in look.problem
        assert ledger(tmp_path) == []
    finally:
        slurm.kill("slurmd")
        slurm.start_node()


def test_a_node_without_python_is_named(quick: Slurm, tmp_path: Path) -> None:
    job = replace(a_job(tmp_path), options={"options": ["--export=PATH=/nowhere"]})
    job = replace(job, command=("/nowhere/python3", *job.command[1:]))
    quick.launch(job)
    assert "no Python" in look_for(quick, job, JobState.GONE).problem


def test_a_refusal_says_what_to_change(quick: Slurm, tmp_path: Path) -> None:
    found = quick.launch(a_job(tmp_path, options={"partition": "nowhere"}))
    assert (found.state, found.errno) == (LaunchAnswer.BROKEN, 0)
    assert "nvalid partition" in found.message
    assert "without `partition`" in found.message


def test_a_partition_that_is_off_now_is_tried_later(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    slurm("scontrol", "update", "partitionname=urgent", "state=inactive")
    found = quick.launch(a_job(tmp_path, options={"partition": "urgent"}))
    assert (found.state, found.errno) == (LaunchAnswer.BROKEN, errno.EAGAIN)


def test_a_requeued_job_is_withdrawn(quick: Slurm, slurm: SlurmCluster, tmp_path: Path) -> None:
    job = a_job(tmp_path, options={"options": ["--requeue"]})
    quick.launch(job)
    pid = read_pid(tmp_path / "pid")
    os.kill(records(job).supervisor_pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for_death(pid)
    slurm("scontrol", "requeue", quick._id(job), check=False)
    assert look_for(quick, job, JobState.GONE)
    assert "RUNNING" not in slurm.jobs(job.key)
    assert len(ledger(tmp_path)) == 1


def test_a_suspended_job_that_lost_its_supervisor_goes_on(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    quick.launch(job)
    pid = read_pid(tmp_path / "pid")
    look_for(quick, job, JobState.RUNNING)
    slurm("scontrol", "suspend", quick._id(job))
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "its stop")
    os.kill(records(job).supervisor_pid, signal.SIGKILL)
    look_for(quick, job, JobState.ORPHAN)
    (tmp_path / "go").touch()
    wait_for_death(pid)


def test_a_stop_from_outside_counts_although_the_stage_dies_first(
    quick: Slurm, slurm: SlurmCluster, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    quick.launch(job)
    pid = read_pid(tmp_path / "pid")
    slurm("scancel", "--signal=TERM", "--full", quick._id(job))
    wait_for_death(pid)
    look_for(quick, job, JobState.GONE)
    assert end_of(job) == "stopped"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("None", "in the queue"),
        ("Resources", "waits for free resources (Resources)"),
        ("JobHeldUser", "held; `scontrol release 7` lets it start (JobHeldUser)"),
        ("QOSMaxJobsPerUserLimit", "its quality of service is reached (QOSMaxJobsPerUserLimit)"),
        ("QOSMaxGRESPerJob", "asks for more than its QOS allows (QOSMaxGRESPerJob)"),
        ("AssocGrpCpuLimit", "a limit of its account is reached (AssocGrpCpuLimit)"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "nodes that it needs are down, drained or"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_a_reason_to_wait_is_in_plain_words(reason: str, words: str) -> None:
    assert words in requests.why_waiting("7", reason, None)


def test_a_reason_to_wait_says_when_the_job_may_start() -> None:
    """In a month, which needs its day."""
    shown = requests.why_waiting("7", "Priority", time.time() + 30 * 86400)
    assert re.fullmatch(r"Slurm: starts about \d\d \w{3} \d\d:\d\d; .* \(Priority\)", shown)


def test_an_estimated_start_that_differs_little_is_not_shown(tmp_path: Path) -> None:
    job, backend, start = a_job(tmp_path), Slurm(), float(int(time.time()) + 3600)
    for late, shown in ((0, 0), (300, 0), (1200, 1200), (-9999, None)):
        row = jobs.QueueRow("7", "PENDING", "0:0", "Priority", start + late)
        assert backend._shown_start(job, row) == (None if shown is None else start + shown)


@pytest.mark.parametrize(
    ("options", "grace", "signal_at"),
    [({}, 30, 60), ({"time": "1h"}, 300, 305), ({"time": "1m"}, 30, 30), ({"time": "0-1"}, 30, 60)],
)
def test_the_signal_leaves_time_to_save(
    options: dict[str, Any], grace: float, signal_at: int
) -> None:
    assert f"--signal=B:USR2@{signal_at}" in requests.request(options, 0, 1, grace)


@pytest.mark.long
def test_random_faults_lose_nothing_and_leave_nothing() -> None:
    """Seven kinds of faults, once; CONTRIBUTING.md has the long form."""
    command = [sys.executable, "-m", "tests.executors.slurm_chaos"]
    command += ["--faults", "7", "--rounds", "1", "--pause", "0.1"]
    chaos = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert chaos.returncode == 0, chaos.stderr


@pytest.mark.long
def test_slurm_itself_warns_of_the_limit(quick: Slurm, tmp_path: Path) -> None:
    job = a_job(tmp_path, options={"time": "1m", "options": ["--signal=B:USR2@55"]})
    quick.launch(job)
    pid = read_pid(tmp_path / "pid")
    wait_for(lambda: not is_alive(pid), "the end of the stage", 90)
    look_for(quick, job, JobState.GONE)
    assert end_of(job) == "limit"
