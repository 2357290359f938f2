"""CPUs, nice value and resource limits, which a process passes on to its children.

A stage gets those of the shell that submitted its run, and not of the shell that happened to start
the worker. The supervisor sets them in the stage's process, as far as it is permitted to.
"""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Any

_KINDS = sorted(name.removeprefix("RLIMIT_") for name in dir(resource) if name[:7] == "RLIMIT_")


def current() -> dict[str, Any]:
    """Return this process's `cpus`, `nice`, and `limits` by name, each soft and hard (-1: none).

    `cpus` is None on a system without affinity.
    """
    return {
        "cpus": _cpus(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": {
            name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in _KINDS
        },
    }


def _cpus() -> list[int] | None:
    """Return the CPUs that this process may use; empty: all that the first process may use.

    All is not a list, since the stage may run on a host or in a container with others.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    own = os.sched_getaffinity(0)
    every = set(range(os.cpu_count() or 1))
    with contextlib.suppress(OSError):
        every = os.sched_getaffinity(1)
    return [] if own == every else sorted(own)
