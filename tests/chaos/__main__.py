"""Runs random pipelines under random faults: `python -m tests.chaos --trials 500 --seed 1`.

Prints one line of counts at the end; exits 1 at the first invariant that does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
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
    folder = Path(tempfile.mkdtemp(prefix="trainui-chaos-"))
    os.environ["TRAINUI_HOME"] = f"{folder}/home"
    os.environ["TRAINUI_CPUS"] = "3"
    try:
        for number in range(arguments.trials):
            trial = Trial(random.Random(f"{arguments.seed} {number}"), folder / str(number))
            try:
                counts += trial.run()
            except AssertionError as error:
                print(f"trial {number}: {error}\n{trial.history}\nkept: {folder}", file=sys.stderr)
                return 1
    finally:
        stop_everything()
    shutil.rmtree(folder)
    faults = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{arguments.trials} trials in {time.monotonic() - started:.0f} s: {faults}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
