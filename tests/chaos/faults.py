"""The faults: each kills something real, and says whether there was anything to kill."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from trainui import paths
from trainui.execution import locks
from trainui.store import views
from trainui.supervisor import supervise


def kill_worker() -> bool:
    """Kill the worker alone."""
    return _kill(_holder(paths.home().worker_lock))


def kill_worker_group() -> bool:
    """Kill the worker and all that is in its process group, such as the metrics reader."""
    pid = _holder(paths.home().worker_lock)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    return True


def kill_reader() -> bool:
    """Kill the process that reads the metrics."""
    worker = _holder(paths.home().worker_lock)
    return worker is not None and _kill(_child(worker, "trainui.metrics.reader"))


def kill_nursery() -> bool:
    """Kill the process that supervisors are forked from."""
    worker = _holder(paths.home().worker_lock)
    return worker is not None and _kill(_child(worker, supervise.__file__))


def kill_guard() -> bool:
    """Kill the guard alone."""
    return _kill(_holder(paths.home().guard_lock))


def kill_guard_and_worker() -> bool:
    """Leave nobody to record how a stage ends."""
    guard = kill_guard()
    return kill_worker() or guard


def kill_broker() -> bool:
    """Kill the broker alone."""
    return _kill(_broker())


def wipe_broker() -> bool:
    """Kill the broker and lose all that it kept."""
    killed = kill_broker()
    for kept in paths.home().broker.glob("appendonly*"):
        shutil.rmtree(kept, ignore_errors=True)
    return killed


def kill_supervisor() -> bool:
    """Kill the supervisor of a stage that runs."""
    return _kill(_of_running_attempt("supervisor_pid"))


def kill_training() -> bool:
    """Kill the process of a stage that runs."""
    return _kill(_of_running_attempt("pid"))


FAULTS: dict[str, Callable[[], bool]] = {
    "worker": kill_worker,
    "worker group": kill_worker_group,
    "metrics reader": kill_reader,
    "nursery": kill_nursery,
    "guard": kill_guard,
    "guard and worker": kill_guard_and_worker,
    "broker": kill_broker,
    "broker with its data": wipe_broker,
    "supervisor": kill_supervisor,
    "training": kill_training,
}


def nobody_lives() -> bool:
    """Tell whether neither guard nor worker nor any supervisor of a stage is left."""
    home = paths.home()
    if locks.is_held(home.guard_lock) or locks.is_held(home.worker_lock):
        return False
    return not any(psutil.pid_exists(pid) for pid in _of_running_attempts("supervisor_pid"))


def _kill(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _holder(lock: Path) -> int | None:
    return (locks.holder(lock) or {}).get("pid")  # one that has just come has not yet written it


def _child(parent: int, command: str) -> int | None:
    """Return the child of a process that has a word in its command line."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(parent).children():
            if command in child.cmdline():
                return child.pid
    return None


def _broker() -> int | None:
    directory = str(paths.home().broker)
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = " ".join(process.info["cmdline"] or [])
        ours = process.info["cwd"] == directory or directory in command
        if ours and ("valkey-server" in command or "redis-server" in command):
            return int(process.info["pid"])
    return None


def _of_running_attempt(column: str) -> int | None:
    found = _of_running_attempts(column)
    return random.choice(found) if found else None


def _of_running_attempts(column: str) -> list[int]:
    with views.reading() as connection:
        found = connection.execute(
            f"SELECT {column} FROM attempts WHERE status = 'running' AND {column} IS NOT NULL"
        ).fetchall()
    return [int(row[0]) for row in found]
