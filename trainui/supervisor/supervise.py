"""The supervisor of an attempt: starts the process, waits, stops it, and records how it ended.

Run by path, `python -I -S supervise.py`, it is a fork server: it forks a supervisor for each
attempt's directory that it receives on stdin, a socket. The supervisor outlives the process that
started it, so it is a single file that uses only the standard library and imports nothing from
trainui. It guarantees that an attempt is started at most once, and that its end is recorded only
when no process of it is left.

As an executor's job, `supervise.py --job DIRECTORY`, it is a copy beside the attempt's records, and
any Python from 3.8 on runs it.
"""

# Every stage has a supervisor, so imports are kept to a minimum: no pathlib, no typing.
# ruff: noqa: PTH104, PTH110, PTH115, PTH208

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import gc
import json
import os
import select
import signal
import socket
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

VERSION = 1
STARTED, BROKEN, FAILED, ALREADY = 0, 70, 71, 73  # 70 and up: from sysexits.h
NEVER = float("inf")
TICK = 1.0  # resolution of the journal of times; polling once a second costs next to nothing
CAUGHT = 0.05  # between a job's signal to the process and that to us, at most
LINGER = 0.5  # a child left by the process may be e.g. `>(tee log)`, about to end by itself
LEFTOVER_GRACE = 5.0  # short, because children that outlive the process save no checkpoint
KILL_WAIT = 10.0  # a process that survives KILL for longer is stuck in the kernel
LOCK_PATIENCE = 0.3  # others test a GPU's lock for microseconds
OOM_WINDOW = 10.0  # after a kill, freeing many gigabytes takes seconds
FULL_BYTES = 2**20  # a disk with less free space than this counts as full
RECORD_BYTES = 16384  # enough for the longest message and list of pids, escaped
MAX_MESSAGE, MAX_LEFT = 1000, 100
BEAT = 5.0  # a job's sign of life; its machine may be seen by nothing else
MAX_FILES, MAX_PROCESSES = 500, 200  # whose open files are looked at; the rest is not noted
REST, OLD, LONGEST_REST = 200, 20, 30.0  # between two looks: times its cost, age / OLD, seconds
NOT_FILES = ("/dev/", "/proc/", "/sys/", "/memfd:")
OOM_COUNTERS = {  # by controller in /proc/self/cgroup, which is empty for cgroup version 2
    "": ("/sys/fs/cgroup", "memory.events"),
    "memory": ("/sys/fs/cgroup/memory", "memory.oom_control"),
}
IGNORED = ("HUP", "INT", "QUIT", "PIPE", "ALRM", "USR1", "USR2", "TSTP", "TTIN", "TTOU")


class AlreadyStartedError(Exception):
    """This attempt was started before; an attempt is started at most once."""


class NotStartedError(Exception):
    """The process could not be started; the arguments are the exit record's reason and message."""


class Process:
    """The fields of /proc/PID/stat that are used here."""

    __slots__ = ("dead", "group", "parent", "pid", "session", "stopped", "ticks")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid = pid
        self.dead = fields[0] in (b"Z", b"X")
        self.stopped = fields[0] == b"T"
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])
        self.ticks = int(fields[19])


def read_process(pid: int) -> Process | None:
    """Return a process; None if it does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
        return Process(pid, line[line.rindex(b")") + 2 :].split())
    except (OSError, ValueError, IndexError):
        return None


def start_ticks(pid: int) -> int | None:
    """Return a process's start time in clock ticks since boot; None if it is dead."""
    process = read_process(pid)
    return None if process is None or process.dead else process.ticks


def list_processes() -> list[Process]:
    """Return all processes."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [found for pid in pids if (found := read_process(pid))]


def belongs_elsewhere(pid: int, identity: dict[str, str]) -> bool:
    """Return True if a process has other identity variables: it belongs to another attempt or none.

    This lets a stage submit a run and start its worker, which outlive the stage.
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            carried = dict(line.partition(b"=")[::2] for line in file.read().split(b"\0"))
    except OSError:
        return False
    own = {os.fsencode(name): os.fsencode(value) for name, value in identity.items()}
    return any(carried.get(name, value) != value for name, value in own.items())


