"""The dependency graph of stages: what is above and below, order, cycles, and the time to go.

Nothing here is recursive, so a chain of 10,000 stages does not exceed the recursion limit.

A stage takes the median of its last few completions, so that one outlier does not distort the
estimate; one that never completed has none. Slots that other runs have now are assumed to stay
theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from trainui.model.records import StageRecord

Edges = Mapping[str, tuple[str, ...]]
"""Adjacency lists: name -> neighbours."""

MAX_CYCLES = 100
"""Maximum number of cycles reported at once."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Stages and their dependencies."""

    parents: Edges
    """Direct dependencies of each stage; stages are in file order."""
    children: Edges
    """Direct dependants of each stage."""

    @classmethod
    def of(cls, stages: Iterable[StageRecord]) -> Graph:
        """Return the graph of a run's stages."""
        return cls.from_parents({stage.name: stage.depends_on for stage in stages})

    @classmethod
    def from_parents(cls, parents: Edges) -> Graph:
        """Return the graph with these direct dependencies; unknown names are ignored."""
        known = {name: tuple(p for p in above if p in parents) for name, above in parents.items()}
        children: dict[str, list[str]] = {name: [] for name in known}
        for name, above in known.items():
            for parent in dict.fromkeys(above):
                children[parent].append(name)
        return cls(known, {name: tuple(below) for name, below in children.items()})

    def upstream(self, *names: str) -> set[str]:
        """Return all direct and indirect dependencies of these stages, excluding themselves."""
        return _reachable(self.parents, names) - set(names)

    def downstream(self, *names: str) -> set[str]:
        """Return all direct and indirect dependants of these stages, excluding themselves."""
        return _reachable(self.children, names) - set(names)

    def order(self) -> list[str]:
        """Return all names, each after those that it depends on.

        Raises:
            ValueError: there is a cycle.
        """
        return list(TopologicalSorter(self.parents).static_order())

    def cycles(self) -> list[tuple[str, ...]]:
        """Return cycles: each name depends on the next one, and the last on the first.

        Every cycle has at least one edge in common with a returned one. Each is returned once, and
        at most MAX_CYCLES are returned.
        """
        found: dict[frozenset[str], tuple[str, ...]] = {}
        for cycle in _walk_back_edges(self.parents):
            found.setdefault(frozenset(cycle), cycle)
            if len(found) == MAX_CYCLES:
                break
        return list(found.values())


def _reachable(edges: Edges, names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(edges.get(name, ()))
    return seen


def _walk_back_edges(edges: Edges) -> Iterator[tuple[str, ...]]:
    """Search depth-first; an edge to a name on the current path (a back edge) closes a cycle."""
    done: set[str] = set()
    for root in edges:
        if root in done:
            continue
        path, on_path = [root], {root: 0}
        branches = [iter(edges[root])]
        while path:
            name = next(branches[-1], None)
            if name is None:
                branches.pop()
                done.add(path[-1])
                del on_path[path.pop()]
            elif name in on_path:
                yield tuple(path[on_path[name] :])
            elif name not in done:
                on_path[name] = len(path)
                path.append(name)
                branches.append(iter(edges[name]))


# Estimates of durations, from earlier completions of the same stages.


NEWEST = 5
"""Number of earlier durations used."""

LEAST_ELAPSED = 5.0
"""Seconds before a stage's own step rate is used; early on, most of the time is imports."""


@dataclass(frozen=True, slots=True)
class PastDuration:
    """An earlier completion of a stage."""

    stage_id: str
    seconds: float
    work: str
    """A text that identifies the work done; compared for equality."""


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Progress of a running stage."""

    elapsed: float
    """Seconds since its attempt's start."""
    first_step: float | None = None
    """First step of this attempt."""
    step: float | None = None
    """Latest step of this attempt."""
    last_step: float | None = None
    """Final step of the stage's previous completion."""
    idle: float = 0.0
    """Seconds since the latest step, after those of `elapsed`."""
    every: float = math.inf
    """Steps from one that is reported to the next, as far as that is known."""


def typical(past: Sequence[PastDuration]) -> float | None:
    """Return a stage's usual duration in seconds; None if it never completed."""
    from statistics import median  # slow to import, and few processes estimate

    return median(one.seconds for one in past[:NEWEST]) if past else None


def comparable(past: Sequence[PastDuration], work: str) -> Sequence[PastDuration]:
    """Return the completions of the same work, newest first; all if there are none."""
    return [one for one in past if one.work == work] or past


def remaining(usual_seconds: float | None, progress: StepProgress | None) -> float | None:
    """Return a stage's remaining time in seconds; None if unknown.

    Uses the attempt's own step rate if the final step of an earlier completion is known, otherwise
    the usual duration. A stage that has already run longer than usual has no estimate. `progress`
    is None for a stage that has not started.
    """
    if progress is None:
        return usual_seconds
    by_steps = _remaining_by_steps(progress)
    if by_steps is not None:
        return by_steps
    if usual_seconds is None or progress.elapsed > usual_seconds:
        return None
    return usual_seconds - progress.elapsed


def _remaining_by_steps(progress: StepProgress) -> float | None:
    step, last = progress.step, progress.last_step
    if step is None or last is None or progress.elapsed < LEAST_ELAPSED:
        return None
    done = step - (progress.first_step or 0)
    if done <= 0 or step > last:
        return None
    pace, left = progress.elapsed / done, last - step
    # a step that takes longer than the others is almost reached
    return max(left * pace - progress.idle, (left - progress.every) * pace, 0.0)


def from_checkpoint(
    usual_seconds: float | None, step: float | None, last_step: float | None
) -> float | None:
    """Return the remaining time from a checkpoint, in proportion to the steps left.

    None beyond the last step of the earlier completion: that one had fewer steps.
    """
    if usual_seconds is None or step is None or not last_step:
        return usual_seconds
    return None if step > last_step else usual_seconds * min(1 - step / last_step, 1)


@dataclass(frozen=True, slots=True)
class RemainingTime:
    """The remaining time of a run."""

    seconds: float
    whole: bool
    """True if every stage has an estimate; otherwise `seconds` is a lower bound."""


def run_remaining(
    stages: Mapping[str, float | None],
    upstreams: Mapping[str, Sequence[str]],
    needs: Mapping[str, Mapping[str, int]],
    slots: Mapping[str, int],
) -> RemainingTime | None:
    """Return a run's remaining time; None if no stage has an estimate.

    This is the longer of the critical path and the total work divided by the slots. No schedule
    can be shorter (R. L. Graham, 1966), and on an idle machine ours takes at most the sum of both.

    Args:
        stages: remaining seconds of each unfinished stage, in any order; None: unknown.
        upstreams: dependencies of each unfinished stage.
        needs: slots of each, by their kind.
        slots: number of those that the run may use, by kind; a kind that is not known has enough.
    """
    if all(seconds is None for seconds in stages.values()):
        return None
    graph = Graph.from_parents({name: tuple(upstreams[name]) for name in stages})
    finish: dict[str, float] = {}
    for name in graph.order():
        begin = max((finish[up] for up in graph.parents[name]), default=0.0)
        finish[name] = begin + (stages[name] or 0.0)
    work = (
        sum((stages[name] or 0.0) * min(needs[name].get(kind, 0), count) for name in stages) / count
        for kind, count in slots.items()
    )
    whole = all(seconds is not None for seconds in stages.values())
    return RemainingTime(max(*finish.values(), *work), whole)
