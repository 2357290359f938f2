"""The processes of an attempt whose supervisor is dead: found again, and ended.

A pid alone proves nothing. A process is of the attempt if it carries the attempt's variables in
its environment, if it is the recorded process itself (same boot, pid and start time) or of that
one's session, or if it descends from such a one. All others are strangers and never signalled.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from trainui.supervisor import journal
from trainui.supervisor.protocol import JournalError, Pids
from trainui.supervisor.supervise import (
    KILL_WAIT,
    Process,
    boot_id,
    descendants,
    list_processes,
    read_process,
    send_signal,
)

LOOK_EVERY = 0.02
"""Seconds between two looks at processes that were told to end; they are not our children."""

KILL_AGAIN = 0.2
"""Seconds until KILL is sent to what forked meanwhile."""


def start_ticks(pid: int) -> int | None:
    """Tell when a process started, in clock ticks since the boot; None if it is dead."""
    process = read_process(pid)
    return None if process is None or process.dead else process.ticks


def processes_of(identity: Mapping[str, str]) -> list[int]:
    """Find the processes that carry all of these variables; with no variables, none."""
    wanted = _variables(identity)
    return [p.pid for p in _living() if _carries(p.pid, wanted)]


def is_leader_alive(pids: Pids) -> bool:
    """Whether the attempt's own process lives: it, not another that has its pid now."""
    return pids.boot_id == boot_id() and start_ticks(pids.pid) == pids.start_ticks


def age(pids: Pids) -> float:
    """Tell for how many seconds the attempt's own process has run, whatever the clock was set to.

    Only where it is alive.
    """
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return since_boot - pids.start_ticks / os.sysconf("SC_CLK_TCK")


def find_processes(attempt_dir: Path, identity: Mapping[str, str] | None = None) -> list[Process]:
    """Find all processes of an attempt that are alive.

    Args:
        attempt_dir: the attempt's directory.
        identity: its variables; None: as its spec has them, which may be gone with the directory.

    Raises:
        JournalError: its records are of another version, and `identity` is not known.
        OSError: they cannot be read, and neither is it.
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


def end_processes(
    attempt_dir: Path, stop_signal: str, grace: float, identity: Mapping[str, str] | None = None
) -> list[int]:
    """Ask all processes of an attempt to end, kill what has not after `grace`; return what is left.

    Only for an attempt whose supervisor is dead: nobody else must be about to start more of them.
    """
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
    """Whether a process was started with all these variables; unreadable counts as no."""
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
        time.sleep(LOOK_EVERY)
        waiting = [m for m in waiting if start_ticks(m.pid) == m.ticks]
