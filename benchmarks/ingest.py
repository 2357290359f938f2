"""Measures how fast a backlog is stored, against only decoding it, in one process.

python -m benchmarks.ingest [--megabytes 100] [--large 1000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks import figures
from benchmarks.made import lengthen, make_file, workplace
from trainui.api import sync_metrics_from_file
from trainui.store.db.engine import Database
from trainui.store.tables import session_of

LEAST = {"numbers": 0.5, "mixed with NaN": 0.35}
"""Ratios of storing to decoding."""

BLOCK = 262_144
"""Bytes decoded at once, where a decoder is at its fastest."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--large", type=float, default=1000, help="megabytes; 0: leave it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.store:
        print_peak(options.store)
        return 0
    with workplace() as (directory, store):
        plain, mixed = directory / "numbers.jsonl", directory / "mixed with NaN.jsonl"
        make_file(plain, options.megabytes)
        make_file(mixed, options.megabytes, mixed=True)
        data = plain.read_bytes()
        points = sum(compare(store, path, data, options.rounds) for path in (plain, mixed))
        size = (directory / "home" / "trainui.db").stat().st_size
        ratio = size / len(data) / options.rounds / 2
        figures.at_most("size of the store, to its source", ratio, 0.15, "times")
        figures.at_most("size of a million points", size / points, 5, "MB")
    if options.large:
        compare_peaks(options.megabytes, options.large)
    return figures.exit_code()


def compare(store: Database, path: Path, data: bytes, rounds: int) -> int:
    """Print the ratio of decoding the plain file to storing this one, by the megabyte.

    Returns:
        How many points were stored.
    """
    whole, blocks, points = [], [], 0
    scale = path.stat().st_size / len(data)
    for turn in range(rounds):
        begun = time.process_time()
        points += store_all(store, path, f"{path} {turn}")
        stored = (time.process_time() - begun) / scale
        whole.append(seconds(lambda: msgspec.json.Decoder().decode_lines(data)) / stored)
        blocks.append(seconds(lambda: decode_blocks(data)) / stored)
    ratio, fastest = statistics.median(whole), statistics.median(blocks)
    name = f"{path.stem}: CPU of decoding, to that of storing"
    figures.at_least(name, ratio, LEAST[path.stem], "times")
    figures.without_limit(f"{name}, decoding in blocks", fastest, "times")
    return points


def decode_blocks(data: bytes) -> None:
    decoder, at = msgspec.json.Decoder(), 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + BLOCK) + 1
        decoder.decode_lines(data[at:end])
        at = end


def compare_peaks(small: float, large: float) -> None:
    """Print the peak memory of a separate process that stores a small and a large file."""
    peaks = {}
    for megabytes in (small, large):
        with workplace() as (directory, _store):
            path = directory / "metrics.jsonl"
            make_file(path, min(small, megabytes))
            lengthen(path, megabytes)
            again = [sys.executable, "-m", "benchmarks.ingest", "--store", str(path)]
            peak, took = map(float, subprocess.check_output(again, text=True).split())
        peaks[megabytes] = peak
        print(
            f"{megabytes:g} MB: {peak:.0f} MB of memory, {megabytes / took:.0f} MB a second of CPU"
        )
    ratio = peaks[large] / peaks[small]
    figures.at_most("memory for a large file, to a small one", ratio, 1.1, "times")
    figures.at_most("memory for a large file", peaks[large], 150, "MB")


def print_peak(path: Path) -> None:
    from trainui.store.db.engine import open_store

    store = open_store()
    took = seconds(lambda: store_all(store, path, "job"))
    store.close()
    # Not getrusage's figure, which begins with the maximum of the parent.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(peak / 1e6, took)


def seconds(do: Callable[[], object]) -> float:
    """Seconds of CPU that something takes."""
    begun = time.process_time()
    do()
    return time.process_time() - begun


def store_all(store: Database, path: Path, job: str) -> int:
    """Store a file's points; return how many there are."""
    with session_of(store) as session:
        result = sync_metrics_from_file(job, path, session)
    assert result["new_offset"] == path.stat().st_size
    return result["new_metrics_count"]


if __name__ == "__main__":
    sys.exit(main())
