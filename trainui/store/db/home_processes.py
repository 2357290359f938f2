"""Processes of a home's stages that run in another directory, since the home was restored."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from trainui import paths
from trainui.paths import Home
from trainui.store.db import relocation
from trainui.store.db.protocol import Connection
from trainui.supervisor import protocol
from trainui.supervisor.supervise import list_processes, try_lock


def elsewhere(connection: Connection, roots: Collection[str], home: Home) -> str:
    """Return the processes of a home's stages that run in another directory: stages and pids.

    `roots` are the paths that the home had. An attempt's lock, or its log, shows where it runs.
    """
    return ", ".join(f"{stage}: pid {pid}" for pid, stage in _elsewhere(connection, roots, home))


def _elsewhere(
    connection: Connection, roots: Collection[str], home: Home
) -> Iterator[tuple[int, str]]:
    names = protocol.IDENTITY
    found: dict[int, dict[str, str]] = {}
    for process in list_processes():
        if not process.dead and process.pid != os.getpid():
            identity = _variables_of(process.pid, names)
            if all(identity.get(name) for name in names):
                found[process.pid] = identity
    for pid, identity in found.items():
        run_id, stage, number, run_dir = (identity[name] for name in names)
        row = connection.execute(
            "SELECT runs.directory, stages.directory FROM stages JOIN runs ON runs.id = run_id "
            "WHERE run_id = ? AND stages.name = ?",
            (run_id, stage),
        ).fetchone()
        if row is None or row[0] != run_dir:
            continue
        own = relocation.moved(row[1], roots, str(home.root))
        if own != row[1] or str(home.root) in roots:
            attempt = paths.attempt_directory(Path(own), int(number))
            if not _is_locked(attempt / protocol.LOCK_FILE) and not _writes(pid, attempt):
                yield pid, stage


def _variables_of(pid: int, names: tuple[str, ...]) -> dict[str, str]:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(one).partition("=") for one in environ)
    return {name: value for name, _, value in pairs if name in names}


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _writes(pid: int, attempt: Path) -> bool:
    """Return True if a process has a log of an attempt as its output."""
    for descriptor, name in ((1, protocol.STDOUT_FILE), (2, protocol.STDERR_FILE)):
        with suppress(OSError):
            if os.path.samefile(f"/proc/{pid}/fd/{descriptor}", attempt / name):  # noqa: PTH121
                return True
    return False
