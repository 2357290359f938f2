"""Which points of a series count: its attempts stitched into one curve.

The rule that lives here: where a later attempt starts at a step, the points of earlier attempts
from that step on are superseded. Within one attempt a step that goes backwards supersedes nothing,
unless the file was rewritten with another history: then the new history stands for the old one; or
its writer says that it has started again: then that stands for all that the attempt had before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from trainui.domain.records import SeriesSummary
from trainui.store.chunks import Stats, TailPart, step_number

if TYPE_CHECKING:
    from trainui.store.chunks import Points


RESTART = 1_000_000
"""Generations from here on, in steps of as many, stand for those of all files of their attempt."""


class History(NamedTuple):
    """What some points were read in: ordered as they supersede each other."""

    attempt: int
    source_id: int
    generation: int


class Piece(NamedTuple):
    """Some points of one series, read in one history: a chunk, or a part of a tail."""

    history: History
    stats: Stats
    chunk_id: int | None
    """Where its points lie; None: in `tail`."""
    tail: TailPart | None = None


class Start(NamedTuple):
    """Where a history, or a piece of it, begins."""

    history: History
    ordinal: int
    step: float


def cuts(starts: Iterable[Start]) -> dict[History, float]:
    """Return the step from which on the points of each history are superseded, else infinity."""
    first: dict[History, Start] = {}
    for start in starts:
        known = first.get(start.history)
        if known is None or start.ordinal < known.ordinal:
            first[start.history] = start
    attempts = _starts_of_attempts(first)
    return {history: _cut(history, first, attempts) for history in first}


def _starts_of_attempts(first: dict[History, Start]) -> dict[int, Start]:
    found: dict[int, Start] = {}
    for history, start in first.items():
        known = found.get(history.attempt)
        if known is None or start.ordinal < known.ordinal:
            found[history.attempt] = start
    return found


def _cut(history: History, first: dict[History, Start], attempts: dict[int, Start]) -> float:
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
    """Sum up a part of a tail, without numpy."""
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
    """Return the points that count."""
    mask = points.steps < cut
    if bool(mask.all()):
        return points
    return type(points)(
        points.ordinals[mask], points.steps[mask], points.values[mask], points.times[mask]
    )


def summary(stage: str, name: str, kept: Sequence[Stats], read: int) -> SeriesSummary:
    """Sum up a stitched series.

    Args:
        stage: the owner's name to show.
        name: the metric.
        kept: of each of its pieces, the points that count; at least one.
        read: how many points were read, superseded ones too.
    """
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
