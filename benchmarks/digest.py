"""Measures how soon the digest of a night is there, among many runs.

python -m benchmarks.digest [--runs 10000] [--night 200] [--repeats 9]

Most runs are older copies of one; those of the night have curves, and a tenth of them failed with a
cause. What is timed is what the page does on its key: it reads the store and lays out its lines.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks import figures
from benchmarks.made import workplace
from tests.unit.tui.filled import Filler, multiply
from trainui import clock
from trainui.control import digest
from trainui.model.states import CAUSE, Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.runs import runs, stages
from trainui.tui.past_screens import digest_entries

OPEN = 300.0
"""Milliseconds until the page has its lines."""

HOURS = 8

WHY = {
    "id": "gpu_oom",
    "text": "The GPU had not enough free memory for an allocation.",
    "evidence": "torch.OutOfMemoryError: CUDA out of memory.",
    "file": "train.py",
    "line": 88,
    "fix": "Lower the batch size.",
    "edit": {"params": {"batch_size": 16}, "note": "batch_size 16"},
}


def fill(store: Database, directory: Path, count: int, night: int) -> None:
    """Store as many runs, and those of a night among them."""
    filler = Filler(store, directory / "runs")
    old = filler.run({"train": ()}, name="old", pipeline="digits")
    filler.complete(old, "train", ago=48 * 3600.0)
    database = directory / "home" / "trainui.db"
    multiply(database, old, count - night - 1)
    _copy_attempts(database, old)
    for number in range(night):
        ago = HOURS * 3600.0 * (number + 1) / (night + 2)
        run = filler.run({"train": ()}, name=f"night-{number}", pipeline="digits", gpus=1)
        attempt = filler.start(run, "train", ago=ago + 60)
        points = [(float(step), 1.0 / (step + number + 1)) for step in range(100)]
        filler.feed(run, "train", {"val/loss": points, "train/loss": points})
        if number % 10:
            filler.end(attempt, ago=ago)
            continue
        filler.end(attempt, Status.FAILED, ago=ago, error="CUDA out of memory", exit_code=1)
        with store.write() as connection:
            stage = stages.get(connection, attempt.stage_id)
            runs.record_stage_event(connection, stage, CAUSE, "why", attempt=1, data=WHY)


def _copy_attempts(database: Path, run_id: str) -> None:
    """Give each copy of a run the attempts of the original."""
    connection = sqlite3.connect(database)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(attempts)")]
    copied = [one for one in columns if one not in ("id", "stage_id")]
    names, values = ", ".join(copied), ", ".join(f"attempts.{one}" for one in copied)
    connection.execute(
        f"INSERT INTO attempts (stage_id, {names}) SELECT copies.id, {values} FROM attempts "
        "JOIN stages AS originals ON originals.id = attempts.stage_id "
        "JOIN stages AS copies ON copies.id GLOB originals.id || '-*' WHERE originals.run_id = ?",
        (run_id,),
    )
    connection.commit()
    connection.close()


def main() -> int:
    """Measure, and report the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--night", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with workplace() as (directory, store):
        fill(store, directory, options.runs, options.night)
        taken = []
        for _ in range(options.repeats):
            now, began = clock.now(), time.perf_counter()
            found = digest.read(now - HOURS * 3600 * clock.SECOND, now)
            digest_entries(found, 117, 36)
            taken.append(1000 * (time.perf_counter() - began))
        with engine.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
        print(f"{count} attempts; {found.headline}")
        name = f"digest of {options.night} of {options.runs} runs"
        figures.at_most(name, statistics.median(taken), OPEN, "ms")
    return figures.exit_code()


if __name__ == "__main__":
    raise SystemExit(main())