def descendants(
    roots: set[int], processes: list[Process], identity: dict[str, str]
) -> list[Process]:
    """Return those of `processes` that descend from `roots`, without the roots.

    Processes that belong to another attempt or to none are excluded, with their descendants.
    """
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), []):
            known = child.pid in found or child.pid in roots
            if not known and not belongs_elsewhere(child.pid, identity):
                found[child.pid] = child
                waiting.append(child.pid)
    return list(found.values())


def send_signal(pid: int, ticks: int, number: int) -> bool:
    """Signal the process with this pid and start time, never one that reused the pid."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):  # Anaconda's Python lacks it, or a sandbox forbids it
        handle = -1
    try:
        if start_ticks(pid) != ticks:
            return False
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
        return True
    except OSError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)


def boot_id() -> str:
    """Return the id of the machine's current boot; pids are valid only within one boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


class MemoryGroup:
    """Our own control group, in which the kernel counts OOM kills."""

    def __init__(self) -> None:
        self.counter = find_oom_counter()
        self.kills = count_oom_kills(self.counter)
        self.rose_at = -NEVER

    def poll(self, now: float) -> None:
        """Record the time if the OOM killer acted since the last call."""
        kills = count_oom_kills(self.counter)
        if kills > self.kills:
            self.kills, self.rose_at = kills, now


def find_oom_counter() -> str:
    """Return the file with our control group's OOM counter (v1 or v2); empty if there is none."""
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
        for _, controllers, path in groups:
            if controllers not in OOM_COUNTERS:
                continue
            root, name = OOM_COUNTERS[controllers]
            # in a container, its own group may be mounted as the root, despite the group's path
            for counter in (f"{root}{path}/{name}", f"{root}/{name}"):
                if os.path.exists(counter):
                    return counter
    return ""


def count_oom_kills(counter: str) -> int:
    """Return the number of OOM kills in a control group."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(counter) as file:
        return int(dict(line.split() for line in file)["oom_kill"])
    return 0


def is_full(directory: str) -> bool:
    """Return True if a directory's disk has less than FULL_BYTES free."""
    with contextlib.suppress(OSError):
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize < FULL_BYTES
    return False


