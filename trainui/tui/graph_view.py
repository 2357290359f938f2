"""The DAG's widget and its timeline; the cursor moves along its lines or along its edges.

Pauses in which no stage ran are left out of the timeline, so that a run resumed a week later stays
readable.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field
from itertools import chain
from operator import itemgetter
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.binding import BindingType
from textual.message import Message

from trainui.clock import SECOND
from trainui.model.records import StageRecord
from trainui.model.states import WAITING, Status
from trainui.record import dataclass
from trainui.store.points.plot_points import Axis
from trainui.store.read.time_worked import LONGEST_GAP, if_known
from trainui.text import SYMBOLS, harmless, state_word
from trainui.tui import axis_marks
from trainui.tui.graph_layout import (
    FOLDED_FROM,
    NODE,
    Drawing,
    GraphLine,
    GraphNode,
    at_work,
    counts,
    graph_nodes,
    layout,
    most_important,
)
from trainui.tui.keymap import bindings
from trainui.tui.numbers import elapsed, state_style
from trainui.tui.plot_axes import XAxis, axis_labels
from trainui.tui.snapshot import RunPage
from trainui.tui.styled_text import (
    Row,
    Segment,
    cut,
    cut_end,
    fit,
    merged,
    short_labels,
    told_apart,
    width_of,
)
from trainui.tui.widgets import CursorView

WORD, SHORT_WORD, TIME = 11, 9, 7
"""Widths of the state, of states up to the length of `completed`, and of the time."""

SHORT_NAME, LEAST_NAME, NAME_BESIDE_BAR, MOST_NAME = 8, 12, 16, 28
"""Widths of names: the least that they need, the least that they get, and the widths up to which
they take precedence over the bar and over the time."""

MOST_COMPARED = 100
"""Names that are compared to find out how far they can be shortened."""

LEAST_BAR, MOST_BAR = 8, 48
"""Least and most width of a timeline bar; with less space there is none."""

BAR, CHAIN = "━", "▄"
"""Characters of the bars; the second one marks the stages of the longest chain."""

SHARE = 0.4
"""A drawing of up to this share of the screen's lines has lines for the edges of chains."""

BARS = 3
"""Lines of the screen that are not the page's: the top bar, the heading and the key bar."""


NO_MATRICES: Mapping[str, Mapping[str, str]] = {}
NO_NAMES: Mapping[str, str] = {}


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
        self.now = now
        """Until when a running attempt has run."""
        self._spans: dict[str, list[tuple[int, int]]] = {}
        """By stage name, when each attempt started and ended."""
        for stage in stages:
            own = known.get(stage.name) or filter(None, (stage.interval,))
            until = now if stage.lost_at is None else stage.lost_at
            if spans := [(start, max(end or until, start)) for start, end in own]:
                self._spans[stage.name] = spans
        self._active: list[tuple[int, int, int]] = []
        """The intervals of the time worked: start, end, and the time worked before it."""
        for start, end in sorted(chain.from_iterable(self._spans.values())):
            if self._active and start - self._active[-1][1] <= LONGEST_GAP:
                first, last, before = self._active[-1]
                self._active[-1] = first, max(last, end), before
            else:
                self._active.append((start, end, self.total))
        self.chain = self._longest_chain(stages)
        """Names of the stages of the longest chain: each needs the one before it, and together they
        ran longest. If no stage waited for a slot, it is the critical path."""

    @property
    def total(self) -> int:
        """The microseconds that the run has worked."""
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


@dataclass(frozen=True, slots=True)
class GraphColumns:
    """Widths of a line's columns, in characters."""

    graph: int
    name: int
    word: int
    time: int
    bar: int

    @property
    def facts(self) -> int:
        """Width of the state and the time, each with the space before it."""
        return (self.word + 1 if self.word else 0) + (self.time + 1 if self.time else 0)

    @classmethod
    def of(cls, lanes: int, longest: int, shortest: int, word: int, width: int) -> GraphColumns:
        """Distribute the width; a long name is shortened first, then bar and time are dropped.

        `longest` and `word` are the widths of the longest name and of the longest state, and
        `shortest` is the width down to which names differ (`shortest_name`).
        """
        graph = min(lanes, max(width - LEAST_NAME - word - 3, 3))
        rest = width - graph - 2
        time = TIME if rest >= min(longest, MOST_NAME) + word + TIME + 2 else 0
        word = word if rest >= LEAST_NAME + word + 1 else 0
        room = max(rest - (word + 1 if word else 0) - (time + 1 if time else 0), 1)
        beside_bar = room - 2 - LEAST_BAR
        if beside_bar < min(longest + 1, shortest):
            return cls(graph, min(longest + 1, room), word, time, 0)
        name = min(longest + 1, beside_bar)
        return cls(graph, name, word, time, min(room - name - 2, MOST_BAR))


