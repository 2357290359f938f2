"""The supervisor of one attempt: it starts the process, waits, stops it, and records how it ended.

Run by its path, `python -I -S supervise.py ATTEMPT_DIR`, and answered by an exit code once the
process runs or cannot; with no directory it forks one for each that its stdin, a socket, asks for.
It outlives whoever started it, so it is one file, needs the standard library alone and imports
nothing of trainui. The rule that lives here and nowhere else: an attempt is started at most once,
and its end is written when nothing of it is left.
"""

# One of these runs beside every stage, so it imports little: neither pathlib nor typing.
# ruff: noqa: PTH100, PTH104, PTH110, PTH208

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
STARTED, BROKEN, FAILED, ALREADY = 0, 70, 71, 73  # 70 and up: those of sysexits.h
NEVER = float("inf")
TICK = 1.0  # the logs' journal is no finer, and one look a second costs nothing
LINGER = 0.5  # what a process leaves may be a `>(tee log)`, about to end by itself
LEFTOVER_GRACE = 5.0  # what outlives its process is no longer saving a checkpoint
KILL_WAIT = 10.0  # what survives KILL for longer is stuck in the kernel, maybe for days
OOM_WINDOW = 10.0  # a process of many gigabytes, once killed, takes seconds to be gone
FULL_BYTES = 2**20  # a disk with less room than this is full
RECORD_BYTES = 16384  # holds the longest message and list of pids, escaped
MAX_MESSAGE, MAX_LEFT = 1000, 100
OOM_COUNTERS = {  # by the controllers that /proc/self/cgroup names: none in version 2
    "": ("/sys/fs/cgroup", "memory.events"),
    "memory": ("/sys/fs/cgroup/memory", "memory.oom_control"),
}
IGNORED = ("HUP", "INT", "QUIT", "PIPE", "ALRM", "USR1", "USR2", "TSTP", "TTIN", "TTOU")


class AlreadyStartedError(Exception):
    """This attempt was started before; an attempt is started at most once."""


class NotStartedError(Exception):
    """The process could not be started: holds the exit record's reason and message."""


class Process:
    """What we use of one /proc/PID/stat."""

    __slots__ = ("dead", "group", "parent", "pid", "session", "stopped", "ticks")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid = pid
        self.dead = fields[0] in (b"Z", b"X")
        self.stopped = fields[0] == b"T"
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])
        self.ticks = int(fields[19])


def read_process(pid: int) -> Process | None:
    """Look one process up; None if there is none, or no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
        return Process(pid, line[line.rindex(b")") + 2 :].split())
    except (OSError, ValueError, IndexError):
        return None


def list_processes() -> list[Process]:
    """Look all processes up."""
    names = os.listdir("/proc") if os.path.exists("/proc/self/stat") else []
    return [found for name in names if name.isdigit() and (found := read_process(int(name)))]


def belongs_elsewhere(pid: int, identity: dict[str, str]) -> bool:
    """Whether a process carries other values of an attempt's variables: it is not of the attempt.

    So a stage may start a run, and the worker for it, which outlive the stage.
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
    """Find those of `processes` that descend from `roots`, without the roots themselves.

    What belongs to another attempt or to none is left out, with all that descends from it.
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
    """Signal the process of this pid and start time, never a stranger that took the pid."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):  # not Linux, or a sandbox that forbids it
        handle = -1
    try:
        process = read_process(pid)
        if process is None or process.dead or process.ticks != ticks:
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
    """Name the present boot of this machine: a pid means nothing after the next."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


class MemoryGroup:
    """Our own control group, whose kernel counts its kills for want of memory."""

    def __init__(self) -> None:
        self.counter = find_oom_counter()
        self.kills = count_oom_kills(self.counter)
        self.rose_at = -NEVER

    def look(self, now: float) -> None:
        """See whether the kernel has killed since the last look."""
        kills = count_oom_kills(self.counter)
        if kills > self.kills:
            self.kills, self.rose_at = kills, now


def find_oom_counter() -> str:
    """Find the file with our control group's counter, of either version; empty: there is none."""
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
        for _, controllers, path in groups:
            if controllers not in OOM_COUNTERS:
                continue
            root, name = OOM_COUNTERS[controllers]
            # a container may see its own group as the root, whatever the group is called
            for counter in (f"{root}{path}/{name}", f"{root}/{name}"):
                if os.path.exists(counter):
                    return counter
    return ""


