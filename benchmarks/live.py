"""Measures the delay from a written line to the database, and the cost to the training.

python -m benchmarks.live [--seconds 20] [--pairs 200]

The metrics reader runs as the worker starts it. A line is visible once the store says that it was
read. A training that computes for a millisecond and logs a line, over and over, is timed with the
reader watching and while it is stopped, in turns.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import figures
from benchmarks.made import workplace
from tests.unit.metrics.attempts import Attempt, start_attempt
from trainui import paths, wakeup
from trainui.execution.daemon import metrics_process
from trainui.metrics.reader.__main__ import LONGEST_PAUSE
from trainui.store.db import engine

HERTZ = 20
FILES = 64
PAUSE = 0.004
REST = 3.0
"""Seconds without a line, after which files are looked at no more."""

TRAINING = """
import json, sys, time
with open(sys.argv[1], "a") as file:
    step = 0
    for _ in sys.stdin:
        begun, used = time.perf_counter(), time.process_time()
        for step in range(step + 1, step + 1 + int(sys.argv[2])):
            until = 0
            while until < 12_000:  # about a millisecond
                until += 1
            row = {"step": step, "loss": 1 / step, "lr": 1e-3}
            print(json.dumps(row), file=file, flush=True)
        print(time.perf_counter() - begun, time.process_time() - used, flush=True)
"""
"""A part of it, and its wall and CPU time, for each line that it reads."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rests", type=int, default=7)
    parser.add_argument("--steps", type=int, default=250, help="of a part")
    options = parser.parse_args()
    with workplace() as (directory, store), reading() as reader:
        attempts = [start_attempt(store, directory, name=f"s{at}") for at in range(FILES)]
        wakeup.wake_reader()
        time.sleep(2 * REST)
        idle = Cost(reader.pid)
        time.sleep(LONGEST_PAUSE)  # so that one scan is in it
        figures.at_most(f"{FILES} stages that write nothing, of a core", idle.percent(), 0.5, "%")
        one = Live(attempts[:1])
        one.write(options.seconds)
        median = statistics.median(one.delays)
        figures.without_limit(f"one file at {HERTZ} Hz, visible, median", median, "ms")
        figures.at_most(f"one file at {HERTZ} Hz, visible, 95 of 100", p95(one.delays), 100, "ms")
        figures.without_limit("a sleep too long on this machine, 95 of 100", p95(one.late), "ms")
        first = statistics.median(after_rests(attempts[:1], options.rests))
        figures.at_most("the first line after a rest, visible, median", first, 100, "ms")
        cost, many = Cost(reader.pid), Live(attempts)
        many.write(options.seconds)
        name = f"{FILES} files at {HERTZ} Hz"
        figures.at_most(f"{name}, of a core", cost.percent(), 8, "%")
        figures.at_most(f"{name}, visible, 95 of 100", p95(many.delays), 600, "ms")
    ratios = compare(options.pairs, options.steps)
    for what, found in zip(("time", "CPU"), zip(*ratios, strict=True), strict=True):
        low, middle, high = ((ratio - 1) * 100 for ratio in statistics.quantiles(found, n=4))
        figures.at_most(f"a training at 1 kHz, more {what} while watched", middle, 5, "%")
        print(f"  half of {len(found)} pairs between {low:+.1f} and {high:+.1f} %")
    return figures.exit_code()


def p95(found: list[float]) -> float:
    """Return what 95 of 100 are within."""
    return sorted(found)[int(len(found) * 0.95) - 1]


def after_rests(attempts: list[Attempt], count: int) -> list[float]:
    """Return the milliseconds until lines are visible before which nothing was written for long."""
    found = []
    for _ in range(count):
        time.sleep(REST)
        line = Live(attempts)
        line.write(0.9 / HERTZ)
        found += line.delays
    return found


