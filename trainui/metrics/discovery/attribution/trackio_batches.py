"""Finds the attempt that writes a run of Trackio, if several began one of its name at once.

Trackio notes the time of each batch, and then opens its lock. So the run with a batch from just
before an attempt's process opened the lock is the attempt's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from trainui.metrics.discovery.attribution.writer_samples import Span

DELAY = 0.025
"""The most seconds from the time of a batch until the lock is seen open."""

ALONE = 0.06
"""Seconds before that in which no other run may have a batch."""

ENOUGH = 2
"""Number of batches that decide, if none contradicts them."""


def runs_of(
    attempt_dir: Path,
    opened: Mapping[Path, Sequence[Span]],
    batches: Mapping[str, Sequence[float]],
) -> set[str]:
    """Return the ids of the runs that an attempt writes.

    `opened` has by attempt when its processes opened the lock, `batches` by run their times.
    """
    votes = Counter[tuple[Path, str]]()
    for attempt, times in opened.items():
        votes.update((attempt, run) for at in _apart(times) for run in _run_at(at, batches))
    totals = Counter(run for _attempt, run in votes.elements())
    return {
        run
        for (attempt, run), count in votes.items()
        if attempt == attempt_dir and count >= ENOUGH and count == totals[run]
    }


def divide(
    attempts: Sequence[Path],
    runs: Set[str],
    opened: Mapping[Path, Sequence[Span]],
    batches: Mapping[str, Sequence[float]],
) -> dict[Path, set[str]]:
    """Return which runs each attempt writes, if each has begun one of them.

    The run that is left is that of the attempt that is left.
    """
    found = {attempt: runs_of(attempt, opened, batches) & runs for attempt in attempts}
    undecided = [attempt for attempt in attempts if not found[attempt]]
    left = runs - set[str]().union(*found.values())
    if len(attempts) == len(runs) and len(undecided) == len(left) == 1:
        found[undecided[0]] = set(left)
    return found


def _run_at(span: Span, batches: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the run that was written at a time; none if there may be several."""
    begin, end = span
    near = {
        run: max(before)
        for run, times in batches.items()
        if (before := [one for one in times if begin - ALONE <= one <= end])
    }
    return [run for run, last in near.items() if begin - DELAY <= last] if len(near) == 1 else []


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the first of the times that are close together: the lock is opened twice a batch."""
    last = 0.0
    for begin, end in spans:
        if begin - last > ALONE:
            yield begin, end
        last = end
