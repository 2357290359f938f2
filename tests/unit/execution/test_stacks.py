"""Stacks of processes that really wait or compute: what each is in, and the sentence."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.security.another_user import NOBODY, needs_root
from tests.unit.supervisor.waiting import wait_for
from trainui.execution import stacks
from trainui.execution.stack_summary import (
    STARVED,
    ProcessStack,
    StackFrame,
    ThreadStack,
    summary,
)
from trainui.execution.stacks import Stacks
from trainui.pipeline.masking import Masker
from trainui.supervisor.supervise import Process, descendants, list_processes, read_process

RANKS = """
    import os, socket, sys, time
    rank = int(os.environ["RANK"])
    class Loader:
        def __next__(self):
            return os.read(os.pipe()[0], 1)
    def all_reduce(end):
        end.recv(1)
    def train():
        if rank == 2:
            Loader().__next__()
        ends = socket.socketpair()
        all_reduce(ends[0])
    open(sys.argv[1] + str(rank), "w").close()
    train()
"""
LOCKS = """
    import sys, threading
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    def load():
        with a:
            both.wait()
            with b:
                pass
    def train():
        with b:
            both.wait()
            open(sys.argv[1], "w").close()
            with a:
                pass
    threading.Thread(target=load, name="loader").start()
    train()
"""
QUEUE = """
    import queue, sys
    open(sys.argv[1], "w").close()
    queue.Queue().get()
"""
NETWORK = """
    import socket, sys, urllib.request
    server = socket.create_server(("127.0.0.1", 0))
    def fetch():
        open(sys.argv[1], "w").write(str(server.getsockname()[1]))
        urllib.request.urlopen(f"http://127.0.0.1:{server.getsockname()[1]}/")
    fetch()
"""
COMPUTES = """
    import sys
    def odd(n):
        return sum(range(1, n, 2))
    def even(n):
        total = 0
        for i in range(n):
            total += i
        return total
    def evaluate():
        while True:
            odd(30000)
            even(2000)
            sorted(range(20000, 0, -1), key=float)
    open(sys.argv[1], "w").close()
    evaluate()
"""
SPINS = """
    import re, sys
    open(sys.argv[1], "w").close()
    def all_reduce():
        re.match("(a+)+$", "a" * 60 + "b")
    all_reduce()
"""
POLLS = """
    import os, sys, time
    open(sys.argv[1], "w").close()
    def rendezvous():
        while not os.path.exists("never"):
            time.sleep(0.005)
    rendezvous()
"""
ASKS = """
    import sys, threading
    open(sys.argv[1], "w").close()
    done = threading.Event()
    def rendezvous():
        while not done.is_set(): pass
    rendezvous()
"""
STUCK = """
    import ctypes, sys
    open(sys.argv[1], "w").close()
    libc = ctypes.PyDLL(None)
    libc.vfork() or libc.pause()
"""

IN_C = """
    import sys
    open(sys.argv[1], "w").close()
    def evaluate():
        sum(range(1 << 62))
    evaluate()
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program that makes a file once it is in its place."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str, **options: Any) -> subprocess.Popen[bytes]:
        path, ready = tmp_path / "train.py", tmp_path / "ready"
        if not path.exists():
            path.write_text(dedent(code))
        environ = {**os.environ, **options.pop("env", {})}
        command = [sys.executable, "-S", str(path), str(ready)]
        process = subprocess.Popen(command, env=environ, start_new_session=True, **options)
        started.append(process)
        wait_for(lambda: bool(list(tmp_path.glob("ready*"))), "its place")
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def family(*pids: int) -> list[Process]:
    own = [found for pid in pids if (found := read_process(pid))]
    return own + descendants(set(pids), list_processes(), {})


def take(*pids: int, samples: int = 1) -> Stacks:
    return stacks.take(partial(family, *pids), Masker(["s3cr3t"]), samples=samples, apart=0.3)


