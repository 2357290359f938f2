"""Find and stop orphans: processes of an attempt whose supervisor is dead.

A pid alone is not enough, because pids are reused. A process belongs to the attempt if it has the
attempt's identity variables in its environment, if it is the recorded process (same boot, pid and
start time) or in its session, or if it descends from one of these. No other process is signalled.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from trainui.supervisor import journal, protocol
from trainui.supervisor.protocol import JournalError, Pids
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

POLL_EVERY = 0.02
"""Polling interval in seconds for processes being stopped; they are not our children."""

KILL_AGAIN = 0.2
"""Seconds until KILL is sent again, for processes forked in the meantime."""


class SupervisorLivesError(Exception):
    """The attempt's supervisor is alive; ask it to stop the attempt instead."""


def is_supervised(attempt_dir: Path) -> bool | None:
    """Return True if a supervisor holds the attempt's lock, which is released when it dies.

    None if the attempt's records were removed.
    """
    try:
        fd = os.open(attempt_dir / protocol.LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return not try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def processes_of(identity: Mapping[str, str]) -> list[int]:
    """Return the processes that have all these environment variables; none if it is empty."""
    wanted = _variables(identity)
    return [p.pid for p in _living() if _carries(p.pid, wanted)]


def is_leader_alive(pids: Pids) -> bool:
    """Return True if the attempt's main process is alive (and its pid was not reused)."""
    return pids.boot_id == boot_id() and start_ticks(pids.pid) == pids.start_ticks


def age(pids: Pids) -> float:
    """Return how long the attempt's main process has run, in seconds, despite clock changes.

    Valid only while it is alive.
    """
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return since_boot - pids.start_ticks / os.sysconf("SC_CLK_TCK")


def find_processes(attempt_dir: Path, identity: Mapping[str, str] | None = None) -> list[Process]:
    """Return all living processes of an attempt.

    Without the `identity` variables, they are read from its spec, which may be removed.

    Raises:
        JournalError: its records have another version, and `identity` is None.
        OSError: its records cannot be read, and `identity` is None.
    """
    try:
        pids = journal.read_pids(attempt_dir)
    except (JournalError, OSError):
        if identity is None:
            raise
        pids = None
    if pids and pids.boot_id != boot_id():
        return []
    if identity is None:
        spec = journal.read_spec(attempt_dir)
        identity = spec.identity if spec else {}
    living = _living()
    wanted = _variables(identity)
    known = {p.pid for p in living if _carries(p.pid, wanted)}
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
    if is_supervised(attempt_dir):
        raise SupervisorLivesError(attempt_dir)
    members = find_processes(attempt_dir, identity)
    _signal_all(members, signal.Signals[f"SIG{stop_signal.removeprefix('SIG')}"])
    _signal_all(members, signal.SIGCONT)
    _wait_for_end(members, grace)
    give_up_at = time.monotonic() + KILL_WAIT
    while (members := find_processes(attempt_dir, identity)) and time.monotonic() < give_up_at:
        _signal_all(members, signal.SIGKILL)
        _wait_for_end(members, KILL_AGAIN)
    return [member.pid for member in members]


def _living() -> list[Process]:
    return [p for p in list_processes() if not p.dead and p.pid != os.getpid()]


def _variables(identity: Mapping[str, str]) -> set[bytes]:
    return {os.fsencode(f"{name}={value}") for name, value in identity.items()}


def _carries(pid: int, wanted: set[bytes]) -> bool:
    """Return True if a process was started with all these variables; False if unreadable."""
    if not wanted:
        return False
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return wanted <= set(environment.split(b"\0"))


def _signal_all(members: Iterable[Process], number: int) -> None:
    for member in members:
        send_signal(member.pid, member.ticks, number)


def _wait_for_end(members: Iterable[Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    waiting = list(members)
    while waiting and time.monotonic() < deadline:
        time.sleep(POLL_EVERY)
        waiting = [m for m in waiting if start_ticks(m.pid) == m.ticks]
