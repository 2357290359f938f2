"""Launch, probe and stop the process of an attempt, for the worker; find what is left of it.

Nothing here waits for an attempt to end, and a pid is always checked with its start time. Even that
is not enough for orphans, whose supervisor is dead: a process belongs to the attempt if it has the
attempt's identity variables in its environment, if it is the recorded process (same boot, pid and
start time) or in its session, or if it descends from one of these. No other process is signalled.
So an attempt whose records are removed or cannot be read is still found.

A fork server starts the supervisors without a new interpreter for each: it is `supervise.py` with
all imports done. It ends with the process that started it, but its supervisors continue. If it is
killed, a new one is started.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import installation, paths, system
from trainui.errors import ReplacedError
from trainui.record import dataclass
from trainui.supervisor import protocol, supervise
from trainui.supervisor.protocol import IDENTITY, Exit, JournalError, Pids, Spec
from trainui.supervisor.supervise import (
    KILL_WAIT,
    Process,
    boot_id,
    descendants,
    list_processes,
    send_signal,
    start_ticks,
    try_lock,
)

if TYPE_CHECKING:
    from trainui.plugin.backends import Launched

POLL_EVERY = 0.02
"""Polling interval in seconds for processes being stopped; they are not our children."""

_SUPERVISOR_PROGRAM = b"/supervise.py"
"""The end of the path by which a supervisor was started, by whichever installation."""

SUPERVISOR_PATIENCE = 20.0
"""Seconds after the grace period for a supervisor asked to stop; it mostly ends earlier."""

KILL_AGAIN = 0.2
"""Seconds until KILL is sent again, for processes forked in the meantime."""


class SupervisorLivesError(Exception):
    """The attempt's supervisor is alive; ask it to stop the attempt instead."""


def is_supervised(attempt_dir: Path) -> bool | None:
    """Return True if a supervisor holds the attempt's lock, which is released when it dies.

    None if the attempt's records were removed.

    Raises:
        OSError: the lock cannot be opened, or is not a regular file.
    """
    try:
        file = system.open_plain(attempt_dir / protocol.LOCK_FILE)
    except FileNotFoundError:
        return None
    with file:
        return not try_lock(file.fileno(), fcntl.LOCK_SH)


class ProcessTable:
    """The living processes of this machine; each is read once, for the probes of many attempts."""

    def __init__(self) -> None:
        self._variables: dict[int, set[bytes]] = {}

    @cached_property
    def living(self) -> list[Process]:
        """All of them except this process, as they were at the first use."""
        return [p for p in list_processes() if not p.dead and p.pid != os.getpid()]

    def carriers(self, wanted: set[bytes]) -> set[int]:
        """Return those that were started with all these variables; none if it is empty."""
        if not wanted:
            return set()
        if not self._variables:
            self._variables = {p.pid: _variables_of(p.pid) for p in self.living}
        return {pid for pid, variables in self._variables.items() if wanted <= variables}

    @cached_property
    def supervisors(self) -> dict[int, str]:
        """The log that each supervisor writes, by pid; empty if it cannot be read."""
        return {p.pid: _log_of(p.pid) for p in self.living if _is_supervisor(p.pid)}


def find_supervisor(
    attempt_dir: Path, members: Collection[Process], table: ProcessTable | None = None
) -> Process | None:
    """Return the living supervisor of an attempt with these processes, whatever its records say.

    It is the recorded process; else the one that writes the attempt's `supervisor.log`, or the
    parent of a member.
    """
    pids = protocol.readable_pids(attempt_dir)
    if pids is not None and is_supervisor_alive(pids):
        return supervise.read_process(pids.supervisor_pid)
    parents = {member.parent for member in members}
    log = str(attempt_dir / protocol.SUPERVISOR_LOG)
    table = table or ProcessTable()
    for one in table.living:
        its_log = table.supervisors.get(one.pid)
        if its_log == log or (its_log is not None and one.pid in parents):
            return one
    return None


