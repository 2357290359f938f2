"""An adopted process is active while it writes, also where its files must not be looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainui.execution.stall import adopted_activity
from trainui.system import mounts

ECHO = """
import sys
with open(sys.argv[1], "a", buffering=1) as log:
    for line in sys.stdin:
        log.write(line)
        print("written", flush=True)
"""
"""A program that appends each line of its standard input to a file."""


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes one file only, as this one may have others open."""
    with subprocess.Popen(
        [sys.executable, "-c", ECHO, tmp_path / "train.log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process
        process.kill()


def write(process: subprocess.Popen[str]) -> None:
    """Have the process write one line, and wait until it is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("step 1\n")
    assert process.stdout.readline() == "written\n"


@pytest.mark.parametrize("is_remote", [True, False])
def test_each_output_changes_the_marks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    echo: subprocess.Popen[str],
    is_remote: bool,
) -> None:
    """A file on a remote file system counts by the process's position in it."""
    path = str(tmp_path / "train.log")
    found = {path} if is_remote else set[str]()
    monkeypatch.setattr(mounts, "remote_mount", lambda one: "/far" if one in found else "")
    seen = set[tuple[int, ...]]()
    for _ in range(3):
        write(echo)
        seen.add(adopted_activity.written({echo.pid}))
    assert len(seen) == 3
    assert adopted_activity.written({echo.pid}) in seen