def become_subreaper() -> bool:
    """Become the new parent of orphaned descendants; return False if this is not supported."""
    try:
        import ctypes

        set_child_subreaper = 36
        return bool(ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Try to lock an open file without waiting; return True if it is locked."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_patiently(fd: int) -> bool:
    """Lock an open file that others may be testing at this moment; return True if it is locked."""
    patience = time.monotonic() + LOCK_PATIENCE
    while not try_lock(fd):
        if time.monotonic() > patience:
            return False
        time.sleep(0.001)
    return True


def open_machine_lock(path: str, *, make: bool = True) -> int:
    """Open a lock file that every user of the machine can lock; create it if it is missing.

    Another user may have put anything at this path, so this neither blocks nor follows links.
    """
    folder, _, name = path.rpartition("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    folder_fd = os.open(folder, flags | os.O_DIRECTORY)
    try:
        return open_plain(name, flags, folder_fd, make)
    finally:
        os.close(folder_fd)


def open_plain(name: str, flags: int, folder: int, make: bool) -> int:
    """Open a regular file with a single link, so that it cannot be locked under another name."""
    try:
        # First without O_CREAT: the kernel may refuse that on another user's file in /tmp.
        fd = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
        fd = os.open(name, flags | os.O_CREAT, 0o666, dir_fd=folder)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(fd)
        raise OSError(errno.EINVAL, "not a file with one name")
    if stat.S_IMODE(found.st_mode) != 0o666 and found.st_uid == os.geteuid():
        os.fchmod(fd, 0o666)  # just created, with our umask
    return fd


class Record:
    """A JSON file with disk space allocated in advance, so that a full disk cannot lose it."""

    def __init__(self, directory: str, name: str) -> None:
        self.directory, self.path = directory, f"{directory}/{name}"
        self.fd = os.open(f"{self.path}.tmp", os.O_RDWR | os.O_CREAT, 0o600)
        if os.pwrite(self.fd, b" " * RECORD_BYTES, 0) < RECORD_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), directory)

    def write(self, value: dict[str, Any], *, lasting: bool) -> None:
        """Write the record atomically; `lasting`: sync its data to disk first."""
        data = json.dumps(value).encode() + b"\n"
        os.pwrite(self.fd, data, 0)
        os.ftruncate(self.fd, len(data))
        if lasting:
            os.fsync(self.fd)
        os.rename(f"{self.path}.tmp", self.path)
        os.close(self.fd)

    def secure(self) -> None:
        """Sync the directory, so that the record also survives a power failure."""
        folder = os.open(self.directory, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


class Logs:
    """The two log files of the process, and the journal of the times when they grew."""

    def __init__(self, directory: str) -> None:
        names = ("stdout.log", "stderr.log", "times.log")
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        fds = [os.open(f"{directory}/{name}", append, 0o600) for name in names]
        self.outputs, self.journal = fds[:2], fds[2]
        self.sizes = self.noted = (0, 0)
        self.grown_at = self.noted_at = time.monotonic()

    def poll(self, now: float, *, last: bool = False) -> None:
        """Check if the logs grew, and record it at most once a second."""
        out, err = self.outputs
        sizes = (os.fstat(out).st_size, os.fstat(err).st_size)
        if sizes != self.sizes:
            self.sizes, self.grown_at = sizes, now
        if self.sizes != self.noted and (last or now - self.noted_at >= TICK):
            self.note(now)

    def note(self, now: float) -> None:
        """Append a line to the journal."""
        if append(self.journal, b"%d %d %d\n" % (microseconds(), *self.sizes)):
            self.noted, self.noted_at = self.sizes, now


def append(fd: int, line: bytes) -> bool:
    """Append a line to a file; on a full disk, nothing rather than a part. Return True if done."""
    try:
        size = os.fstat(fd).st_size
        if os.write(fd, line) == len(line):
            return True
        os.ftruncate(fd, size)
    except OSError:
        pass
    return False


class WrittenFiles:
    """The files that the attempt's processes have open for writing; each is noted once.

    A reader learns from them which of the files in a shared directory are this attempt's.
    """

    def __init__(self, directory: str, identity: dict[str, str]) -> None:
        self.directory, self.identity = directory, identity
        self.noted: set[str] = set()
        self.began = self.due = time.monotonic()

    def poll(self, now: float) -> None:
        """Look at the open files, at most once a second, and less often in an old attempt."""
        if now < self.due or len(self.noted) >= MAX_FILES:
            return
        found = {path for pid in self.processes() for path in written_files(pid)}
        own = (*NOT_FILES, f"{self.directory}/")
        new = sorted(path for path in found - self.noted if not path.startswith(own))
        with contextlib.suppress(OSError):
            self.note(new[: MAX_FILES - len(self.noted)])
        cost = time.monotonic() - now
        age = now - self.began
        self.due = now + max(TICK, REST * cost, min(age / OLD, LONGEST_REST))

    def note(self, paths: list[str]) -> None:
        """Append paths to the journal, each as JSON in a line."""
        if not paths:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        fd = os.open(f"{self.directory}/written.log", flags, 0o600)
        try:
            for path in paths:
                if append(fd, json.dumps(path).encode() + b"\n"):
                    self.noted.add(path)
        finally:
            os.close(fd)

    def processes(self) -> list[int]:
        """Return the pids of the attempt's processes, which are our descendants."""
        found: list[int] = []
        waiting = children(os.getpid())
        while waiting and len(found) < MAX_PROCESSES:
            pid = waiting.pop()
            if not belongs_elsewhere(pid, self.identity):
                found.append(pid)
                waiting += children(pid)
        return found


def children(pid: int) -> list[int]:
    """Return the pids of a process's children; a look at all processes would cost far more."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended, or the kernel does not list them
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def written_files(pid: int) -> list[str]:
    """Return the paths of the regular files that a process has open for writing."""
    found: list[str] = []
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            link = f"/proc/{pid}/fd/{descriptor}"
            with contextlib.suppress(OSError):  # closed meanwhile
                path = os.readlink(link)
                # a descriptor's mode is that of its link: writable if the owner may write
                if path.startswith("/") and os.lstat(link).st_mode & 0o200:
                    found.append(path)
    return found


class Signals:
    """Waits for a stop request or the end of a child, without polling."""

    def __init__(self) -> None:
        self.stop = self.limit = False
        self.stop_at = NEVER
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for name in IGNORED:
            signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.on_stop)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def on_stop(self, *_: object) -> None:
        """Record the stop request; idempotent."""
        if not self.stop:
            self.stop, self.stop_at = True, time.monotonic()

    def on_limit(self, *_: object) -> None:
        """Record that the job's time limit is near."""
        self.limit = True

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives, at most `seconds`."""
        if select.select([self.reader], [], [], max(0.0, seconds))[0]:
            os.read(self.reader, 4096)


class Attempt:
    """A running attempt: its process, deadlines and outcome."""

    def __init__(self, directory: str, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.timeout = float(spec["timeout"] or NEVER)
        self.budget = float(spec.get("budget") or NEVER)  # older versions write none
        self.silence_timeout = float(spec["silence_timeout"] or NEVER)
        self.grace = float(spec["grace"])
        name = spec["stop_signal"]
        self.stop_signal = int(getattr(signal, name if name.startswith("SIG") else f"SIG{name}"))
        self.exit_record = Record(directory, "exit.json")
        self.pid_record = Record(directory, "pid.json")
        self.logs = Logs(directory)
        self.written = WrittenFiles(directory, spec["identity"])
        self.signals = Signals()
        self.reaper = become_subreaper()
        self.memory = MemoryGroup()
        self.locks: list[int] = []
        self.pulse = ""
        self.beat_at = NEVER
        self.pid = 0
        self.began = steady()
        self.ended_at = self.timeout_at = self.budget_at = NEVER
        self.kill_at = self.give_up_at = NEVER
        self.outcome: dict[str, Any] = {
            "version": VERSION,
            "exit_code": None,
            "signal": None,
            "reason": "exited",
            "message": None,
            "errno": None,
            "signalled": False,
            "started_at": microseconds(),
            "completed_at": None,
            "max_rss_bytes": None,
            "oom_kill": False,
            "disk_full": False,
            "left": [],
        }

    def enter_job(self) -> None:
        """Heed the signal of a time limit, and show signs of life."""
        signal.signal(signal.SIGUSR2, self.signals.on_limit)
        self.pulse, self.beat_at = f"{self.exit_record.directory}/alive", -NEVER

    def beat(self, now: float) -> None:
        """Show a sign of life: a count, since not every file system has a clock like ours."""
        if now < self.beat_at:
            return
        self.beat_at = now + BEAT
        with contextlib.suppress(OSError), open(self.pulse, "w") as file:
            file.write(f"{microseconds()}\n")

    def run(self, answer: Callable[[int, str, int], None]) -> None:
        """Start the process, send the answer, and supervise the process until its end."""
        try:
            self.acquire_locks()
            self.start()
        except NotStartedError as error:
            self.outcome["reason"], self.outcome["message"], self.outcome["errno"] = error.args
            self.finish()
            answer(FAILED, *error.args[1:])
        else:
            answer(STARTED, "", 0)
            self.follow()
            self.finish()

    def acquire_locks(self) -> None:
        """Take the machine-wide locks (of GPUs), which the process inherits.

        A GPU is therefore free only when no process uses it, even if the supervisor dies.
        """
        for path in self.spec["locks"]:
            try:
                self.locks.append(open_machine_lock(path))
                if not lock_patiently(self.locks[-1]):
                    raise NotStartedError("lock_held", f"another process has locked {path}", 0)
            except OSError as error:
                message = f"cannot open the lock {path}: {error.strerror}"
                raise NotStartedError("lock_held", message, number_of(error)) from error

    def start(self) -> None:
        """Start the process, which waits for pid.json, so that it can be found in any case."""
        gate, gate_opener = os.pipe()
        failure, failure_writer = os.pipe()
        try:
            self.pid = os.fork()
        except OSError as error:
            words = f"cannot fork: {error.strerror}"
            raise NotStartedError("start_failed", words, number_of(error)) from error
        if self.pid == 0:
            os.close(gate_opener)
            exec_process(self.spec, self.logs.outputs, self.locks, gate, failure_writer)
        os.close(gate)
        os.close(failure_writer)
        self.outcome["started_at"], self.began = microseconds(), steady()
        self.timeout_at = time.monotonic() + self.timeout
        self.budget_at = time.monotonic() + self.budget
        self.write_pids()
        os.write(gate_opener, b"1")
        os.close(gate_opener)
        message = os.read(failure, 4096)  # empty if exec succeeded, since that closes the pipe
        os.close(failure)
        if message:
            os.waitpid(self.pid, 0)
            words = message[1:].decode("utf-8", "replace")
            raise NotStartedError("start_failed", words, message[0])

    def write_pids(self) -> None:
        """Record the pids with their start times, so that a reused pid is recognised."""
        process, own = read_process(self.pid), read_process(os.getpid())
        pids = {
            "version": VERSION,
            "boot_id": boot_id(),
            "pid": self.pid,
            "start_ticks": process.ticks if process else 0,
            "supervisor_pid": os.getpid(),
            "supervisor_start_ticks": own.ticks if own else 0,
            "started_at": self.outcome["started_at"],
        }
        self.pid_record.write(pids, lasting=False)

    def follow(self) -> None:
        """Wait until no process of the attempt is left; stop it when requested or due."""
        looked_at = time.monotonic()
        while self.reap():
            now = time.monotonic()
            self.skip_pause(now - looked_at)
            looked_at = now
            if now >= self.give_up_at:
                self.outcome["left"] = [p.pid for p in self.members() if not p.dead][:MAX_LEFT]
                return
            self.beat(now)
            self.logs.poll(now)
            self.written.poll(now)
            self.memory.poll(now)
            self.decide(now)
            self.signals.wait(min(now + TICK, self.due_at()) - time.monotonic())

    def skip_pause(self, seconds: float) -> None:
        """Shift the deadlines by a time in which we did not run, e.g. in a paused container."""
        if seconds > 2 * TICK:
            self.logs.grown_at += seconds
            self.kill_at += seconds
            self.give_up_at += seconds

    def reap(self) -> bool:
        """Reap the children that ended; return False if no process of the attempt is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return not self.reaper and group_exists(self.pid)
            if pid == 0:
                return self.ended_at == NEVER or not self.has_only_foreign_children()
            size = usage.ru_maxrss * 1024
            self.outcome["max_rss_bytes"] = max(size, self.outcome["max_rss_bytes"] or 0)
            if pid == self.pid and self.ended_at == NEVER:
                if os.WIFSIGNALED(status):
                    self.outcome["signal"] = os.WTERMSIG(status)
                else:
                    self.outcome["exit_code"] = os.WEXITSTATUS(status)
                self.outcome["completed_at"] = self.microseconds_now()
                self.ended_at = time.monotonic()
                self.memory.poll(self.ended_at)
                self.outcome["oom_kill"] = self.ended_at - self.memory.rose_at < OOM_WINDOW
                self.outcome["disk_full"] = is_full(self.exit_record.directory)

    def members(self) -> list[Process]:
        """Return the processes of the attempt."""
        return descendants({os.getpid()}, list_processes(), self.spec["identity"])

    def has_only_foreign_children(self) -> bool:
        """Return True if only processes remain that the stage started for other attempts."""
        children = [p.pid for p in list_processes() if p.parent == os.getpid() and not p.dead]
        identity = self.spec["identity"]
        return bool(children) and all(belongs_elsewhere(pid, identity) for pid in children)

    def microseconds_now(self) -> int:
        """Return the start time plus the elapsed time, which is immune to clock changes."""
        return int(self.outcome["started_at"]) + int((steady() - self.began) * 1e6)

    def due_at(self) -> float:
        """Return the time of the next deadline, if no signal arrives before."""
        if self.kill_at < NEVER:
            return min(self.kill_at, self.give_up_at)
        if self.ended_at < NEVER:
            return self.ended_at + LINGER
        silent_at = self.logs.grown_at + self.silence_timeout
        return min(self.timeout_at, self.budget_at, silent_at)

    def decide(self, now: float) -> None:
        """Act on deadlines and requests: stop, kill or nothing."""
        if now >= self.kill_at:
            self.send(signal.SIGKILL)
            self.kill_at = now + LINGER
            self.give_up_at = min(self.give_up_at, now + KILL_WAIT)
        elif self.kill_at == NEVER and (now >= self.due_at() or self.is_asked()):
            self.ask_to_end(now)

    def is_asked(self) -> bool:
        """Return True if a signal asks for the stage's end."""
        return self.signals.stop or self.signals.limit

    def ask_to_end(self, now: float) -> None:
        """Send the stop signal to every process of the attempt, and set the deadline to kill."""
        self.kill_at = now + self.grace
        if self.ended_at < NEVER:
            self.kill_at = now + min(self.grace, LEFTOVER_GRACE)
        elif self.signals.stop:
            self.outcome.update(reason="stopped", signalled=True)
        elif now >= self.budget_at:
            self.outcome.update(reason="budget", signalled=True)
        elif now >= self.timeout_at:
            self.outcome.update(reason="timeout", signalled=True)
        elif self.signals.limit:
            self.outcome.update(reason="limit", signalled=True)
        else:
            self.outcome.update(reason="silence", signalled=True)
        self.send(self.stop_signal)
        self.send(signal.SIGCONT)  # a stopped process handles signals only after CONT

    def send(self, number: int) -> None:
        """Signal the process group atomically, then each process that left the group."""
        members = self.members()
        if not self.reaper or any(member.group == self.pid for member in members):
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)
        for member in members:
            if member.group != self.pid:
                send_signal(member.pid, member.ticks, number)

    def finish(self) -> None:
        """Record the end, release the locks, and notify the worker."""
        self.logs.poll(time.monotonic(), last=True)
        self.credit_stop()
        self.outcome["completed_at"] = self.outcome["completed_at"] or self.microseconds_now()
        for fd in self.locks:  # before the record: its reader may start the next attempt at once
            os.close(fd)
        try:
            self.exit_record.write(self.outcome, lasting=True)
        finally:
            wake(self.spec["wake"])
            if self.spec["revive"] and is_free(self.spec["revive_lock"]):
                spawn(self.spec["revive"])
        self.exit_record.secure()  # after the notification, because syncing may be slow

    def credit_stop(self) -> None:
        """Count the end as a stop if the job's signal, which all of its processes get, caused it.

        We get it at the same moment, and the process may be dead before we have. One that ended
        well has caught it, which takes a while.
        """
        if not self.pulse or self.outcome["reason"] != "exited":
            return
        until = self.ended_at + (CAUGHT if self.outcome["exit_code"] == 0 else LINGER)
        while not self.signals.stop and self.outcome["exit_code"] != 0 and time.monotonic() < until:
            self.signals.wait(until - time.monotonic())
        if self.signals.stop and self.signals.stop_at < until:
            self.outcome.update(reason="stopped", signalled=True)


