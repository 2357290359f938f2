"""Starts the worker before it is known whether it is needed.

Its imports take most of a start, so they run while the command still checks its pipeline. Then the
worker waits until the command closes its stdin, and exits if it is not wanted by then.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths
from trainui.execution import locks, processes

GUARD_ARGV = processes.module_argv("trainui.execution.daemon.guard")
"""Command line of the guard."""

WORKER_ARGV = processes.module_argv("trainui.execution.worker")
"""Command line of the worker."""

EARLY = "early"
"""Argument of a worker that was started early."""

_early: subprocess.Popen[bytes] | None = None


@contextmanager
def early_worker() -> Iterator[None]:
    """Start the worker early; at the end it exits, unless `ensure_started` was called."""
    with suppress(OSError):  # `ensure_started` reports it
        _begin()
    try:
        yield
    finally:
        release()


def _begin() -> None:
    """Start the worker early, unless it or the guard is running."""
    global _early
    home = paths.home()
    if (
        _early is None
        and not locks.is_held(home.guard_lock)
        and not locks.is_held(home.worker_lock)
    ):
        # The home is not created, because the command may yet be rejected.
        argv = _early_argv(home.guard_log)
        _early = processes.spawn(argv, Path(os.devnull), stdin=subprocess.PIPE)


def _early_argv(log: Path) -> list[str]:
    """Return a shell that starts the worker, waits for the end of its input, and is the guard."""
    worker, guard = shlex.join([*WORKER_ARGV, EARLY]), shlex.join(GUARD_ARGV)
    keep = "exec 3<&0"  # a shell gives a background command an empty stdin, as descriptor 0
    wait = "exec 3<&-; while read -r _; do :; done"
    become = f"exec {guard} $! </dev/null >>{shlex.quote(str(log))} 2>&1"
    return ["/bin/sh", "-c", f"{keep}; {worker} <&3 3<&- & {wait}; {become}"]


def release() -> subprocess.Popen[bytes] | None:
    """Let the early worker continue under a guard; return the guard, or None if there is none."""
    global _early
    process, _early = _early, None
    if process is None or process.stdin is None or process.poll() is not None:
        return None
    process.stdin.close()
    return process


def await_release(log: Path) -> None:
    """Wait until the command is decided or dead; then write our output to `log` if possible."""
    while os.read(0, 64):
        pass
    if log.parent.is_dir():
        processes.redirect_output(log)
