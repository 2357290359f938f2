"""The faults: each acts on real processes or disks, and returns False if it had no target."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil

from tests.chaos import commands, invariants, work
from tests.chaos.scene import Scene
from tests.faults import disks
from trainui import control, paths
from trainui.errors import TrainuiError
from trainui.execution import processes
from trainui.model.states import ENDED
from trainui.store.db import engine
from trainui.store.read import views
from trainui.supervisor import supervise

STOPPED_FOR = 3.0
"""Seconds at most that a process is stopped, or the disk is full."""


OWN_HOMES = 0.5
"""The share of the copied homes that are made homes of their own."""


def kill_worker(_scene: Scene) -> bool:
    """Kill the worker alone."""
    return _send(_worker())


def kill_worker_group(_scene: Scene) -> bool:
    """Kill the worker's process group, which includes the metrics reader."""
    pid = _worker()
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    return True


def kill_reader(_scene: Scene) -> bool:
    """Kill the process that reads the metrics."""
    return _send(_reader())


def kill_fork_server(_scene: Scene) -> bool:
    """Kill the process that supervisors are forked from."""
    worker = _worker()
    return worker is not None and _send(_child(worker, supervise.__file__))


def kill_guard(_scene: Scene) -> bool:
    """Kill the guard alone."""
    return _send(_holder(paths.home().guard_lock))


def kill_guard_and_worker(scene: Scene) -> bool:
    """Kill all processes that could record how a stage ends."""
    guard = kill_guard(scene)
    return kill_worker(scene) or guard


def kill_broker(_scene: Scene) -> bool:
    """Kill the broker alone."""
    return _send(_broker())


def wipe_broker(scene: Scene) -> bool:
    """Kill the broker and lose all that it kept."""
    killed = kill_broker(scene)
    for kept in paths.home().broker.glob("appendonly*"):
        shutil.rmtree(kept, ignore_errors=True)
    return killed


def kill_supervisor(scene: Scene) -> bool:
    """Kill the supervisor of a stage that runs."""
    found = scene.one_running()
    if found is None:
        return False
    scene.orphaned.add(found.key)
    return _send(found.supervisor_pid)


def kill_training(scene: Scene) -> bool:
    """Kill the process of a stage that runs."""
    found = scene.one_running()
    if found is None:
        return False
    scene.killed.add(found.key)
    return _send(found.pid)


def stop_worker(scene: Scene) -> bool:
    """Stop the worker for a while."""
    return _stop(scene, _worker())


def stop_reader(scene: Scene) -> bool:
    """Stop the process that reads the metrics for a while."""
    return _stop(scene, _reader())


def stop_broker(scene: Scene) -> bool:
    """Stop the broker for a while."""
    return _stop(scene, _broker())


def stop_supervisor(scene: Scene) -> bool:
    """Stop the supervisor of a stage that runs for a while."""
    found = scene.one_running()
    return found is not None and _stop(scene, found.supervisor_pid)


def stop_training(scene: Scene) -> bool:
    """Stop the process of a stage that runs for a while."""
    found = scene.one_running()
    return found is not None and _stop(scene, found.pid)


def fill_disk(scene: Scene) -> bool:
    """Leave no byte free on the home's disk for a while."""
    if scene.disk is None:
        return False
    began = time.time()
    filler = disks.fill(scene.disk)

    def free() -> None:
        filler.unlink(missing_ok=True)
        scene.full.append((began, time.time()))

    scene.later(STOPPED_FOR, free)
    return True


def kill_machine(scene: Scene) -> bool:
    """Kill all processes of the home at once, as a power failure does."""
    found: dict[int, dict[str, str]] = {}
    while new := [one for one in _of_home(scene) if one[0] not in found]:
        for pid, environ in new:
            found[pid] = environ
            _send(pid, signal.SIGSTOP)  # none sees another die
    for pid in found:
        _send(pid)
    begun = [tuple(map(environ.get, work.OWN)) for environ in found.values()]
    lost = {(run, stage, int(number)) for run, stage, number in begun if run and stage and number}
    lost |= {one.key for one in scene.running()}
    scene.killed |= lost
    scene.orphaned |= lost
    return bool(found)


def cancel_stage(scene: Scene) -> bool:
    """Cancel a stage that runs."""
    found = [one.key[1] for one in scene.running() if one.key[0] == scene.run_id]
    return bool(found) and _cancel(scene, [scene.random.choice(found)])


def cancel_run(scene: Scene) -> bool:
    """Cancel all unfinished stages."""
    return _cancel(scene, None)


