"""Raises the soft limit of open files for trainui, and restores it for users' processes."""

from __future__ import annotations

import contextlib
import resource

_before: int | None = None
"""The original soft limit of this process, set once it is raised."""


def raise_open_files() -> None:
    """Raise this process's soft limit of open files to the hard limit."""
    global _before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not hasattr(resource, "prlimit") or soft == hard:
        return  # the old limit could not be restored for children
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _before = soft


def restore_open_files(pid: int) -> None:
    """Give a child that has started no process yet the original limit.

    Programs that use `select` rely on a low one.
    """
    if _before is None:
        return
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(_before, hard), hard))


def open_files() -> int:
    """Return the number of files that this process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
