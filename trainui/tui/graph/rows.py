"""A run's DAG as styled lines: lanes, and each stage's symbol, name, state and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from rich.cells import cell_len

from trainui.clock import SECOND
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.store.plotting.x_axis import Axis
from trainui.text import SYMBOLS, harmless, state_word
from trainui.tui.axes.labels import short_duration
from trainui.tui.axes.x_axis import XAxis, axis_labels
from trainui.tui.graph.nodes import GraphNode, counts, most_important
from trainui.tui.graph.painter import NODE, GraphLine
from trainui.tui.graph.timeline import Timeline, bar, joined
from trainui.tui.render.numbers import elapsed, state_style
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle, merged, width_of

WORD, SHORT_WORD, TIME = 11, 9, 7
"""Widths of the state, of states up to the length of `completed`, and of the time."""

SHORT_NAME, LEAST_NAME, NAME_BESIDE_BAR, MOST_NAME = 8, 12, 16, 28
"""Widths of names: the least that they need, the least that they get, and the widths up to which
they take precedence over the bar and over the time."""

MOST_COMPARED = 100
"""Names that are compared to find out how far they can be shortened."""

LEAST_BAR, MOST_BAR = 8, 48
"""Least and most width of a timeline bar; with less space there is none."""

BAR, CRITICAL = "━", "▄"
"""Characters of the bars; the second one marks stages on the critical path."""


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


def shortest_name(nodes: Sequence[GraphNode]) -> int:
    """Return the width down to which names that are shortened still differ."""
    labels = [harmless(node.label) for node in nodes[:MOST_COMPARED]]
    for width in range(NAME_BESIDE_BAR, MOST_NAME):
        if len({fit_middle(label, width) for label in labels}) == len(labels):
            return width
    return MOST_NAME


def word_width(nodes: Iterable[GraphNode], stages: Iterable[StageRecord], *, alerts: bool) -> int:
    """Return the width of the longest state; a folded sweep counts its members there."""
    is_long = alerts or any(node.folded for node in nodes)
    is_long = is_long or any(stage.status == Status.INTERRUPTED for stage in stages)
    return WORD if is_long else SHORT_WORD


@dataclass(frozen=True, slots=True)
class GraphContext:
    """What the lines of a drawing have in common."""

    columns: GraphColumns
    timeline: Timeline
    lit: Set[int]
    """The highlighted lanes: those into and out of the selected stage."""
    offset: int
    """Characters of the lanes that are scrolled out at the left."""
    now: int
    alerts: Mapping[str, str]
    """By stage name, the word of its alert."""


def graph_row(
    line: GraphLine, node: GraphNode | None, members: Sequence[StageRecord], context: GraphContext
) -> Row:
    """Return a line of the graph; without a node it has only lanes."""
    columns = context.columns
    stage = most_important(members) if members else None
    lanes = _lanes(line, stage, context)
    if stage is None or node is None:
        return lanes
    label = fit(fit_middle(harmless(node.label), columns.name), columns.name)
    cells = [*lanes, Segment(" "), Segment(label), *_facts(node, members, context)]
    if columns.bar:
        cells += [Segment("  "), _bar(members, columns.bar, context.timeline)]
    return tuple(cells)


def _facts(node: GraphNode, members: Sequence[StageRecord], context: GraphContext) -> Row:
    """Return the state and the time of all attempts; of a folded sweep its members by state."""
    columns, alerts = context.columns, context.alerts
    if node.folded:
        spans = cut(_states(members, alerts), columns.facts)
        return (*spans, Segment(" " * (columns.facts - width_of(spans))))
    stage = members[0]
    is_lost = stage.lost_at is not None
    word = "stalled" if stage.stalled and not is_lost else state_word(stage.status, is_lost=is_lost)
    style = "warn" if stage.stalled or is_lost else state_style(stage.status)
    if (alert := alerts.get(stage.name)) is not None:
        style = "bad"
        word = next(
            (f"{word}{mark}" for mark in (f" {alert}", " !") if len(word + mark) <= WORD), word
        )
    spans = (Segment(" "), Segment(fit(word, columns.word), style))
    if not columns.time:
        return spans if columns.word else ()
    time = _time(stage, context.now)
    return (*spans, Segment(" "), Segment(fit(time, columns.time, right=True), "dim"))


def _states(members: Sequence[StageRecord], alerts: Mapping[str, str]) -> Row:
    """Return the number of members with alerts, of stalled ones, and of those in each state."""
    trouble = (
        ("!", sum(stage.name in alerts for stage in members), "bad"),
        ("◌", sum(stage.stalled for stage in members), "warn"),
    )
    states = ((SYMBOLS[status], count, state_style(status)) for status, count in counts(members))
    return tuple(
        Segment(f" {sign}{count}", style) for sign, count, style in (*trouble, *states) if count
    )


def _bar(members: Sequence[StageRecord], width: int, timeline: Timeline) -> Segment:
    """Return the timeline bar of the stages."""
    intervals = [one for stage in members for one in timeline.intervals(stage.name)]
    critical = any(stage.name in timeline.critical for stage in members)
    if len(members) > 1 and intervals:
        intervals = [joined(intervals)]
    drawn = bar(intervals, width, CRITICAL if critical else BAR)
    return Segment(drawn, state_style(most_important(members).status))


def axis_row(columns: GraphColumns, timeline: Timeline) -> Row:
    """Return the line below the bars: their legend, and the axis of the run's active time."""
    before = 1 + columns.graph + 1 + columns.name + columns.facts
    across = XAxis(0.0, timeline.total / SECOND, columns.bar)
    wanted = [(across.column(at), label, "dim") for at, label in across.ticks(Axis.RELATIVE).marks]
    end = (columns.bar - 1, short_duration(round(across.high, 1)), "strong")
    legend = fit(f"{CRITICAL} critical path  {BAR} others", before, right=True)
    return (Segment(f"{legend}  ", "dim"), *axis_labels([end, *wanted], columns.bar, "─"))


def _time(stage: StageRecord, now: int) -> str:
    if stage.status in (Status.PENDING, Status.QUEUED, Status.BLOCKED, Status.SKIPPED):
        return ""
    ticks = stage.status == Status.RUNNING and stage.lost_at is None
    return elapsed(stage.worked_until(now), ticks=ticks)


def _lanes(line: GraphLine, stage: StageRecord | None, context: GraphContext) -> Row:
    width, lit = context.columns.graph, context.lit
    cells = line.cells[context.offset : context.offset + width]
    spans = [Segment(cell.text, "line-on" if cell.lanes & lit else "line") for cell in cells]
    at = next((at for at, cell in enumerate(cells) if cell.text == NODE), None)
    if at is not None and stage is not None:
        spans[at] = Segment(SYMBOLS[stage.status], state_style(stage.status))
    return (*merged([Segment(" "), *spans]), Segment(" " * (width - len(cells))))
