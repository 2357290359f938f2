"""Measures memory and CPU time of the background processes while they are idle.

python -m benchmarks.background [--seconds 10]

Guard, worker, broker and metrics reader of one home, after a stage has run. Memory is PSS:
private memory, plus a proportional share of shared memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import figures
from benchmarks.screen_live import reader_of, trainui
from benchmarks.terminals import cpu_seconds

MEMORY = {"guard": 16.0, "worker": 80.0, "broker": 8.0, "reader": 80.0}
"""MiB: the limits."""

BUSY = 1.0
"""Per cent of a core, of all four."""


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-background-") as folder:
        home = Path(folder, "home")
        try:
            trainui("run", "--wait", "--", "sh", "-c", "echo; sleep 1", home=home)
            report(home, options.seconds)
        finally:
            trainui("worker", "stop", home=home)
    return figures.exit_code()


def report(home: Path, seconds: float) -> None:
    """Report what a home's processes take."""
    status = json.loads(trainui("worker", "status", "--json", home=home))
    processes = {
        "guard": psutil.Process(status["guard_pid"]),
        "worker": psutil.Process(status["pid"]),
        "broker": psutil.Process(status["broker"]["pid"]),
        "reader": reader_of(home)[0],
    }
    time.sleep(3.0)  # what the end of the run caused is done
    used = cpu_seconds(list(processes.values()))
    time.sleep(seconds)
    used = cpu_seconds(list(processes.values())) - used
    for name, process in processes.items():
        memory = process.memory_full_info().pss / 2**20
        figures.at_most(f"memory of the {name}", memory, MEMORY[name], "MiB")
    figures.at_most("all of them, of a core", 100 * used / seconds, BUSY, "%")


if __name__ == "__main__":
    sys.exit(main())
