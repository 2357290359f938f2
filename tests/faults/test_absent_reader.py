"""A metrics reader that hangs or dies: it is named and replaced, and no metrics are lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.integration import background
from tests.unit.supervisor.waiting import wait_for
from trainui.execution.daemon.metrics_process import HANGS_FOR
from trainui.supervisor import supervise

AT_START = """
import os, pathlib, signal, sys

fault = pathlib.Path(os.environ["FAULT"])
if "trainui.metrics.reader" in sys.orig_argv and fault.exists():
    if fault.read_text() == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault.read_text() == "spin":
        while True:
            pass
    sys.exit("broken")
if "trainui.execution.worker" in sys.orig_argv and "PATIENT" not in os.environ:
    from trainui.execution.attempt import record_outcome
    from trainui.execution.daemon import metrics_process

    record_outcome.ABSENT_PATIENCE, record_outcome.UNLOCKED_FOR = 4.0, 1.0
    metrics_process.STUCK_FOR, metrics_process.LOOP_SECONDS = 4.0, 2.0
    metrics_process.STEADY_AFTER, metrics_process.LONGEST_DELAY = 2.0, 2.0
"""
"""What is run as the reader and the worker start: a fault, and less patience with it."""

TRAIN = """
i=0
until [ -e go ]; do sleep 0.05; done
while [ $i -lt 5 ]; do
    i=$((i+1)); echo "{\\"step\\": $i, \\"loss\\": $i}" >> $TRAINUI_METRICS_FILE
done
"""


class Readers:
    """The readers of one home."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.fault = cli.directory / "fault"
        background.at_start(cli.directory, AT_START)
        cli.environ |= {"PYTHONPATH": str(cli.directory), "FAULT": str(self.fault)}
        cli.always_forks = True

    def pid(self) -> int:
        def find() -> int:
            living = [one.pid for one in supervise.list_processes() if not one.dead]
            return next((pid for pid in living if self._is_ours(pid)), 0)

        return wait_for(find, "a reader")

    def _is_ours(self, pid: int) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        ours = f"TRAINUI_HOME={self.cli.home}".encode() in environ.split(b"\0")
        return b"trainui.metrics.reader" in arguments and ours

    def run(self) -> str:
        """Start a stage, and let it write five points and end."""
        done = self.cli("run", "--detach", "--", "sh", "-c", TRAIN)
        assert done.code == 0, done
        run = done.out.split()[0]
        wait_for(lambda: self.attempt(run)["pid"], "the stage")
        return run

    def go(self) -> None:
        (self.cli.directory / "go").touch()

    def attempt(self, run: str) -> Any:
        tries = self.cli.json("show", run)["stages"][0]["attempts"]
        return tries[-1] if tries else {"pid": None}

    def points(self, run: str) -> int:
        return sum(one["count"] for one in self.cli.json("metrics", run)["series"])

    def problems(self) -> str:
        return " ".join(self.cli.json("worker", "status")["problems"])

    def wait_until_read(self, run: str) -> None:
        wait_for(lambda: self.attempt(run)["metrics_complete"], "all points", HANGS_FOR)
        assert self.points(run) == 5
        wait_for(lambda: self.problems() == "", "no problem", HANGS_FOR)


@pytest.fixture
def readers(cli: CommandLine) -> Readers:
    return Readers(cli)


@pytest.mark.parametrize(
    "fault", ["die", *(pytest.param(one, marks=pytest.mark.long) for one in ("hang", "spin"))]
)
def test_without_a_reader_the_end_is_recorded_and_metrics_later(
    readers: Readers, cli: CommandLine, fault: str
) -> None:
    readers.fault.write_text(fault)
    run = readers.run()
    wait_for(lambda: "the metrics reader" in readers.problems(), "its name")
    readers.go()
    done = cli("wait", run, "--timeout", "60")
    assert done.code == 0, done
    attempt = readers.attempt(run)
    assert (attempt["status"], attempt["metrics_complete"]) == ("completed", False)
    assert readers.points(run) == 0
    for command in (("show", run), ("doctor",), ("worker", "status")):
        said = cli(*command)
        assert "the metrics reader" in said.out + said.err, (command, said)
    assert "not read to their end yet" in cli("show", run).err
    readers.fault.unlink()
    readers.wait_until_read(run)


def test_a_hanging_reader_is_replaced_before_the_end_is_recorded(
    readers: Readers, cli: CommandLine
) -> None:
    cli.environ["PATIENT"] = "yes"  # the patience is longer than what a replacement takes
    run = readers.run()
    hanging = readers.pid()
    os.kill(hanging, signal.SIGSTOP)
    readers.go()
    wait_for(lambda: f"does not answer, pid {hanging}" in readers.problems(), "its name")
    wait_for(lambda: readers.pid() != hanging, "another")
    assert cli("wait", run, "--timeout", "60").code == 0
    assert readers.attempt(run)["metrics_complete"]
    readers.wait_until_read(run)


@pytest.mark.long
def test_a_reader_killed_repeatedly_loses_no_point(readers: Readers, cli: CommandLine) -> None:
    run = readers.run()
    killed = set[int]()
    for _ in range(3):
        killed.add(pid := readers.pid())
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: readers.pid() not in killed, "another")
    readers.go()
    assert cli("wait", run, "--timeout", "60").code == 0
    readers.wait_until_read(run)
