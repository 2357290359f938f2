"""Finds the attempt that writes a run of Trackio, if several began one of its name at once.

Trackio notes the time of each batch, and then opens its lock. So the run with a batch from just
before an attempt's process opened the lock is the attempt's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

DELAY = 0.025
"""The most seconds from the time of a batch until the lock is seen open."""

ALONE = 0.06
"""Seconds before that in which no other run may have a batch."""

ENOUGH = 2
"""Number of batches that decide, if none contradicts them."""


def runs_of(
    attempt_dir: Path,
    opened: Mapping[Path, Sequence[float]],
    batches: Mapping[str, Sequence[float]],
) -> set[str]:
    """Return the ids of the runs that an attempt writes.

    Args:
        attempt_dir: the attempt's directory.
        opened: by attempt directory, when its processes opened the lock.
        batches: by the id of a run, the times of its batches.
    """
    votes: Counter[tuple[Path, str]] = Counter()
    for attempt, times in opened.items():
        votes.update((attempt, run) for at in _apart(times) for run in _run_at(at, batches))
    totals = Counter[str]()
    for (_, run), count in votes.items():
        totals[run] += count
    return {
        run
        for (attempt, run), count in votes.items()
        if attempt == attempt_dir and count >= ENOUGH and count == totals[run]
    }


def _run_at(at: float, batches: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the run that was written at a time; none if there may be several."""
    near = {
        run: at - max(before)
        for run, times in batches.items()
        if (before := [one for one in times if at - ALONE <= one <= at])
    }
    return [run for run, delay in near.items() if delay <= DELAY] if len(near) == 1 else []


def _apart(times: Iterable[float]) -> Iterator[float]:
    """Yield the first of the times that are close together: the lock is opened twice a batch."""
    last = 0.0
    for at in times:
        if at - last > ALONE:
            yield at
        last = at