def sentence(*pids: int, matching: str = "") -> str:
    """The summary, once the processes are where they stay."""

    def look() -> str | None:
        found = take(*pids).summary
        return found if re.fullmatch(matching, found) else None

    return wait_for(look, matching)


def test_ranks_in_a_collective_and_one_in_its_loader(start: Start, tmp_path: Path) -> None:
    ranks = [start(RANKS, env={"RANK": str(rank)}).pid for rank in range(4)]
    wait_for(lambda: len(list(tmp_path.glob("ready*"))) == 4, "four ranks")
    sentence(
        *ranks,
        matching=r"3 of 4 ranks are in all_reduce \(train.py:8\), which reads from a socket; "
        r"rank 2 is in Loader.__next__ \(train.py:6\), which reads from a pipe",
    )
    (found,) = take(*ranks).samples
    assert sorted(one.rank for one in found if one.rank is not None) == [0, 1, 2, 3]


def test_two_locks_show_both_threads(start: Start) -> None:
    process = start(LOCKS)
    sentence(
        process.pid,
        matching=r"process \d+ is in train \(train.py:13\), which waits for the lock `a` of "
        r"loader \(train.py:5\), thread loader is in load \(train.py:7\), which waits for the "
        r"lock `b` of MainThread \(train.py:10\)",
    )


def test_a_thread_that_waits_for_a_queue_says_so(start: Start) -> None:
    process = start(QUEUE)
    sentence(process.pid, matching=r"process \d+ waits in Queue.get \(train.py:4\)")
    assert "  MainThread: waits for an item of a queue" in take(process.pid).lines()


def test_a_hung_download_shows_its_other_end(start: Start, tmp_path: Path) -> None:
    process = start(NETWORK)
    port = wait_for(lambda: (tmp_path / "ready").read_text(), "a port")
    end = rf"socket 127\.0\.0\.1:{port}"
    sentence(
        process.pid, matching=rf"process \d+ is in urlopen \(train.py:6\), which reads from {end}"
    )


def test_a_call_that_moves_and_uses_a_cpu_computes(start: Start) -> None:
    process = start(COMPUTES)
    found = wait_for(
        lambda: one if (one := take(process.pid, samples=3)).is_computing else None, "computing"
    )
    assert re.match(r"process \d+ computes in (odd|even|evaluate) \(train.py:", found.summary)


def test_one_long_call_of_native_code_computes(start: Start) -> None:
    process = start(IN_C)
    found = wait_for(
        lambda: one if (one := take(process.pid, samples=3)).is_computing else None, "computing"
    )
    assert re.match(r"process \d+ computes in train.py:5|.*evaluate \(train.py:5\)", found.summary)
    assert found.samples[0][0].cpu == 0.0
    assert STARVED < found.samples[-1][0].cpu < 1.5  # beside others, it gets as little


@pytest.mark.parametrize(
    ("code", "place"), [(SPINS, "all_reduce"), (POLLS, "rendezvous"), (ASKS, "is_set")]
)
def test_a_loop_that_waits_does_not_compute(start: Start, code: str, place: str) -> None:
    process = start(code)
    sentence(process.pid, matching=r".* \(train.py:\d+\).*")
    found = take(process.pid, samples=3)
    assert not found.is_computing
    others = ("match (train.py", "rendezvous (train.py")
    assert any(words in found.summary for words in (f"{place} (train.py", *others))
    (used,) = (one.cpu for one in found.samples[-1])
    assert used < 0.3 if code == POLLS else used > STARVED


def test_a_process_stuck_in_the_kernel_is_named(start: Start) -> None:
    process = start(STUCK)
    wait_for(lambda: take(process.pid).samples[0][0].state == "D", "state D")
    assert re.search(r"is stuck in the kernel \(state D, \w+\)", take(process.pid).summary)


