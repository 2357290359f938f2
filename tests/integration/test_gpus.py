"""GPUs given out by a real worker: one to one attempt, seen through a stand-in of the driver."""

from __future__ import annotations

import fcntl
import itertools
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.stand_in import GIB, Machine
from tests.integration import background
from tests.integration.runs import Run, home_with_worker
from tests.security.another_user import open_the_way_to
from tests.unit.supervisor.waiting import is_alive, wait_for, wait_for_exit
from trainui import control, paths
from trainui.execution import gpus
from trainui.model.states import Status
from trainui.paths import Home
from trainui.supervisor import supervise
from trainui.supervisor.protocol import LOCK_FILE, ExitReason, Spec, read_pids

NewRun = Callable[..., Run]

NOBODY = 65534
US = pwd.getpwuid(os.getuid()).pw_name

TELL = 'echo "$TRAINUI_STAGE $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER" >> ledger; '
HOLD = TELL + "until [ -e go-$TRAINUI_STAGE ]; do sleep 0.02; done"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        made = Machine(tmp_path_factory.mktemp("nvml"))
        made.load(patch)
        patch.setenv("LD_LIBRARY_PATH", made.library_path)
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        yield made
        made.reset(0)


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, machine: Machine, served_database: Mapping[str, str]
) -> Iterator[Home]:
    with home_with_worker(tmp_path_factory.mktemp("gpus"), served_database, cpus="2") as home:
        yield home


@pytest.fixture
def box(machine: Machine) -> Machine:
    """The machine, with two idle GPUs."""
    machine.reset(2)
    return machine


@pytest.fixture
def new_run(home: Home, box: Machine, tmp_path: Path) -> Iterator[NewRun]:
    """Submit runs to a worker that takes work; what is left of them ends with the test."""
    background.start()
    submitted: list[Run] = []

    def submit(*stages: dict[str, Any], **fields: Any) -> Run:
        submitted.append(Run(tmp_path / f"run{len(submitted)}", *stages, **fields))
        return submitted[-1]

    yield submit
    for run in submitted:
        control.cancel(run.id)
    for run in submitted:
        run.wait()


def stage(name: str, gpus: int = 1, run: str = HOLD, **fields: Any) -> dict[str, Any]:
    return {"name": name, "run": run, "gpus": gpus, **fields}


def go(run: Run, *names: str) -> None:
    for name in names:
        (run.directory / f"go-{name}").touch()


def waits(run: Run, name: str, reason: str) -> None:
    run.until(name, lambda one: one.status == Status.QUEUED and one.reason == reason, reason)


@pytest.fixture
def stranger() -> Iterator[int]:
    """A process of another user."""
    if os.geteuid() != 0:
        yield 1
        return
    process = subprocess.Popen(["sleep", "600"], user=NOBODY, cwd="/")
    yield process.pid
    process.kill()
    process.wait()


def test_each_attempt_has_its_own_gpu_and_the_third_waits(new_run: NewRun) -> None:
    run = new_run(stage("a"), stage("b"), stage("c"), stage("d", gpus=0, run=TELL))
    run.process("a")
    run.process("b")
    waits(run, "c", "needs 1 GPU: GPU 0 a, GPU 1 b")
    run.wait_for("d", Status.COMPLETED)
    go(run, "b")
    run.process("c")
    go(run, "a", "c")
    assert run.wait().status == Status.COMPLETED
    assert sorted(run.lines("ledger")) == [
        "a 0 PCI_BUS_ID",
        "b 1 PCI_BUS_ID",
        "c 1 PCI_BUS_ID",
        "d  PCI_BUS_ID",
    ]
    assert [run.attempt(name).gpus for name in "abcd"] == [[0], [1], [1], []]


def test_a_stage_that_needs_two_gpus_is_not_starved(new_run: NewRun) -> None:
    small = [f"s{number}" for number in range(4)]
    run = new_run(stage("first"), stage("big", 2), *(stage(name) for name in small))
    run.process("first")
    waits(run, "big", "needs 2 GPUs: GPU 0 first")
    for name in small:  # though GPU 1 is idle
        waits(run, name, "needs 1 GPU: an earlier stage waits for more")
    go(run, "first")
    run.process("big")
    waits(run, "s0", "needs 1 GPU: GPU 0 big, GPU 1 big")
    go(run, "big", *small)
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger")[:2] == ["first 0 PCI_BUS_ID", "big 0,1 PCI_BUS_ID"]


def test_a_gpu_that_somebody_computes_on_is_not_given_out(
    new_run: NewRun, box: Machine, stranger: int
) -> None:
    box.occupy(1, stranger)
    run = new_run(stage("train_a"), stage("b"), stage("both", 2), stage("c"))
    run.process("train_a")
    waits(run, "b", f"needs 1 GPU: GPU 0 train_a, GPU 1 pid {stranger} of another user")
    waits(run, "both", f"needs 2 GPUs: GPU 0 train_a, GPU 1 pid {stranger} of another user")
    go(run, "train_a")
    run.process("b")
    go(run, "b")
    run.process("c")  # it is not delayed by one that waits for a foreign process
    box.vacate(1)
    waits(run, "both", "needs 2 GPUs: GPU 0 c")
    go(run, "c", "both")
    assert run.wait().status == Status.COMPLETED


