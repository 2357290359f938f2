"""Launch, probe and stop the process of an attempt, for the worker.

Nothing here waits for an attempt to end, and a pid is always checked with its start time.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trainui.supervisor import journal, orphans, protocol, supervise
from trainui.supervisor.fork_server import ForkServer, NoAnswerError
from trainui.supervisor.protocol import Exit, Pids, Spec
from trainui.supervisor.supervise import boot_id


class SupervisorLivesError(Exception):
    """The attempt's supervisor is alive; ask it to stop the attempt instead."""


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
    _write_spec(attempt_dir, spec)
    if fork_server is not None:
        return _ask(fork_server, attempt_dir, patience)
    with closing(ForkServer(python=python, without=spec.identity)) as own:
        return _ask(own, attempt_dir, patience)


def _ask(fork_server: ForkServer, attempt_dir: Path, patience: float) -> LaunchResult:
    """Start an attempt by the fork server; retry once, in case the server was just killed."""
    try:
        code, number, message = fork_server.ask(attempt_dir, patience)
    except NoAnswerError:
        try:
            code, number, message = fork_server.ask(attempt_dir, patience)
        except NoAnswerError as error:
            return LaunchResult(LaunchState.BROKEN, str(error))
    return LaunchResult(_ANSWERS.get(code, LaunchState.BROKEN), message, number)


def probe(attempt_dir: Path) -> Probe:
    """Determine the state of an attempt; raise JournalError if its records have another version."""
    found = journal.read_exit(attempt_dir)
    if found:
        return Probe(ProbeState.ENDED, found)
    # Check this before the lock: the lock is taken before the start, so free then means dead.
    started = (attempt_dir / protocol.STARTED_FILE).exists()
    try:
        if _is_locked(attempt_dir):
            return Probe(ProbeState.RUNNING)
    except FileNotFoundError:
        return Probe(ProbeState.REMOVED)
    if not started:
        return Probe(ProbeState.NONE)
    found = journal.read_exit(attempt_dir)  # it may have ended since the first check
    if found:
        return Probe(ProbeState.ENDED, found)
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
    pids = journal.read_pids(attempt_dir)
    if pids is None or pids.boot_id != boot_id() or not _has_supervisor(attempt_dir):
        return False
    asked = _send_to_supervisor(pids, signal.SIGTERM)
    _send_to_supervisor(pids, signal.SIGCONT)  # a stopped process handles TERM only after CONT
    return asked


def kill_supervisor(attempt_dir: Path) -> bool:
    """Kill an unresponsive supervisor; return False if there is no supervisor."""
    pids = journal.read_pids(attempt_dir)
    if pids is None or pids.boot_id != boot_id() or not _has_supervisor(attempt_dir):
        return False
    return _send_to_supervisor(pids, signal.SIGKILL)


def kill_orphans(
    attempt_dir: Path,
    stop_signal: str,
    grace: float,
    identity: Mapping[str, str] | None = None,
) -> list[int]:
    """Stop every process of an attempt whose supervisor is dead; return the survivors.

    They are killed `grace` seconds after the stop signal. Without the `identity` variables, they
    are read from the attempt's spec.

    Raises:
        SupervisorLivesError: the supervisor is alive.
    """
    if _has_supervisor(attempt_dir):
        raise SupervisorLivesError(attempt_dir)
    return orphans.end_processes(attempt_dir, stop_signal, grace, identity)


def _write_spec(attempt_dir: Path, spec: Spec) -> None:
    """Write the spec atomically, with mode 0600 because it contains the environment."""
    fd, name = tempfile.mkstemp(dir=attempt_dir, prefix=".spec-")
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(spec.to_json())
        Path(name).replace(attempt_dir / protocol.SPEC_FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _has_supervisor(attempt_dir: Path) -> bool:
    """Return True if the attempt's supervisor is alive; False if its records were removed."""
    try:
        return _is_locked(attempt_dir)
    except FileNotFoundError:
        return False


def _is_locked(attempt_dir: Path) -> bool:
    """Return True if a supervisor holds the attempt's lock, which is released when it dies."""
    fd = os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDONLY)
    try:
        return not supervise.try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _send_to_supervisor(pids: Pids, number: int) -> bool:
    if sys.platform == "linux":
        return supervise.send_signal(pids.supervisor_pid, pids.supervisor_start_ticks, number)
    os.kill(pids.supervisor_pid, number)  # its lock is held, so the pid was not reused
    return True