def microseconds() -> int:
    """Return the time in microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def steady() -> float:
    """Return seconds on a monotonic clock, which includes time in suspend if Python has that."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def group_exists(group: int) -> bool:
    """Return True if a process group is not empty; used where there is no subreaper."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def exec_process(
    spec: dict[str, Any], outputs: list[int], locks: list[int], gate: int, failure: int
) -> NoReturn:
    """Turn this fork into the attempt's process, or write the error to `failure`."""
    step = "set up the process"
    try:
        os.setsid()
        reset_signals()
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # let the OOM killer choose the stage before the worker
        for target, source in enumerate(outputs, start=1):
            os.dup2(source, target)
        for fd in locks:
            os.set_inheritable(fd, True)
        if os.read(gate, 1):  # otherwise the supervisor has died
            name = spec["argv"][0]
            os.umask(spec["umask"])
            step = f"enter the working directory {spec['cwd']!r}"
            os.chdir(spec["cwd"])
            step = "set its limits"
            if spec.get("limits"):
                set_limits(**spec["limits"])
            if spec.get("debuggers"):
                allow_debuggers()
            step = f"start {name!r}" + ("" if "/" in name else " (searched on the stage's PATH)")
            os.execvpe(name, spec["argv"], spec["env"])
    except BaseException as error:
        why = error.strerror if isinstance(error, OSError) else repr(error)
        words = f"cannot {step}: {why}"[:MAX_MESSAGE].encode("utf-8", "replace")
        os.write(failure, bytes([number_of(error)]) + words)
    finally:
        os._exit(BROKEN)


