"""Runs random pipelines under random faults: `python -m tests.chaos --trials 500 --jobs 2`.

Prints one line of counts at the end; exits 1 at the first invariant that does not hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.chaos import job


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="run so many at once, each in a home")
    arguments = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="trainui-chaos-"))
    jobs = min(arguments.jobs, arguments.trials)
    shares = [range(first, arguments.trials, jobs) for first in range(jobs)]
    counts: Counter[str] = Counter()
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawning) as pool:
        running = [pool.submit(job.run, arguments.seed, share, folder) for share in shares]
        errors = [error for one in running if (error := one.exception()) is not None]
    if errors:
        print(*errors, f"kept: {folder}", sep="\n", file=sys.stderr)
        return 1
    for one in running:
        counts += one.result()
    shutil.rmtree(folder)
    faults = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{arguments.trials} trials in {time.monotonic() - started:.0f} s: {faults}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