def test_a_gpu_stays_with_its_attempt_when_the_worker_dies(home: Home, new_run: NewRun) -> None:
    run = new_run(stage("a", 2), stage("b"))
    pid = run.process("a").pid
    background.kill(background.worker_pid(home), home.worker_lock)
    background.worker_pid(home)
    newer = new_run(stage("c"))
    waits(newer, "c", "needs 1 GPU: GPU 0 a of test, GPU 1 a of test")
    waits(run, "b", "needs 1 GPU: GPU 0 a of test, GPU 1 a of test")
    assert pid is not None
    assert is_alive(pid)
    go(run, "a", "b")
    go(newer, "c")
    assert run.wait().status == Status.COMPLETED
    assert newer.wait().status == Status.COMPLETED


def test_it_stays_with_a_process_whose_supervisor_was_killed(new_run: NewRun, box: Machine) -> None:
    run = new_run(stage("a", 2), stage("b"))
    attempt = run.process("a")
    assert attempt.supervisor_pid is not None
    os.kill(attempt.supervisor_pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(int(attempt.supervisor_pid or 0)), "the supervisor's end")
    newer = new_run(stage("c"))
    waits(newer, "c", "needs 1 GPU: GPU 0 a of test, GPU 1 a of test")
    assert all(lock_is_held(card.uuid) for card in box.cards)  # for all users of the machine
    assert run.stage("a").status == Status.RUNNING
    go(run, "a", "b")
    go(newer, "c")
    run.wait_for("a", Status.INTERRUPTED)
    run.wait_for("b", Status.COMPLETED)
    assert newer.wait().status == Status.COMPLETED


def lock_is_held(uuid: str) -> bool:
    descriptor = supervise.open_machine_lock(str(gpus.lock_path(uuid)))
    try:
        return not supervise.try_lock(descriptor)
    finally:
        os.close(descriptor)


def test_a_cancel_reports_whether_gpu_memory_is_free_or_whose(
    new_run: NewRun, box: Machine, stranger: int
) -> None:
    run = new_run(stage("a"), stage("b"), stage("c"))
    for index, name in enumerate("ab"):
        box.occupy(index, int(run.process(name).pid or 0))
    control.cancel(run.id, ["a", "b"])
    run.until("a", lambda one: not is_alive(int(run.attempt("a").pid or 0)), "gone")
    box.vacate(0)
    box.hand_over(1, stranger, used=3 * GIB)
    kept = f"cancelled; GPU 1 is still used by pid {stranger} of another user, 3.0 GiB in use"
    assert run.wait_for("a", Status.CANCELLED).error == (
        "cancelled; the memory of GPU 0 is free again"
    )
    cancelled = run.wait_for("b", Status.CANCELLED)
    assert (cancelled.error, cancelled.reason) == (kept, kept)
    assert run.process("c").gpus == [0]
    go(run, "c")


def test_a_gpu_off_the_bus_is_reported_and_unassigned(new_run: NewRun, box: Machine) -> None:
    dies = TELL + "until [ -e go-$TRAINUI_STAGE ]; do sleep 0.02; done; exit 3"
    run = new_run(stage("a", run=dies, retries=1), stage("b"), stage("c"), stage("pair", 2))
    run.process("a")
    run.process("b")
    box.lose(0)
    lost = "GPU 0 has fallen off the bus"
    run.until("a", lambda one: one.status == Status.RUNNING and one.reason == lost, lost)
    waits(run, "c", f"needs 1 GPU: {lost}, GPU 1 b")
    go(run, "b")
    run.process("c")
    go(run, "a")
    waits(run, "a", f"needs 1 GPU: {lost}, GPU 1 c")  # its retry
    assert str(run.attempts("a")[0].error).startswith(f"exit code 3; {lost}")
    go(run, "c")
    run.wait_for("a", Status.FAILED)
    assert [attempt.gpus for attempt in run.attempts("a")] == [[0], [1]]
    waits(run, "pair", f"needs 2 GPUs: {lost}")
    box.change(0, code=0)
    run.process("pair")
    go(run, "pair")
    run.wait_for("pair", Status.COMPLETED)


def test_a_run_gets_only_gpus_that_its_shell_saw(new_run: NewRun, box: Machine) -> None:
    shell = {**os.environ, "CUDA_VISIBLE_DEVICES": box.cards[1].uuid}
    run = new_run(stage("a"), stage("b"), environ=shell)
    other = new_run(stage("c"))
    assert run.process("a").gpus == [1]
    assert other.process("c").gpus == [0]
    waits(run, "b", "needs 1 GPU: GPU 1 a of test")
    go(other, "c")
    other.wait()
    waits(run, "b", "needs 1 GPU: GPU 1 a")
    go(run, "a", "b")
    assert run.wait().status == Status.COMPLETED


