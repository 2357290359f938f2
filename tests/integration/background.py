"""The background processes under test: started, looked at, hurt."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.unit.supervisor.waiting import PATIENCE as PATIENCE
from tests.unit.supervisor.waiting import is_alive, wait_for
from trainui import settings
from trainui.execution import broker, processes
from trainui.execution.daemon import health, lifecycle
from trainui.execution.worker import celery_app
from trainui.paths import Home


def start() -> None:
    lifecycle.ensure_started(wait=PATIENCE)


def at_start(directory: Path, program: str) -> None:
    """Have each Python run a program at its start, if the directory is on its PYTHONPATH.

    Debian has a `sitecustomize` of its own, found before that on PYTHONPATH; it imports the other.
    """
    directory.mkdir(exist_ok=True)
    for name in ("sitecustomize", "apport_python_hook"):
        (directory / f"{name}.py").write_text(program)


def with_less_patience(directory: Path, **constants: float) -> dict[str, str]:
    """Return the environment in which worker and reader have other constants.

    Args:
        directory: where the program that sets them is put.
        constants: by module and name below `trainui`, as `execution__planner__PERIOD`.
    """
    changes = "".join(
        f"    from trainui.{module} import {name}\n"
        for module, name in (one.replace("__", ".").rsplit(".", 2)[:2] for one in constants)
    )
    values = "".join(
        f"    {'.'.join(one.split('__')[-2:])} = {value}\n" for one, value in constants.items()
    )
    ours = '{"trainui.execution.worker", "trainui.metrics.reader"}'
    at_start(directory, f"import sys\n\nif {ours} & set(sys.orig_argv):\n{changes}{values}")
    return {"PYTHONPATH": str(directory)}


def worker_pid(home: Home) -> int:
    """The pid of the worker that takes work, once there is one."""
    ready = wait_for(lambda: health.read_ready(home), "a worker that takes work")
    return int(ready["pid"])


def guard_pid(home: Home) -> int:
    return wait_for(lambda: processes.lock_holder(home.guard_lock), "a guard")


def broker_pid(home: Home) -> int:
    """The pid of the broker that answers, once there is one."""
    wait_for(lambda: broker.status(home, settings.load())["reachable"], "a broker")
    return wait_for(lambda: broker.find_pid(home), "a broker's process")


def kill(pid: int, lock: Path, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the holder of a lock, and wait until it holds it no more."""
    os.kill(pid, number)
    wait_for(lambda: processes.lock_holder(lock) != pid, f"the end of {pid}")


def kill_broker(home: Home) -> int:
    """Kill the broker, wait until there is another, and return its pid."""
    pid = broker_pid(home)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), f"the end of {pid}")
    return broker_pid(home)


def is_all_gone(home: Home) -> bool:
    held = (home.guard_lock, home.worker_lock, broker.lock_path(home))
    return not any(processes.is_held(lock) for lock in held)


def send(home: Home, task: str, *arguments: Any) -> None:
    """Send a task as the planner does."""
    app = celery_app.create_app(home, settings.load())
    with celery_app.publishing_connection(app) as connection:
        app.send_task(task, args=arguments, connection=connection, retry=False)


def run_note(home: Home, path: Path) -> int:
    """Have a task run; return the pid of the process that ran it."""
    send(home, "tests.note", str(path))
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), str(path))
    return int(path.read_text())
