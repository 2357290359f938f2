"""The lanes of a DAG: which stages share one, and the order in which stages are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple


class Lane(NamedTuple):
    """A bundle of edges: each of `sources` to each of `targets`."""

    sources: frozenset[str]
    targets: list[str]

    @property
    def shared(self) -> bool:
        """True with several targets, which are then drawn beside the lane and not in it."""
        return len(self.targets) > 1


@dataclass(frozen=True, slots=True)
class LaneGraph:
    """A graph's lanes, and its stages from top to bottom."""

    lanes: list[Lane]
    lane_into: dict[str, int]
    """By stage: the lane into it."""
    lanes_from: dict[str, list[int]]
    """By stage: the lanes out of it."""
    order: list[str]

    @classmethod
    def of(cls, stages: Sequence[tuple[str, Sequence[str]]]) -> LaneGraph:
        """Return the graph of stages, each with its name and its dependencies."""
        names = {name for name, _ in stages}
        upstreams = {
            name: frozenset(names.intersection(sources)) - {name} for name, sources in stages
        }
        reachable = set(_ordered(upstreams))  # all but those of a cycle
        upstreams = {
            name: sources if name in reachable else frozenset()
            for name, sources in upstreams.items()
        }
        by_sources: dict[frozenset[str], list[str]] = {}
        for name, sources in upstreams.items():
            by_sources.setdefault(sources, []).append(name)
        if len(by_sources.get(frozenset(), ())) == 1:  # the only root has no lane into it
            del by_sources[frozenset()]
        lanes = [Lane(sources, targets) for sources, targets in by_sources.items()]
        lane_into = {name: at for at, lane in enumerate(lanes) for name in lane.targets}
        lanes_from: dict[str, list[int]] = {name: [] for name in upstreams}
        for at, lane in enumerate(lanes):
            for source in lane.sources:
                lanes_from[source].append(at)
        return cls(lanes, lane_into, lanes_from, list(_ordered(upstreams)))

    def cells(self) -> int:
        """Return the size of the drawing: the number of lines that each lane passes, summed."""
        place = {name: at for at, name in enumerate(self.order)}
        total = 0
        for lane in self.lanes:
            first = min((place[source] for source in lane.sources), default=0)
            total += max(place[target] for target in lane.targets) - first
        return total


def _ordered(upstreams: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield the stages in topological order, following the given order where possible.

    A chain is followed to its end before the next stage, so that its lanes do not cross others.
    """
    names = list(upstreams)
    position = {name: index for index, name in enumerate(names)}
    dependants: dict[str, list[str]] = {name: [] for name in names}
    for name, sources in upstreams.items():
        for source in sources:
            dependants[source].append(name)
    missing = {name: len(sources) for name, sources in upstreams.items()}
    ready = [position[name] for name in names if not missing[name]]
    placed: set[str] = set()
    chain: str | None = None
    while ready:
        name = chain or names[heappop(ready)]
        chain = None
        if name in placed:
            continue
        placed.add(name)
        yield name
        for dependant in dependants[name]:
            missing[dependant] -= 1
            if not missing[dependant]:
                heappush(ready, position[dependant])
        alone = [dependant for dependant in dependants[name] if upstreams[dependant] == {name}]
        chain = alone[0] if len(alone) == 1 else None
