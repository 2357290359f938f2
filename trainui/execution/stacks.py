"""Takes the stacks of an attempt's processes, by py-spy and from the kernel, and keeps them.

py-spy (extra `debug`) reads a Python process's memory without stopping it. Where it is missing,
where it may not, and for other programs, /proc says what each thread waits in. Nothing here writes
to a process or waits for one: a process that is stuck in the kernel is read like any other.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from threading import BoundedSemaphore, Thread
from typing import Any, TypeVar

from trainui import clock, system
from trainui.errors import NotPlainFileError, UnfitEnvironmentError, UsageError, install_advice
from trainui.execution import gpus
from trainui.execution.planner import host
from trainui.execution.stack_summary import (
    LOCK,
    MAIN,
    HeldLocks,
    ProcessStack,
    Sample,
    StackFrame,
    ThreadStack,
    computing,
    own_index,
    summary,
    with_holders,
)
from trainui.execution.tracebacks import CodePlace
from trainui.model.records import LOCAL, AttemptRecord
from trainui.model.states import Status
from trainui.pipeline.masking import Masker
from trainui.record import dataclass
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.read import views
from trainui.supervisor.process import find_processes
from trainui.supervisor.protocol import JournalError
from trainui.supervisor.supervise import Process, descendants, list_processes

MOST_PROCESSES = 32
"""Each costs 50 ms of CPU; the rest is counted."""

MOST_SOURCES, MOST_SOURCE = 3, 500_000
"""Files that are parsed for the holder of a lock, and bytes of one."""

MOST_THREADS = 64
"""Threads of a process that the kernel is asked about."""

SAMPLES, APART = 3, 2.0
"""Of a stalled stage: number of samples, and seconds between two."""

PATIENCE = 2.0
"""Seconds for one process; a dump takes 30 ms."""

AT_ONCE = 4
"""Processes that are read at the same time."""

MOST_FILES = 50
"""The most `stacks-N.txt` of an attempt; later ones replace the last."""

MOST_LINES = 60
"""The most calls of a thread in the text."""

NO_PY_SPY = f"Python stacks need py-spy: {install_advice('debug')}"
YAMA = (
    "the kernel lets nobody but root read the Python stacks: "
    "`sudo sysctl kernel.yama.ptrace_scope=0` allows it to your own processes"
)
IN_CONTAINER = "Python stacks cannot be read here; a container needs `--cap-add SYS_PTRACE`"

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
"""Variables with a process's rank; the first one counts."""

_POLLS = re.compile(rb"\.(is_completed|is_set|is_alive|done|ready|query|poll|test|Test)\(\)")
"""Calls that ask if something is done."""

_T = TypeVar("_T")
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stacks:
    """The stacks of an attempt."""

    at: int
    """Microseconds since 1970 in UTC, of the last sample."""
    samples: tuple[Sample, ...]
    seconds: float
    """Between the first and the last sample."""
    left_out: int
    """Processes that were not looked at."""
    notes: tuple[str, ...]
    """Why stacks are missing, and what to do."""

    @property
    def summary(self) -> str:
        """What the processes wait in; empty: there are none."""
        return summary(self.samples, self.seconds)

    @property
    def is_computing(self) -> bool:
        """True if a process computes, so that a silence is no stall."""
        return next(computing(self.samples, self.seconds), None) is not None

    def to_json(self) -> dict[str, Any]:
        """Return the last sample for `--json`."""
        return {
            "stacks": [_process_json(process) for process in self.samples[-1]],
            "left_out": self.left_out,
            "summary": self.summary or None,
            "notes": list(self.notes),
            "at": clock.to_iso(self.at),
        }

    def lines(self) -> Iterator[str]:
        """Yield the last sample as text: the summary, then each process with its threads."""
        yield f"{clock.to_iso(self.at)}  {self.summary or 'no process is left'}"
        yield from self.notes
        if self.left_out:
            yield f"left out: {self.left_out} of the processes"
        for process in self.samples[-1]:
            yield ""
            rank = "" if process.rank is None else f"rank {process.rank}  "
            on_gpus = "".join(f"  GPU {index}" for index in process.gpus)
            used = f"{100 * process.cpu:.0f} % CPU{on_gpus}"
            yield f"{rank}process {process.pid}  {process.state}  {used}  {process.command}"
            for thread in process.threads:
                yield f"  {thread.name}" + (f": {thread.kernel}" if thread.kernel else "")
                for frame in thread.frames[:MOST_LINES]:
                    yield f"    {frame.function} ({frame.file}:{frame.line})"