READS = """
    import sys
    open(sys.argv[1], "w").close()
    def load():
        open(sys.argv[1] + ".mount/shard.tar")
    load()
"""


@needs_root
def test_a_mount_that_does_not_answer_is_named(start: Start, tmp_path: Path) -> None:
    mount = tmp_path / "ready.mount"
    mount.mkdir()
    try:
        fuse = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("there is no /dev/fuse")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
    try:
        if libc.mount(b"nobody", bytes(mount), b"fuse", 0, options):
            pytest.skip("a file system cannot be mounted here")
        process = start(READS)  # nobody reads its request from the file system's other end
        wait_for(lambda: take(process.pid).samples[0][0].state == "D", "state D")
        began = time.monotonic()
        found = take(process.pid, samples=3)
        assert time.monotonic() - began < 9
        assert re.search(r"load \(train.py:5\), which is stuck in the kernel", found.summary)
        assert not found.is_computing
    finally:
        os.close(fuse)  # ends all requests
        libc.umount2(bytes(mount), 2)


def test_another_program_has_the_kernels_word() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        sentence(process.pid, matching=rf"process {process.pid} \(cat\) reads from a pipe")
        os.kill(process.pid, signal.SIGSTOP)
        sentence(
            process.pid, matching=rf"process {process.pid} \(cat\) is stopped: `kill -CONT .*`"
        )
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdin is not None
        process.stdin.close()
    pauses = "$SIG{TERM} = 'DEFAULT'; use POSIX; POSIX::pause()"
    with subprocess.Popen(["perl", "-e", pauses]) as process:
        sentence(process.pid, matching=rf"process {process.pid} \(perl\) sleeps")
        process.terminate()


