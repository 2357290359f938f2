"""Measures how fast W&B's logs are stored, and how soon 1,000 trainings of others are readable.

`python -m benchmarks.trackers [--rows N] [--rounds N] [--runs N] [--points N]`. The log has two
records of its summary for each row, as W&B writes them. It is compared with JSON lines of the same
points, by seconds of CPU. The trainings are directories with a CSV file each, which one
`trainui add` adds; then the metrics reader, on one core, stores their points.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import figures
from benchmarks.made import workplace
from benchmarks.scheduling import ROOT, run
from tests.unit.metrics.test_wandb import field, frames, history, item
from trainui.api import sync_metrics_from_file
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.tables import session_of

START = 1.7957e9
"""Seconds since 1970."""


def rows(count: int) -> Iterator[dict[str, float]]:
    """Yield rows of five metrics, with W&B's own keys."""
    numbers = random.Random(1)
    for step in range(count):
        yield {
            "train/loss": 2.3 * math.exp(-step / 2e4) + numbers.gauss(0, 0.02),
            "train/grad_norm": abs(numbers.gauss(1, 0.3)),
            "lr": 0.0005 * (1 + math.cos(step / 1e5)),
            "epoch": step // 1000,
            "tokens_per_s": numbers.gauss(1e5, 1e3),
            "_timestamp": START + step / 20,
            "_runtime": step / 20,
            "_step": step,
        }


def wandb(made: list[dict[str, float]]) -> bytes:
    """Return the rows as a log of W&B: the items of a row are in random order."""
    order, records = random.Random(2), list[bytes]()
    for step, values in enumerate(made):
        items = [item(name, value) for name, value in values.items()]
        order.shuffle(items)
        inner = b"".join(field(1, one) for one in items)
        updated = field(1, 1000 + step) + field(3, inner)
        records += [updated, history(inner + field(2, field(1, step))), updated]
    return frames(*records)


def cpu(store: Database, job: str, path: Path) -> float:
    """Return the seconds of CPU in which a file is stored."""
    with session_of(store) as session:
        start = time.process_time()
        sync_metrics_from_file(job, str(path), session)
        return time.process_time() - start


def compare(count: int, rounds: int) -> None:
    """Store the same points from both files, in turns."""
    made = list(rows(count))
    with workplace() as (directory, store):
        log, lines = directory / "run-x.wandb", directory / "rows.jsonl"
        log.write_bytes(wandb(made))
        lines.write_text("".join(json.dumps(one) + "\n" for one in made))
        ratios, spent = [], []
        for at in range(rounds + 1):
            ours = cpu(store, f"log-{at}", log)
            if at:  # the first round imports
                ratios.append(cpu(store, f"lines-{at}", lines) / ours)
                spent.append(ours)
        name = "W&B's log, the speed of JSON lines"
        figures.at_least(name, statistics.median(ratios), 0.3, "times")
        figures.without_limit("W&B's log, a second", count / statistics.median(spent), "rows")


def make_trainings(place: Path, count: int, points: int) -> None:
    """Write directories as Lightning's CSV logger does."""
    for at in range(count):
        folder = place / f"run-{at}" / "version_0"
        folder.mkdir(parents=True)
        lines = (f"{step},{math.exp(-step / 300) + at:.6f}\n" for step in range(points))
        (folder / "metrics.csv").write_text("step,train_loss\n" + "".join(lines))
        (folder / "hparams.yaml").write_text(f"lr: {at}\n")


def add(count: int, points: int) -> None:
    """Add many trainings at once, and wait until all their points are stored."""
    with tempfile.TemporaryDirectory(prefix="trainui-trackers-") as directory:
        folder = Path(directory)
        make_trainings(folder / "runs", count, points)
        environ = {"TRAINUI_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
        os.environ |= environ
        trainui = [sys.executable, "-m", "trainui"]
        run([*trainui, "worker", "start"], folder, **environ)
        try:
            start = time.perf_counter()
            run([*trainui, "add", "runs"], folder, **environ)
            figures.at_most(f"{count} trainings, in the list", time.perf_counter() - start, 2, "s")
            while complete(points) < count:
                time.sleep(0.1)
            words = f"{count} trainings of {points} points, all readable"
            figures.at_most(words, time.perf_counter() - start, 20, "s")
        finally:
            subprocess.run([*trainui, "worker", "stop"], check=True, stdout=subprocess.DEVNULL)


def complete(points: int) -> int:
    """Return the number of series with all points."""
    with engine.reading() as connection:
        query = "SELECT count(*) FROM (SELECT 1 FROM sources GROUP BY owner HAVING sum(rows) >= ?)"
        return int(connection.execute(query, (points,)).fetchone()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=1000)
    options = parser.parse_args()
    compare(options.rows, options.rounds)
    if options.runs:
        add(options.runs, options.points)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
