"""A run's graph: its nodes (stages, or sweeps folded into one line), drawn with lanes and edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.record import dataclass

NODE = "\0"
"""Placeholder for a stage's symbol in a drawing."""

NEXT = "↓"
"""Stands beside a stage that leads to the stage on the next line."""

OWN_COLUMN = -1
"""Instead of a lane's number: the column of a stage without a lane of its own, while its lanes are
placed."""

MOST_CELLS = 20_000
"""The limit on the drawing's size, counted as lanes times the lines that they pass. Larger graphs
are drawn as a list without lanes: the drawing would take seconds, and no one could read it."""

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


@dataclass(frozen=True, slots=True)
class GraphCell:
    """One character of a drawing."""

    text: str
    lanes: frozenset[int] = frozenset()
    """The lanes that this character is part of."""


@dataclass(frozen=True, slots=True)
class GraphLine:
    """One line of a drawing."""

    node: str | None
    """The stage on this line; None: only lanes."""
    cells: tuple[GraphCell, ...]

    def text(self, symbol: str = "●") -> str:
        """Return the line as text, with `symbol` for the stage."""
        return "".join(symbol if cell.text == NODE else cell.text for cell in self.cells)


class Painter:
    """Draws stage by stage, tracking which lane is in which column."""

    def __init__(self, graph: LaneGraph, *, spaced: bool) -> None:
        self.graph = graph
        self._spaced = spaced
        self.lines: list[GraphLine] = []
        self._columns: dict[int, int] = {}
        """The column of each lane that is being drawn."""
        self._width = 0
        """The number of columns used so far."""
        self._targets = [set(lane.targets) for lane in graph.lanes]
        """By lane: its targets that are not drawn yet."""
        self._moved: set[int] = set()
        """The lanes that have been moved to the left."""
        for name in graph.order:
            self._place(name)

    def _place(self, name: str) -> None:
        """Draw a stage on its own line, after lines that move lanes out of the way if necessary."""
        into = self.graph.lane_into.get(name)
        if into is not None:
            self._connect(into)
            if self._draw_end(name, into):
                return
            self._bring_left(into)
        column = self._column_for(into)
        for lane_id in self.graph.lanes_from[name]:
            if self._columns.get(lane_id, column) < column:
                self._move(lane_id, self._free(after=max(column, self._width - 1)))
        column, row = self._column_for(into), _Row(self._columns)
        if into is not None and self.graph.lanes[into].shared:
            self._draw_inbound(row, name, into, column)
        elif into is not None:
            self._columns.pop(into, None)
        row.put(2 * column, NODE, None)
        self._draw_outbound(row, name, column)
        self.lines.append(row.line(name))

    def _is_below_stage(self, column: int) -> bool:
        """Return True if the line above has its stage in a column."""
        above = self.lines[-1].cells if self.lines else ()
        return len(above) > 2 * column and above[2 * column].text == NODE

    def _connect(self, lane_id: int) -> None:
        """Draw a lane that would lead unseen from the stage above down into the next one.

        It is an arrow beside the stage above, or a new line if there is something or room for it.
        """
        at = self._columns.get(lane_id)
        if at is None or self.graph.lanes[lane_id].shared or not self._is_below_stage(at):
            return
        above, beside = self.lines[-1], 2 * at + 1
        if self._spaced or (above.cells[beside:] and above.cells[beside].text != " "):
            self.lines.append(_Row(self._columns).line(None))
            return
        arrow = GraphCell(NEXT, frozenset((lane_id,)))
        cells = (*above.cells[:beside], arrow, *above.cells[beside + 1 :])
        self.lines[-1] = GraphLine(above.node, cells)

    def _draw_end(self, name: str, lane_id: int) -> bool:
        """Draw a stage at the left of a lane that joins several stages into this one alone.

        Returns False if the lane is another one, or if there is no room at its left.
        """
        lane, at = self.graph.lanes[lane_id], self._columns.get(lane_id)
        column, own = self._free(), self._own_lane(name)
        if at is None or lane.shared or len(lane.sources) < 2 or column > at:
            return False
        # below a stage, that would appear to lead into this one
        if self._is_below_stage(column) or self.graph.lanes_from[name] not in ([], [own]):
            return False
        row = _Row(self._columns)
        row.put(2 * column, NODE, None)
        row.run(2 * column, 2 * at, lane_id)
        row.put(2 * at, "╯", lane_id)
        del self._columns[lane_id]
        if own is not None:
            self._set(own, column)
        self.lines.append(row.line(name))
        return True

    def _bring_left(self, lane_id: int) -> None:
        """Move a lane that joins several stages to the leftmost free column, once."""
        at = self._columns.get(lane_id)
        if at is None or lane_id in self._moved or len(self.graph.lanes[lane_id].sources) < 2:
            return
        self._moved.add(lane_id)
        if self._free() < at:
            self._move(lane_id, self._free())

    def _column_for(self, into: int | None) -> int:
        """Return a stage's column: its lane's, or one to the right of a shared lane."""
        if into is None:
            return self._free()
        at = self._columns.get(into)
        if at is None:  # the lane of the stages without dependencies starts here
            return self._free(after=self._free())
        return self._free(after=at) if self.graph.lanes[into].shared else at

    def _draw_inbound(self, row: _Row, name: str, into: int, column: int) -> None:
        self._targets[into].discard(name)
        corner = "├" if self._targets[into] else "╰"
        if into not in self._columns:
            self._set(into, self._free())
            corner = "╭"
        at = self._columns[into]
        if not self._targets[into]:
            del self._columns[into]
        row.run(2 * at, 2 * column, into)
        row.put(2 * at, corner, into)

    def _draw_outbound(self, row: _Row, name: str, column: int) -> None:
        ends: dict[int, tuple[int, bool]] = {}
        own = self._own_lane(name)
        self._set(OWN_COLUMN if own is None else own, column)
        # stages that share its own lane will be drawn in the next column
        beside = column + 1 if own is not None and self.graph.lanes[own].shared else column
        for lane_id in self.graph.lanes_from[name]:
            if lane_id == own:
                continue
            if fresh := lane_id not in self._columns:
                self._set(lane_id, self._free(after=beside))
            ends[self._columns[lane_id]] = (lane_id, fresh)
        self._columns.pop(OWN_COLUMN, None)
        for at in sorted(ends, reverse=True):
            row.run(2 * column, 2 * at, ends[at][0])
        for at, (lane_id, fresh) in ends.items():
            last = at == max(ends)
            row.put(2 * at, ("╮" if last else "┬") if fresh else ("┤" if last else "┼"), lane_id)

    def _own_lane(self, name: str) -> int | None:
        """Return the lane that only this stage feeds; it continues straight below the stage."""
        lanes = self.graph.lanes_from[name]
        return next((lane for lane in lanes if len(self.graph.lanes[lane].sources) == 1), None)

    def _move(self, lane_id: int, after: int) -> None:
        row, before = _Row(self._columns), self._columns[lane_id]
        first, last = sorted((before, after))
        left, right = ("╭", "╯") if after < before else ("╰", "╮")
        row.run(2 * first, 2 * last, lane_id)
        row.put(2 * first, left, lane_id)
        row.put(2 * last, right, lane_id)
        self._set(lane_id, after)
        self.lines.append(row.line(None))

    def _free(self, *, after: int = -1) -> int:
        """Return the first column after another one in which no lane is."""
        taken = set(self._columns.values())
        return next(column for column in count(after + 1) if column not in taken)

    def _set(self, lane_id: int, column: int) -> None:
        self._columns[lane_id] = column
        self._width = max(self._width, column + 1)


