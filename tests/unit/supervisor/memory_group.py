"""A control group with little memory, for what is to run out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def make(*, megabytes: int) -> Path:
    """Make a group inside our own; a pid written to its `cgroup.procs` moves that process there."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            group = Path(f"/sys/fs/cgroup/memory{path}/trainui-test-{os.getpid()}")
            limits = {"memory.limit_in_bytes": f"{megabytes}M"}
        elif not controllers:
            group = Path(f"/sys/fs/cgroup{path}/trainui-test-{os.getpid()}")
            limits = {"memory.max": f"{megabytes}M", "memory.swap.max": "0"}
        else:
            continue
        try:
            group.mkdir()
            for name, value in limits.items():
                (group / name).write_text(value)
        except OSError:
            continue
        return group
    pytest.skip("no control group with a memory limit can be made here")
