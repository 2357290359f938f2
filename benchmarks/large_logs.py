"""Measures the time to show the end of a large log, on the screen and the command line.

python -m benchmarks.large_logs [--small 1] [--large 500] [--repeats 5]

The page of a run is opened until the last line of its log is on the terminal, and `trainui logs -n
100` is called. What counts is the time for the large log beside that for the small one, and the
memory of the screen. The whole large log is also printed, by the megabyte.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import figures
from benchmarks.terminals import program

ROOT = Path(__file__).resolve().parent.parent

LAST = "this is the last line"

AT_MOST, MEMORY, RATE = 1.25, 60.0, 10.0
"""Times what a small log takes, MiB of the screen, and megabytes printed a second: the limits."""


def make_run(name: str, megabytes: float) -> str:
    """Store a run of a stage that has written so much; return the run's id."""
    from tests.unit.tui.filled import Filler
    from trainui import paths
    from trainui.store.db.engine import open_store

    filler = Filler(open_store(), paths.home().root / "runs")
    run_id = filler.run({"train": ()}, name=name)
    attempt = filler.start(run_id, "train")
    lines = [
        f"step {step}: loss {1 / (step + 1):.6f}, all is well so far\n" for step in range(20_000)
    ]
    block = "".join(lines).encode()
    with filler.log(attempt, "the first line\n").open("ab") as log:
        for _ in range(max(1, round(megabytes * 1e6 / len(block)))):
            log.write(block)
        log.write(f"{LAST}\n".encode())
    filler.end(attempt)
    return run_id


def opened(run_id: str) -> tuple[float, float]:
    """Return the seconds until the log's end is on the screen, and the screen's MiB."""
    command = f"from trainui.tui.start import run_screen; run_screen({run_id!r})"
    with program([sys.executable, "-c", command]) as screen:
        took = screen.until(LAST.encode())
        screen.quiet(0.5)
        return took, screen.memory() / 2**20


def printed(run_id: str, *options: str) -> float:
    """Return the seconds that `trainui logs` takes with its output discarded."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "trainui", "logs", run_id, "train", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def in_turns(measure: Callable[[str], float], runs: list[str], repeats: int) -> float:
    """Return the ratio of the medians for the second run and the first, measured in turns."""
    took: dict[str, list[float]] = {run_id: [] for run_id in runs}
    for _ in range(repeats):
        for run_id in runs:
            took[run_id].append(measure(run_id))
    small, large = (statistics.median(found) for found in took.values())
    return large / small


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=float, default=1, help="megabytes")
    parser.add_argument("--large", type=float, default=500, help="megabytes")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-large-logs-") as folder:
        os.environ |= {"TRAINUI_HOME": f"{folder}/home", "PYTHONPATH": str(ROOT)}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sizes = {"small": options.small, "large": options.large}
        runs = [make_run(name, megabytes) for name, megabytes in sizes.items()]
        name = f"a log of {options.large:g} MB"
        ratio = in_turns(lambda run_id: opened(run_id)[0], runs, options.repeats)
        figures.at_most(f"{name}, its end on the screen, to a small one", ratio, AT_MOST, "times")
        ratio = in_turns(lambda run_id: printed(run_id, "-n", "100"), runs, options.repeats)
        figures.at_most(f"{name}, 100 lines printed, to a small one", ratio, AT_MOST, "times")
        figures.at_most(f"{name}, memory of the screen", opened(runs[1])[1], MEMORY, "MiB")
        rate = options.large / printed(runs[1])
        figures.at_least(f"{name}, printed whole, a second", rate, RATE, "MB")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
