"""Activity of an adopted process: the files and terminals that it writes.

trainui has no log of such a process if its output goes to a terminal, and knows no source for
metrics in an unknown format. Both show in the state of the files that it has open for writing.
"""

from __future__ import annotations

import os
from contextlib import suppress

from trainui.metrics.discovery import process_files
from trainui.supervisor.supervise import descendants, list_processes
from trainui.system import mounts


def family(pid: int) -> set[int]:
    """Return the pids of a process and all below it."""
    return {pid} | {one.pid for one in descendants({pid}, list_processes(), {})}


def written(pids: set[int]) -> tuple[int, ...]:
    """Return the sizes and times of the files that processes write; each output changes them.

    Those on remote file systems may not answer: the positions of the processes in them count.
    """
    found = set[tuple[int, int]]()
    paths = process_files.written_by(pids)
    remote = {path for path in paths if mounts.remote_mount(path)}
    if remote:
        found = {(0, at) for at in process_files.positions(pids, remote)}
    for path in paths - remote:
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 (many, and names as the kernel gives them)
            found.add((status.st_size, status.st_mtime_ns))
    return tuple(number for pair in sorted(found) for number in pair)