def _process_json(process: ProcessStack) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "rank": process.rank,
        "command": process.command,
        "state": process.state,
        "cpu": round(process.cpu, 3),
        "gpus": list(process.gpus),
        "threads": [
            {
                "name": thread.name,
                "kernel": thread.kernel or None,
                "frames": [
                    {"function": frame.function, "file": frame.file, "line": frame.line}
                    for frame in thread.frames
                ],
            }
            for thread in process.threads
        ],
    }


def members(attempt_dir: Path, pid: int | None, *, is_external: bool) -> list[Process]:
    """Return the processes of an attempt, parents first."""
    if is_external:
        everything = list_processes()
        own = [one for one in everything if one.pid == pid]
        return own + descendants({one.pid for one in own}, everything, {})
    with suppress(JournalError, OSError, NotPlainFileError):
        return find_processes(attempt_dir)
    return []


def take(
    find: Callable[[], Sequence[Process]],
    masker: Masker,
    *,
    samples: int = 1,
    apart: float = APART,
) -> Stacks:
    """Take the stacks of the processes that `find` returns, some times, these seconds apart.

    Secrets in their command lines are masked.
    """
    taken: list[list[ProcessStack]] = []
    notes: list[str] = []
    began, left_out = time.monotonic(), 0
    first = None
    room = BoundedSemaphore(AT_ONCE)
    for number in range(samples):
        if number:
            time.sleep(max(0.0, began + number * apart - time.monotonic()))
        alive = [one for one in find() if not one.dead]
        ranks = [_submit(room, _rank, one.pid) for one in alive]
        until = time.monotonic() + PATIENCE * (1 + len(alive) // AT_ONCE)
        ranked = [(one, _result(rank, None, until)) for one, rank in zip(alive, ranks, strict=True)]
        ranked.sort(key=lambda pair: pair[1] is None)
        chosen, left_out = ranked[:MOST_PROCESSES], len(ranked[MOST_PROCESSES:])
        reads = [_submit(room, _read, one, rank, masker) for one, rank in chosen]
        until = time.monotonic() + PATIENCE * (1 + len(chosen) // AT_ONCE)
        found = [
            _result(read, _unread(one, rank), until)
            for read, (one, rank) in zip(reads, chosen, strict=True)
        ]
        taken.append([process for process, _ in found])
        notes += [note for _, note in found]
        first = first or time.monotonic()
    seconds = time.monotonic() - (first or began)
    last = _with_usage(taken, seconds)
    notes = list(dict.fromkeys(filter(None, notes)))
    return Stacks(clock.now(), (*taken[:-1], last), seconds, left_out, tuple(notes))


def _submit(room: BoundedSemaphore, function: Callable[..., _T], *arguments: Any) -> Future[_T]:
    """Call a function in a daemon thread, in which a hung process hangs nothing else."""
    future: Future[_T] = Future()

    def work() -> None:
        with room:
            try:
                future.set_result(function(*arguments))
            except BaseException as error:  # as a pool does
                future.set_exception(error)

    Thread(target=work, name="stacks", daemon=True).start()
    return future


def _result(future: Future[_T], otherwise: _T, until: float) -> _T:
    """Return a result; `otherwise` if the kernel does not answer, as for a hung file system."""
    try:
        return future.result(timeout=max(until - time.monotonic(), 0.0))
    except TimeoutError:
        return otherwise


def _unread(process: Process, rank: int | None) -> tuple[ProcessStack, str]:
    stack = ProcessStack(process.pid, rank, "?", "D", process.parent, process.ticks / _TICKS, True)
    return stack, f"process {process.pid} cannot be read: the kernel does not answer"


def _with_usage(taken: Sequence[Sample], seconds: float) -> list[ProcessStack]:
    """Return the last sample with the CPUs that each process used, and its GPUs."""
    used = {(process.pid, process.began): _cpu(process) for process in taken[0]}
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    with_memory = {}
    with suppress(Exception):  # a driver that fails says nothing about the stacks
        with_memory = {gpu.index: gpu.pids for gpu in gpus.query().gpus}
    last = []
    for process in taken[-1]:
        key = process.pid, process.began
        if len(taken) > 1 and key in used and seconds > 0:
            cpu = (_cpu(process) - used[key]) / seconds
        else:
            cpu = _cpu(process) / max(since_boot - process.began, 1.0)
        used_gpus = tuple(index for index, pids in with_memory.items() if process.pid in pids)
        last.append(replace(process, cpu=max(cpu, 0.0), gpus=used_gpus))
    return last


def _cpu(process: ProcessStack) -> float:
    return sum(thread.cpu for thread in process.threads)


def _rank(pid: int) -> int | None:
    with suppress(OSError, ValueError):
        text = Path(f"/proc/{pid}/environ").read_bytes()
        environ = dict(line.partition(b"=")[::2] for line in text.split(b"\0"))
        for name in _RANKS:
            if value := environ.get(name.encode()):
                return int(value)
    return None


def _read(process: Process, rank: int | None, masker: Masker) -> tuple[ProcessStack, str]:
    """Return the stack of a process, and why its Python stacks are missing, if they are."""
    tasks, state = _threads(process.pid), _state(process.pid)
    stack = ProcessStack(
        pid=process.pid,
        rank=rank,
        command=masker.text(_command(process.pid)),
        state=state or ("T" if process.stopped else "S"),
        parent=process.parent,
        began=process.ticks / _TICKS,
        uses_gpu=_uses_gpu(process.pid),
        threads=tuple(tasks.values()),
    )
    if not _is_python(process.pid):
        return stack, _problem_of_user(process.pid)
    dumped, problem = _dump(process.pid)
    threads = []
    for one in dumped:
        frames = [
            StackFrame(str(call["name"]), str(call["filename"]), int(call["line"] or 0))
            for call in one.get("frames", ())
        ]
        if (own := own_index(frames)) is not None:
            frames[own] = replace(frames[own], polls=_polls(process.pid, frames[own]))
        number = int(one.get("os_thread_id") or 0)
        task = tasks.pop(number, None)
        name = str(one.get("thread_name") or (task.name if task else "thread"))
        if task is not None:
            threads.append(replace(task, name=name, frames=tuple(frames)))
        else:
            threads.append(ThreadStack(name, tuple(frames), id=number))
    if threads:
        threads.sort(key=lambda thread: thread.name != MAIN)
        threads = with_holders(threads, _held_locks(process.pid, threads))
        stack = replace(stack, threads=tuple(threads))
    return stack, problem


def _command(pid: int) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        if words != [b""]:
            return " ".join(os.fsdecode(word) for word in words)
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "?"


def _state(pid: int) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    return ""


def _uses_gpu(pid: int) -> bool:
    """Return True if a process has a GPU open: in a container NVML does not know its pid."""
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115
                if re.match(r"/dev/(nvidia(\d+|-uvm)|kfd|dri/render)", target):
                    return True
    return False


def _is_python(pid: int) -> bool:
    with suppress(OSError):
        if re.match(r"(python|pypy|ipython)", Path(f"/proc/{pid}/exe").readlink().name):
            return True
        with Path(f"/proc/{pid}/maps").open("rb") as maps:
            return any(b"/libpython" in line for line in maps)
    return False


def _problem_of_user(pid: int) -> str:
    """Return why nothing but the state of another user's process is known."""
    with suppress(OSError):
        owner = Path(f"/proc/{pid}").stat().st_uid
        if os.geteuid() not in (0, owner):
            return f"process {pid} is user {owner}'s: only its state can be seen"
    return ""


# Python's stacks


@cache
def _py_spy() -> str | None:
    return shutil.which(
        "py-spy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    )


def _dump(pid: int) -> tuple[list[Mapping[str, Any]], str]:
    """Return py-spy's threads of a process, and why there are none.

    The process is not stopped. One that computes changes while it is read, so this is tried again.
    """
    program, error = _py_spy(), ""
    if program is None:
        return [], NO_PY_SPY
    for _ in range(3):
        command = [program, "dump", "--json", "--nonblocking", "--pid", str(pid)]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
            )
            if done.returncode == 0:
                return json.loads(done.stdout), ""
            error = done.stderr.decode(errors="replace")
        except (OSError, ValueError) as failure:
            error = str(failure)
        except subprocess.TimeoutExpired:
            return [], f"py-spy could not read process {pid} within {PATIENCE:g} s"
        if re.search(r"[Pp]ermission|EPERM|not permitted|os error (1|13)\b", error):
            return [], _permission(pid)
        if not Path(f"/proc/{pid}").exists():
            return [], ""
    reason = error.strip().splitlines()[-1:] or ["no reason given"]
    return [], f"py-spy could not read process {pid}: {reason[0]}"


def _held_locks(pid: int, threads: Sequence[ThreadStack]) -> Mapping[StackFrame, HeldLocks]:
    """Return what sources say about locks at the calls of threads, where one waits in own code."""
    files = {one.frames[0].file for one in threads if one.kernel == LOCK and one.frames}
    frames = {frame for one in threads for frame in one.frames if frame.file in files}
    found: dict[StackFrame, HeldLocks] = {}
    for file in files if len(files) <= MOST_SOURCES else ():
        path = Path(file) if Path(file).is_absolute() else Path(f"/proc/{pid}/cwd", file)
        if not CodePlace(file, 1).is_own:
            continue
        with suppress(OSError, NotPlainFileError, SyntaxError, ValueError, RecursionError):
            with system.open_plain(path) as opened:
                source = ast.parse(opened.read(MOST_SOURCE))
            of_file = (frame for frame in frames if frame.file == file)
            found |= {frame: HeldLocks.at(source, frame.line) for frame in of_file}
    return found


def _polls(pid: int, frame: StackFrame) -> bool:
    """Return True if the line of a call asks if something is done, as in a loop that spins."""
    file = Path(frame.file)
    path = file if file.is_absolute() else Path(f"/proc/{pid}/cwd", file)
    with suppress(OSError, NotPlainFileError), system.open_plain(path) as source:
        line = next(islice(source, frame.line - 1, frame.line), b"") if frame.line else b""
        return _POLLS.search(line) is not None
    return False


def _permission(pid: int) -> str:
    if problem := _problem_of_user(pid):
        return problem
    try:
        return YAMA if int(_YAMA.read_text()) else IN_CONTAINER
    except (OSError, ValueError):
        return IN_CONTAINER


# What the kernel says


def _threads(pid: int) -> dict[int, ThreadStack]:
    """Return the threads of a process by their ids, the main one first."""
    try:
        ids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))[:MOST_THREADS]  # noqa: PTH208
    except OSError:
        return {}
    found = {}
    for thread in sorted(ids, key=lambda one: one != pid):
        with suppress(OSError, ValueError, IndexError):
            place = Path(f"/proc/{pid}/task/{thread}")
            before, _, after = (place / "stat").read_text(errors="replace").rpartition(")")
            fields = after.split()
            name = before.partition("(")[2]
            kernel = _kernel(pid, place, fields[0])
            used = (int(fields[11]) + int(fields[12])) / _TICKS
            found[thread] = ThreadStack(name, (), kernel, used, thread)
    return found


