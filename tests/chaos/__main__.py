"""Runs random pipelines under random faults: `python -m tests.chaos --trials 500 --jobs 2`.

Prints one line of counts at the end; exits 1 at the first broken invariant. `--kills 200` kills
processes and does nothing else, in searches that prune, and prints how many of which kind.
`--edits` edits, resumes, cancels and kills runs, and compares their results with a computation from
scratch.
`--sabotage NAME` (or `all`) injects a bug into the worker, and prints which invariant detected it;
exits 1 if none did.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.chaos import job
from tests.chaos.faults import KILLS
from tests.chaos.invariants import BrokenInvariantError
from tests.chaos.sabotages import EDITS, SABOTAGES, SEARCHES, environment

KILLS_IN_SEARCHES = 80
"""Kills within which a sabotaged search is to be detected."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="trials run in parallel, each in a separate home"
    )
    parser.add_argument("--kills", type=int, metavar="N", help="stop after N kills in searches")
    parser.add_argument("--edits", action="store_true", help="edit pipelines while they run")
    parser.add_argument("--sabotage", choices=["all", *SABOTAGES], metavar="NAME|all")
    arguments = parser.parse_args()
    if arguments.sabotage:
        names = list(SABOTAGES) if arguments.sabotage == "all" else [arguments.sabotage]
        return _sabotage(names, arguments.seed, arguments.trials, arguments.jobs, arguments.kills)
    numbers = (arguments.seed, arguments.trials, arguments.jobs, arguments.kills)
    return _run(*numbers, edits=arguments.edits)


def _run(seed: int, trials: int, jobs: int, kills: int | None, *, edits: bool) -> int:
    started = time.monotonic()
    most = trials if kills is None else kills
    counts, errors, folder = _trials(seed, most, jobs, kills, edits=edits)
    if errors:
        print(*errors, f"kept: {folder}", sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    if kills is not None:
        print("kind, kills", *(f"{name}, {counts.pop(name, 0)}" for name in KILLS), sep="\n")
        trials = counts["searches"]
    faults = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{trials} trials in {time.monotonic() - started:.0f} s: {faults}")
    return 0


def _sabotage(names: Sequence[str], seed: int, trials: int, jobs: int, kills: int | None) -> int:
    """Run trials with each sabotage until an invariant detects it."""
    missed = 0
    for name in names:
        os.environ.update(environment(name))
        enough = KILLS_IN_SEARCHES if kills is None and name in SEARCHES else kills
        _counts, errors, folder = _trials(seed, trials, jobs, enough, edits=name in EDITS)
        shutil.rmtree(folder)
        broken = [error for error in errors if isinstance(error, BrokenInvariantError)]
        missed += not broken
        found = str(broken[0]) if broken else f"NOT SEEN in {trials} trials; {errors}"
        print(f"{name}: {found.splitlines()[0]}", flush=True)
    return 1 if missed else 0


def _trials(
    seed: int, trials: int, jobs: int, kills: int | None = None, *, edits: bool = False
) -> tuple[Counter[str], list[BaseException], Path]:
    folder = Path(tempfile.mkdtemp(prefix="trainui-chaos-"))
    jobs = min(jobs, trials)
    shares = [range(first, trials, jobs) for first in range(jobs)]
    share_of_kills = None if kills is None else math.ceil(kills / jobs)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawning) as pool:
        running = [
            pool.submit(job.run, seed, share, folder, share_of_kills, edits=edits)
            for share in shares
        ]
        errors = [error for one in running if (error := one.exception()) is not None]
    counts: Counter[str] = Counter()
    for one in running:
        if one.exception() is None:
            counts += one.result()
    return counts, errors, folder


if __name__ == "__main__":
    sys.exit(main())