def test_without_py_spy_the_kernel_answers(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(LOCKS)
    stacks._py_spy.cache_clear()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    try:
        assert take(process.pid).notes == (stacks.NO_PY_SPY,)
        wait_for(
            lambda: take(process.pid).summary.endswith("waits for a lock"), "the kernel's word"
        )
    finally:
        stacks._py_spy.cache_clear()


def as_nobody(pid: int, answers: Any) -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    answers.send(take(pid).to_json())


@needs_root
def test_another_users_process_shows_its_state_alone(start: Start) -> None:
    process = start(LOCKS)
    found = of_nobody(process.pid)
    assert found["notes"] == [f"process {process.pid} is user 0's: only its state can be seen"]
    (stack,) = found["stacks"]
    assert stack["state"] == "S"
    assert not any(thread["frames"] for thread in stack["threads"])


@needs_root
def test_an_ordinary_user_reads_its_own_process() -> None:
    code = "def hold():\n    import time\n    time.sleep(100)\nhold()"
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("there is no Python that another user may run")
    with subprocess.Popen([str(python), "-c", code], **nobody) as process:  # type: ignore[call-overload]
        wait_for(lambda: of_nobody(process.pid)["stacks"][0]["threads"][0]["frames"], "a stack")
        assert "hold" in of_nobody(process.pid)["summary"]
        process.kill()


def of_nobody(pid: int) -> dict[str, Any]:
    """The stacks of a process, as another user sees them."""
    context = get_context("fork")
    answer, answers = context.Pipe(duplex=False)
    child = context.Process(target=as_nobody, args=(pid, answers))
    child.start()
    assert answer.poll(30)
    found: dict[str, Any] = answer.recv()
    child.join()
    return found


def test_secrets_of_a_command_line_are_masked() -> None:
    with subprocess.Popen(["sh", "-c", "read x", "s3cr3t"], stdin=subprocess.PIPE) as process:
        assert "s3cr3t" not in "\n".join(take(process.pid).lines())
        assert "sh -c read x" in "\n".join(take(process.pid).lines())
        process.kill()


COUNTS = """
    import sys
    open(sys.argv[1], "w").close()
    print(sum(number % 7 for number in range(6_000_000)))
"""


def test_a_training_runs_as_if_nobody_had_looked(start: Start) -> None:
    process = start(COUNTS, stdout=subprocess.PIPE)
    looks = 0
    while process.poll() is None:
        take(process.pid)
        looks += 1
    assert process.stdout is not None
    with process.stdout as printed:
        assert (process.returncode, int(printed.read())) == (0, 17_999_997)
    assert looks > 1


def test_stacks_are_kept_beside_the_logs(start: Start, tmp_path: Path) -> None:
    found = take(start(LOCKS).pid)
    first, second = stacks.keep(tmp_path, found), stacks.keep(tmp_path, found)
    assert [path and path.name for path in (first, second)] == ["stacks-1.txt", "stacks-2.txt"]
    assert first is not None
    assert found.summary in first.read_text()
    assert first.stat().st_mode & 0o777 == 0o600
    assert stacks.keep(tmp_path / "missing", found) is None
    assert json.loads(json.dumps(found.to_json()))["summary"] == found.summary


def process(pid: int, rank: int | None, *calls: Sequence[Any], **fields: Any) -> ProcessStack:
    frames = tuple(StackFrame(name, file, line) for name, file, line in calls)
    thread = ThreadStack("MainThread", frames, fields.pop("kernel", ""))
    return ProcessStack(pid, rank, "python train.py", "S", threads=(thread,), **fields)


TORCH = "/venv/lib/python3.12/site-packages/torch"
COLLECTIVE = (
    ("all_reduce", f"{TORCH}/distributed/distributed_c10d.py", 3252),
    ("_exception_logger.<locals>.wrapper", f"{TORCH}/distributed/c10d_logger.py", 83),
    ("main", "/home/me/train.py", 88),
)
LOADER = (
    ("Queue.get", "/usr/lib/python3.12/multiprocessing/queues.py", 113),
    ("_MultiProcessingDataLoaderIter._next_data", f"{TORCH}/utils/data/dataloader.py", 1505),
    ("_BaseDataLoaderIter.__next__", f"{TORCH}/utils/data/dataloader.py", 725),
    ("batches", "/home/me/data.py", 40),
)
OLD_LOADER = (("__next__", f"{TORCH}/utils/data/dataloader.py", 725), LOADER[-1])


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (
            [process(9 + n, n, *(LOADER if n == 2 else COLLECTIVE)) for n in range(4)],
            "3 of 4 ranks wait in all_reduce (train.py:88); "
            "rank 2 is in DataLoader.__next__ (data.py:40)",
        ),
        (
            [process(9 + n, n, *COLLECTIVE) for n in range(4)],
            "all 4 ranks wait in all_reduce (train.py:88)",
        ),
        (
            [process(7, None, *OLD_LOADER)],
            "process 7 is in dataloader.__next__ (data.py:40)",
        ),
        (
            [
                process(1, 0, *COLLECTIVE),
                process(2, 1, *LOADER),
                process(3, 1, ("open", "/home/me/images.py", 8), parent=2, kernel="sleeps"),
            ],
            "rank 0 waits in all_reduce (train.py:88); rank 1 is in DataLoader.__next__ "
            "(data.py:40); its child 3 is in open (images.py:8), which sleeps",
        ),
        ([process(1, None, ("<module>", "/x/train.py", 3))], "process 1 is in train.py:3"),
        ([], ""),
    ],
)
def test_the_sentence_of_some_stacks(processes: list[ProcessStack], expected: str) -> None:
    assert summary([processes]) == expected


