"""The dependency graph of stages: what is above and below, order, and cycles.

Nothing here is recursive, so a chain of 10,000 stages does not exceed the recursion limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter

from trainui.model.records import StageRecord
from trainui.record import dataclass

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