def longest_name(nodes: Iterable[GraphNode]) -> int:
    """Return the width of the longest name, at least `SHORT_NAME`."""
    longest = max((cell_len(harmless(node.label)) for node in nodes), default=0)
    return max(longest, SHORT_NAME)


def shown_names(
    nodes: Sequence[GraphNode], matrices: Mapping[str, Mapping[str, str]], width: int
) -> Mapping[str, str]:
    """Return by key the names in at most `width` cells, so that no two look alike.

    Members of a sweep show the values in which they differ. `matrices` has their values by name.
    Of very many nodes, the names are cut at their ends.
    """
    found = {node.key: harmless(node.label) for node in nodes}
    wide = [node for node in nodes if cell_len(found[node.key]) > width]
    if not wide or len(nodes) > MOST_COMPARED:
        return {key: cut_end(name, width) for key, name in found.items()}
    for group in dict.fromkeys(node.group for node in wide):
        some = [node for node in nodes if node.group == group and not node.folded]
        values = [matrices.get(node.key) for node in some]
        keys = [node.key for node in some]
        if group is None or not all(values):
            shown = told_apart([found[key] for key in keys], width)
        else:
            pairs = tuple(
                tuple((harmless(name), harmless(value)) for name, value in (one or {}).items())
                for one in values
            )
            room = width - cell_len(harmless(group)) - len("[]")
            if room >= LEAST_NAME:
                shown = [f"{harmless(group)}[{one}]" for one in short_labels(pairs, room)]
            else:
                shown = [*short_labels(pairs, width)]
        found |= dict(zip(keys, shown, strict=True))
    return {key: cut_end(name, width) for key, name in found.items()}


def shortest_name(
    nodes: Sequence[GraphNode], matrices: Mapping[str, Mapping[str, str]] = NO_MATRICES
) -> int:
    """Return the width down to which shortened names differ, and have the keys of a sweep."""
    nodes = nodes[:MOST_COMPARED]
    for width in range(NAME_BESIDE_BAR, MOST_NAME):
        shown = shown_names(nodes, matrices, width)
        has_keys = all(
            "[" in shown[one.key] and "=" in shown[one.key] for one in nodes if one.key in matrices
        )
        if has_keys and len(set(shown.values())) == len(nodes):
            return width
    return MOST_NAME


def word_width(nodes: Iterable[GraphNode], stages: Iterable[StageRecord], *, alerts: bool) -> int:
    """Return the width of the longest state; a folded sweep counts its members there."""
    is_long = alerts or any(node.folded for node in nodes)
    is_long = is_long or any(stage.status == Status.INTERRUPTED for stage in stages)
    return WORD if is_long else SHORT_WORD


def awaited_by(
    node: GraphNode, nodes: Mapping[str, GraphNode], stages: Mapping[str, StageRecord]
) -> str:
    """Return after what a node comes: the first that has not completed, and how many more.

    A sweep counts once, unfolded too. `nodes` are by key, `stages` by name; empty: all before it
    have completed.
    """
    waiting = dict.fromkeys(
        one.label if one.folded else one.group or one.key
        for one in (nodes[key] for key in node.depends_on)
        if any(stages[name].status != Status.COMPLETED for name in one.members)
    )
    more = f" +{len(waiting) - 1}" if len(waiting) > 1 else ""
    return f"after {harmless(next(iter(waiting)))}{more}" if waiting else ""


@dataclass(frozen=True, slots=True)
class GraphContext:
    """What the lines of a drawing have in common."""

    columns: GraphColumns
    timeline: Timeline
    lit: Set[int]
    """The highlighted lanes: those into and out of the selected stage."""
    offset: int
    """Characters of the lanes that are scrolled out at the left."""
    alerts: Mapping[str, str]
    """By stage name, the word of its alert."""
    names: Mapping[str, str] = field(default_factory=dict)
    """By a node's key, its name as shown."""
    awaited: str = ""
    """For what the line's stage waits, e.g. `after evaluate`; empty: it has begun, or for none."""


def graph_row(
    line: GraphLine, node: GraphNode | None, members: Sequence[StageRecord], context: GraphContext
) -> Row:
    """Return a line of the graph; without a node it has only lanes."""
    columns = context.columns
    stage = most_important(at_work(members)) if members else None
    lanes = _lanes(line, stage, context)
    if stage is None or node is None:
        return lanes
    shown = context.names.get(node.key) or harmless(node.label)
    label = fit(cut_end(shown, columns.name), columns.name)
    cells = [*lanes, Segment(" "), Segment(label), *_facts(node, members, context)]
    if awaited := _awaited(stage, node, context):
        cells = [*cells[:-1], awaited]  # there is no time to show
    elif columns.bar:
        cells += [Segment("  "), _bar(members, columns.bar, context.timeline)]
    return tuple(cells)


