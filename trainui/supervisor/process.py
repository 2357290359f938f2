"""Launch, probe and stop the process of an attempt, for the worker.

Nothing here waits for an attempt to end, and a pid is always checked with its start time.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trainui import paths
from trainui.supervisor import journal, orphans, protocol, supervise
from trainui.supervisor.fork_server import ForkServer, NoAnswerError
from trainui.supervisor.protocol import Exit, Spec
from trainui.supervisor.supervise import boot_id


class LaunchState(StrEnum):
    """The result of a launch."""

    STARTED = "started"
    """The process runs."""
    ALREADY = "already"
    """The attempt had already been started; this launch did nothing."""
    FAILED = "failed"
    """The attempt ended without running; its exit record says why."""
    BROKEN = "broken"
    """The supervisor failed or did not answer; use `probe` to find the attempt's state."""


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """The result of a launch, with error details."""

    state: LaunchState
    message: str = ""
    """The error."""
    errno: int = 0
    """The error's errno; 0: none."""


class ProbeState(StrEnum):
    """The state of an attempt's processes and records."""

    NONE = "none"
    """It was never started."""
    REMOVED = "removed"
    """Its records were removed; only its processes can show if it was started."""
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


_ANSWERS = {
    supervise.STARTED: LaunchState.STARTED,
    supervise.ALREADY: LaunchState.ALREADY,
    supervise.FAILED: LaunchState.FAILED,
}


def create_lock(attempt_dir: Path) -> None:
    """Create an attempt's lock file, before it may be started; without it nothing is started.

    A missing lock file therefore means that it was removed, and that the attempt may already have
    been started, so it must not be started again.
    """
    os.close(os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600))


def launch(
    attempt_dir: Path,
    spec: Spec,
    *,
    python: str = sys.executable,
    patience: float = 60.0,
    fork_server: ForkServer | None = None,
) -> LaunchResult:
    """Start an attempt under its own supervisor, and wait until its process runs.

    The attempt's directory (mode 0700) has its lock file. The answer may take `patience` seconds; a
    late attempt may still start. Without a fork server, one is started for this attempt only.

    Raises:
        OSError: the directory cannot be written, or the interpreter cannot be started.
    """
    if (attempt_dir / protocol.STARTED_FILE).exists():
        return LaunchResult(LaunchState.ALREADY, str(supervise.AlreadyStartedError.__doc__))
    # private, because it contains the environment
    paths.write_private(attempt_dir / protocol.SPEC_FILE, spec.to_json())
    if fork_server is not None:
        return _ask(fork_server, attempt_dir, patience)
    with closing(ForkServer(python=python)) as own:
        return _ask(own, attempt_dir, patience)


def _ask(fork_server: ForkServer, attempt_dir: Path, patience: float) -> LaunchResult:
    """Start an attempt by the fork server; retry once, in case the server was just killed."""
    for _ in range(2):
        try:
            code, number, message = fork_server.ask(attempt_dir, patience)
        except NoAnswerError as error:
            failed = LaunchResult(LaunchState.BROKEN, str(error))
        else:
            return LaunchResult(_ANSWERS.get(code, LaunchState.BROKEN), message, number)
    return failed


def probe(attempt_dir: Path) -> Probe:
    """Determine the state of an attempt; raise JournalError if its records have another version."""
    # In this order: the lock is taken before the start, and released after the end is recorded.
    started = (attempt_dir / protocol.STARTED_FILE).exists()
    is_supervised = orphans.is_supervised(attempt_dir)
    if found := journal.read_exit(attempt_dir):
        return Probe(ProbeState.ENDED, found)
    if is_supervised is None:
        return Probe(ProbeState.REMOVED)
    if is_supervised:
        return Probe(ProbeState.RUNNING)
    if not started:
        return Probe(ProbeState.NONE)
    pids = journal.read_pids(attempt_dir)
    if pids and orphans.is_leader_alive(pids):
        return Probe(ProbeState.ORPHAN)
    return Probe(ProbeState.ORPHAN if orphans.find_processes(attempt_dir) else ProbeState.LOST)


def find_stopped(attempt_dir: Path) -> str | None:
    """Return a message if a process of a running attempt is stopped by a signal; else None."""
    pids = journal.read_pids(attempt_dir)
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


def request_stop(attempt_dir: Path) -> bool:
    """Ask the supervisor to stop the attempt; return False if there is no supervisor."""
    # a stopped process handles TERM only after CONT
    return _signal_supervisor(attempt_dir, signal.SIGTERM, signal.SIGCONT)


def kill_supervisor(attempt_dir: Path) -> bool:
    """Kill an unresponsive supervisor; return False if there is no supervisor."""
    return _signal_supervisor(attempt_dir, signal.SIGKILL)


def _signal_supervisor(attempt_dir: Path, *numbers: int) -> bool:
    """Signal a living supervisor; return False if there is none."""
    pids = journal.read_pids(attempt_dir)
    if pids is None or pids.boot_id != boot_id() or not orphans.is_supervised(attempt_dir):
        return False
    pid, ticks = pids.supervisor_pid, pids.supervisor_start_ticks
    sent = [supervise.send_signal(pid, ticks, number) for number in numbers]
    return sent[0]
