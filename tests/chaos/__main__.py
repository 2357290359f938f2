"""Runs random pipelines under random faults: `python -m tests.chaos --trials 500 --seed 1`.

Prints one line of counts at the end; exits 1 at the first invariant that does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.trial import Trial, stop_everything


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trainui-chaos-") as folder:
        os.environ["TRAINUI_HOME"] = f"{folder}/home"
        os.environ["TRAINUI_CPUS"] = "3"
        try:
            for number in range(arguments.trials):
                seed = arguments.seed * 1_000_000 + number
                try:
                    counts += Trial(random.Random(seed), Path(folder) / str(number)).run()
                except AssertionError as error:
                    print(f"trial {number} (seed {seed}): {error}", file=sys.stderr)
                    return 1
        finally:
            stop_everything()
    faults = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{arguments.trials} trials in {time.monotonic() - started:.0f} s: {faults}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
