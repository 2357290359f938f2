"""Find and stop the processes of an attempt: orphans, whose supervisor is dead, and supervisors.

A pid alone is not enough, because pids are reused. A process belongs to the attempt if it has the
attempt's identity variables in its environment, if it is the recorded process (same boot, pid and
start time) or in its session, or if it descends from one of these. No other process is signalled.
So an attempt whose records are removed or cannot be read is still found.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from trainui.supervisor import protocol, supervise
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
from trainui.system import plain_files

POLL_EVERY = 0.02
"""Polling interval in seconds for processes being stopped; they are not our children."""

_SUPERVISOR_PROGRAM = b"/supervise.py"
"""The end of the path by which a supervisor was started, by whichever installation."""

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
        file = plain_files.open_plain(attempt_dir / protocol.LOCK_FILE)
    except FileNotFoundError:
        return None
    with file:
        return not try_lock(file.fileno(), fcntl.LOCK_SH)


def find_supervisor(attempt_dir: Path, members: Collection[Process]) -> Process | None:
    """Return the living supervisor of an attempt with these processes, whatever its records say.

    It is the recorded process; else the one that writes the attempt's `supervisor.log`, or the
    parent of a member.
    """
    pids = protocol.readable_pids(attempt_dir)
    if pids is not None and is_supervisor_alive(pids):
        return supervise.read_process(pids.supervisor_pid)
    parents = {member.parent for member in members}
    log = str(attempt_dir / protocol.SUPERVISOR_LOG)
    return next((p for p in _living() if _supervises(p.pid, log, p.pid in parents)), None)


def _supervises(pid: int, log: str, is_parent: bool) -> bool:
    """Return True if a process is a supervisor that logs to `log`, or the parent of a member."""
    proc = Path(f"/proc/{pid}")
    try:
        arguments = (proc / "cmdline").read_bytes().split(b"\0")
        is_supervisor = any(one.endswith(_SUPERVISOR_PROGRAM) for one in arguments[:8])
        return is_supervisor and (
            is_parent or str((proc / "fd/2").readlink()).removesuffix(" (deleted)") == log
        )
    except OSError:
        return False


def processes_of(identity: Mapping[str, str]) -> list[int]:
    """Return the processes that have all these environment variables; none if it is empty."""
    wanted = _variables(identity)
    return [p.pid for p in _living() if _carries(p.pid, wanted)]


def environments(names: Collection[str]) -> Iterator[dict[str, str]]:
    """Yield the environments of processes that have all these variables, none of them empty."""
    for one in _living():
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


def find_processes(attempt_dir: Path, identity: Mapping[str, str] | None = None) -> list[Process]:
    """Return all living processes of an attempt.

    Without the `identity` variables, they are read from its spec, which may be removed.

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
