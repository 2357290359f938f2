"""What stands on one line of a run's graph: a stage, or all members of a matrix folded into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trainui.domain.records import StageRecord
from trainui.domain.states import Status

FOLDED_FROM = 9
"""Members from which on a matrix is folded by itself."""

TELLING = (
    Status.FAILED,
    Status.INTERRUPTED,
    Status.RUNNING,
    Status.QUEUED,
    Status.CANCELLED,
    Status.BLOCKED,
    Status.PENDING,
    Status.SKIPPED,
    Status.COMPLETED,
)
"""The states of members, the one first that one wants to know of first."""


RANKS = {status: rank for rank, status in enumerate(TELLING)}
"""By state its place in `TELLING`."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A stage, or several."""

    key: str
    """The stage's name, or the matrix's."""
    members: tuple[str, ...]
    """Names of the stages."""
    depends_on: tuple[str, ...]
    """Keys."""
    group: str | None = None
    """The matrix, also where it is not folded."""

    @property
    def folded(self) -> bool:
        """Whether several stages stand on its line."""
        return self.key == self.group

    @property
    def label(self) -> str:
        """What its line calls it."""
        return f"{self.key} ×{len(self.members)}" if self.folded else self.key


def graph_nodes(
    stages: Sequence[StageRecord], is_folded: Callable[[str, int], bool]
) -> tuple[GraphNode, ...]:
    """Return the nodes of a graph in the order of its stages.

    Args:
        stages: all stages of a run.
        is_folded: whether a matrix is folded, given its name and how many members it has.
    """
    groups = Counter(_group(stage) for stage in stages)
    folded = {
        group for group, count in groups.items() if group is not None and is_folded(group, count)
    }
    keys = {stage.name: _key(stage, folded) for stage in stages}
    members: dict[str, list[StageRecord]] = {}
    for stage in stages:
        members.setdefault(keys[stage.name], []).append(stage)
    return tuple(_node(key, found, keys) for key, found in members.items())


def _group(stage: StageRecord) -> str | None:
    return stage.definition.group if stage.definition.matrix else None


def _key(stage: StageRecord, folded: set[str]) -> str:
    group = _group(stage)
    return group if group is not None and group in folded else stage.name


def _node(key: str, members: Sequence[StageRecord], keys: Mapping[str, str]) -> GraphNode:
    upstream = {keys[name]: None for stage in members for name in stage.depends_on if name in keys}
    return GraphNode(
        key, tuple(stage.name for stage in members), tuple(upstream), _group(members[0])
    )


def most_telling(members: Sequence[StageRecord]) -> StageRecord:
    """Return the member that one wants to see first."""
    return min(members, key=lambda stage: RANKS[stage.status])


def counts(members: Sequence[StageRecord]) -> list[tuple[Status, int]]:
    """Return how many members are in each state, in the order of `TELLING` from its end."""
    found = Counter(stage.status for stage in members)
    return [(status, found[status]) for status in reversed(TELLING) if found[status]]
