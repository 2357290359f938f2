"""Stitching: joins the attempts of a series into one curve.

The rules: where a later attempt starts at a step, earlier attempts' points from that step on are
superseded. Within an attempt, a step that goes backwards supersedes nothing, with two exceptions:
a file rewritten with another history is replaced by it as a whole; and a writer that reports a
restart supersedes everything that the attempt had before, from its first step on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trainui.domain.records import SeriesSummary
from trainui.store.points.chunks import Stats, TailPart, step_number

if TYPE_CHECKING:
    from trainui.store.points.chunks import Points


RESTART = 1_000_000
"""Generations from here on, in multiples, supersede those of all files of their attempt."""


Key = TypeVar("Key")


class History(NamedTuple):
    """The attempt, source and generation of some points, ordered as they supersede each other."""

    attempt: int
    source_id: int
    generation: int


class PointSegment(NamedTuple):
    """A segment of one series with one history: a chunk, or a part of a tail."""

    history: History
    stats: Stats
    chunk_id: int | None
    """The chunk with its points; None: they are in `tail`."""
    tail: TailPart | None = None


class HistoryStart(NamedTuple):
    """The start of a history, or of a segment."""

    history: History
    ordinal: int
    step: float


def cuts(starts: Iterable[HistoryStart]) -> dict[History, float]:
    """Return the step from which each history's points are superseded; infinity if they are not."""
    first = _earliest((start.history, start) for start in starts)
    attempts = _earliest((history.attempt, start) for history, start in first.items())
    return {history: _cut(history, first, attempts) for history in first}


def _earliest(starts: Iterable[tuple[Key, HistoryStart]]) -> dict[Key, HistoryStart]:
    """Return the start of what was read first, by key."""
    found: dict[Key, HistoryStart] = {}
    for key, start in starts:
        known = found.get(key)
        if known is None or start.ordinal < known.ordinal:
            found[key] = start
    return found


def _cut(
    history: History, first: dict[History, HistoryStart], attempts: dict[int, HistoryStart]
) -> float:
    later = [start.step for number, start in attempts.items() if number > history.attempt]
    rewritten = [
        start.step
        for other, start in first.items()
        if other.attempt == history.attempt
        and other.generation > history.generation
        and (other.source_id == history.source_id or other.generation >= RESTART)
    ]
    return min(later + rewritten, default=math.inf)


def describe_tail(part: TailPart) -> Stats:
    """Return the statistics of a part of a tail, without numpy."""
    finite = [value for value in part.values if math.isfinite(value)]
    last = part.values[-1]
    return Stats(
        n=len(part.values),
        first_ordinal=part.ordinals[0],
        last_ordinal=part.ordinals[-1],
        first_step=step_number(part.steps[0]),
        last_step=step_number(part.steps[-1]),
        low_step=step_number(min(part.steps)),
        high_step=step_number(max(part.steps)),
        minimum=min(finite, default=None),
        maximum=max(finite, default=None),
        total=sum(finite),
        nonfinite=len(part.values) - len(finite),
        last=None if math.isnan(last) else last,
    )


def keep(points: Points, cut: float) -> Points:
    """Return the points that are not superseded."""
    mask = points.steps < cut
    return points if bool(mask.all()) else points[mask]


def summary(stage: str, name: str, kept: Sequence[Stats], read: int) -> SeriesSummary:
    """Summarise a series of `read` points from the statistics of those not superseded."""
    count = sum(stats.n for stats in kept)
    last = max(kept, key=lambda stats: stats.last_ordinal)
    return SeriesSummary(
        stage=stage,
        name=name,
        count=count,
        superseded=read - count,
        first_step=min(kept, key=lambda stats: stats.first_ordinal).first_step,
        last_step=last.last_step,
        last=math.nan if last.last is None else last.last,
        min=min((s.minimum for s in kept if s.minimum is not None), default=None),
        max=max((s.maximum for s in kept if s.maximum is not None), default=None),
        nonfinite=sum(stats.nonfinite for stats in kept),
    )
