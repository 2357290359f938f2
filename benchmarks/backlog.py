"""Measures how soon and how smoothly the screen shows a stage with a million unread rows.

python -m benchmarks.backlog [--rows 1000000] [--lines 20] [--wandb BIN/wandb]

The screen is opened on the page of a stage without stored rows, and then the metrics reader is
started. Reported are the first curve, when all rows are stored, how late the screen's event
loop wakes meanwhile (and a bare loop beside it, which meets the machine's other load), and after
that how soon a line is on the screen. `--wandb`: the same rows in W&B LEET; it is
the program of an environment that has wandb. In a run on another day a line took 4 s in TensorBoard
and 7 s in LEET; the limits here are in seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks import figures
from benchmarks.live import reading
from benchmarks.made import workplace
from benchmarks.terminals import Program, program
from tests.unit.metrics.attempts import Attempt, start_attempt
from trainui import paths, wakeup
from trainui.store.db import engine

FIRST, LINE, WORST = 4.0, 0.3, 1.0
"""Seconds: to the first curves, and to a line's being shown, its median and its worst."""

RATE, MEMORY, LAG = 200_000, 250, 10.0
"""Rows a second, MB of screen and reader, and milliseconds by which the loop wakes too late: no
longer than it takes to draw the page once, so that a key waits for one drawing at most. To take a
page with its plots and to draw it are two steps of 5 to 7 ms each, which one in a hundred of the
loop's wakes meets; the thread that reads gives way after 1 ms."""

LATE = """
import array, asyncio, os, time
async def watch():
    with open(os.environ["LATE"], "ab") as file:
        late = array.array("d")
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            late.extend((begun, time.perf_counter() - begun - 0.005))
            if len(late) == 200:
                late.tofile(file)
                file.flush()
                late = array.array("d")
"""

SCREEN = f"""{LATE}
import sys
from textual.app import App
begin = App.run_async
async def run_async(app, *arguments, **options):
    watching = asyncio.ensure_future(watch())
    return await begin(app, *arguments, **options)
App.run_async = run_async
from trainui.tui.start import run_screen
run_screen(sys.argv[1])
"""

BARE = f"{LATE}\nasyncio.run(watch())"

WANDB = """
import json, sys, wandb
run = wandb.init(mode="offline", project="p", settings=wandb.Settings(console="off", silent=True))
with open(sys.argv[1]) as file:
    for line in file:
        row = json.loads(line)
        run.log(row, step=row.pop("step"))
run.finish()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=20, help="that come one by one after it")
    parser.add_argument("--wandb", type=Path)
    options = parser.parse_args()
    with workplace() as (directory, store):
        attempt = start_attempt(store, directory)
        write_rows(attempt.own_file, options.rows)
        show(directory, attempt, options.rows, options.lines)
        if options.wandb:
            show_in_leet(options.wandb, directory, attempt.own_file)
    return figures.exit_code()


def write_rows(path: Path, count: int) -> None:
    with path.open("w") as file:
        for step in range(count):
            row = {"step": step, "loss": 2.3 / (step + 1), "lr": 1e-3 + step * 1e-12}
            row |= {"grad_norm": step * 0.7 % 1.3, "accuracy": step / 7, "speed": 1e5 + step / 3}
            file.write(json.dumps(row) + "\n")
    print(f"{count} rows of 5 metrics, {path.stat().st_size / 1e6:.0f} MB")


def show(directory: Path, attempt: Attempt, count: int, lines: int) -> None:
    """Load the rows, and put lines after them."""
    late = {name: directory / f"{name}.late" for name in ("screen", "bare")}
    with ExitStack() as stack:
        bare = subprocess.Popen([sys.executable, "-c", BARE], env={"LATE": str(late["bare"])})
        stack.callback(bare.wait)
        stack.callback(bare.kill)
        command = [sys.executable, "-c", SCREEN, "run-of-train"]
        screen = stack.enter_context(
            program(command, TRAINUI_HOME=str(paths.home().root), LATE=str(late["screen"]))
        )
        await_text(screen, b"no output yet", 0)
        screen.quiet(1.0)
        shown = len(screen.output)
        began = time.perf_counter()
        reader = stack.enter_context(reading())
        wakeup.wake_reader()
        await_text(screen, b"loss", shown)
        took = time.perf_counter() - began
        figures.at_most("from the reader's start to the first curves", took, FIRST, "s")
        await_all(attempt)
        stored = time.perf_counter() - began
        screen.quiet(1.0)
        took = screen.arrivals[-1] - began
        memory = (screen.memory() + psutil.Process(reader.pid).memory_full_info().pss) / 1e6
        figures.at_least("rows stored a second, the screen open", count / stored, RATE)
        figures.without_limit("until all rows are drawn", took, "s")
        figures.at_most("memory of screen and reader", memory, MEMORY, "MB")
        tell_late(late, began, began + took)
        tell_lines(screen, attempt, lines)


def tell_late(late: dict[str, Path], begun: float, ended: float) -> None:
    for name, path in late.items():
        values = memoryview(path.read_bytes()).cast("d").tolist()
        pairs = zip(values[::2], values[1::2], strict=True)
        found = [seconds for at, seconds in pairs if begun <= at <= ended]
        cuts = statistics.quantiles(found, n=100)
        if name == "screen":
            figures.at_most("loop late, 99 of 100", cuts[98] * 1000, LAG, "ms")
        else:
            figures.without_limit("an idle process's loop late, 99 of 100", cuts[98] * 1000, "ms")


def tell_lines(screen: Program, attempt: Attempt, lines: int) -> None:
    """Write lines one by one, with a value no digit of which is where it was: each is drawn."""
    took = []
    with attempt.own_file.open("a", buffering=1) as file:
        for number in range(lines):
            time.sleep(1.0 + 0.037 * number)
            before, mark = len(screen.output), str(number % 9 + 1) * 5
            file.write(json.dumps({"step": 10**7 + number, "accuracy": float(mark)}) + "\n")
            written = time.monotonic()
            await_text(screen, mark.encode(), before)
            took.append(time.monotonic() - written)
    figures.at_most("a line is on the screen, median", statistics.median(took), LINE, "s")
    figures.at_most("a line is on the screen, worst", max(took), WORST, "s")


def await_text(screen: Program, text: bytes, after: int) -> None:
    deadline = time.monotonic() + 120
    while text not in screen.output[after:]:
        assert time.monotonic() < deadline, screen.output[-3000:]
        time.sleep(0.002)


def await_all(attempt: Attempt) -> None:
    size = attempt.own_file.stat().st_size
    with engine.reading() as connection:
        while True:
            query = 'SELECT max("offset") FROM sources WHERE owner = ?'
            if connection.execute(query, (attempt.stage_id,)).fetchone()[0] == size:
                return
            time.sleep(0.02)


def show_in_leet(wandb: Path, directory: Path, rows: Path) -> None:
    """Load the same rows in LEET."""
    command = [str(wandb.parent / "python"), "-c", WANDB, str(rows)]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    (where,) = directory.glob("wandb/offline-run-*")
    began = time.monotonic()
    with program([str(wandb), "leet", str(where)]) as leet:
        leet.until(b"accuracy")
        print(f"LEET's first chart: {time.monotonic() - began:.1f} s")
        busy = -1.0
        while busy < 0 or busy > 5:  # it says nowhere that it has read all
            busy = leet.cost(5.0).cpu_percent
        print(f"LEET at rest: {time.monotonic() - began - 5:.0f} s, {leet.memory() / 1e6:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