def count_oom_kills(counter: str) -> int:
    """Read how often the kernel killed for want of memory in a control group."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(counter) as file:
        return int(dict(line.split() for line in file)["oom_kill"])
    return 0


def is_full(directory: str) -> bool:
    """Tell whether next to nothing more can be written on a directory's disk."""
    with contextlib.suppress(OSError):
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize < FULL_BYTES
    return False


def become_subreaper() -> bool:
    """Make what outlives its parent our child, whatever its session; False if we cannot."""
    try:
        import ctypes

        set_child_subreaper = 36
        return bool(ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file if it is free."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_machine_lock(path: str, *, make: bool = True) -> int:
    """Open a lock file that every user of the machine can lock; make it if there is none.

    Another user may have put anything in its place: nothing here waits, or follows a link.
    """
    folder, _, name = path.rpartition("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    folder_fd = os.open(folder, flags | os.O_DIRECTORY)
    try:
        return open_plain(name, flags, folder_fd, make)
    finally:
        os.close(folder_fd)


def open_plain(name: str, flags: int, folder: int, make: bool) -> int:
    """Open a file that is a plain one, and has no other name under which it is locked."""
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
        os.fchmod(fd, 0o666)  # made just now, under a umask
    return fd


class Record:
    """A JSON file whose room on the disk is taken beforehand: a full disk cannot lose it."""

    def __init__(self, directory: str, name: str) -> None:
        self.directory, self.path = directory, f"{directory}/{name}"
        self.fd = os.open(f"{self.path}.tmp", os.O_RDWR | os.O_CREAT, 0o600)
        if os.pwrite(self.fd, b" " * RECORD_BYTES, 0) < RECORD_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), directory)

    def write(self, value: dict[str, Any], *, lasting: bool) -> None:
        """Put the record in its place, whole; `lasting`: what it says is on the disk by then."""
        data = json.dumps(value).encode() + b"\n"
        os.pwrite(self.fd, data, 0)
        os.ftruncate(self.fd, len(data))
        if lasting:
            os.fsync(self.fd)
        os.rename(f"{self.path}.tmp", self.path)
        os.close(self.fd)

    def secure(self) -> None:
        """See to it that the record is in its place also after a power cut: it was whole before."""
        folder = os.open(self.directory, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


class Logs:
    """The two files that the process writes to, and the journal of when they grew."""

    def __init__(self, directory: str) -> None:
        names = ("stdout.log", "stderr.log", "times.log")
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        fds = [os.open(f"{directory}/{name}", append, 0o600) for name in names]
        self.outputs, self.journal = fds[:2], fds[2]
        self.sizes = self.noted = (0, 0)
        self.grown_at = self.noted_at = time.monotonic()
        self.journal_size = 0

    def look(self, now: float, *, last: bool = False) -> None:
        """See whether the logs grew, and note it at most once a second."""
        out, err = self.outputs
        sizes = (os.fstat(out).st_size, os.fstat(err).st_size)
        if sizes != self.sizes:
            self.sizes, self.grown_at = sizes, now
        if self.sizes != self.noted and (last or now - self.noted_at >= TICK):
            self.note(now)

    def note(self, now: float) -> None:
        """Append a line to the journal: all of it or, on a full disk, nothing."""
        line = b"%d %d %d\n" % (microseconds(), *self.sizes)
        with contextlib.suppress(OSError):
            if os.write(self.journal, line) < len(line):
                os.ftruncate(self.journal, self.journal_size)
                return
            self.journal_size += len(line)
            self.noted, self.noted_at = self.sizes, now


class Signals:
    """The request to stop and the ends of children, waited for without looking all the time."""

    def __init__(self) -> None:
        self.stop = False
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
        """Remember the request; a second one changes nothing."""
        self.stop = True

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, for `seconds` at most."""
        if select.select([self.reader], [], [], max(0.0, seconds))[0]:
            os.read(self.reader, 4096)


class Attempt:
    """One attempt under way: its process, what is due to it and when, and its outcome."""

    def __init__(self, directory: str, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.timeout = float(spec["timeout"] or NEVER)
        self.silence_timeout = float(spec["silence_timeout"] or NEVER)
        self.grace = float(spec["grace"])
        self.stop_signal = int(getattr(signal, "SIG" + spec["stop_signal"].removeprefix("SIG")))
        self.exit_record = Record(directory, "exit.json")
        self.pid_record = Record(directory, "pid.json")
        self.logs = Logs(directory)
        self.signals = Signals()
        self.reaper = become_subreaper()
        self.memory = MemoryGroup()
        self.locks: list[int] = []
        self.pid = 0
        self.began = steady()
        self.ended_at = self.timeout_at = self.kill_at = self.give_up_at = NEVER
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

    def run(self, answer: Callable[[int, str, int], None]) -> None:
        """Start the process, answer whether it runs, and see it to its end."""
        try:
            self.take_locks()
            self.start()
        except NotStartedError as error:
            self.outcome["reason"], self.outcome["message"], self.outcome["errno"] = error.args
            self.finish()
            answer(FAILED, *error.args[1:])
        else:
            answer(STARTED, "", 0)
            self.follow()
            self.finish()

    def take_locks(self) -> None:
        """Take the machine-wide locks, those of GPUs. The process inherits them.

        So a GPU is free only when no process on it is left, also after our own death.
        """
        for path in self.spec["locks"]:
            try:
                self.locks.append(open_machine_lock(path))
                if not try_lock(self.locks[-1]):
                    raise NotStartedError("lock_held", f"another process has locked {path}", 0)
            except OSError as error:
                message = f"cannot open the lock {path}: {error.strerror}"
                raise NotStartedError("lock_held", message, number_of(error)) from error

    def start(self) -> None:
        """Start the process. It waits for pid.json to be there: none runs that cannot be found."""
        gate, gate_opener = os.pipe()
        failure, failure_writer = os.pipe()
        try:
            self.pid = os.fork()
        except OSError as error:
            words = f"cannot fork: {error.strerror}"
            raise NotStartedError("start_failed", words, number_of(error)) from error
        if self.pid == 0:
            os.close(gate_opener)
            become(self.spec, self.logs.outputs, self.locks, gate, failure_writer)
        os.close(gate)
        os.close(failure_writer)
        self.outcome["started_at"], self.began = microseconds(), steady()
        self.timeout_at = time.monotonic() + self.timeout
        self.write_pids()
        os.write(gate_opener, b"1")
        os.close(gate_opener)
        message = os.read(failure, 4096)  # nothing: exec succeeded, and so closed the other end
        os.close(failure)
        if message:
            os.waitpid(self.pid, 0)
            words = message[1:].decode("utf-8", "replace")
            raise NotStartedError("start_failed", words, message[0])

    def write_pids(self) -> None:
        """Say who runs, so that it can be told from whoever has these pids later."""
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
        """Wait until no process of the attempt is left; stop what has to be stopped."""
        while self.reap():
            now = time.monotonic()
            if now >= self.give_up_at:
                self.outcome["left"] = [p.pid for p in self.members() if not p.dead][:MAX_LEFT]
                return
            self.logs.look(now)
            self.memory.look(now)
            self.decide(now)
            self.signals.wait(min(now + TICK, self.due_at()) - time.monotonic())

    def reap(self) -> bool:
        """Collect the children that ended; False when no process of the attempt is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return not self.reaper and group_exists(self.pid)
            if pid == 0:
                return self.ended_at == NEVER or not self.has_strangers_only()
            size = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            self.outcome["max_rss_bytes"] = max(size, self.outcome["max_rss_bytes"] or 0)
            if pid == self.pid and self.ended_at == NEVER:
                code = os.waitstatus_to_exitcode(status)
                self.outcome["exit_code" if code >= 0 else "signal"] = abs(code)
                self.outcome["completed_at"] = self.microseconds_now()
                self.ended_at = time.monotonic()
                self.memory.look(self.ended_at)
                self.outcome["oom_kill"] = self.ended_at - self.memory.rose_at < OOM_WINDOW
                self.outcome["disk_full"] = is_full(self.exit_record.directory)

    def members(self) -> list[Process]:
        """Find the processes of the attempt, besides those that are none of its own."""
        return descendants({os.getpid()}, list_processes(), self.spec["identity"])

    def has_strangers_only(self) -> bool:
        """Whether all that is left are processes that a stage started for others."""
        children = [p.pid for p in list_processes() if p.parent == os.getpid() and not p.dead]
        identity = self.spec["identity"]
        return bool(children) and all(belongs_elsewhere(pid, identity) for pid in children)

    def microseconds_now(self) -> int:
        """Tell the time by the start's: the clock may have been set since, no duration was."""
        return int(self.outcome["started_at"]) + int((steady() - self.began) * 1e6)

    def due_at(self) -> float:
        """Tell when something is due, should no signal come before."""
        if self.kill_at < NEVER:
            return min(self.kill_at, self.give_up_at)
        if self.ended_at < NEVER:
            return self.ended_at + LINGER
        return min(self.timeout_at, self.logs.grown_at + self.silence_timeout)

    def decide(self, now: float) -> None:
        """Do what is due: ask to end, kill, or nothing."""
        if now >= self.kill_at:
            self.send(signal.SIGKILL)
            self.kill_at = now + LINGER
            self.give_up_at = min(self.give_up_at, now + KILL_WAIT)
        elif self.kill_at == NEVER and (now >= self.due_at() or self.signals.stop):
            self.ask_to_end(now)

    def ask_to_end(self, now: float) -> None:
        """Send the stop signal to every process of the attempt, and set the time to kill."""
        self.kill_at = now + self.grace
        if self.ended_at < NEVER:
            self.kill_at = now + min(self.grace, LEFTOVER_GRACE)
        elif self.signals.stop:
            self.outcome.update(reason="stopped", signalled=True)
        elif now >= self.timeout_at:
            self.outcome.update(reason="timeout", signalled=True)
        else:
            self.outcome.update(reason="silence", signalled=True)
        self.send(self.stop_signal)
        self.send(signal.SIGCONT)  # a suspended process takes no other signal

    def send(self, number: int) -> None:
        """Signal the group, which no fork can escape, and one by one those that left it."""
        members = self.members()
        if not self.reaper or any(member.group == self.pid for member in members):
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)
        for member in members:
            if member.group != self.pid:
                send_signal(member.pid, member.ticks, number)

    def finish(self) -> None:
        """Record the end, free the locks, and tell whoever has to know."""
        self.logs.look(time.monotonic(), last=True)
        self.outcome["completed_at"] = self.outcome["completed_at"] or self.microseconds_now()
        for fd in self.locks:  # before the record: who reads it may start the next at once
            os.close(fd)
        try:
            self.exit_record.write(self.outcome, lasting=True)
        finally:
            wake(self.spec["wake"])
            if self.spec["revive"] and is_free(self.spec["revive_lock"]):
                spawn(self.spec["revive"])
        self.exit_record.secure()  # after the knock: a disk may take its time


