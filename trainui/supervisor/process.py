"""The process of an attempt, as the worker sees it: launch it, look at it, have it stopped.

Nothing here waits for an attempt to end, and nothing trusts a pid without its start time.
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
from trainui.supervisor.nursery import NoAnswerError, Nursery
from trainui.supervisor.orphans import processes_of, start_ticks
from trainui.supervisor.protocol import Exit, Pids, Spec
from trainui.supervisor.supervise import boot_id

__all__ = [
    "LaunchResult",
    "LaunchState",
    "Probe",
    "ProbeState",
    "SupervisorLivesError",
    "boot_id",
    "create_lock",
    "find_stopped",
    "kill_orphans",
    "kill_supervisor",
    "launch",
    "probe",
    "processes_of",
    "request_stop",
    "start_ticks",
]


class SupervisorLivesError(Exception):
    """This attempt's supervisor is alive: ask it to stop, and it ends the attempt's processes."""


class LaunchState(StrEnum):
    """What came of a launch."""

    STARTED = "started"
    """The process runs."""

    ALREADY = "already"
    """The attempt was started before; this launch did nothing."""

    FAILED = "failed"
    """The attempt is over without having run; its exit record says why."""

    BROKEN = "broken"
    """The supervisor could not do its work, or did not answer; `probe` tells what is there."""


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """What came of a launch."""

    state: LaunchState
    """Whether the process runs."""

    message: str = ""
    """What hindered it."""

    errno: int = 0
    """The system's number for that; 0: none."""


class ProbeState(StrEnum):
    """What there is of an attempt."""

    NONE = "none"
    """It was never started."""

    REMOVED = "removed"
    """Its records were removed, so only its processes show whether it was started."""

    RUNNING = "running"
    """Its supervisor lives: it is about to start, runs, or is being stopped."""

    ENDED = "ended"
    """Its end is recorded, and nothing of it is left (or `Exit.left` says what is)."""

    ORPHAN = "orphan"
    """Its supervisor is dead, but a process of it lives."""

    LOST = "lost"
    """It was started; nothing of it is left, and nobody recorded how it ended."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at an attempt found."""

    state: ProbeState
    """What there is of it."""

    exit: Exit | None = None
    """How it ended, in the state `ended`."""


_ANSWERS = {
    supervise.STARTED: LaunchState.STARTED,
    supervise.ALREADY: LaunchState.ALREADY,
    supervise.FAILED: LaunchState.FAILED,
}


def create_lock(attempt_dir: Path) -> None:
    """Make the lock of an attempt, before anybody may start it; without it nothing is started.

    So one that is gone was removed: a start that nobody can rule out is not repeated.
    """
    os.close(os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600))


def launch(
    attempt_dir: Path,
    spec: Spec,
    *,
    python: str = sys.executable,
    patience: float = 60.0,
    nursery: Nursery | None = None,
) -> LaunchResult:
    """Start an attempt under a supervisor of its own, and wait until its process runs.

    Args:
        attempt_dir: the attempt's directory, of mode 0700, with its lock.
        spec: what to run.
        python: the interpreter for the supervisor, where there is no nursery.
        patience: seconds to wait for its answer; an attempt that is late starts all the same.
        nursery: who starts the supervisor; None: one for this attempt alone.

    Raises:
        OSError: the directory cannot be written, or the interpreter not be started.
    """
    if (attempt_dir / protocol.STARTED_FILE).exists():
        return LaunchResult(LaunchState.ALREADY, str(supervise.AlreadyStartedError.__doc__))
    _write_spec(attempt_dir, spec)
    if nursery is not None:
        return _ask(nursery, attempt_dir, patience)
    with closing(Nursery(python=python, without=spec.identity)) as own:
        return _ask(own, attempt_dir, patience)


def _ask(nursery: Nursery, attempt_dir: Path, patience: float) -> LaunchResult:
    """Have a nursery start an attempt; once more where it may have been killed as it was asked."""
    try:
        code, number, message = nursery.ask(attempt_dir, patience)
    except NoAnswerError:
        try:
            code, number, message = nursery.ask(attempt_dir, patience)
        except NoAnswerError as error:
            return LaunchResult(LaunchState.BROKEN, str(error))
    return LaunchResult(_ANSWERS.get(code, LaunchState.BROKEN), message, number)


def probe(attempt_dir: Path) -> Probe:
    """Look at what there is of an attempt.

    Raises:
        JournalError: its records are of another version.
    """
    found = journal.read_exit(attempt_dir)
    if found:
        return Probe(ProbeState.ENDED, found)
    # Looked at before the lock, which is held from before the start on: then free means dead.
    started = (attempt_dir / protocol.STARTED_FILE).exists()
    try:
        if _is_locked(attempt_dir):
            return Probe(ProbeState.RUNNING)
    except FileNotFoundError:
        return Probe(ProbeState.REMOVED)
    if not started:
        return Probe(ProbeState.NONE)
    found = journal.read_exit(attempt_dir)  # it may have ended since the first look
    if found:
        return Probe(ProbeState.ENDED, found)
    pids = journal.read_pids(attempt_dir)
    if pids and orphans.is_leader_alive(pids):
        return Probe(ProbeState.ORPHAN)
    return Probe(ProbeState.ORPHAN if orphans.find_processes(attempt_dir) else ProbeState.LOST)


def find_stopped(attempt_dir: Path) -> str | None:
    """Return which process of a running attempt is stopped by a signal, in words; None: neither."""
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
    """Ask the supervisor to stop the attempt; False if there is none to ask."""
    pids = journal.read_pids(attempt_dir)
    if pids is None or pids.boot_id != boot_id() or not _has_supervisor(attempt_dir):
        return False
    asked = _send_to_supervisor(pids, signal.SIGTERM)
    _send_to_supervisor(pids, signal.SIGCONT)  # a stopped process acts on TERM when it goes on
    return asked


def kill_supervisor(attempt_dir: Path) -> bool:
    """Kill a supervisor that does not do as it is asked; False if there is none to kill."""
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
    """End every process of an attempt whose supervisor is dead; return those that are left.

    Args:
        attempt_dir: the attempt's directory.
        stop_signal: what they are sent first.
        grace: seconds until they are killed.
        identity: the attempt's variables; None: as its spec has them.

    Raises:
        SupervisorLivesError: it is not dead.
    """
    if _has_supervisor(attempt_dir):
        raise SupervisorLivesError(attempt_dir)
    return orphans.end_processes(attempt_dir, stop_signal, grace, identity)


def _write_spec(attempt_dir: Path, spec: Spec) -> None:
    """Put the spec in its place, whole, of mode 0600: it holds the environment."""
    fd, name = tempfile.mkstemp(dir=attempt_dir, prefix=".spec-")
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(spec.to_json())
        Path(name).replace(attempt_dir / protocol.SPEC_FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _has_supervisor(attempt_dir: Path) -> bool:
    """Whether a supervisor holds the attempt, as far as its records are still there."""
    try:
        return _is_locked(attempt_dir)
    except FileNotFoundError:
        return False


def _is_locked(attempt_dir: Path) -> bool:
    """Whether a supervisor holds the attempt: its lock goes with its life."""
    fd = os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDONLY)
    try:
        return not supervise.try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _send_to_supervisor(pids: Pids, number: int) -> bool:
    if sys.platform == "linux":
        return supervise.send_signal(pids.supervisor_pid, pids.supervisor_start_ticks, number)
    os.kill(pids.supervisor_pid, number)  # its lock is held: the pid is still its own
    return True