def _awaited(stage: StageRecord, node: GraphNode, context: GraphContext) -> Segment | None:
    """Return what a pending stage waits for, in place of time and bar; None: no room, no need."""
    columns = context.columns
    is_new = stage.status == Status.PENDING and not context.timeline.intervals(stage.name)
    if node.folded or not (is_new and context.awaited and columns.time and columns.bar):
        return None
    room = columns.time + 2 + columns.bar
    return Segment(fit(cut_end(context.awaited, room), room), "dim")


def _facts(node: GraphNode, members: Sequence[StageRecord], context: GraphContext) -> Row:
    """Return the state and the time of all attempts; of a folded sweep its members by state."""
    columns, alerts = context.columns, context.alerts
    if node.folded:
        spans = cut(_states(at_work(members), alerts), columns.facts)
        return (*spans, Segment(" " * (columns.facts - width_of(spans))))
    stage = members[0]
    is_lost = stage.lost_at is not None
    word, style = state_word(stage.status, is_lost=is_lost), state_style(stage.status)
    if is_lost:
        style = "warn"
    elif stage.stalled:
        word, style = "stalled", "bad"
    elif stage.stalls_after is not None:
        word, style = "silent", "warn"
    mark = ""
    if (alert := alerts.get(stage.name)) is not None:  # beside the state, which keeps its colour
        marks = (one for one in (f" {alert}", " !") if len(word + one) <= WORD)
        mark = next(marks, "")
        style = style if mark else "bad"
    words = cut((Segment(word, style), Segment(mark, "bad")), columns.word)
    spans = (Segment(" "), *words, Segment(" " * (columns.word - width_of(words))))
    if not columns.time:
        return spans if columns.word else ()
    time = _time(stage, context.timeline.now)
    return (*spans, Segment(" "), Segment(fit(time, columns.time, right=True), "dim"))


def _states(members: Sequence[StageRecord], alerts: Mapping[str, str]) -> Row:
    """Return the number of members with alerts, of silent ones, and of those in each state."""
    trouble = (
        ("!", sum(stage.name in alerts for stage in members), "bad"),
        ("◌", sum(stage.stalled for stage in members), "bad"),
        ("◌", sum(stage.is_silent for stage in members), "warn"),
    )
    states = ((SYMBOLS[status], count, state_style(status)) for status, count in counts(members))
    return tuple(
        Segment(f" {sign}{count}", style) for sign, count, style in (*trouble, *states) if count
    )


def _bar(members: Sequence[StageRecord], width: int, timeline: Timeline) -> Segment:
    """Return the timeline bar of the stages."""
    intervals = [one for stage in members for one in timeline.intervals(stage.name)]
    is_in_chain = any(stage.name in timeline.chain for stage in members)
    if len(members) > 1 and intervals:
        intervals = [joined(intervals)]
    drawn = bar(intervals, width, CHAIN if is_in_chain else BAR)
    return Segment(drawn, state_style(most_important(members).status))


def axis_row(columns: GraphColumns, timeline: Timeline) -> Row:
    """Return the line below the bars: their legend, and the axis of the run's active time."""
    before = 1 + columns.graph + 1 + columns.name + columns.facts
    total = timeline.total / SECOND
    across = XAxis(0.0, total, columns.bar)
    wanted = [(across.column(at), label, "dim") for at, label in across.ticks(Axis.RELATIVE).marks]
    words = elapsed(timeline.total) if total >= 1 else axis_marks.short_duration(total)
    end = (columns.bar - 1, words, "strong")
    legend = fit(f"{CHAIN} longest chain  {BAR} others", before, right=True)
    return (Segment(f"{legend}  ", "dim"), *axis_labels([end, *wanted], columns.bar, "─"))


def _time(stage: StageRecord, now: int) -> str:
    if stage.status in WAITING | {Status.BLOCKED, Status.SKIPPED}:
        return ""
    ticks = stage.status == Status.RUNNING and stage.lost_at is None
    is_external = stage.status == Status.ENDED
    micros = if_known(stage.worked_until(now), external=is_external, ticks=ticks)
    return elapsed(micros, ticks=ticks)