@pytest.mark.parametrize(
    ("used", "lines", "function", "more", "computes"),
    [
        (1.0, (1, 2, 3), "f", {}, True),
        (0.05, (1, 2, 3), "f", {"state": "S"}, False),
        (0.05, (1, 2, 3), "f", {}, True),  # ready to run each time: others use the CPUs
        (0.01, (1, 2, 3), "f", {}, False),
        (1.0, (2, 2, 2), "f", {}, True),
        (0.3, (2, 2, 2), "f", {}, True),  # on a machine with much to do
        (0.05, (2, 2, 2), "f", {"state": "S"}, False),
        (1.0, (2, 2, 2), "f", {"kernel": "sleeps"}, False),
        (1.0, (2, 2, 2), "ProcessGroup.all_reduce", {}, False),
        (1.0, (2, 2, 2), "f", {"uses_gpu": True}, False),
        (1.0, (1, 2, 3), "f", {"uses_gpu": True}, True),
        (1.0, (2, 2, 2), "f", {"gpus": (0,)}, False),
    ],
)
def test_who_computes_uses_a_cpu_and_does_not_wait(
    used: float, lines: tuple[int, ...], function: str, more: dict[str, Any], computes: bool
) -> None:
    def thread(line: int, at: int) -> ThreadStack:
        frames = (StackFrame(function, "/x.py", line),)
        return ThreadStack("MainThread", frames, kernel, cpu=2 * at * used)

    kernel, state = more.pop("kernel", ""), more.pop("state", "R")
    samples = [
        [ProcessStack(1, None, "", state, threads=(thread(line, at),), **more)]
        for at, line in enumerate(lines)
    ]
    assert ("computes in" in summary(samples, 4.0)) == computes


SETUP = (  # of a rank whose peers cannot be reached, at 100 % CPU in nccl's group launch
    ("_verify_param_shape_across_processes", f"{TORCH}/distributed/utils.py", 263),
    ("__init__", f"{TORCH}/nn/parallel/distributed.py", 801),
    ("__init__", "/home/me/multinode.py", 44),
    ("main", "/home/me/multinode.py", 108),
)
BACKWARD = (  # of a rank whose kernels wait for those of another one
    ("_engine_run_backward", f"{TORCH}/autograd/graph.py", 824),
    ("backward", f"{TORCH}/autograd/__init__.py", 347),
    ("Tensor.backward", f"{TORCH}/_tensor.py", 626),
    ("train", "/home/me/train.py", 31),
)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (SETUP, "process 1 is in distributed.__init__ (multinode.py:44)"),
        (BACKWARD, "process 1 is in Tensor.backward (train.py:31)"),
    ],
)
def test_a_rank_that_spins_for_its_peers_does_not_compute(
    calls: Sequence[Sequence[Any]], expected: str
) -> None:
    def sample(at: int) -> list[ProcessStack]:
        one = process(1, None, *calls, uses_gpu=True)
        return [replace(one, state="R", threads=(replace(one.threads[0], cpu=2.0 * at),))]

    assert summary([sample(at) for at in range(3)], 4.0) == expected


def test_threads_and_processes_are_not_mixed_up() -> None:
    def sample(at: int, began: float = 1.0) -> list[ProcessStack]:
        calm = ThreadStack("worker", (StackFrame("get", "/x.py", 9),), id=11)
        busy = ThreadStack("worker", (StackFrame("score", "/y.py", at),), cpu=2.0 * at, id=12)
        return [ProcessStack(1, None, "", "R", began=began, threads=(calm, busy))]

    samples = [sample(at) for at in range(3)]
    assert summary(samples, 4.0) == "process 1 computes in score (y.py:2)"
    reused = [sample(0), sample(1), sample(2, began=9.0)]
    assert "computes" not in summary(reused, 4.0), "another process has its pid"


def test_the_thread_that_computes_is_named() -> None:
    waits = ThreadStack("MainThread", (StackFrame("join", "/x.py", 3),), id=11)

    def computing(at: int) -> ThreadStack:
        return ThreadStack("evaluation", (StackFrame("score", "/y.py", at),), "", float(at), 12)

    samples = [[ProcessStack(1, None, "", "R", threads=(waits, computing(at)))] for at in range(3)]
    assert summary(samples, 4.0) == "process 1 computes in score (y.py:2)"
