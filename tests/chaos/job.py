"""Runs a share of the trials, one after the other, in a private home."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from tests.chaos.edits import EditTrial
from tests.chaos.faults import KILLS
from tests.chaos.invariants import BrokenInvariantError
from tests.chaos.trial import Trial, stop_everything
from tests.faults import disks

DISK_MB = 160
"""Of a home's own disk: no stage starts with less than 100 MB free."""


def run(
    seed: int,
    numbers: Sequence[int],
    folder: Path,
    kills: int | None = None,
    *,
    edits: bool = False,
) -> Counter[str]:
    """Run trials until one fails, here or in another job; the error says which and how.

    Args:
        seed: of all trials.
        numbers: of these trials.
        folder: where all of their files lie.
        kills: stop after so many, in searches that prune; None: do anything, in all trials.
        edits: edit the pipelines of all trials while they run.
    """
    home = folder / f"home-{numbers[0]}"
    os.environ["TRAINUI_HOME"] = str(home)
    os.environ["TRAINUI_CPUS"] = "3"
    counts: Counter[str] = Counter()
    failed = folder / "failed"
    with _small_disk(home) as disk:
        try:
            for number in numbers:
                if failed.exists() or (kills is not None and killed(counts) >= kills):
                    break
                random_ = random.Random(f"{seed} {number}")
                trial = _trial(random_, folder / str(number), disk, kills, edits=edits)
                try:
                    counts += trial.run()
                except Exception as error:
                    failed.touch()
                    known = isinstance(error, BrokenInvariantError)
                    kind = BrokenInvariantError if known else RuntimeError
                    raise kind(
                        f"trial {number}: {str(error) or repr(error)}\n{trial.history}"
                    ) from error
        finally:
            with suppress(AssertionError) if failed.exists() else nullcontext():
                stop_everything()
            if disk is not None and failed.exists():
                _keep(home)
    return counts


def _trial(
    random_: random.Random, directory: Path, disk: Path | None, kills: int | None, *, edits: bool
) -> Trial | EditTrial:
    if edits:
        return EditTrial(random_, directory)
    return Trial(random_, directory, disk, kills=kills is not None)


def killed(counts: Counter[str]) -> int:
    """Return the number of kills among these faults."""
    return sum(counts[name] for name in KILLS)


@contextmanager
def _small_disk(home: Path) -> Iterator[Path | None]:
    """A disk for a home; None, and no fault of a full disk, where none can be made."""
    with ExitStack() as mounted:
        disk = None
        with suppress(pytest.skip.Exception):
            disk = mounted.enter_context(disks.small_disk(home, megabytes=DISK_MB))
        yield disk


def _keep(home: Path) -> None:
    """Copy a failed home for inspection before its disk is removed."""
    sockets = shutil.ignore_patterns("*.sock*", "bell", "doorbell*")
    with suppress(shutil.Error):  # of sockets under other names
        shutil.copytree(home, home.with_name(f"{home.name}-kept"), ignore=sockets)