def _lanes(line: GraphLine, stage: StageRecord | None, context: GraphContext) -> Row:
    width, lit = context.columns.graph, context.lit
    cells = line.cells[context.offset : context.offset + width]
    spans = [Segment(cell.text, "line-on" if cell.lanes & lit else "line") for cell in cells]
    at = next((at for at, cell in enumerate(cells) if cell.text == NODE), None)
    if at is not None and stage is not None:
        spans[at] = Segment(SYMBOLS[stage.status], state_style(stage.status))
    return (*merged([Segment(" "), *spans]), Segment(" " * (width - len(cells))))


def _drawn_of(page: RunPage) -> tuple[object, ...]:
    """Return all of a page that the graph shows."""
    return page.stages, page.alerts, page.tries, page.seen_at


class StageGraph(CursorView):
    """The stages of a run and their dependencies."""

    scopes = ("stages",)
    redraws_all = True  # other lanes are highlighted
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("stages")]

    class Folded(Message):
        """The number of lines changed because a sweep was folded or unfolded."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawing: Drawing = layout(())
        self._laid_out: tuple[Sequence[GraphNode], int] = (), 0
        """The nodes and the most lines for which the drawing was laid out."""
        self._all: Sequence[StageRecord] = ()
        self._stages: dict[str, StageRecord] = {}
        self._by_key: dict[str, GraphNode] = {}
        self._folds: dict[str, bool] = {}
        """By sweep name: the user's choice to fold or unfold it."""
        self._longest, self._shortest, self._word = 0, 0, 0
        self._matrices: Mapping[str, Mapping[str, str]] = {}
        """By member of a sweep, its values."""
        self._names: tuple[int, Mapping[str, str]] = 0, NO_NAMES
        """The nodes' names as shown in so many cells, by their keys."""
        self.timeline = Timeline((), 0)
        self._alerts: Mapping[str, str] = {}
        self._page: RunPage | None = None

    @property
    def selected(self) -> StageRecord | None:
        """The stage under the cursor; in a folded sweep its most important member."""
        node = self._node_at(self.cursor)
        return most_important(at_work(self._members(node))) if node is not None else None

    @property
    def folded(self) -> Sequence[StageRecord]:
        """The members of the folded sweep under the cursor; else empty."""
        node = self._node_at(self.cursor)
        return self._members(node) if node is not None and node.folded else ()

    @property
    def preferred_width(self) -> int:
        """The width at which every line fits, without bars, in characters."""
        return self._drawing.width + 2 + self._longest + 1 + self._word + 1 + TIME

    def set_page(self, page: RunPage) -> None:
        """Show the stages of a run; the cursor stays on its stage."""
        shown, self._page = self._page, page
        if shown is not None and _drawn_of(shown) == _drawn_of(page):
            return
        before, self._all, self._alerts = self._all, page.stages, page.alerts
        self._stages = {stage.name: stage for stage in self._all}
        self.timeline = Timeline(self._all, page.now, page.tries)
        if [one.definition for one in before] != [one.definition for one in self._all]:
            self._lay_out()
        self._word = word_width(self._by_key.values(), self._all, alerts=bool(self._alerts))
        self.update_rows()

    def _lay_out(self) -> None:
        """Lay out the graph again if its nodes or the lines that it may take have changed."""
        folds = self._folds
        nodes = graph_nodes(self._all, lambda name, count: folds.get(name, count >= FOLDED_FROM))
        if (nodes, self._most_lines) == self._laid_out:
            return
        selected = self.selected_name
        self._laid_out = nodes, self._most_lines
        self._by_key = {node.key: node for node in nodes}
        stages = [(node.key, node.depends_on) for node in nodes]
        self._drawing = layout(stages, most_lines=self._most_lines)
        self._matrices = {
            one.name: one.definition.matrix for one in self._all if one.definition.matrix
        }
        self._longest = longest_name(nodes)
        self._shortest = shortest_name(nodes, self._matrices)
        self._names = 0, NO_NAMES
        self.select(selected or "")

    @property
    def _most_lines(self) -> int:
        return int((self.app.size.height - BARS) * SHARE)

    def refit(self) -> None:
        """Lay out the graph again if the terminal's height has changed."""
        if self._laid_out[1] != self._most_lines:
            self._lay_out()

    def tick(self) -> None:
        """Update the running times and bars."""
        page = self._page
        if page is not None and any(stage.status == Status.RUNNING for stage in page.stages):
            self.timeline = Timeline(page.stages, page.now, page.tries)
        self.update_rows()

    @property
    def selected_name(self) -> str | None:
        """The name of the stage or the folded sweep under the cursor."""
        node = self._node_at(self.cursor)
        return node.key if node is not None else None

    def select(self, name: str) -> None:
        """Move the cursor to a stage or its folded sweep; if neither exists, to the first stage."""
        nodes = self._by_key.values()
        found = (node.key for node in nodes if name in (*node.members, node.group))
        key = name if name in self._by_key else next(found, None)
        keys = [line.node for line in self._drawing.lines]
        self.move_cursor(self._next(-1, 1) if key is None else keys.index(key))

    def select_matching(self, text: str, direction: int = 1, *, stay: bool = True) -> bool:
        """Move the cursor to the next stage whose name contains a text; return False if none does.

        The direction is 1 downwards and -1 upwards; `stay` also considers the stage under the
        cursor.
        """
        count = len(self._drawing.lines)
        first = 0 if stay else 1
        for distance in range(first, count + first):
            index = (self.cursor + direction * distance) % count
            node = self._node_at(index)
            names = (*node.members, node.key) if node is not None else ()
            if any(text.casefold() in name.casefold() for name in names):
                self.move_cursor(index)
                return True
        return False

    def row_count(self) -> int:
        """Return the number of lines, with that of the timeline's axis."""
        lines = len(self._drawing.lines)
        fits = self._is_framed or lines < self._most_lines
        bars = fits and self._columns(self.scrollable_content_region.width).bar
        return lines + bool(bars and self.timeline.total)

    def selectable(self, index: int) -> bool:
        """Return True for lines with a stage."""
        return self._node_at(index) is not None

    def row(self, index: int, width: int) -> Row:
        """Return a line of the graph."""
        columns = self._columns(width)
        if index == len(self._drawing.lines):
            return axis_row(columns, self.timeline)
        node, selected, lanes = self._node_at(index), self.selected_name, self._drawing.graph
        lit = set(lanes.lanes_from[selected]) if selected is not None else set()
        context = GraphContext(
            columns,
            self.timeline,
            lit | {lanes.lane_into.get(selected or "", -1)},
            self._offset(columns.graph),
            self._alerts,
            self._shown_names(columns.name),
            awaited_by(node, self._by_key, self._stages) if node is not None else "",
        )
        members = self._members(node) if node is not None else ()
        return graph_row(self._drawing.lines[index], node, members, context)

    def _shown_names(self, width: int) -> Mapping[str, str]:
        if self._names[0] != width:
            nodes = [*self._by_key.values()]
            self._names = width, shown_names(nodes, self._matrices, width)
        return self._names[1]

    def _columns(self, width: int) -> GraphColumns:
        return GraphColumns.of(
            self._drawing.width, self._longest, self._shortest, self._word, width
        )

    def action_open(self) -> None:
        """Focus the stage's panes, or unfold a sweep."""
        node = self._node_at(self.cursor)
        if node is not None and node.folded:
            self.action_fold()
        else:
            super().action_open()

    def action_fold(self) -> None:
        """Fold a sweep into one line, or unfold it: the selected one, or the only one."""
        node = self._node_at(self.cursor)
        sweeps = {one.group: one.folded for one in self._by_key.values() if one.group is not None}
        group = None if node is None else node.group
        if group is None and len(sweeps) == 1:
            (group,) = sweeps
        if group is None:
            self.notify("only the members of a sweep can be folded")
            return
        selected = self.selected
        self._folds[group] = not sweeps[group]
        self._lay_out()
        if selected is not None:
            self.select(selected.name)
        self.update_rows()
        self.post_message(self.Folded())
        self.post_message(self.Moved())

    def action_upstream(self) -> None:
        """Go to the selected stage's first dependency."""
        node = self._node_at(self.cursor)
        if node is not None and node.depends_on:
            self.select(node.depends_on[0])

    def action_downstream(self) -> None:
        """Go to the first stage that depends on the selected one."""
        name, keys = self.selected_name, [line.node for line in self._drawing.lines]
        following = (key for key in keys if key and name in self._by_key[key].depends_on)
        if (key := next(following, None)) is not None:
            self.select(key)

    def _node_at(self, index: int) -> GraphNode | None:
        lines = self._drawing.lines
        key = lines[index].node if 0 <= index < len(lines) else None
        return self._by_key[key] if key is not None else None

    def _members(self, node: GraphNode) -> list[StageRecord]:
        return [self._stages[name] for name in node.members]

    def _offset(self, width: int) -> int:
        """Return the scroll offset of wide lanes that makes the selected stage's symbol visible."""
        if width >= self._drawing.width or self.cursor < 0:
            return 0
        cells = self._drawing.lines[self.cursor].cells
        at = next((index for index, cell in enumerate(cells) if cell.text == NODE), 0)
        return max(0, min(at - width // 2, self._drawing.width - width))