def microseconds() -> int:
    """Tell the time, in microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def steady() -> float:
    """Tell seconds on a clock that nobody sets; where it can, it goes on while all sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def group_exists(group: int) -> bool:
    """Whether a process is left in a group: all that can be asked without a subreaper."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def become(
    spec: dict[str, Any], outputs: list[int], locks: list[int], gate: int, failure: int
) -> NoReturn:
    """Turn this fork into the attempt's process, or write to `failure` what hinders that."""
    step = "set up the process"
    try:
        os.setsid()
        reset_signals()
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # a stage that eats the memory goes before the worker
        for target, source in enumerate(outputs, start=1):
            os.dup2(source, target)
        for fd in locks:
            os.set_inheritable(fd, True)
        if os.read(gate, 1):  # else the supervisor died first
            name = spec["argv"][0]
            os.umask(spec["umask"])
            step = f"enter the working directory {spec['cwd']!r}"
            os.chdir(spec["cwd"])
            step = f"start {name!r}" + ("" if "/" in name else " (looked for on the stage's PATH)")
            os.execvpe(name, spec["argv"], spec["env"])
    except BaseException as error:
        why = error.strerror if isinstance(error, OSError) else repr(error)
        words = f"cannot {step}: {why}"[:MAX_MESSAGE].encode("utf-8", "replace")
        os.write(failure, bytes([number_of(error)]) + words)
    finally:
        os._exit(BROKEN)