def test_a_sweep_without_gpus_starts_within_the_cpu_places(new_run: NewRun, box: Machine) -> None:
    sweep = stage("train", gpus=0, matrix={"seed": list(range(64))})
    run = new_run(sweep)

    def count(status: Status) -> int:
        return sum(one.status == status for one in run.stages().values())

    wait_for(lambda: len(run.lines("ledger")) == 2, "two that run")
    waits(run, "train[seed=2]", "needs 1 CPU slot: 2 of 2 taken by train[seed=0], train[seed=1]")
    run.until("train[seed=63]", lambda found: found.reason is not None, "told why it waits")
    assert (count(Status.RUNNING), count(Status.QUEUED)) == (2, 62)
    assert len(run.lines("ledger")) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_of_a_machine_do_not_take_one_gpu(
    new_run: NewRun, box: Machine, unshared_path: Path
) -> None:
    lock = str(gpus.lock_path(box.cards[0].uuid))
    box.cards.pop()
    box.write()
    assert gpus.make_lock_directory()
    theirs = launch_as_nobody(unshared_path / "theirs", lock)
    run = new_run(stage("a"))
    holder = read_pids(theirs)
    assert holder is not None
    words = f"needs 1 GPU: GPU 0 is locked by pid {holder.supervisor_pid} of another user"
    waits(run, "a", words)
    (theirs / "go").touch()
    assert wait_for_exit(theirs).reason == ExitReason.EXITED
    run.process("a")
    late = launch_as_nobody(unshared_path / "late", lock)
    assert wait_for_exit(late).reason == ExitReason.LOCK_HELD
    go(run, "a")
    assert run.wait().status == Status.COMPLETED


HOLDER = """
import fcntl, sys
with open(sys.argv[1]) as lock:
    fcntl.flock(lock, int(sys.argv[2]))
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize(
    "kind", [pytest.param(fcntl.LOCK_SH, marks=pytest.mark.long), fcntl.LOCK_EX]
)
def test_another_users_lock_is_awaited_without_an_attempt(
    new_run: NewRun, box: Machine, kind: int
) -> None:
    lock = gpus.lock_path(box.cards[0].uuid)
    box.cards.pop()
    box.write()
    assert gpus.make_lock_directory()
    lock.touch()
    lock.chmod(0o666)
    holder = subprocess.Popen(
        ["python3", "-I", "-c", HOLDER, str(lock), str(kind)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=NOBODY,
        cwd="/",
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        run = new_run(stage("a"))
        words = f"needs 1 GPU: GPU 0 is locked by pid {holder.pid} of another user"
        waits(run, "a", words)
        background.kill(background.worker_pid(paths.home()), paths.home().worker_lock)
        background.worker_pid(paths.home())
        assert [one.status for one in run.attempts("a")] == []
        holder.kill()
    run.process("a")
    go(run, "a")
    assert run.wait().status == Status.COMPLETED
    assert [one.status for one in run.attempts("a")] == [Status.COMPLETED]


def test_foreign_objects_instead_of_a_lock_stop_only_affected_stages(
    new_run: NewRun, box: Machine
) -> None:
    assert gpus.make_lock_directory()
    first, second = (gpus.lock_path(card.uuid) for card in box.cards)
    os.mkfifo(first)
    if os.geteuid() == 0:
        os.chown(first, NOBODY, NOBODY)
    run = new_run(stage("pair", 2), stage("one"), stage("cpu", gpus=0))
    run.process("cpu")
    assert run.process("one").gpus == [1]
    go(run, "cpu", "one")
    second.unlink()
    second.symlink_to("/dev/null")
    problems = [f"unusable lock: {first} of user {first.owner()}: a FIFO"]
    problems += [f"unusable lock: {second} of user {US}: a symbolic link"]
    waits(run, "pair", "needs 2 GPUs: " + ", ".join(f"GPU {n} {p}" for n, p in enumerate(problems)))
    first.unlink()
    second.unlink()
    go(run, "pair")
    assert run.wait().status == Status.COMPLETED
    assert (run.stage("pair").attempt, run.stage("pair").retries_used) == (1, 0)


_numbers = itertools.count()


def launch_as_nobody(directory: Path, lock: str) -> Path:
    """Have another user's supervisor run what waits for a file; return the attempt's directory."""
    directory.mkdir()
    open_the_way_to(directory / "spec.json")
    spec = Spec(
        argv=("sh", "-c", "until [ -e go ]; do sleep 0.02; done"),
        cwd=str(directory),
        env={"PATH": os.environ["PATH"], "TRAINUI_RUN_ID": f"theirs-{next(_numbers)}"},
        locks=(lock,),
    )
    (directory / "spec.json").write_text(spec.to_json())
    (directory / LOCK_FILE).touch(0o600)
    for path in (directory, directory / "spec.json", directory / LOCK_FILE):
        os.chown(path, NOBODY, NOBODY)
    child = os.fork()
    if child == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            reader, writer = os.pipe()
            supervise.fork_supervisor(str(directory), writer)
            os.read(reader, 1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return directory
