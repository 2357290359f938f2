"""Nodes of a run's graph: a stage, or a sweep folded into one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainui.model.records import StageRecord
from trainui.model.states import Status

FOLDED_FROM = 9
"""Number of members from which a sweep is folded by default."""

BY_IMPORTANCE = (
    Status.FAILED,
    Status.INTERRUPTED,
    Status.RUNNING,
    Status.QUEUED,
    Status.CANCELLED,
    Status.BLOCKED,
    Status.PENDING,
    Status.SKIPPED,
    Status.ENDED,
    Status.COMPLETED,
    Status.PRUNED,
)
"""States in the order of a reader's interest, the most important first."""

RANKS = {status: rank for rank, status in enumerate(BY_IMPORTANCE)}
"""Each state's index in `BY_IMPORTANCE`."""


class GraphNode(NamedTuple):
    """A stage, or the stages of a folded sweep."""

    key: str
    """The stage's name, or the sweep's."""
    members: tuple[str, ...]
    """Names of its stages."""
    depends_on: tuple[str, ...]
    """Keys of the nodes that it depends on."""
    group: str | None = None
    """The stage's sweep, folded or not; None: it is in no sweep."""

    @property
    def folded(self) -> bool:
        """True for a folded sweep."""
        return self.key == self.group

    @property
    def label(self) -> str:
        """The name shown on its line."""
        return f"{self.key} ×{len(self.members)}" if self.folded else self.key


def graph_nodes(
    stages: Sequence[StageRecord], is_folded: Callable[[str, int], bool]
) -> tuple[GraphNode, ...]:
    """Return the nodes of a graph, in the order of its stages.

    `is_folded` returns True for the name and the number of members of a sweep that is folded.
    """
    groups = Counter(_group(stage) for stage in stages)
    folded = {group for group, count in groups.items() if group and is_folded(group, count)}
    keys = {
        stage.name: group if (group := _group(stage)) in folded else stage.name for stage in stages
    }
    members: dict[str, list[StageRecord]] = {}
    for stage in stages:
        members.setdefault(keys[stage.name], []).append(stage)
    nodes = []
    for key, found in members.items():
        above = (keys[name] for stage in found for name in stage.depends_on if name in keys)
        names = tuple(stage.name for stage in found)
        nodes.append(GraphNode(key, names, tuple(dict.fromkeys(above)), _group(found[0])))
    return tuple(nodes)


def _group(stage: StageRecord) -> str | None:
    return stage.definition.group if stage.definition.matrix else None


def most_important(members: Sequence[StageRecord]) -> StageRecord:
    """Return the member with the most important state.

    Of running ones it is a stalled one, else the first; of those that ended, the last to end.
    """

    def rank(stage: StageRecord) -> tuple[int, bool, int]:
        return RANKS[stage.status], not stage.stalled, -(stage.completed_at or 0)

    return min(members, key=rank)


def which(members: Sequence[StageRecord]) -> str:
    """Return which of them the most important member is, e.g. `newest of 8 failed`."""
    stage = most_important(members)
    if stage.stalled and stage.status == Status.RUNNING:
        state, alike = "stalled", sum(one.stalled for one in members)
    else:
        state, alike = str(stage.status), sum(one.status == stage.status for one in members)
    if alike == 1:
        return f"the {state} member"
    return f"{'newest' if stage.completed_at else 'first'} of {alike} {state}"


def counts(members: Sequence[StageRecord]) -> list[tuple[Status, int]]:
    """Return the number of members in each state, the least important state first."""
    found = Counter(stage.status for stage in members)
    return [(status, found[status]) for status in reversed(BY_IMPORTANCE) if found[status]]
