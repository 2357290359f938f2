"""Out-of-memory kills are recognised by the counters of control groups in version 2 too.

The kernel's own are version 1 on many machines, so the tree is a made one, which the worker and its
stages see in the place of the kernel's: nothing kills here but the test.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.runs import Run, home_of_its_own

IN_ITS_PLACE = 'mount --bind "$0" /sys/fs/cgroup && exec "$@"'
KILLS_ITSELF = "kill -KILL $$"


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Path]:
    """The counters that the supervisors of a worker see."""
    tree = tmp_path / "cgroup"
    tree.mkdir()
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line for line in lines if line.startswith("0::")), None)
    if own is None:
        pytest.skip("this kernel knows no control groups of version 2")
    group = tree / own.removeprefix("0::").lstrip("/")
    group.mkdir(parents=True, exist_ok=True)
    events = group / "memory.events"
    events.write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 3\noom_group_kill 0\n")
    with home_of_its_own(tmp_path):
        start = [sys.executable, "-m", "trainui", "worker", "start"]
        namespace = ["unshare", "--mount", "sh", "-c", IN_ITS_PLACE, str(tree)]
        if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
            pytest.skip("only root, where it may mount, can put a tree in the place of another")
        subprocess.run([*namespace, *start], check=True, capture_output=True)
        yield events


def error_of(directory: Path, script: str) -> str | None:
    run = Run(directory, {"name": "grow", "run": script})
    run.wait()
    return run.stage("grow").error


def test_a_kill_by_the_kernel_is_known_by_its_counter(counters: Path, tmp_path: Path) -> None:
    by_hand = "killed by signal 9 (KILL)"
    assert error_of(tmp_path / "a", KILLS_ITSELF) == by_hand
    counted = f"sed -i 's/^oom_kill 3/oom_kill 4/' {shlex.quote(str(counters))}; {KILLS_ITSELF}"
    words = "killed by the kernel: out of memory (signal 9, largest process "
    assert (error_of(tmp_path / "b", counted) or "").startswith(words)
    assert error_of(tmp_path / "c", KILLS_ITSELF) == by_hand  # one was counted before it began
    counters.unlink()
    assert error_of(tmp_path / "d", KILLS_ITSELF) == by_hand
