"""Compares the screen, idle and live, with a minimal Textual app and W&B LEET.

Idle: a list of runs that are over. Live: a stage that logs 8 metrics at 10 steps a second through a
real worker, its page open, and the same from a script that logs with wandb, offline. Both terminals
are watched at the same time, so that the machine's other load meets both.

    python -m benchmarks.screen_live [--wandb BIN/wandb] [--seconds 20] [--keys 40]

`--wandb` is the program of an environment that has wandb and numpy (pip install wandb numpy). The
metrics reader's CPU and memory count as the screen's, since LEET reads its files by itself.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks import figures
from benchmarks.screen_start import MINIMAL, SCREEN, fill
from benchmarks.terminals import Cost, Program, cpu_seconds, program

REPOSITORY = Path(__file__).resolve().parent.parent

METRICS = 8

CPU, MEMORY, BYTES, KEY = 10.0, 250.0, 5000.0, 30.0
"""Per cent of a core, MiB, bytes a second and milliseconds of the live page: the limits."""

TRAINING = f"""
import json, os, math, time
with open(os.environ["TRAINUI_METRICS_FILE"], "a", buffering=1) as file:
    for step in range(1_000_000):
        values = {{f"metric_{{n}}": math.exp(-step / 500 / (n + 1)) for n in range({METRICS})}}
        file.write(json.dumps({{"step": step, **values}}) + "\\n")
        time.sleep(0.1)
"""
TRAINING_WANDB = f"""
import math, time, wandb
run = wandb.init(project="live", mode="offline")
for step in range(1_000_000):
    run.log({{f"metric_{{n}}": math.exp(-step / 500 / (n + 1)) for n in range({METRICS})}})
    time.sleep(0.1)
"""


def trainui(*arguments: str, home: Path) -> str:
    command = [sys.executable, "-m", "trainui", *arguments]
    environ = {"TRAINUI_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def live_stage(home: Path, training: str = TRAINING) -> Iterator[None]:
    """A stage that logs, under a real worker."""
    (home / "train.py").write_text(training)
    script = str(home / "train.py")
    trainui("run", "--name", "live", "--detach", "--", sys.executable, script, home=home)
    try:
        yield
    finally:
        trainui("worker", "stop", "--with-stages", home=home)


@contextmanager
def live_wandb(wandb: Path, directory: Path) -> Iterator[None]:
    """A script that logs with wandb."""
    python = wandb.parent / "python"
    with subprocess.Popen(
        [python, "-c", TRAINING_WANDB],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as training:
        try:
            yield
        finally:
            for process in psutil.Process(training.pid).children(recursive=True):
                process.kill()
            training.kill()


def reader_of(home: Path) -> list[psutil.Process]:
    """The process that reads the metrics of this home."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ = process.info["environ"] or {}
        command = " ".join(process.info["cmdline"] or [])
        if environ.get("TRAINUI_HOME") == str(home) and "trainui.metrics" in command:
            found.append(process)
    return found


def latencies(shown: Program, keys: list[bytes], count: int) -> list[float]:
    """Milliseconds from a key to the first thing written, of presses spread over the updates."""
    times = []
    for number in range(count):
        times.append(1000 * shown.press(keys[number % len(keys)]))
        time.sleep(0.05 + 0.013 * (number % 10))
    return times


def told(name: str, shown: Program, seconds: float) -> Cost:
    cost = shown.cost(seconds)
    memory = shown.memory() / 2**20
    rates = f"{cost.bytes_per_second:>8.0f} B/s {cost.cpu_percent:>6.2f} % CPU"
    print(f"{name:<22} {rates} {memory:>6.1f} MiB PSS")
    return cost


def told_keys(name: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:<22} key to change: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")


def idle(home: Path, seconds: float) -> None:
    fill(home, 1000)
    with (
        program([sys.executable, "-c", MINIMAL]) as minimal,
        program([sys.executable, "-c", SCREEN], TRAINUI_HOME=str(home)) as screen,
    ):
        minimal.until(b"ready-to-use")
        screen.until(b"ready-to-use")
        screen.quiet(3.0)
        base = told("idle, minimal app", minimal, seconds)
        ours = told("idle, trainui", screen, seconds)
        ratio = ours.cpu_percent / max(base.cpu_percent, 0.01)
        figures.at_most("idle, CPU, to a minimal app's", ratio, 1.2, "times")
        figures.at_most("idle, sent to the terminal", ours.bytes_per_second, 1.0, "B/s")
        keys = statistics.median(latencies(screen, [b"j", b"k"], 30))
        figures.at_most("idle, key to change, median", keys, KEY, "ms")


def live(home: Path, wandb: Path | None, seconds: float, keys: int) -> None:
    home.mkdir()
    with ExitStack() as stack:
        stack.enter_context(live_stage(home))
        command = f"from trainui.tui.start import run_screen; run_screen({run_id(home)!r})"
        screen = stack.enter_context(
            program([sys.executable, "-c", command], TRAINUI_HOME=str(home))
        )
        leet = None
        if wandb is not None:
            directory = home / "wandb-live"
            directory.mkdir()
            stack.enter_context(live_wandb(wandb, directory))
            while not list(directory.glob("wandb/offline-run-*/*.wandb")):
                Program.quiet(screen, 0.5)
            where = str(next(directory.glob("wandb/offline-run-*")))
            leet = stack.enter_context(program([str(wandb), "leet", where]))
            leet.until(b"metric_1")
        screen.until(b"metric_1")
        screen.cost(20.0)  # both have drawn something of all curves
        busy = cpu_seconds(reader_of(home))
        ours = told("live, trainui", screen, seconds)
        reading = 100 * (cpu_seconds(reader_of(home)) - busy) / seconds
        memory = screen.memory() + sum(one.memory_full_info().pss for one in reader_of(home))
        figures.at_most("live, CPU with the reader's", ours.cpu_percent + reading, CPU, "%")
        figures.at_most("live, memory with the reader's", memory / 2**20, MEMORY, "MiB")
        figures.at_most("live, sent to the terminal", ours.bytes_per_second, BYTES, "B/s")
        pressed = latencies(screen, [b"2", b"1"], keys)
        figures.at_most("live, key to change, median", statistics.median(pressed), KEY, "ms")
        if leet is not None:
            theirs = told("live, LEET", leet, seconds)
            told_keys("live, LEET", latencies(leet, [b"\x1b[B", b"\x1b[A"], keys))
            ratios = {
                "bytes": ours.bytes_per_second / theirs.bytes_per_second,
                "CPU": (ours.cpu_percent + reading) / theirs.cpu_percent,
                "memory": memory / leet.memory(),
            }
            for what, ratio in ratios.items():
                figures.without_limit(f"live, {what}, to LEET's", ratio, "times")


def run_id(home: Path) -> str:
    import json

    return str(json.loads(trainui("ls", "--json", home=home))["runs"][0]["run"])


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wandb", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--keys", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        idle(Path(place) / "idle", options.seconds)
        live(Path(place) / "live", options.wandb, options.seconds, options.keys)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