def number_of(error: BaseException) -> int:
    """Return an error's errno as one byte; 0 where it has none."""
    number = error.errno if isinstance(error, OSError) else None
    return number if number is not None and 0 < number < 256 else 0


def reset_signals() -> None:
    """Give every signal its default meaning, and block none."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # the C library keeps some for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def wake(path: str | None) -> None:
    """Knock at the worker's socket; nobody there is no matter."""
    if path:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knocker,
        ):
            knocker.setblocking(False)
            knocker.sendto(b"ended\n", path)


def is_free(path: str | None) -> bool:
    """Whether nobody holds the lock at `path`: no guard is alive."""
    if not path:
        return False
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        return try_lock(fd, fcntl.LOCK_SH)  # shared: of two that look at once, both see it free
    finally:
        os.close(fd)


def spawn(argv: list[str]) -> None:
    """Start a program that is to outlive us and owes us nothing."""
    if os.fork() == 0:
        try:
            os.setsid()
            reset_signals()
            os.dup2(0, 2)  # 0 and 1 are /dev/null already
            os.execvp(argv[0], argv)
        finally:
            os._exit(BROKEN)


def claim(lock: int, directory: str) -> None:
    """Lock the attempt, if it was never started."""
    patience = time.monotonic() + 2.0
    while not try_lock(lock):  # held by another supervisor, or for an instant by one who looks
        if os.path.exists(f"{directory}/started") or time.monotonic() > patience:
            raise AlreadyStartedError
        time.sleep(0.01)
    if os.path.exists(f"{directory}/started"):
        raise AlreadyStartedError


