"""Measures the time to the preview of an unread file, by the file's size.

python -m benchmarks.first_picture [--small 100] [--large 1000] [--rounds 9]

The page cache of the file is dropped before each round, as far as the kernel does so on request.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import figures
from benchmarks.made import lengthen, make_file
from trainui.metrics import preview

LIMIT = 150
"""Milliseconds."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=float, default=100, help="megabytes")
    parser.add_argument("--large", type=float, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-benchmark-") as directory:
        for kind in ("cold", "warm"):
            took = {}
            for megabytes in (options.small, options.large):
                path = Path(directory, f"{megabytes:g}.jsonl")
                if not path.exists():
                    make_file(path, min(megabytes, options.small))
                    lengthen(path, megabytes)
                took[megabytes] = measure(path, options.rounds, cold=kind == "cold")
                figures.at_most(f"{kind}, {megabytes:g} MB", took[megabytes], LIMIT, "ms")
            ratio = took[options.large] / took[options.small]
            figures.without_limit(f"{kind}, large file to small", ratio, "times")
    return figures.exit_code()


def measure(path: Path, rounds: int, *, cold: bool) -> float:
    """Return the median of the milliseconds that a picture takes."""
    took = []
    for _ in range(rounds):
        if cold:
            forget(path)
        begun = time.perf_counter()
        found = preview.sample(path)
        took.append((time.perf_counter() - begun) * 1000)
        assert len(found) == 6
    return statistics.median(took)


def forget(path: Path) -> None:
    """Have the system drop a file's pages."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