def set_limits(cpus: list[int] | None, nice: int, limits: dict[str, list[int]]) -> None:
    """Set this process's CPUs, nice value and resource limits, each as far as permitted."""
    import resource

    if cpus is not None:
        with contextlib.suppress(OSError):  # e.g. a container without these CPUs
            os.sched_setaffinity(0, cpus or os.sched_getaffinity(1))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    for name, (soft, hard) in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            most = resource.getrlimit(kind)[1]
            for allowed in (hard, least_limit(hard, most)):
                with contextlib.suppress(OSError, ValueError):
                    resource.setrlimit(kind, (least_limit(soft, allowed), allowed))
                    break


def allow_debuggers() -> None:
    """Let every process of this user attach to this one, also after exec, despite yama."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)
        ctypes.CDLL(None).prctl(set_ptracer, any_process, 0, 0, 0)


def least_limit(*limits: int) -> int:
    """Return the smallest of resource limits; -1 is unlimited."""
    return min((one for one in limits if one >= 0), default=-1)


def number_of(error: BaseException) -> int:
    """Return an error's errno as one byte; 0 if it has none."""
    number = error.errno if isinstance(error, OSError) else None
    return number if number is not None and 0 < number < 256 else 0


def reset_signals() -> None:
    """Reset every signal to its default action and unblock it."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # some are reserved by the C library
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def wake(path: str | None) -> None:
    """Notify the worker's socket; do nothing if there is no listener."""
    if not path:
        return
    with contextlib.suppress(OSError):  # with parentheses, one `with` would need Python 3.9
        knocker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with knocker:
            knocker.setblocking(False)
            knocker.sendto(b"ended\n", path)


