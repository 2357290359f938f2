"""The daemon processes of a home: wanted or not, started and ended, respawned when they die.

They outlive the process that starts them. Whether one is alive is known by its lock alone (flock),
which the kernel releases when its owner dies, however it dies. A pid proves nothing: it may belong
to a zombie or have been reused. A lock file is never removed.

Two timestamps on disk, of the last start and stop requests, say whether the worker is wanted. The
later one wins, regardless of who wrote it and of which processes are starting or stopping. So a
start request during a stop is not lost, nor is a run submitted while an idle worker exits.

Beside the processes here are the threads of a process's services, which repeat a step and retry it
after an error.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Protocol

from trainui import installation, paths, system
from trainui.errors import StoreError, TrainuiError
from trainui.paths import Home, write_private
from trainui.record import dataclass
from trainui.supervisor.supervise import start_ticks, try_lock

logger = logging.getLogger(__name__)

_LOG_LIMIT = 1 << 20
"""Size in bytes at which a log is rotated. A start adds a few lines; one old log is kept."""

_TAIL_BYTES = 1 << 16
"""How much of the end of a log is searched for its last lines."""

_KILL_WAIT = 5.0
"""Seconds to wait after SIGKILL: a process in an uninterruptible system call dies only after it."""

_started: list[subprocess.Popen[bytes]] = []
"""Child processes not yet reaped, so that none remains a zombie."""

FIRST_DELAY = 0.2
"""Seconds between the first start and the second; doubled at each further start."""

MAX_DELAY = 30.0
"""Upper limit of the delay, in seconds."""

RESET_AFTER = 60.0
"""Seconds of uptime after which the delay is reset."""

_PATIENCE = 2.0
"""Seconds to retry: `lock_holder` takes a shared lock for some microseconds to test it."""

RETRY_AFTER = 1.0
"""Seconds from a failed step of a service's thread to the next one."""

NO_WORKER = "no worker"
"""Reason why nothing starts while the worker is not wanted; the next run starts it."""

_WANTED, _WITHDRAWN = "wanted", "withdrawn"