def _is_supervisor(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(one.endswith(_SUPERVISOR_PROGRAM) for one in arguments[:8])


def _log_of(supervisor: int) -> str:
    try:
        return str(Path(f"/proc/{supervisor}/fd/2").readlink()).removesuffix(" (deleted)")
    except OSError:
        return ""


def processes_of(identity: Mapping[str, str]) -> list[int]:
    """Return the processes that have all these environment variables; none if it is empty."""
    return sorted(ProcessTable().carriers(_variables(identity)))


def environments(names: Collection[str]) -> Iterator[dict[str, str]]:
    """Yield the environments of processes that have all these variables, none of them empty."""
    for one in ProcessTable().living:
        try:
            text = os.fsdecode(Path(f"/proc/{one.pid}/environ").read_bytes())
        except OSError:
            continue
        environ = dict(line.partition("=")[::2] for line in text.split("\0"))
        if all(environ.get(name) for name in names):
            yield environ


def is_leader_alive(pids: Pids) -> bool:
    """Return True if the attempt's main process is alive (and its pid was not reused)."""
    return pids.boot_id == boot_id() and start_ticks(pids.pid) == pids.start_ticks


def is_supervisor_alive(pids: Pids) -> bool:
    """Return True if the attempt's supervisor is alive (and its pid was not reused)."""
    ticks = pids.supervisor_start_ticks
    return pids.boot_id == boot_id() and start_ticks(pids.supervisor_pid) == ticks


def age(pids: Pids) -> float:
    """Return how long the attempt's main process has run, in seconds, despite clock changes.

    Valid only while it is alive.
    """
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return since_boot - pids.start_ticks / os.sysconf("SC_CLK_TCK")


def find_processes(
    attempt_dir: Path,
    identity: Mapping[str, str] | None = None,
    table: ProcessTable | None = None,
) -> list[Process]:
    """Return all living processes of an attempt.

    Without the `identity` variables, they are read from its spec, which may be removed. Without a
    `table`, the processes of this machine are read now.

    Raises:
        JournalError: its records have another version, and `identity` is None.
        OSError: its records cannot be read, and `identity` is None.
    """
    try:
        pids = protocol.read_pids(attempt_dir)
    except (JournalError, OSError):
        if identity is None:
            raise
        pids = None
    if pids and pids.boot_id != boot_id():
        return []
    if identity is None:
        spec = protocol.read_spec(attempt_dir)
        identity = spec.identity if spec else {}
    table = table or ProcessTable()
    living = table.living
    known = table.carriers(_variables(identity))
    if pids and is_leader_alive(pids):
        known |= {p.pid for p in living if p.session == pids.pid}
    return [p for p in living if p.pid in known] + descendants(known, living, dict(identity))


def kill_orphans(
    attempt_dir: Path, stop_signal: str, grace: float, identity: Mapping[str, str] | None = None
) -> list[int]:
    """Send the stop signal to an attempt's processes, KILL after `grace`; return the survivors.

    Without the `identity` variables, they are read from the attempt's spec.

    Raises:
        SupervisorLivesError: the supervisor is alive and could start new processes.
    """
    members = find_processes(attempt_dir, identity)
    if _is_lock_held(attempt_dir) or find_supervisor(attempt_dir, members):
        raise SupervisorLivesError(attempt_dir)
    _signal_all(members, signal.Signals[f"SIG{stop_signal.removeprefix('SIG')}"])
    _signal_all(members, signal.SIGCONT)
    _wait_for_end(members, grace)
    give_up_at = time.monotonic() + KILL_WAIT
    while (members := find_processes(attempt_dir, identity)) and time.monotonic() < give_up_at:
        _signal_all(members, signal.SIGKILL)
        _wait_for_end(members, KILL_AGAIN)
    return [member.pid for member in members]


def _is_lock_held(attempt_dir: Path) -> bool:
    try:
        return bool(is_supervised(attempt_dir))
    except OSError:
        return False


def _variables(identity: Mapping[str, str]) -> set[bytes]:
    return {os.fsencode(f"{name}={value}") for name, value in identity.items()}


def _variables_of(pid: int) -> set[bytes]:
    """Return the variables that a process was started with; none if they cannot be read."""
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def _signal_all(members: Iterable[Process], number: int) -> None:
    for member in members:
        send_signal(member.pid, member.ticks, number)


def _wait_for_end(members: Iterable[Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    waiting = list(members)
    while waiting and time.monotonic() < deadline:
        time.sleep(POLL_EVERY)
        waiting = [m for m in waiting if start_ticks(m.pid) == m.ticks]


UNANSWERED = "the supervisor ended before it answered; see supervisor.log"


class NoAnswerError(Exception):
    """No supervisor answered in time; a late one may still start the attempt."""


class ForkServer:
    """A client of the fork server, which starts it on first use."""

    def __init__(self, *, python: str = sys.executable) -> None:
        self._python = python
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The pid of the fork server; None if it is not started."""
        return self._running[0].pid if self._running else None

    def prepare(self) -> None:
        """Start the fork server unless it is running."""
        with self._lock:
            self._living()

    def ask(self, directory: Path, patience: float) -> tuple[int, int, str]:
        """Start an attempt and return its supervisor's answer: code, errno and message.

        The answer may take `patience` seconds; without one, NoAnswerError is raised.
        """
        reader, writer = os.pipe()
        try:
            try:
                asked = self._send(os.fsencode(directory.absolute()), writer)
            finally:
                os.close(writer)
            answer = _read_all(reader, patience)
        except TimeoutError as error:
            asked.kill()  # it hangs: the next request starts a new one
            asked.wait()
            raise NoAnswerError(f"no answer within {patience:g} s") from error
        finally:
            os.close(reader)
        if len(answer) < 2:
            raise NoAnswerError(UNANSWERED)
        return answer[0], answer[1], answer[2:].decode("utf-8", "replace")

    def _send(self, directory: bytes, writer: int) -> subprocess.Popen[bytes]:
        """Send a directory and the pipe for the answer; return the process that received them."""
        with self._lock:
            for _ in range(2):  # it may have died since the last check
                process, connection = self._living()
                try:
                    socket.send_fds(connection, [directory], [writer])
                except ConnectionError:
                    self._end()
                else:
                    return process
        raise NoAnswerError("no supervisor can be started: its interpreter ends at once")

    def _living(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._running is None or self._running[0].poll() is not None:
            self._end()
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                try:
                    self._running = spawn_fork_server(self._python, its), ours
                except (OSError, ReplacedError):
                    ours.close()
                    raise
        return self._running

    def _end(self) -> None:
        if self._running is None:
            return
        process, connection = self._running
        self._running = None
        connection.close()  # the fork server ends when its connection is closed
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop the fork server; the supervisors that it started continue."""
        with self._lock:
            self._end()


def spawn_fork_server(python: str, connection: socket.socket) -> subprocess.Popen[bytes]:
    """Start a fork server that receives requests through `connection`.

    The identity variables of an attempt are set to empty, so that it does not count as a process of
    the attempt that started us.

    Raises:
        OSError: the interpreter cannot be started.
        ReplacedError: another trainui was installed, whose fork server may be incompatible.
    """
    if not installation.is_unchanged():
        raise ReplacedError
    process = subprocess.Popen(
        [python, "-I", "-S", "-X", "utf8", supervise.__file__],
        env={**os.environ, **dict.fromkeys(IDENTITY, "")},
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
    )
    system.restore_open_files(process.pid)
    return process


def _read_all(reader: int, patience: float) -> bytes:
    """Read an answer until end of file; raise TimeoutError after `patience` seconds."""
    give_up_at, answer = time.monotonic() + patience, b""
    while True:
        left = max(0.0, give_up_at - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        if not (piece := os.read(reader, 4096)):
            return answer
        answer += piece


class ProbeState(StrEnum):
    """The state of an attempt's processes and records."""

    NONE = "none"
    """It was never started."""
    REMOVED = "removed"
    """Its records were removed. With its identity known: none of its processes is left either."""
    UNREADABLE = "unreadable"
    """Its records cannot be read, and no process of it is left."""
    RUNNING = "running"
    """Its supervisor is alive: the attempt is starting, running or being stopped."""
    ENDED = "ended"
    """Its end is recorded and no process is left, except those in `Exit.left`."""
    ORPHAN = "orphan"
    """Its supervisor is dead, but one of its processes is alive."""
    LOST = "lost"
    """It was started and no process is left, but its end was not recorded."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of probing an attempt."""

    state: ProbeState
    """Its state."""
    exit: Exit | None = None
    """How it ended, if the state is ENDED."""
    problem: str = ""
    """Why its records cannot be read; then its processes alone decided."""
    pids: tuple[int, ...] = ()
    """Its processes, where they were searched for."""


def create_lock(attempt_dir: Path) -> None:
    """Create an attempt's lock file, before it may be started; without it nothing is started.

    A missing lock file therefore means that it was removed, and that the attempt may already have
    been started, so it must not be started again.
    """
    os.close(os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600))


def write_spec(attempt_dir: Path, spec: Spec) -> bool:
    """Write the instructions of an attempt's supervisor; return False if it was ever started.

    Raises:
        OSError: the directory cannot be written.
    """
    if (attempt_dir / protocol.STARTED_FILE).exists():
        return False
    # private, because it contains the environment
    paths.write_private(attempt_dir / protocol.SPEC_FILE, spec.to_json())
    return True


def start(
    attempt_dir: Path,
    *,
    python: str = sys.executable,
    patience: float = 60.0,
    fork_server: ForkServer | None = None,
) -> Launched:
    """Start the supervisor of an attempt whose spec is written; wait until its process runs.

    The attempt's directory (mode 0700) has its lock file. The answer may take `patience` seconds; a
    late attempt may still start. Without a fork server, one is started for this attempt only.

    Raises:
        OSError: the interpreter cannot be started.
    """
    if fork_server is not None:
        return _ask(fork_server, attempt_dir, patience)
    with closing(ForkServer(python=python)) as own:
        return _ask(own, attempt_dir, patience)


def _ask(fork_server: ForkServer, attempt_dir: Path, patience: float) -> Launched:
    """Start an attempt by the fork server; retry once, in case the server was just killed."""
    from trainui.plugin.backends import LaunchAnswer, Launched  # late: few processes launch

    answers = {
        supervise.STARTED: LaunchAnswer.STARTED,
        supervise.ALREADY: LaunchAnswer.ALREADY,
        supervise.FAILED: LaunchAnswer.FAILED,
    }
    for _ in range(2):
        try:
            code, number, message = fork_server.ask(attempt_dir, patience)
        except NoAnswerError as error:
            failed = Launched(LaunchAnswer.BROKEN, str(error))
        else:
            return Launched(answers.get(code, LaunchAnswer.BROKEN), message, number)
    return failed


def probe(
    attempt_dir: Path,
    identity: Mapping[str, str] | None = None,
    table: ProcessTable | None = None,
) -> Probe:
    """Determine the state of an attempt.

    With its `identity` variables, the processes decide where its records cannot be read. One
    `table` saves a search of all processes for each of many attempts.

    Raises:
        JournalError: its records have another version or no meaning, and `identity` is None.
        OSError: they cannot be read, and `identity` is None.
    """
    error: JournalError | OSError | None = None
    started, has_supervisor, found = True, None, None
    try:
        # In this order: the lock is taken before the start, and released after the end is recorded.
        started = _was_started(attempt_dir)
        has_supervisor = is_supervised(attempt_dir)
        found = _recorded(attempt_dir, started=started, is_supervised=has_supervisor)
    except (JournalError, OSError) as unreadable:
        if identity is None:
            raise
        error = unreadable
    unread = ProbeState.REMOVED if has_supervisor is None else ProbeState.LOST
    if error is not None:
        unread = ProbeState.UNREADABLE
    elif not started and has_supervisor is False:
        unread = ProbeState.NONE
    if found is None and identity is None and unread in (ProbeState.REMOVED, ProbeState.NONE):
        found = Probe(unread)
    if found is not None:
        return found
    table = table or ProcessTable()
    members = find_processes(attempt_dir, identity, table)
    state = ProbeState.ORPHAN if members else unread
    if has_supervisor or find_supervisor(attempt_dir, members, table):
        state = ProbeState.RUNNING
    pids = tuple(member.pid for member in members)
    return Probe(state, problem="" if error is None else str(error), pids=pids)


def _recorded(attempt_dir: Path, *, started: bool, is_supervised: bool | None) -> Probe | None:
    """Return the state that an attempt's records and lock prove; None: its processes decide."""
    if found := protocol.read_exit(attempt_dir):
        return Probe(ProbeState.ENDED, found)
    if is_supervised:
        return Probe(ProbeState.RUNNING)
    pids = protocol.read_pids(attempt_dir) if started else None
    if pids and is_leader_alive(pids) and not is_supervisor_alive(pids):
        return Probe(ProbeState.ORPHAN)
    return None


def _was_started(attempt_dir: Path) -> bool:
    """Return True if an attempt has a start record, or the record of its process.

    Raises:
        OSError: its directory cannot be read.
    """
    for name in (protocol.STARTED_FILE, protocol.PIDS_FILE):
        with suppress(FileNotFoundError):
            (attempt_dir / name).lstat()
            return True
    return False


def find_stopped(attempt_dir: Path) -> str | None:
    """Return a message if a process of a running attempt is stopped by a signal; else None."""
    pids = protocol.readable_pids(attempt_dir)
    if pids is None or pids.boot_id != boot_id():
        return None
    for name, pid, ticks in (
        ("process", pids.pid, pids.start_ticks),
        ("supervisor", pids.supervisor_pid, pids.supervisor_start_ticks),
    ):
        found = supervise.read_process(pid)
        if found is not None and found.stopped and found.ticks == ticks:
            return f"its {name} is stopped by a signal: `kill -CONT {pid}` lets it continue"
    return None


def request_stop(attempt_dir: Path, identity: Mapping[str, str] | None = None) -> bool:
    """Ask the supervisor to stop the attempt; return False if there is no supervisor."""
    # a stopped process handles TERM only after CONT
    return _signal_supervisor(attempt_dir, identity, signal.SIGTERM, signal.SIGCONT)


def kill_supervisor(attempt_dir: Path, identity: Mapping[str, str] | None = None) -> bool:
    """Kill an unresponsive supervisor; return False if there is no supervisor."""
    return _signal_supervisor(attempt_dir, identity, signal.SIGKILL)


def _signal_supervisor(
    attempt_dir: Path, identity: Mapping[str, str] | None, *numbers: int
) -> bool:
    """Signal a living supervisor; return False if there is none."""
    supervisor = find_supervisor(attempt_dir, ())
    if supervisor is None:
        with suppress(JournalError, OSError):
            members = find_processes(attempt_dir, identity)
            supervisor = find_supervisor(attempt_dir, members)
    if supervisor is None:
        return False
    sent = [supervise.send_signal(supervisor.pid, supervisor.ticks, one) for one in numbers]
    return sent[0]
