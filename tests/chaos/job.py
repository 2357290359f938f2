"""Some of the trials, one after the other, in a home of their own."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.trial import Trial, stop_everything


def run(seed: int, numbers: Sequence[int], folder: Path) -> Counter[str]:
    """Run trials until one fails, here or in another job; AssertionError says which and how."""
    os.environ["TRAINUI_HOME"] = f"{folder}/home-{numbers[0]}"
    os.environ["TRAINUI_CPUS"] = "3"
    counts: Counter[str] = Counter()
    failed = folder / "failed"
    try:
        for number in numbers:
            if failed.exists():
                break
            trial = Trial(random.Random(f"{seed} {number}"), folder / str(number))
            try:
                counts += trial.run()
            except Exception as error:
                failed.touch()
                raise AssertionError(f"trial {number}: {error!r}\n{trial.history}") from error
    finally:
        stop_everything()
    return counts
