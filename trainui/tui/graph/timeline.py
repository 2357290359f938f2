"""A run's timeline: when each stage ran, and the critical path.

Pauses in which no stage ran are left out, so that a run resumed a week later stays readable.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from trainui.model.records import StageRecord


class Interval(NamedTuple):
    """An interval of a run's time, which is scaled to 0..1."""

    start: float
    end: float


Tries = Mapping[str, Sequence[tuple[int, int | None]]]
"""By the name of a stage with several attempts, the start and end of each."""


class Timeline:
    """When the attempts of a run's stages ran."""

    def __init__(self, stages: Sequence[StageRecord], now: int, tries: Tries | None = None) -> None:
        known = tries or {}
        self._spans: dict[str, list[tuple[int, int]]] = {}
        """By stage name, when each attempt started and ended."""
        for stage in stages:
            own = known.get(stage.name) or filter(None, (stage.interval,))
            until = now if stage.lost_at is None else stage.lost_at
            if spans := [(start, max(end or until, start)) for start, end in own]:
                self._spans[stage.name] = spans
        self._active: list[tuple[int, int, int]] = []
        """The intervals in which stages ran: start, end, and the active time before it."""
        for start, end in sorted(chain.from_iterable(self._spans.values())):
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
        """Return the time that a stage's attempts ran together, in microseconds."""
        return sum(end - start for start, end in self._spans.get(name, ()))

    def intervals(self, name: str) -> list[Interval]:
        """Return when each attempt of a stage ran; none if it did not."""
        spans = self._spans.get(name, ()) if self.total else ()
        return [Interval(self._part(start), self._part(end)) for start, end in spans]

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


def bar(intervals: Iterable[Interval], width: int, character: str) -> str:
    """Draw intervals in `width` characters, at least one of them filled for each."""
    cells = [" "] * max(width, 0)
    for one in intervals if cells else ():
        start = min(int(one.start * width), width - 1)
        end = max(round(one.end * width), start + 1)
        cells[start:end] = [character] * (end - start)
    return "".join(cells)