def _kernel(pid: int, place: Path, state: str) -> str:
    """Return what a thread waits in; empty: it runs, or the kernel does not say."""
    if state == "R":
        return ""
    function = ""
    with suppress(OSError):
        function = (place / "wchan").read_text().strip("0")
    words = _syscall(pid, place) or _by_function(function)
    if state == "D":
        where = f", {function}" if function else ""
        doing = f", while it {words}" if words else ""
        return f"is stuck in the kernel (state D{where}){doing}"
    return words or ("sleeps" if state == "S" else "")


def _syscall(pid: int, place: Path) -> str:
    try:
        fields = (place / "syscall").read_text().split()
    except OSError:
        return ""
    name = _syscalls().get(fields[0]) if fields else None
    if name is None:
        return ""
    verb, has_file = name
    target = _file(pid, int(fields[1], 16)) if has_file and len(fields) > 1 else ""
    return f"{verb} {target}".rstrip()


@cache
def _syscalls() -> Mapping[str, tuple[str, bool]]:
    """Return by number what a system call does, and if its first argument is a file."""
    numbers = _NUMBERS.get(platform.machine(), {})
    return {
        str(number): (verb, has_file)
        for (verb, has_file), several in numbers.items()
        for number in several
    }


_READS, _WRITES = ("reads from", True), ("writes to", True)
_LOCK, _EVENTS = (LOCK, False), ("waits for events", False)
_CHILD, _SLEEPS = ("waits for a child process", False), ("sleeps", False)
_CONNECTS, _ACCEPTS = ("connects to", True), ("waits for a connection", False)
_LOCKS_FILE, _SYNCS = ("waits for a lock on", True), ("syncs", True)
_OPENS, _LOOKS = ("opens a file", False), ("looks at a file", False)