def load_spec(directory: str) -> dict[str, Any]:
    """Read what to run."""
    with open(f"{directory}/spec.json", "rb") as file:
        spec: dict[str, Any] = json.load(file)
    if spec["version"] != VERSION:
        raise ValueError(f"spec.json is of version {spec['version']}, not {VERSION}")
    return spec


def begin(directory: str) -> Attempt:
    """Lock the attempt for our whole life and make all ready; no process is started yet."""
    lock = os.open(f"{directory}/lock", os.O_RDWR)  # never made here: see `process.create_lock`
    try:
        claim(lock, directory)
        attempt = Attempt(directory, load_spec(directory))
        # Its time is what outputs are compared to: they are newer.
        os.close(os.open(f"{directory}/started", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except BaseException:
        os.close(lock)  # before the answer: whoever has that must not see a supervisor here
        raise
    with contextlib.suppress(OSError):  # a full disk hinders no attempt
        forget_secrets(directory, attempt.spec)
    return attempt


def forget_secrets(directory: str, spec: dict[str, Any]) -> None:
    """Leave out of the record what the process alone needs: stages' directories are passed on."""
    kept = json.dumps({**spec, "argv": spec["argv"][:1], "env": {}})
    temporary = f"{directory}/.spec-{os.getpid()}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(kept)
    os.rename(temporary, f"{directory}/spec.json")


def supervise(directory: str, answer: Callable[[int, str, int], None]) -> None:
    """Run the attempt, unless it was started before or could not be recorded."""
    try:
        attempt = begin(directory)
    except AlreadyStartedError as error:
        answer(ALREADY, str(error.__doc__), 0)
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        answer(BROKEN, f"nothing was started: {error!r}", number_of(error))
    else:
        attempt.run(answer)


def detach(directory: str) -> None:
    """Leave the session, the directory and the standard streams of whoever started us."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    errors = null
    with contextlib.suppress(OSError):
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        errors = os.open(f"{directory}/supervisor.log", append, 0o600)
    for target, source in enumerate((null, null, errors)):
        os.dup2(source, target)


def hatch(directory: str, writer: int) -> None:
    """Fork the supervisor of an attempt, which is nobody's child; it answers through `writer`."""
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
        sys.excepthook(*sys.exc_info())  # for supervisor.log: nobody is above us
    finally:
        os._exit(code)


def fork(writer: int) -> int:
    """Fork, or return -1 and say through `writer` that the system does not let us."""
    try:
        return os.fork()
    except OSError as error:
        words = f"nothing was started: cannot fork: {error.strerror}"
        say(writer, BROKEN, words, number_of(error))
        return -1


def reply(writer: int, code: int, message: str, number: int) -> None:
    """Tell whoever asked for the attempt what came of it, and no more."""
    say(writer, code, message, number)
    os.close(writer)


def say(writer: int, code: int, message: str, number: int) -> None:
    """Write a code, an errno and a message to whoever asked for the attempt."""
    with contextlib.suppress(OSError):  # whoever asked is gone: the attempt goes on
        os.write(writer, bytes([code, number]) + message.encode("utf-8", "replace")[:4000])


def relay(reader: int) -> int:
    """Wait for the supervisor's answer; print its message and return its code."""
    answer = os.read(reader, 4096)
    if not answer:
        answer = bytes([BROKEN, 0]) + b"the supervisor ended before it answered; see supervisor.log"
    os.write(2, answer[2:])
    return answer[0]


def serve() -> int:
    """Be a nursery: fork a supervisor for each directory that stdin, a socket, asks for."""
    # so that no supervisor has to; `os.wait4` and `os.execvpe` do for the last two
    import ctypes  # noqa: F401
    import resource  # noqa: F401
    import warnings  # noqa: F401

    connection = socket.socket(fileno=0)  # so that no supervisor keeps it open: see `detach`
    gc.collect()
    gc.freeze()  # what is in memory now stays shared
    while True:
        asked, fds, _, _ = socket.recv_fds(connection, 4096, 1)
        if not asked or not fds:
            return 0  # whoever started us is gone
        os.set_inheritable(fds[0], False)
        hatch(os.fsdecode(asked), fds[0])
        os.close(fds[0])


def main(argv: list[str]) -> int:
    """Fork the supervisor of one attempt and wait for its answer, or with no attempt, serve."""
    os.umask(0o077)
    with contextlib.suppress(OSError):  # no /dev/fd: few start us with more open than they know
        for fd in map(int, os.listdir("/dev/fd")):
            os.closerange(max(fd, 3), fd + 1)  # unlike close, silent about the listing's own
    if len(argv) < 2:
        return serve()
    reader, writer = os.pipe()
    hatch(os.path.abspath(argv[1]), writer)
    os.close(writer)
    return relay(reader)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