class _Row:
    """The characters of one line: first vertical lanes, then what crosses or joins them."""

    def __init__(self, columns: Mapping[int, int]) -> None:
        self._cells = {
            2 * column: GraphCell("│", frozenset((lane,))) for lane, column in columns.items()
        }

    def put(self, at: int, text: str, lane: int | None) -> None:
        """Set a character."""
        self._cells[at] = GraphCell(text, frozenset(() if lane is None else (lane,)))

    def run(self, start: int, end: int, lane: int) -> None:
        """Draw a horizontal line between two columns, without breaking vertical lanes."""
        for at in range(start + 1, end):
            known = self._cells.get(at, GraphCell("─"))
            if known.text == "─":
                self._cells[at] = GraphCell("─", known.lanes | {lane})

    def line(self, node: str | None) -> GraphLine:
        """Return the line, with spaces in empty cells."""
        width = max(self._cells, default=-1) + 1
        return GraphLine(node, tuple(self._cells.get(at, GraphCell(" ")) for at in range(width)))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A laid-out graph."""

    lines: tuple[GraphLine, ...]
    width: int
    """Width of the widest line in characters."""
    graph: LaneGraph
    """Its lanes, by stage."""


def layout(stages: Sequence[tuple[str, Sequence[str]]], *, most_lines: int = 0) -> Drawing:
    """Lay out stages, each given with its dependencies.

    Unknown dependencies are ignored; stages of a cycle are drawn without dependencies. A line
    of edges is drawn between two stages of a chain if the drawing has at most `most_lines` lines
    then; otherwise the two are on adjacent lines, the first with `NEXT`.
    """
    graph = LaneGraph.of(stages)
    if graph.cells() > MOST_CELLS:
        lines = [GraphLine(name, (GraphCell(NODE),)) for name in graph.order]
    else:
        lines = Painter(graph, spaced=True).lines if len(stages) <= most_lines else []
        if not 0 < len(lines) <= most_lines:
            lines = Painter(graph, spaced=False).lines
    width = max((len(line.cells) for line in lines), default=0)
    return Drawing(tuple(lines), width, graph)


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
    gatherers: int = 0
    """How many of its stages gather evaluations of checkpoints, and do nothing else."""

    @property
    def folded(self) -> bool:
        """True for a folded sweep."""
        return self.key == self.group and len(self.members) > 1

    @property
    def label(self) -> str:
        """The name shown on its line."""
        return f"{self.key} ×{len(self.members) - self.gatherers}" if self.folded else self.key


def graph_nodes(
    stages: Sequence[StageRecord], is_folded: Callable[[str, int], bool]
) -> tuple[GraphNode, ...]:
    """Return the nodes of a graph, in the order of its stages.

    `is_folded` returns True for the name and the number of members of a sweep that is folded.
    """
    groups = Counter(_group(stage) for stage in stages)
    for stage in stages:
        if stage.definition.each_checkpoint:  # how many there will be is not known
            groups[stage.definition.group] = max(groups[stage.definition.group], FOLDED_FROM)
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
        others = tuple(one for one in dict.fromkeys(above) if one != key)
        gatherers = sum(stage.definition.gathers for stage in found)
        nodes.append(GraphNode(key, names, others, _group(found[0]), gatherers))
    return tuple(nodes)


def _group(stage: StageRecord) -> str | None:
    is_member = stage.definition.matrix or stage.definition.each_checkpoint
    return stage.definition.group if is_member else None


def at_work(members: Sequence[StageRecord]) -> Sequence[StageRecord]:
    """Return members of a sweep without those that only gather evaluations, if there are others."""
    return [one for one in members if not one.definition.gathers] or members


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
    """Return the number of members in each state, the least important first.

    Stalled and silent ones are counted as trouble.
    """
    found = Counter(one.status for one in members if not one.hangs and not one.is_silent)
    return [(status, found[status]) for status in reversed(BY_IMPORTANCE) if found[status]]
