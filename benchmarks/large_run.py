"""Measures validating a pipeline of ten thousand stages, and opening the run's page.

`python -m benchmarks.large_run [--stages N] [--repeats N]`. Printed: the medians of seconds, and of
CPU, which tells more on a busy machine. The check is a whole `trainui validate`; the page counts
from the key on the list of runs until its stages are on the terminal. No worker runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import figures
from benchmarks.terminals import cpu_seconds, program

ROOT = Path(__file__).resolve().parent.parent

CHECKED, OPENED = 2.0, 0.5
"""Seconds: the limits."""

CHAIN = 100
"""Stages that each wait for the one before."""


def write(file: Path, count: int) -> None:
    """Write a pipeline file as people do, and not as JSON, which is read faster."""
    lines = ["name: large-run", "stages:"]
    for at in range(count):
        above = f"stage-{at - 1}" if at % CHAIN else ""
        lines += [f"  - name: stage-{at}", '    run: "true"', f"    depends_on: [{above}]"]
    file.write_text("\n".join(lines) + "\n")


class Took(NamedTuple):
    """What one measurement gave, in seconds."""

    wall: float
    cpu: float


def check(file: Path) -> Took:
    """Measure `trainui validate`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "trainui", "validate", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, busy)


def open_page() -> Took:
    """Measure from the key to the page."""
    with program([sys.executable, "-m", "trainui"]) as shown:
        shown.until(b"large-run")
        shown.quiet(0.5)
        busy, began = cpu_seconds(shown.processes()), time.perf_counter() - shown.began
        shown.type(b"\r")
        wall = shown.until(b"stage-1") - began
        return Took(wall, cpu_seconds(shown.processes()) - busy)


def main() -> int:
    """Measure, and print a line for each; fail where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-large-run-") as folder:
        os.environ["TRAINUI_HOME"] = f"{folder}/home"
        os.environ["PYTHONPATH"] = str(ROOT)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile everything
        file = Path(folder, "large.yaml")
        write(file, given.stages)
        from trainui import control
        from trainui.pipeline import loader

        control.submit(loader.load(str(file), {}))
        cases: dict[str, tuple[float, Callable[[], Took]]] = {
            "validate": (CHECKED, lambda: check(file)),
            "page": (OPENED, open_page),
        }
        for name, (limit, measure) in cases.items():
            measure()  # the first start compiles
            found = [measure() for _ in range(given.repeats)]
            wall, busy = (statistics.median(column) for column in zip(*found, strict=True))
            figures.at_most(f"{name} of {given.stages:,} stages", wall, limit, "s")
            figures.without_limit(f"{name} of {given.stages:,} stages, CPU", busy, "s")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
