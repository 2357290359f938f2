"""Widths of the graph's columns: names stay apart, and the timeline stays."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.unit.tui.filled import Filler
from trainui import clock
from trainui.tui.graph_layout import GraphNode, graph_nodes, layout
from trainui.tui.graph_view import (
    LEAST_BAR,
    SHORT_WORD,
    WORD,
    GraphColumns,
    GraphContext,
    Timeline,
    awaited_by,
    axis_row,
    graph_row,
    longest_name,
    shortest_name,
    shown_names,
)
from trainui.tui.styled_text import plain, width_of

STAGES = [f"{name}-the-model-with-a-name-longer-than-any-terminal" for name in ("fit", "test")]
MEMBERS = [f"train[lr={lr},seed={seed}]" for lr in ("0.1", "0.03", "0.0003") for seed in (0, 1)]


def values_of(name: str) -> dict[str, str]:
    pairs = name.partition("[")[2].removesuffix("]").split(",")
    return dict(pair.split("=") for pair in pairs)


@pytest.mark.parametrize("width", [41, 49, 60])
@pytest.mark.parametrize(("names", "has_bar"), [(STAGES, True), (MEMBERS, False)])
def test_timeline_names_are_shortened_as_far_as_they_differ(
    names: list[str], has_bar: bool, width: int
) -> None:
    group = names[0].partition("[")[0] if "[" in names[0] else None
    nodes = [GraphNode(name, (name,), (), group) for name in names]
    matrices = {name: values_of(name) for name in names if group}
    longest, shortest = longest_name(nodes), shortest_name(nodes, matrices)
    found = GraphColumns.of(1, longest, shortest, SHORT_WORD, width)
    shown = [*shown_names(nodes, matrices, found.name).values()]
    assert len(set(shown)) == len(names)
    assert not any("…" in name[1:-1] for name in shown), "cut at their ends"
    assert (found.bar >= LEAST_BAR) is (has_bar or width == 60)
    used = 1 + found.graph + 1 + found.name + found.word + 1
    used += (found.time + 1 if found.time else 0) + (found.bar + 2 if found.bar else 0)
    assert used <= width


@pytest.mark.parametrize(
    ("stalled", "limit", "alert", "shown"),
    [
        (False, None, None, [("running", "state-running")]),
        (False, None, "NaN", [("running", "state-running"), (" NaN", "bad")]),
        (False, 300.0, None, [("silent", "warn")]),
        (True, 300.0, None, [("stalled", "bad")]),
    ],
)
def test_running_keeps_its_colour_and_trouble_is_beside_it(
    filler: Filler,
    stalled: bool,
    limit: float | None,
    alert: str | None,
    shown: list[tuple[str, str]],
) -> None:
    run_id = filler.run({"train": ()})
    filler.start(run_id, "train")
    stage = filler.stage(run_id, "train")._replace(stalled=stalled, stalls_after=limit)
    (node,) = graph_nodes([stage], lambda _name, _count: False)
    drawing = layout([(node.key, node.depends_on)], most_lines=9)
    alerts = {} if alert is None else {"train": alert}
    columns, timeline = GraphColumns(2, 8, WORD, 0, 0), Timeline([stage], clock.now())
    context = GraphContext(columns, timeline, frozenset(), 0, alerts)
    row = graph_row(drawing.lines[0], node, [stage], context)
    found = [(one.text, one.style) for one in row if one.text.strip()]
    assert found[-len(shown) :] == shown


def test_a_pending_stage_says_after_what_it_comes(filler: Filler) -> None:
    members = [f"train[lr={at}]" for at in range(4)]
    graph = {"prepare": (), **dict.fromkeys(members, ("prepare",)), "evaluate": members}
    run_id = filler.run({**graph, "report": ("evaluate", "prepare")})
    filler.start(run_id, "prepare")
    stages = {name: filler.stage(run_id, name) for name in (*graph, "report")}
    folded, unfolded = (
        {one.key: one for one in graph_nodes([*stages.values()], lambda *_of, fold=fold: fold)}
        for fold in (True, False)
    )
    timeline = Timeline([*stages.values()], clock.now())

    def shown(name: str, bar: int, nodes: Mapping[str, GraphNode] = folded) -> str:
        node = nodes[name]
        (line,) = layout([(node.key, ())], most_lines=9).lines
        awaited = awaited_by(node, nodes, stages)
        columns = GraphColumns(2, 8, WORD, 7, bar)
        context = GraphContext(columns, timeline, frozenset(), 0, {}, awaited=awaited)
        some = [stages[one] for one in node.members]
        row = graph_row(line, node, some, context)
        assert width_of(row) == 1 + 2 + 1 + 8 + columns.facts + (2 + bar if bar else 0)
        return plain(row)

    assert "pending     after train ×4" in shown("evaluate", 12)
    assert shown("evaluate", 12, unfolded).rstrip().endswith("pending     after train")
    assert "pending     after evaluate +1" in shown("report", 12)
    assert "after" not in shown("report", 0), "there is no room"
    assert "after" not in shown("prepare", 12)


def test_the_labels_of_a_very_short_timeline_differ(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    filler.start(run_id, "train")
    stage, start = filler.stage(run_id, "train"), clock.now()
    timeline = Timeline([stage], start, {"train": [(start, start + 20_000)]})
    drawn = plain(axis_row(GraphColumns(2, 8, WORD, 0, 24), timeline)).split()[-1]
    assert re.split("─+", drawn) == ["0s", "0.01s", "0.02s"]


def test_a_folded_sweep_counts_its_silent_members_apart(filler: Filler) -> None:
    names = [f"train[lr={at}]" for at in range(4)]
    run_id = filler.run(dict.fromkeys(names, ()))
    for name in names:
        filler.start(run_id, name)
    members = [filler.stage(run_id, name) for name in names]
    members[:2] = [one._replace(stalls_after=60.0) for one in members[:2]]
    members[0] = members[0]._replace(stalled=True)
    (node,) = graph_nodes(members, lambda _name, _count: True)
    drawing = layout([(node.key, node.depends_on)], most_lines=9)
    columns, timeline = GraphColumns(2, 8, WORD, 12, 0), Timeline(members, clock.now())
    context = GraphContext(columns, timeline, frozenset(), 0, {})
    row = graph_row(drawing.lines[0], node, members, context)
    shown = [(one.text.strip(), one.style) for one in row if one.text.strip()]
    assert shown[-3:] == [("◌1", "bad"), ("◌1", "warn"), ("●2", "state-running")]