_NUMBERS: Mapping[str, Mapping[tuple[str, bool], tuple[int, ...]]] = {
    "x86_64": {
        _READS: (0, 17, 19, 45, 47, 295), _WRITES: (1, 18, 20, 44, 46, 296), _LOCK: (202,),
        _EVENTS: (7, 23, 232, 270, 271, 281), _CHILD: (61, 247), _SLEEPS: (35, 230),
        _CONNECTS: (42,), _ACCEPTS: (43, 288), _LOCKS_FILE: (72, 73), _SYNCS: (74, 75),
        _OPENS: (2, 257, 437), _LOOKS: (4, 5, 6, 78, 217, 262, 332),
    },
    "aarch64": {
        _READS: (63, 65, 67, 69, 207, 212), _WRITES: (64, 66, 68, 70, 206, 211), _LOCK: (98,),
        _EVENTS: (22, 72, 73), _CHILD: (95, 260), _SLEEPS: (101, 115),
        _CONNECTS: (203,), _ACCEPTS: (202, 242), _LOCKS_FILE: (25, 32), _SYNCS: (82, 83),
        _OPENS: (56, 437), _LOOKS: (61, 79, 80, 291),
    },
}  # fmt: skip
"""The numbers of system calls, by machine."""


def _by_function(function: str) -> str:
    """Return what a thread waits in by the kernel's function, which needs no rights."""
    return next((words for part, words in _FUNCTIONS if part in function), "")


