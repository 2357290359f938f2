"""Measures what stages on Slurm cost: 500 that wait, and one's overhead besides Slurm's own.

python -m benchmarks.slurm [--stages 500] [--seconds 60] [--chain 12]

It starts a Slurm of its own, as root, from Debian's packages (`dev.py test` installs them). The
overhead is from a stage's end to `sbatch` of the next, and from the start of a job's script to that
of its stage's process; the rest is Slurm's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import figures
from benchmarks.screen_live import reader_of
from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.integration.test_slurm_jobs import a_job
from tests.unit.supervisor.waiting import wait_for
from trainui.plugin.executing import script
from trainui.supervisor import protocol

MOST_CPU, MOST_OVERHEAD = 1.0, 0.1
"""Per cent of a core, and seconds."""

WAITING = """
defaults: {{executor: {{slurm: {{partition: closed}}}}}}
stages: [{{name: a, run: "true", matrix: {{n: [{numbers}]}}}}]
"""


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--chain", type=int, default=12)
    options = parser.parse_args()
    if why := slurm_cluster.why_not():
        print(why, file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="trainui-slurm-") as folder:
        place, home = Path(folder), Path(folder, "home")
        with slurm_cluster.running(place / "slurm") as slurm:
            os.environ["SLURM_CONF"] = str(slurm.configuration)
            os.environ["PATH"] = f"{logging_commands(place, slurm)}:{os.environ['PATH']}"
            try:
                overhead(place, home, options.chain)
                waiting(place, home, slurm, options.stages, options.seconds)
            finally:
                trainui("worker", "stop", home=home)
    return figures.exit_code()


def trainui(*arguments: str, home: Path) -> str:
    """Run a command with our environment, which names the Slurm, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "trainui", *arguments],
        env={**os.environ, "TRAINUI_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def logging_commands(place: Path, slurm: SlurmCluster) -> Path:
    """Make commands of Slurm that note the time at which they are called."""
    programs = place / "programs"
    programs.mkdir()
    for name in ("sbatch", "squeue"):
        real = slurm("which", name).strip()
        note = f'case "$*" in *--test-only*) ;; *) date +%s.%N >> {place}/{name}.log;; esac'
        (programs / name).write_text(f'#!/bin/sh\n{note}\nexec {real} "$@"\n')
        (programs / name).chmod(0o755)
    return programs


def calls(place: Path, name: str) -> list[float]:
    file = place / f"{name}.log"
    return [float(line) for line in file.read_text().split()] if file.exists() else []


def overhead(place: Path, home: Path, count: int) -> None:
    """Report the overhead of a stage in a chain."""
    file = place / "chain.yaml"
    stages = [
        {"name": f"s{at}", "run": "true", "depends_on": [f"s{at - 1}"] if at else []}
        for at in range(count)
    ]
    file.write_text(json.dumps({"defaults": {"executor": "slurm"}, "stages": stages}))
    shown = json.loads(trainui("run", "--wait", "--json", str(file), home=home))
    ends = sorted(datetime.fromisoformat(one["completed_at"]) for one in shown["stages"])
    submitted = calls(place, "sbatch")[1:]
    waits = [at - end.timestamp() for at, end in zip(submitted, ends[:-1], strict=True)]
    starts = [seconds_to_start(place) for _ in range(count)]
    between, within = statistics.median(waits), statistics.median(starts)
    figures.without_limit("slurm: a stage's end to sbatch of the next", between, "s")
    figures.without_limit("slurm: a job's script to its stage's process", within, "s")
    figures.at_most("slurm: a stage's overhead", between + within, MOST_OVERHEAD, "s")


def seconds_to_start(place: Path) -> float:
    """Return how long a job's script takes to start its stage's process."""
    job = a_job(place, "true")
    began = time.time()
    subprocess.run(["sh", "-c", script(job)], check=True, stderr=subprocess.DEVNULL)
    pids = protocol.read_pids(job.directory)
    assert pids is not None
    return pids.started_at / 1e6 - began


def waiting(place: Path, home: Path, slurm: SlurmCluster, count: int, seconds: float) -> None:
    """Report what stages that wait for Slurm cost."""
    file = place / "waiting.yaml"
    file.write_text(WAITING.format(numbers=", ".join(map(str, range(count)))))
    began = time.monotonic()
    trainui("run", "--detach", str(file), home=home)
    wait_for(lambda: len(slurm.jobs(states="pending")) == count, "all jobs", 600)
    figures.without_limit(f"slurm: {count} jobs submitted in", time.monotonic() - began, "s")
    time.sleep(25.0)  # their reasons are on record
    status = json.loads(trainui("worker", "status", "--json", home=home))
    watched = [psutil.Process(status["pid"]), reader_of(home)[0]]
    asked, used = len(calls(place, "squeue")), sum(map(cpu_of, watched))
    time.sleep(seconds)
    asked, used = len(calls(place, "squeue")) - asked, sum(map(cpu_of, watched)) - used
    figures.at_most(f"slurm: {count} waiting, of a core", 100 * used / seconds, MOST_CPU, "%")
    figures.at_most("slurm: questions in 10 s", asked * 10 / seconds, 1.0 + 10 / seconds)
    began = time.monotonic()
    trainui("run", "--wait", "--", "true", home=home)
    figures.at_most("slurm: a local stage meanwhile", time.monotonic() - began, 5.0, "s")


def cpu_of(process: Any) -> float:
    """Return the CPU seconds of a process and its ended children, Slurm's commands."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


if __name__ == "__main__":
    sys.exit(main())