def is_free(path: str | None) -> bool:
    """Return True if nobody holds the lock at `path`: its owner is dead."""
    if not path:
        return False
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        return try_lock(fd, fcntl.LOCK_SH)  # shared, so that concurrent checks do not conflict
    finally:
        os.close(fd)


def spawn(argv: list[str]) -> None:
    """Start a detached program that outlives the supervisor."""
    if os.fork() == 0:
        try:
            os.setsid()
            reset_signals()
            os.dup2(0, 2)  # 0 and 1 are /dev/null already
            os.execvp(argv[0], argv)
        finally:
            os._exit(BROKEN)


def claim(lock: int, directory: str, *, in_job: bool) -> None:
    """Lock the attempt; raise AlreadyStartedError if it was ever started."""
    patience = time.monotonic() + 2.0
    while not (in_job or try_lock(lock)):  # held by another supervisor, or briefly by a probe
        if os.path.exists(f"{directory}/started") or time.monotonic() > patience:
            raise AlreadyStartedError
        time.sleep(0.01)
    if os.path.exists(f"{directory}/started"):
        raise AlreadyStartedError


def load_spec(directory: str) -> dict[str, Any]:
    """Read the spec and check its version."""
    with open(f"{directory}/spec.json", "rb") as file:
        spec: dict[str, Any] = json.load(file)
    if spec["version"] != VERSION:
        raise ValueError(f"spec.json is of version {spec['version']}, not {VERSION}")
    return spec