def module_argv(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module; files in its working directory cannot shadow it."""
    return [sys.executable, "-P", "-m", module, *arguments]


def with_child(argv: Sequence[str], child: Sequence[str]) -> list[str]:
    """Return the command that starts `child`, then becomes `argv` with the child's pid appended."""
    return ["/bin/sh", "-c", f"{shlex.join(child)} & exec {shlex.join(argv)} $!"]


class InheritedChild:
    """A child of this process that is known by its pid; like `Popen`, as far as needed.

    It was forked, or started before `exec`.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it is alive.

        0 also if the shell before `exec` reaped it: its code is lost, as with `Popen`.
        """
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._code = 0
            else:
                self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def spawn(
    argv: Sequence[str],
    log: Path,
    *,
    inherited: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process in a new session, detached from our terminal and file descriptors.

    The log is created with mode 0600. `inherited` are further file descriptors to pass to the
    process.

    Raises:
        OSError: the program cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    with _open_log(log) as output:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            pass_fds=inherited,
            start_new_session=True,
            umask=0o077,
        )
    system.restore_open_files(process.pid)
    _started.append(process)
    return process


def fork(main: Callable[[], int], log: Path, lock: Lock) -> InheritedChild:
    """Run a function in a fork of this process, which has no threads; its result is the exit code.

    The fork has a session of its own, its output in a log, and no share of our `lock`.
    """
    if pid := os.fork():
        return InheritedChild(pid)
    code = 1
    try:
        os.close(lock.descriptor)
        signal.set_wakeup_fd(-1)
        accept_signals()
        os.setsid()
        redirect_output(log)
        code = main()
    except Exception:
        logger.exception("unexpected error")
    finally:
        os._exit(code)


def end(pid: int, is_gone: Callable[[], bool], *, grace: float) -> bool:
    """End a process: SIGTERM, then SIGKILL after `grace` seconds.

    The caller has made sure that the pid was not reused. Returns True if it has ended.
    """
    _send(pid, signal.SIGTERM)
    _send(pid, signal.SIGCONT)  # a suspended process handles SIGTERM only once it is resumed
    if wait_until(is_gone, grace):
        return True
    _send(pid, signal.SIGKILL)
    return wait_until(is_gone, _KILL_WAIT)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until a condition is true; return False on timeout."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def accept_signals() -> None:
    """Reset inherited signal dispositions and the signal mask to the defaults."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def read_tail(log: Path, start: int = 0, *, lines: int = 15) -> str:
    """Return the last lines of a log after byte offset `start`; empty if it cannot be read."""
    try:
        with system.open_plain(log) as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def redirect_output(log: Path) -> None:
    """Append this process's stdout and stderr to a log."""
    with _open_log(log) as output:
        for target in (1, 2):
            os.dup2(output.fileno(), target)


def _open_log(log: Path) -> BinaryIO:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    return os.fdopen(os.open(log, flags, 0o600), "ab")


def _environment() -> dict[str, str]:
    """Return our environment with relative paths made absolute, for a process started in `/`.

    If we run inside a stage, the stage's identity and GPU variables are removed: the daemon
    outlives the stage and must not be limited to its GPUs.
    """
    from trainui.supervisor.protocol import IDENTITY  # late: the first frame starts no process

    environ = {**os.environ, **dict.fromkeys(IDENTITY, "")}
    for name in ("TRAINUI_HOME", "TRAINUI_RUNS_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        if environ.get(name):
            environ[name] = str(paths.absolute(environ[name]))
    if os.environ.get(IDENTITY[0]):
        for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
            environ.pop(name, None)
    return {**environ, **installation.own_python_path()}


class ChildProcess(Protocol):
    """A child process, e.g. a `Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it is alive."""


@dataclass
class RespawnedProcess:
    """A respawned process and its backoff state."""

    name: str
    """Name in the log."""
    spawn: Callable[[], ChildProcess]
    """Starts the process."""
    is_alive: Callable[[], bool]
    """Returns True if the service is running, no matter which process started it."""
    process: ChildProcess | None = None
    """Our child process, until it is reaped."""
    on_end: Callable[[int, int], None] = lambda _pid, _code: None
    """Called with the pid and exit code of our child after it was reaped."""
    max_delay: float = MAX_DELAY
    """Upper limit of the delay, in seconds."""
    due: float = field(default=0.0, init=False)
    """Earliest time of the next start, on the caller's clock."""
    _delay: float = field(default=0.0, init=False)
    _alive_since: float | None = field(default=None, init=False)

    def poll(self, now: float) -> None:
        """Reap the child, and start a new one if the service is down and a start is due."""
        if self.process is not None and (code := self.process.poll()) is not None:
            ended, self.process = self.process, None  # first, in case `on_end` raises
            if code == 0 and self.is_alive():
                logger.info(
                    "the %s runs; pid %d, which started it, has ended", self.name, ended.pid
                )
            else:
                logger.info("the %s, pid %d, ended with code %d", self.name, ended.pid, code)
            self.on_end(ended.pid, code)
        if self.is_alive():
            self._alive_since = now if self._alive_since is None else self._alive_since
            if now - self._alive_since >= RESET_AFTER:
                self._delay = self.due = 0.0
        elif self.process is None and now >= self.due:
            self._alive_since = None
            self._delay = min(max(2 * self._delay, FIRST_DELAY), self.max_delay)
            self.due = now + self._delay
            self.process = self.spawn()
            logger.info("started the %s, pid %d", self.name, self.process.pid)

    def is_settled(self) -> bool:
        """Return True if the service is running or its start failed, False while it is starting."""
        return self.process is None or self.is_alive()


def want_worker(home: Home) -> None:
    """Request that the worker runs; the timestamp grows even if the clock was set back."""
    _write_stamp(
        home,
        _WANTED,
        max(time.time_ns(), worker_wanted_at(home) + 1, worker_withdrawn_at(home) + 1),
    )


def withdraw_worker(home: Home) -> None:
    """Request that the worker stops."""
    _write_stamp(home, _WITHDRAWN, max(time.time_ns(), worker_wanted_at(home) + 1))


def withdraw_worker_as_seen(home: Home, seen: int) -> None:
    """Request a stop, unless a start was requested after `wanted_at` returned `seen`."""
    _write_stamp(home, _WITHDRAWN, max(seen, worker_withdrawn_at(home)))


def is_worker_wanted(home: Home) -> bool:
    """Return True if the last request was to run the worker."""
    return worker_wanted_at(home) > worker_withdrawn_at(home)


def worker_wanted_at(home: Home) -> int:
    """Return the time of the last start request, in nanoseconds since 1970; 0 if never."""
    return _read_stamp(home, _WANTED)


def worker_withdrawn_at(home: Home) -> int:
    """Return the time of the last stop request, in nanoseconds since 1970; 0 if never."""
    return _read_stamp(home, _WITHDRAWN)


def _write_stamp(home: Home, name: str, stamp: int) -> None:
    write_private(home.worker / name, f"{stamp}\n")


def _read_stamp(home: Home, name: str) -> int:
    try:
        return int(system.read_text(home.worker / name))
    except (FileNotFoundError, ValueError):
        return 0


class Lock:
    """An acquired lock; a process that inherits `descriptor` shares it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def is_lost(self) -> bool:
        """Return True if the file at its path was removed or replaced: nobody sees this lock."""
        try:
            return not os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Release our share; a process that inherited the lock still owns it."""
        os.close(self.descriptor)

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def acquire_lock(path: Path) -> Lock | None:
    """Acquire the lock for the lifetime of this process, or until it is closed.

    Returns None if another process owns it. Our pid and start time are written into the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _take(descriptor):
        os.close(descriptor)
        return None
    pid = os.getpid()
    text = json.dumps({"pid": pid, "start_ticks": start_ticks(pid)})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    return Lock(path, descriptor)


def lock_holder(path: Path) -> int | None:
    """Return the pid of a lock's owner; None if the lock is free.

    0 if the owner has not written its pid yet or only inherited the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return None if try_lock(descriptor, fcntl.LOCK_SH) else _read_pid(descriptor)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return True if a process owns the lock."""
    return lock_holder(path) is not None


def _take(descriptor: int) -> bool:
    give_up_at = time.monotonic() + _PATIENCE
    while not try_lock(descriptor, fcntl.LOCK_EX):
        if not try_lock(descriptor, fcntl.LOCK_SH):
            return False  # owned exclusively by another process
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # another process was only testing it: retry
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.001)
    return True


def _read_pid(descriptor: int) -> int:
    try:
        info = json.loads(os.pread(descriptor, 65_536, 0))
        pid, ticks = int(info["pid"]), info["start_ticks"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0
    return pid if start_ticks(pid) == ticks else 0  # else an earlier owner has written it


# The worker is started before it is known whether it is needed: its imports take most of a start,
# so they run while the command still checks its pipeline. Then the worker waits until the command
# closes its stdin, and exits if it is not wanted by then.

GUARD_ARGV = module_argv("trainui.execution.daemon.guard")
"""Command line of the guard."""

WORKER_ARGV = module_argv("trainui.execution.worker")
"""Command line of the worker."""

EARLY = "early"
"""Argument of a worker that was started early."""

_early: subprocess.Popen[bytes] | None = None


@contextmanager
def early_worker() -> Iterator[None]:
    """Start the worker early; at the end it exits, unless `ensure_started` was called."""
    with suppress(OSError):  # `ensure_started` reports it
        _begin_early_worker()
    try:
        yield
    finally:
        release_early_worker()


def _begin_early_worker() -> None:
    """Start the worker early, unless it or the guard is running."""
    global _early
    home = paths.home()
    if _early is None and not is_held(home.guard_lock) and not is_held(home.worker_lock):
        # The home is not created, because the command may yet be rejected.
        argv = _early_argv(home.guard_log)
        _early = spawn(argv, Path(os.devnull), stdin=subprocess.PIPE)


def _early_argv(log: Path) -> list[str]:
    """Return a shell that starts the worker, waits for the end of its input, and is the guard."""
    worker, guard = shlex.join([*WORKER_ARGV, EARLY]), shlex.join(GUARD_ARGV)
    keep = "exec 3<&0"  # a shell gives a background command an empty stdin, as descriptor 0
    wait = "exec 3<&-; while read -r _; do :; done"
    become = f"exec {guard} $! </dev/null >>{shlex.quote(str(log))} 2>&1"
    return ["/bin/sh", "-c", f"{keep}; {worker} <&3 3<&- & {wait}; {become}"]


def release_early_worker() -> subprocess.Popen[bytes] | None:
    """Let the early worker continue under a guard; return the guard, or None if there is none."""
    global _early
    process, _early = _early, None
    if process is None or process.stdin is None or process.poll() is not None:
        return None
    process.stdin.close()
    return process


def await_release(log: Path) -> None:
    """Wait until the command is decided or dead; then write our output to `log` if possible."""
    while os.read(0, 64):
        pass
    if log.parent.is_dir():
        redirect_output(log)


def log_failure(service: str, error: Exception) -> None:
    """Log an error of a service that will be retried; outages of the store have their own log."""
    if isinstance(error, StoreError):
        from trainui.store.db import engine  # late: the guard needs no database

        engine.outages.failed(error)
    elif isinstance(error, TrainuiError):
        logger.warning("%s: will retry: %s", service, error)
    else:
        logger.error("%s: unexpected error, will retry", service, exc_info=error)


class ServiceThread:
    """Repeats a step in a daemon thread."""

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        stopping: threading.Event,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Start nothing yet.

        Args:
            name: the thread's name, also for the log.
            step: returns the seconds until the next step; None: until the thread is woken.
            stopping: set when the worker stops.
            at_end: called in the thread after the last step.
        """
        self._step = step
        self._stopping = stopping
        self._at_end = at_end
        self._wakeup = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, unless it is started."""
        if self._thread.ident is None:
            self._thread.start()

    def wake(self) -> None:
        """Run a step now; during a step, run another one after it."""
        self._wakeup.set()
        self.start()

    def stop(self, within: float) -> None:
        """Wait until the thread has ended; the worker is stopping."""
        self._wakeup.set()
        if self._thread.ident is not None:
            self._thread.join(within)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._wakeup.clear()
            try:
                pause = self._step()
            except Exception as error:
                log_failure(self._thread.name, error)
                self._stopping.wait(RETRY_AFTER)
            else:
                self._wakeup.wait(0.0 if self._stopping.is_set() else pause)
        self._at_end()
