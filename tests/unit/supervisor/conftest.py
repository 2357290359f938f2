from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.supervisor.launching import launch
from trainui.plugin.backends import Launched
from trainui.supervisor.process import create_lock, find_processes
from trainui.supervisor.protocol import Spec, read_pids
from trainui.supervisor.supervise import send_signal

PATH = os.environ["PATH"]


class Stage:
    """One attempt in a directory of its own, to be run with little to write."""

    def __init__(self, tmp_path: Path) -> None:
        self.work = tmp_path
        self.dir = tmp_path / "attempt-1"
        self.dir.mkdir(mode=0o700)
        create_lock(self.dir)
        self.identity = {"TRAINUI_RUN_ID": str(tmp_path), "TRAINUI_STAGE": "s"}
        self.env: Mapping[str, str] = {"PATH": PATH, **self.identity}

    def spec(self, command: str | list[str], **fields: Any) -> Spec:
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        defaults = {"cwd": str(self.work), "env": self.env, "identity": self.identity, "grace": 5.0}
        return Spec(argv=tuple(argv), **{**defaults, **fields})

    def launch(self, command: str | list[str], **fields: Any) -> Launched:
        return launch(self.dir, self.spec(command, **fields))

    @property
    def out(self) -> str:
        return (self.dir / "stdout.log").read_text()

    def kill_everything(self) -> None:
        pids = read_pids(self.dir)
        if pids:
            send_signal(pids.supervisor_pid, pids.supervisor_start_ticks, signal.SIGKILL)
        for process in find_processes(self.dir):
            send_signal(process.pid, process.ticks, signal.SIGKILL)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An attempt; whatever of it is left at the test's end is killed."""
    made = Stage(tmp_path)
    yield made
    made.kill_everything()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any attempt."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()
