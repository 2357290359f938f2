"""How fast a backlog is stored, against decoding the same bytes and nothing else, in one process.

python -m benchmarks.ingest [--megabytes 100] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.made import make_file, workplace
from trainui.metrics.persister import sync_metrics_from_file
from trainui.store.engine import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with workplace() as (directory, store):
        path = directory / "metrics.jsonl"
        make_file(path, options.megabytes)
        data = path.read_bytes()
        ratios = []
        for turn in range(options.rounds):
            bare = seconds(lambda: msgspec.json.Decoder().decode_lines(data))
            stored = seconds(lambda turn=turn: store_all(store, path, f"job {turn}"))
            ratios.append(bare / stored)
            print(f"decoding {bare:.3f} s, storing {stored:.3f} s of CPU: {bare / stored:.2f}")
        size = (directory / "home" / "trainui.db").stat().st_size / options.rounds
        print(f"ratio, median: {statistics.median(ratios):.2f} (at least 0.40)")
        print(f"store / source: {size / len(data):.3f} (at most 0.15)")


def seconds(do: Callable[[], object]) -> float:
    """Seconds of CPU that something takes."""
    begun = time.process_time()
    do()
    return time.process_time() - begun


def store_all(store: Store, path: Path, job: str) -> None:
    with store.session() as session:
        result = sync_metrics_from_file(job, path, session)
    assert result["new_offset"] == path.stat().st_size


if __name__ == "__main__":
    main()
