"""Measures how long commands take, and how soon `trainui run` starts a stage's process.

python -m benchmarks.start [--repeats 5]

Warm: a worker runs. Cold: nothing runs and there is no home, so guard, broker, worker and database
are started or made. The moment of the stage's process is what its own first command prints. The
seconds of CPU are those of the command itself, without what it started. Commands are compared with
a Python program that imports what most command lines do, each pair of calls in turn.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import figures

ROOT = Path(__file__).resolve().parent.parent

PEER = ("-c", "import argparse, asyncio, dataclasses, datetime, json, pathlib, sqlite3, subprocess")
"""The arguments of Python for the program that commands are compared with."""

WARM, COLD = 3.0, 8.0
"""The most that the start of a stage's process may take, in times of the peer."""

COMMANDS = {
    "trainui ls": (("ls",), 1.2),
    "trainui show RUN": (("show", "first"), 2.0),
    "trainui logs RUN STAGE": (("logs", "first", "sh"), 2.0),
    "trainui run --help": (("run", "--help"), 1.5),
    "trainui --help": (("--help",), 1.5),
}
"""Each with its arguments and the most that it may take, in times of the peer."""


class Took(NamedTuple):
    """What a command took, in seconds."""

    stage: float
    """Until the stage's process ran; 0 where the command starts none."""
    wall: float
    cpu: float


class Place:
    """A home, and the directory in which commands are given."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TRAINUI_HOME": f"{folder}/home",
            "PYTHONPATH": str(ROOT),
        }

    def call(self, *arguments: str) -> Took:
        """Call a command to its end."""
        return self.call_python("-m", "trainui", *arguments)

    def call_python(self, *arguments: str) -> Took:
        """Call Python to its end."""
        began = time.time()
        process = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            env=self._environ,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, arguments
        return Took(0.0, time.time() - began, used.ru_utime + used.ru_stime)

    def start_stage(self, name: str) -> Took:
        """Run a stage that says when it began."""
        mark = self._folder / f"{name}.began"
        began = time.time()
        script = f"date +%s.%N > {mark}.new && mv {mark}.new {mark}"
        took = self.call("run", "--detach", "--name", name, "--", "sh", "-c", script)
        give_up_at = time.monotonic() + 60
        while not mark.exists():
            assert time.monotonic() < give_up_at, "the stage has not started"
            time.sleep(0.005)
        return took._replace(stage=float(mark.read_text()) - began)


@contextmanager
def place() -> Iterator[Place]:
    """A private home; its worker is stopped at the end."""
    folder = tempfile.mkdtemp(prefix="trainui-start-")
    made = Place(folder)
    try:
        yield made
    finally:
        made.call("worker", "stop")
        shutil.rmtree(folder)


def main() -> int:
    """Measure, and report the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    cold = []
    for _ in range(repeats):
        with place() as made:
            cold.append(made.start_stage("first"))
    with place() as made:
        made.start_stage("first")
        made.call("wait", "first")
        warm = [made.start_stage(f"again-{number}") for number in range(2 * repeats)]
        alone = statistics.median(made.call_python(*PEER).wall for _ in range(2 * repeats))
        report_run("cold", cold[1:] or cold, COLD, alone)  # the first start compiles
        report_run("warm", warm, WARM, alone)
        for name, (arguments, limit) in COMMANDS.items():
            pairs = [(made.call(*arguments), made.call_python(*PEER)) for _ in range(2 * repeats)]
            ours, peer = (
                statistics.median(one.wall for one in side) for side in zip(*pairs, strict=True)
            )
            figures.at_most(f"{name}, to an empty command line", ours / peer, limit, "times")
            figures.without_limit(name, ours, "s")
    return figures.exit_code()


def report_run(kind: str, took: list[Took], limit: float, peer: float) -> None:
    """Report what `trainui run` took, in times of the peer's seconds and in seconds."""
    stage, wall, cpu = (statistics.median(column) for column in zip(*took, strict=True))
    name = f"trainui run, {kind}, to the stage's process"
    figures.at_most(f"{name}, to an empty command line", stage / peer, limit, "times")
    figures.without_limit(name, stage, "s")
    figures.without_limit(f"trainui run, {kind}, to its return", wall, "s")
    figures.without_limit(f"trainui run, {kind}, CPU of the command", cpu, "s")


if __name__ == "__main__":
    sys.exit(main())
