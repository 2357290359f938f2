"""A run's timeline: when each stage ran, and the critical path.

Pauses in which no stage ran are left out, so that a run resumed a week later stays readable.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from trainui.domain.records import StageRecord


class Interval(NamedTuple):
    """An interval of a run's time, which is scaled to 0..1."""

    start: float
    end: float


class Timeline:
    """When the stages of a run ran, by their last attempts."""

    def __init__(self, stages: Sequence[StageRecord], now: int) -> None:
        self._spans = {
            stage.name: (stage.started_at, max(stage.completed_at or now, stage.started_at))
            for stage in stages
            if stage.started_at is not None
        }
        self._active: list[tuple[int, int, int]] = []
        """The intervals in which stages ran: start, end, and the active time before it."""
        for start, end in sorted(self._spans.values()):
            if self._active and start <= self._active[-1][1]:
                first, last, before = self._active[-1]
                self._active[-1] = first, max(last, end), before
            else:
                self._active.append((start, end, self.total))
        self.critical = self._longest_chain(stages)
        """Names of the stages on the critical path."""

    @property
    def total(self) -> int:
        """Microseconds in which at least one stage ran."""
        start, end, before = self._active[-1] if self._active else (0, 0, 0)
        return before + end - start

    def took(self, name: str) -> int:
        """Return a stage's running time in microseconds."""
        start, end = self._spans.get(name, (0, 0))
        return end - start

    def interval(self, name: str) -> Interval | None:
        """Return when a stage ran; None if it did not."""
        span = self._spans.get(name)
        if span is None or not self.total:
            return None
        return Interval(self._part(span[0]), self._part(span[1]))

    def _part(self, moment: int) -> float:
        at = bisect_right(self._active, moment, key=itemgetter(0)) - 1
        start, end, before = self._active[at]
        return (before + min(moment, end) - start) / self.total

    def _longest_chain(self, stages: Sequence[StageRecord]) -> frozenset[str]:
        upstream = {stage.name: stage.depends_on for stage in stages if stage.name in self._spans}
        lengths: dict[str, int] = {}
        for name in sorted(upstream, key=lambda name: self._spans[name]):
            before = max((lengths.get(one, 0) for one in upstream[name]), default=0)
            lengths[name] = before + self.took(name)
        chain: list[str] = []
        rest = list(lengths)
        while rest:
            chain.append(max(rest, key=lengths.__getitem__))
            rest = [name for name in upstream[chain[-1]] if name in lengths]
        return frozenset(chain)


def joined(intervals: Sequence[Interval]) -> Interval:
    """Return the interval from the first start to the last end."""
    return Interval(min(one.start for one in intervals), max(one.end for one in intervals))


def bar(stretch: Interval | None, width: int, character: str) -> str:
    """Draw an interval as a bar in `width` characters, at least one of them filled."""
    if stretch is None or width <= 0:
        return " " * max(width, 0)
    start = min(int(stretch.start * width), width - 1)
    end = max(round(stretch.end * width), start + 1)
    return (" " * start + character * (end - start)).ljust(width)[:width]
