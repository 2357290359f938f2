"""Measures how fast a curve of ten million points loads, against reading as many plain numbers.

python -m benchmarks.curves [--points 10000000] [--rounds 9]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import figures
from benchmarks.made import workplace
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.points import plot_points, point_sources, write_points
from trainui.store.points.chunks import CHUNK_POINTS, Points
from trainui.store.points.plot_windows import DECODED

WIDTH = 200
"""Columns of a plot."""

LIMITS = {"quick": 10.0, "exact, the most chunks": 50.0, "zoom into 1 %": 15.0}
"""Milliseconds."""

BATCH = 200_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    numbers = random.Random(1)
    with workplace() as (directory, store):
        flat = fill(store, directory / "flat.bin", options.points)
        with engine.reading() as connection:

            def read(*, exact: bool = True, steps: tuple[float, float] | None = None) -> object:
                return plot_points.read_columns(
                    connection, "job", "loss", WIDTH, steps=steps, exact=exact
                )

            def zoom() -> object:
                low = numbers.uniform(0, 0.99) * options.points
                return read(steps=(low, low + options.points / 100))

            cases: dict[str, Callable[[], object]] = {
                "flat file": lambda: read_flat(flat),
                "quick": lambda: read(exact=False),
                "exact, the most chunks": lambda: read(steps=(0, DECODED * CHUNK_POINTS - 1)),
                "zoom into 1 %": zoom,
            }
            took = {name: measure(case, options.rounds) for name, case in cases.items()}
    for name, milliseconds in took.items():
        if name in LIMITS:
            figures.at_most(f"{name}, CPU", milliseconds, LIMITS[name], "ms")
            ratio = milliseconds / took["flat file"]
            figures.without_limit(f"{name}, to reading plain numbers", ratio, "times")
    return figures.exit_code()


def fill(store: Database, flat: Path, count: int) -> Path:
    """Store a noisy curve, and the same as plain numbers in a file."""
    generator = np.random.default_rng(1)
    with store.write() as connection:
        known = point_sources.add_source(connection, "job", "file", attempt=1)
    with flat.open("wb") as file:
        for at in range(0, count, BATCH):
            steps = np.arange(at, min(at + BATCH, count), dtype=np.int64)
            values = 2.3 * np.exp(-steps / 2e6) + generator.normal(0, 0.02, len(steps))
            batch = Points(steps - at, steps, values, 1_700_000_000_000_000 + steps * 50_000)
            after = known._replace(offset=known.offset + len(steps))
            with store.write() as connection:
                known = write_points.save(
                    connection, known, after, {"loss": batch}, records=len(steps)
                )
            file.write(steps.tobytes() + values.tobytes())
    return flat


def read_flat(path: Path) -> object:
    """Find the lowest and highest value of each column of plain numbers: what can be done."""
    values = np.fromfile(path, np.float64)
    usable = len(values) // WIDTH * WIDTH
    rows = values[:usable].reshape(WIDTH, -1)
    return rows.min(axis=1), rows.max(axis=1)


def measure(case: Callable[[], object], rounds: int) -> float:
    """Return the median of the milliseconds of CPU that a case takes, warm."""
    case()
    took = []
    for _ in range(rounds):
        begun = time.process_time()
        case()
        took.append((time.process_time() - begun) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    sys.exit(main())