class Live:
    """Lines written on a clock, and when they were to be seen."""

    def __init__(self, attempts: list[Attempt]) -> None:
        self.delays: list[float] = []
        """Milliseconds, of the first file's lines."""
        self.late: list[float] = []
        """Milliseconds by which this process slept longer than it wanted."""
        self._files = [attempt.own_file.open("ab", buffering=0) for attempt in attempts]
        self._owner = attempts[0].stage_id
        self._step = 0

    def write(self, seconds: float) -> None:
        waiting: dict[int, float] = {}
        began = time.monotonic()
        with engine.reading() as connection:
            while (now := time.monotonic()) < began + seconds or waiting:
                if now >= began + self._step / HERTZ and now < began + seconds:
                    waiting[self._put()] = time.monotonic()
                row = connection.execute(
                    'SELECT max("offset") FROM sources WHERE owner = ?', (self._owner,)
                ).fetchone()
                for offset in [offset for offset in waiting if offset <= (row[0] or 0)]:
                    self.delays.append((time.monotonic() - waiting.pop(offset)) * 1000)
                slept = time.monotonic()
                time.sleep(PAUSE)
                self.late.append((time.monotonic() - slept - PAUSE) * 1000)

    def _put(self) -> int:
        """Write a line to each file; return where the first one ends."""
        row = {"step": self._step, **{f"metric_{at}": self._step / 7 for at in range(5)}}
        for file in self._files:
            file.write(json.dumps(row).encode() + b"\n")
        self._step += 1
        return self._files[0].tell()


class Cost:
    """What a process takes of a core, from now on."""

    def __init__(self, pid: int) -> None:
        self._pid, self._at, self._used = pid, time.monotonic(), cpu_seconds(pid)

    def percent(self) -> float:
        return (cpu_seconds(self._pid) - self._used) / (time.monotonic() - self._at) * 100


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process's threads, to the nanosecond: 0.2 % of 4 s is one tick."""
    found = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in found) / 1e9


@contextlib.contextmanager
def reading() -> Iterator[subprocess.Popen[bytes]]:
    """Run the metrics reader."""
    home = paths.home()
    home.worker.mkdir(parents=True, exist_ok=True, mode=0o700)
    reader = metrics_process.start_reader(home.worker / "metrics.log")
    try:
        while not wakeup.reader_socket().exists():
            time.sleep(0.02)
        yield reader
    finally:
        reader.terminate()
        reader.wait()


def compare(pairs: int, steps: int) -> list[tuple[float, float]]:
    """Return how much more parts of a training take with the reader than while it is stopped.

    By the clock, and of CPU.
    The parts of a pair follow each other at once, so that both meet the same other load.
    """
    with workplace() as (directory, store), reading() as reader:
        attempt = start_attempt(store, directory)
        wakeup.wake_reader()
        command = [sys.executable, "-c", TRAINING, str(attempt.own_file), str(steps)]
        training = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with training:
            run_part(training)
            await_all(attempt)
            return [compare_once(training, reader, attempt, at % 2 == 0) for at in range(pairs)]


def compare_once(
    training: subprocess.Popen[bytes],
    reader: subprocess.Popen[bytes],
    attempt: Attempt,
    watched_first: bool,
) -> tuple[float, float]:
    took = {}
    for watched in (watched_first, not watched_first):
        if not watched:
            reader.send_signal(signal.SIGSTOP)
        took[watched] = run_part(training)
        reader.send_signal(signal.SIGCONT)
        await_all(attempt)
    (clock, used), (alone_clock, alone_used) = took[True], took[False]
    return clock / alone_clock, used / alone_used


def run_part(training: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Return the seconds that the next part of a training takes, by the clock and of CPU."""
    assert training.stdin is not None
    assert training.stdout is not None
    training.stdin.write(b"\n")
    training.stdin.flush()
    clock, used = map(float, training.stdout.readline().split())
    return clock, used


def await_all(attempt: Attempt) -> None:
    """Wait until all of it is in the database, which shows that it was watched."""
    size = attempt.own_file.stat().st_size
    with engine.reading() as connection:
        while True:
            query = 'SELECT max("offset") FROM sources WHERE owner = ?'
            row = connection.execute(query, (attempt.stage_id,)).fetchone()
            if row[0] == size:
                return
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