def begin(directory: str, *, in_job: bool = False) -> Attempt:
    """Lock the attempt for our lifetime and create its files, without starting a process.

    Not every cluster's file system has locks: a job's start record alone decides.
    """
    lock = os.open(f"{directory}/lock", os.O_RDWR)  # not created: see `process.create_lock`
    try:
        claim(lock, directory, in_job=in_job)
        attempt = Attempt(directory, load_spec(directory))
        # The attempt's outputs must be newer than this file.
        os.close(os.open(f"{directory}/started", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except BaseException as error:
        os.close(lock)  # before the answer: its receiver must not see a living supervisor
        if isinstance(error, FileExistsError):
            raise AlreadyStartedError from error
        raise
    with contextlib.suppress(OSError):  # a full disk must not prevent the attempt
        forget_secrets(directory, attempt.spec)
    return attempt


def forget_secrets(directory: str, spec: dict[str, Any]) -> None:
    """Remove the environment and arguments from the spec, because users share directories."""
    kept = json.dumps({**spec, "argv": spec["argv"][:1], "env": {}})
    temporary = f"{directory}/.spec-{os.getpid()}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(kept)
    os.rename(temporary, f"{directory}/spec.json")


def supervise(
    directory: str, answer: Callable[[int, str, int], None], place: dict[str, str] | None = None
) -> None:
    """Run the attempt, unless it was already started or cannot be recorded.

    `place` are variables of a job's place, which its process gets too; None: it is no job.
    """
    try:
        attempt = begin(directory, in_job=place is not None)
    except AlreadyStartedError as error:
        answer(ALREADY, str(error.__doc__), 0)
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        answer(BROKEN, f"nothing was started: {error!r}", number_of(error))
    else:
        if place is not None:
            attempt.spec["env"] = {**attempt.spec["env"], **place}
            attempt.enter_job()
        attempt.run(answer)


def detach(directory: str) -> None:
    """Detach from the session, directory and standard streams of the starting process."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    errors = null
    with contextlib.suppress(OSError):
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        errors = os.open(f"{directory}/supervisor.log", append, 0o600)
    for target, source in enumerate((null, null, errors)):
        os.dup2(source, target)


def fork_supervisor(directory: str, writer: int) -> None:
    """Double-fork the supervisor of an attempt, which answers through `writer`."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if middle := fork(writer):
        if middle > 0:
            os.waitpid(middle, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    code = BROKEN
    try:
        if fork(writer) == 0:
            detach(directory)
            supervise(directory, functools.partial(reply, writer))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # to supervisor.log; nothing above handles it
    finally:
        os._exit(code)


def fork(writer: int) -> int:
    """Fork; on failure, write the error to `writer` and return -1."""
    try:
        return os.fork()
    except OSError as error:
        words = f"nothing was started: cannot fork: {error.strerror}"
        send_answer(writer, BROKEN, words, number_of(error))
        return -1


def reply(writer: int, code: int, message: str, number: int) -> None:
    """Send the final answer about the attempt and close the pipe."""
    send_answer(writer, code, message, number)
    os.close(writer)


def send_answer(writer: int, code: int, message: str, number: int) -> None:
    """Write a code, an errno and a message to the requester."""
    with contextlib.suppress(OSError):  # if the requester is dead, the attempt continues
        os.write(writer, bytes([code, number]) + message.encode("utf-8", "replace")[:4000])


def serve() -> None:
    """Fork a supervisor for each directory received on stdin (a socket)."""
    # imported here so that no supervisor has to; `os.wait4` and `os.execvpe` need the last two
    import ctypes  # noqa: F401
    import resource  # noqa: F401
    import warnings  # noqa: F401

    connection = socket.socket(fileno=0)  # fd 0, which supervisors replace: see `detach`
    gc.collect()
    gc.freeze()  # keep the present memory shared between forks (copy-on-write)
    while True:
        asked, fds, _, _ = socket.recv_fds(connection, 4096, 1)
        if not asked or not fds:
            return  # the process that started us has ended
        os.set_inheritable(fds[0], False)
        fork_supervisor(os.fsdecode(asked), fds[0])
        os.close(fds[0])


PLACE_VARIABLES = "CUDA_VISIBLE_DEVICES,ROCR_VISIBLE_DEVICES"
"""Variables of a job that its stage gets: the place says which GPUs it has. An executor may name
others, in the job's variable TRAINUI_JOB_VARIABLES."""


def run_job(directory: str) -> None:
    """Supervise one attempt in this process, which an executor runs as a job; exit when it ends."""
    codes: list[int] = []

    def tell(code: int, message: str, _number: int) -> None:
        codes.append(code)
        if message:
            print(message, file=sys.stderr, flush=True)  # noqa: T201

    names = os.environ.get("TRAINUI_JOB_VARIABLES", PLACE_VARIABLES).split(",")
    place = {name: os.environ[name] for name in names if name in os.environ}
    supervise(directory, tell, place)
    sys.exit(codes[-1] if codes else BROKEN)


def main() -> None:
    """Run as the fork server, or with `--job DIRECTORY` as the supervisor of its attempt."""
    os.umask(0o077)
    with contextlib.suppress(OSError):  # without /dev/fd, inherited descriptors stay open
        for fd in map(int, os.listdir("/dev/fd")):
            os.closerange(max(fd, 3), fd + 1)  # unlike close, silent about the listing's own
    if sys.argv[1:2] == ["--job"]:
        run_job(sys.argv[2])
    serve()


if __name__ == "__main__":
    main()