_FUNCTIONS = (
    ("futex", LOCK), ("nanosleep", "sleeps"),
    ("do_wait", "waits for a child process"),
    ("pipe_read", "reads from a pipe"), ("pipe_write", "writes to a pipe"),
    ("tcp_recv", "reads from a socket"), ("skb", "reads from a socket"),
    ("sk_wait_data", "reads from a socket"), ("accept", "waits for a connection"),
    ("unix_stream", "reads from a socket"), ("connect", "connects to a socket"),
    ("poll", "waits for events"), ("select", "waits for events"),
    ("nfs", "waits for NFS"), ("rpc", "waits for NFS"), ("fuse", "waits for a FUSE file system"),
    ("lock", LOCK),
)  # fmt: skip


def _file(pid: int, descriptor: int) -> str:
    """Return what a descriptor of a process is: a path, a pipe, or a socket with its other end."""
    try:
        target = str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
    except OSError:
        return "a file"
    if target.startswith("pipe:"):
        return "a pipe"
    if target.startswith("socket:"):
        return _socket(pid, target.removeprefix("socket:[").removesuffix("]"))
    return target if target.startswith("/") else "a file"


def _socket(pid: int, inode: str) -> str:
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] == inode:
                    address, port = fields[2].split(":")
                    packed = b"".join(
                        bytes.fromhex(address[at : at + 8])[::-1]
                        for at in range(0, len(address), 8)
                    )
                    host = socket.inet_ntop(family, packed).removeprefix("::ffff:")
                    return f"socket {host}:{int(port, 16)}"
    return "a socket"


