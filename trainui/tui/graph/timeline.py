"""Where a run's time went: the stretch of each stage, and the chain of stages that took longest.

Time in which nothing ran is left out, so that a run resumed a week later shows its work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from trainui.domain.records import StageRecord


class Stretch(NamedTuple):
    """A part of a run's time, from 0 to 1."""

    start: float
    end: float


class Timeline:
    """When the stages of a run ran, their last attempts counted."""

    def __init__(self, stages: Sequence[StageRecord], now: int) -> None:
        """Lay the stages out.

        Args:
            stages: of one run.
            now: the time, in microseconds, for what runs.
        """
        self._spans = {
            stage.name: (stage.started_at, max(stage.completed_at or now, stage.started_at))
            for stage in stages
            if stage.started_at is not None
        }
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._before: list[int] = []
        """Active time before each start."""
        for start, end in sorted(self._spans.values()):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._before.append(self.total)
                self._starts.append(start)
                self._ends.append(end)
        self.critical = self._longest_chain(stages)
        """Names of the stages without which nothing would have ended earlier."""

    @property
    def total(self) -> int:
        """Microseconds in which anything ran."""
        return self._before[-1] + self._ends[-1] - self._starts[-1] if self._ends else 0

    def took(self, name: str) -> int:
        """Return for how many microseconds a stage ran."""
        start, end = self._spans.get(name, (0, 0))
        return end - start

    def stretch(self, name: str) -> Stretch | None:
        """Return when a stage ran; None where it did not."""
        span = self._spans.get(name)
        if span is None or not self.total:
            return None
        return Stretch(self._part(span[0]), self._part(span[1]))

    def _part(self, moment: int) -> float:
        index = bisect_right(self._starts, moment) - 1
        return (self._before[index] + min(moment, self._ends[index]) - self._starts[index]) / (
            self.total
        )

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


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """Return the stretch from the first start to the last end."""
    return Stretch(min(one.start for one in stretches), max(one.end for one in stretches))


def bar(stretch: Stretch | None, width: int, character: str) -> str:
    """Draw a stretch in a number of cells, at least one of them full."""
    if stretch is None or width <= 0:
        return " " * max(width, 0)
    start = min(int(stretch.start * width), width - 1)
    end = max(round(stretch.end * width), start + 1)
    return (" " * start + character * (end - start)).ljust(width)[:width]