def delete_run(scene: Scene) -> bool:
    """Delete another run; it must be deleted fully if it has ended, else not at all."""
    if scene.bystander is None:
        return False
    run_id, _pipeline = scene.bystander
    with engine.reading() as connection:
        run = views.run(connection, run_id)
    was_over = run is not None and run.status in ENDED
    deleted = commands.trainui("rm", run_id, "--yes")
    if deleted.returncode == 0:
        invariants.check_deleted(run_id)
        scene.bystander = None
    else:
        assert not was_over, deleted.stderr
    return True


def copy_home(scene: Scene) -> bool:
    """Copy the home as it is, and act in the copy: nothing of the original may change by that."""
    home = paths.home().root
    copy = scene.directory / f"copy-{len(scene.faults)}"
    # a living home: files may be gone before they are copied
    subprocess.run(["cp", "-a", home, copy], capture_output=True, check=False)
    for deed in (("worker", "start"), ("cancel", scene.run_id), ("worker", "stop")):
        refused = commands.trainui(*deed, home=copy)
        assert refused.returncode == 4, (deed, refused.stdout, refused.stderr)
    if scene.random.random() < OWN_HOMES:
        own = commands.trainui("worker", "start", "--as-copy", home=copy)
        assert own.returncode == 0 or _is_torn(copy), own.stderr
        stopped = commands.trainui("worker", "stop", "--with-stages", home=copy)
        assert stopped.returncode == 0 or _is_torn(copy), stopped.stderr
    shutil.rmtree(copy)
    return True


def _is_torn(home: Path) -> bool:
    """Return True if the database changed while it was copied, so that the copy is damaged."""
    try:
        with closing(sqlite3.connect(home / "trainui.db")) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() != ("ok",))
    except sqlite3.Error:
        return True


FAULTS: dict[str, Callable[[Scene], bool]] = {
    "worker": kill_worker,
    "worker group": kill_worker_group,
    "metrics reader": kill_reader,
    "fork_server": kill_fork_server,
    "guard": kill_guard,
    "guard and worker": kill_guard_and_worker,
    "broker": kill_broker,
    "broker with its data": wipe_broker,
    "supervisor": kill_supervisor,
    "training": kill_training,
    "stopped worker": stop_worker,
    "stopped metrics reader": stop_reader,
    "stopped broker": stop_broker,
    "stopped supervisor": stop_supervisor,
    "stopped training": stop_training,
    "full disk": fill_disk,
    "machine": kill_machine,
    "cancelled stage": cancel_stage,
    "cancelled run": cancel_run,
    "deletion": delete_run,
    "copied home": copy_home,
}

KILLS = (
    "worker",
    "worker group",
    "metrics reader",
    "fork_server",
    "guard",
    "guard and worker",
    "broker",
    "broker with its data",
    "supervisor",
    "training",
    "machine",
)
"""The faults that kill processes."""

OFTEN = {"worker": 2, "supervisor": 3, "training": 2, "full disk": 2, "machine": 2}
"""Weights of faults chosen more often, since recovery from them has the most code paths."""


def nobody_lives(scene: Scene) -> bool:
    """Return True if no guard, worker or supervisor is left."""
    home = paths.home()
    if processes.is_held(home.guard_lock) or processes.is_held(home.worker_lock):
        return False
    return not any(psutil.pid_exists(one.supervisor_pid or -1) for one in scene.running())


def _of_home(scene: Scene) -> list[tuple[int, dict[str, str]]]:
    """Return the processes of the home and of the run, each with its environment."""
    mine, root = os.getpid(), str(paths.home().root)
    return [
        (pid, environ)
        for pid, environ in invariants.environments()
        if pid != mine
        and (environ.get("TRAINUI_HOME") == root or environ.get(work.OWN[0]) == scene.run_id)
    ]


def _cancel(scene: Scene, names: list[str] | None) -> bool:
    began = time.time()
    try:
        asked = control.cancel(scene.run_id, names)
    except TrainuiError:
        return False  # the disk is full
    finally:
        scene.cancels.append((began, time.time()))
    return bool(asked)


def _send(pid: int | None, number: int = signal.SIGKILL) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _stop(scene: Scene, pid: int | None) -> bool:
    if not _send(pid, signal.SIGSTOP):
        return False
    scene.later(STOPPED_FOR, lambda: _send(pid, signal.SIGCONT))
    return True


def _worker() -> int | None:
    return _holder(paths.home().worker_lock)


def _reader() -> int | None:
    worker = _worker()
    return None if worker is None else _child(worker, "trainui.metrics.reader")


def _holder(lock: Path) -> int | None:
    return processes.lock_holder(lock) or None  # one that has just come has not yet written it


def _child(parent: int, command: str) -> int | None:
    """Return the child of a process that has a word in its command line."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(parent).children():
            with contextlib.suppress(psutil.Error):  # this child has just ended
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