def keep(attempt_dir: Path, stacks: Stacks) -> Path | None:
    """Write stacks beside an attempt's logs as `stacks-N.txt`; None if that is not possible."""
    text = "".join(f"{line}\n" for line in stacks.lines())
    for number in range(1, MOST_FILES + 1):
        path = attempt_dir / f"stacks-{number}.txt"
        is_last = number == MOST_FILES
        with suppress(FileExistsError):
            try:
                if is_last and system.look(path) is not None:
                    path.unlink()
                with path.open("x", encoding="utf-8", errors="replace") as file:
                    path.chmod(0o600)
                    file.write(text)
            except FileExistsError:
                raise
            except OSError:
                return None
            return path
    return None


@dataclass(frozen=True, slots=True)
class KeptStacks:
    """Stacks and the file that they were written to."""

    found: Stacks
    file: Path | None
    """None: it could not be written."""

    @property
    def lines(self) -> list[str]:
        """The stacks as text, with the file."""
        kept = [f"kept as {self.file}"] if self.file is not None else []
        return [*self.found.lines(), "", *kept]


def keep_of_stage(run_id: str, stage_name: str) -> KeptStacks:
    """Take the stacks of a stage's running attempt, and keep them as `stacks-N.txt`.

    Raises:
        UsageError: it does not run.
        UnfitEnvironmentError: it runs on another machine.
    """
    with engine.reading() as connection:
        run = views.find_run(connection, run_id)
        stage = views.find_stages(connection, run_id, stage_name)[0]
        tries = views.attempts_of_stage(connection, stage.id)
    if stage.status != Status.RUNNING or not tries or tries[-1].pid is None:
        raise UsageError(_not_running(stage.name, stage.status, tries))
    attempt = tries[-1]
    if attempt.host not in ("", host()):
        raise UnfitEnvironmentError(
            f"{stage.name} runs on {attempt.host}; call `trainui stacks` on that machine"
        )
    if attempt.executor != LOCAL and not attempt.is_external:
        raise UnfitEnvironmentError(
            f"{stage.name} runs by {attempt.executor}, on another machine; "
            f"`py-spy dump --pid {attempt.pid}` there shows its stacks"
        )
    directory = Path(attempt.directory)
    found = take(
        partial(members, directory, attempt.pid, is_external=attempt.is_external),
        shell_environment.masker(Path(run.directory)),
    )
    return KeptStacks(found, keep(directory, found))


def _not_running(name: str, status: Status, tries: list[AttemptRecord]) -> str:
    """Return why there are no stacks now, and where earlier ones are."""
    if status == Status.RUNNING and tries and tries[-1].is_external:
        return (
            f"the process of {name} is not known, as only its files are read; `py-spy dump --pid "
            "PID` shows its stacks, and `trainui add --pid PID` adopts it"
        )
    if status == Status.RUNNING:
        return f"{name} is being started, and has no process yet; try again in a moment"
    kept = sorted(Path(tries[-1].directory).glob("stacks-*.txt")) if tries else []
    earlier = f"; stacks of its last attempt are in {kept[-1]}" if kept else ""
    return f"{name} is {status}, so it has no processes{earlier}"
