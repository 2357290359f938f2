"""The background processes as front ends see them: started, stopped, looked at.

Nothing here loads Celery, connects to the broker, or waits unless it is asked to.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from trainui import disk, paths
from trainui import settings as settings_module
from trainui.errors import UnfitEnvironmentError
from trainui.execution.broker import broker
from trainui.execution.daemon import desired_state, health, locks, readiness, spawn, watchdog
from trainui.paths import Home
from trainui.settings import Settings


def ensure_started(*, wait: float | None = None) -> None:
    """Start the guard, which starts the broker and the worker; nothing to do is a success.

    Args:
        wait: seconds to wait until the worker takes work; None: do not wait.

    Raises:
        UsageError: the configured broker's URL is of no use.
        UnfitEnvironmentError: a broker cannot be had, or the worker did not come up in time; the
            message says what to do.
    """
    home = paths.home()
    disk.check_home(home.root)
    broker.check(home, settings_module.load())
    for directory in (home.root, home.worker):
        paths.make_private(directory)
    desired_state.want(home)
    started = None
    if not locks.is_held(home.guard_lock):
        started = spawn.spawn(watchdog.ARGV, home.guard_log)
    if wait is not None:
        _wait_until_ready(home, started, wait)


def stop(timeout: float = 10.0) -> bool:
    """End the guard, the worker and our own broker, also where some were killed; stages go on.

    Args:
        timeout: seconds to wait for the guard to end them, before they are ended from here.

    Returns:
        Whether all have ended; False too where somebody has started them again meanwhile.
    """
    home = paths.home()
    if not home.worker.exists():
        return True
    desired_state.withdraw(home)
    _end(home, home.guard_lock, timeout)
    if desired_state.is_wanted(home):
        return False
    worker_ended = _end(home, home.worker_lock, watchdog.WORKER_GRACE)
    return broker.stop(home) and worker_ended and not locks.is_held(home.guard_lock)


def status() -> dict[str, Any]:
    """Tell about the worker and the broker, within two seconds whatever state they are in.

    Returns:
        `{"running", "pid", "guard_pid", "host", "slots", "log", "broker", "hosts", "problems",
        "disks"}`; `hosts` are those that share the database, `running` is whether the worker takes
        work, `problems` says what is gone and why.
    """
    home, settings = paths.home(), settings_module.load()
    rooms = disk.rooms(home.root, settings_module.runs_dir(settings))
    ready = readiness.read(home)
    broker_status = broker.status(home, settings)
    return {
        "running": ready is not None and not health.hangs(home),
        "pid": _pid_of(home.worker_lock),
        "guard_pid": _pid_of(home.guard_lock),
        "host": ready["host"] if ready else settings_module.host(settings),
        "slots": ready["slots"] if ready else [],
        "log": str(home.worker_log),
        "broker": broker_status,
        "hosts": _hosts(settings),
        "problems": health.problems(home, broker_status, is_ours=settings.broker_url is None),
        "disks": [
            {"path": str(room.path), "free_bytes": room.free, "low": room.is_low} for room in rooms
        ],
    }


def _hosts(settings: Settings) -> list[dict[str, Any]]:
    if settings.database_url is None:
        return []
    from trainui.execution.worker import hosts
    from trainui.store.db.engine import open_store

    try:
        return hosts.known_hosts(open_store())
    except UnfitEnvironmentError:
        return []  # `trainui doctor` says what is wrong


def guard_argv() -> list[str]:
    """Return the command that revives all of it: a guard, which leaves at once if not wanted."""
    return list(watchdog.ARGV)


def _wait_until_ready(home: Home, started: subprocess.Popen[bytes] | None, seconds: float) -> None:
    def is_decided() -> bool:
        broken = started is not None and started.poll() not in (None, 0)
        return broken or readiness.read(home) is not None

    spawn.wait_until(is_decided, seconds)
    if readiness.read(home) is None:
        raise UnfitEnvironmentError(_explain(home))


def _explain(home: Home) -> str:
    """Say that the worker does not come up, and show the ends of the logs that tell why."""
    logs = [home.guard_log, home.worker_log]
    tails = [f"{log}:\n{tail}" for log in logs if (tail := spawn.read_tail(log))]
    return "\n".join(["the worker does not come up; the ends of the logs:", *tails])


def _pid_of(lock: Path) -> int | None:
    return (locks.holder(lock) or {}).get("pid")


def _end(home: Home, lock: Path, grace: float) -> bool:
    """End the process that holds a lock now, unless it is wanted again by the time."""
    pid = _pid_of(lock)
    if pid is None:
        return not locks.is_held(lock)
    return spawn.end(
        pid, lambda: _pid_of(lock) != pid or desired_state.is_wanted(home), grace=grace
    )
