"""The kernel's record of a process that it killed."""

from __future__ import annotations

import os

import pytest

from trainui.execution.attempt import attempt_cause

KILL = "3,1042,{at},-;Memory cgroup out of memory: Killed process {pid} (python) total-vm:1kB\n"


@pytest.mark.parametrize(
    ("pid", "at", "is_it"),
    [(17, 5_000_000, True), (18, 5_000_000, False), (17, 90_000_000, False)],
)
def test_a_kill_is_that_of_the_pid_at_that_time(pid: int, at: int, is_it: bool) -> None:
    records = ["6,1,100,-;booted\n", KILL.format(at=at, pid=pid), "6,2,x\n", ""]
    line = attempt_cause.line_of_kill(records, frozenset({17}), 6_000_000)
    assert ("Killed process 17" in line) == is_it


def test_a_process_that_lives_has_no_record() -> None:
    assert attempt_cause.out_of_memory_kill([os.getpid()], 0) == ""
