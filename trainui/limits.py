"""The soft limit of open files: raised for us, and as it was for what we start for users."""

from __future__ import annotations

import contextlib
import resource

_before: int | None = None
"""The soft limit that this process was started with, once it is raised."""


def raise_open_files() -> None:
    """Let this process open as many files as the system allows it."""
    global _before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not hasattr(resource, "prlimit") or soft == hard:
        return  # what we start could not be given the old limit back
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _before = soft


def restore_open_files(pid: int) -> None:
    """Give a child the limit that this process had: programs that use `select` rely on a low one.

    Args:
        pid: the child, which has started no process yet.
    """
    if _before is None:
        return
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(_before, hard), hard))


def open_files() -> int:
    """Return how many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
