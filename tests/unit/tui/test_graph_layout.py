"""The drawing of a DAG: every stage once, every edge to be followed by eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tui.filled import DIAMOND, MEMBERS, SWEEP, Filler
from trainui import clock, paths
from trainui.model.definition import EachCheckpoint, StageDefinition
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.store.db import engine, statements
from trainui.store.read import views
from trainui.store.read.time_worked import union
from trainui.tui.graph_layout import (
    FOLDED_FROM,
    NEXT,
    NODE,
    Drawing,
    at_work,
    counts,
    graph_nodes,
    layout,
    most_important,
    which,
)
from trainui.tui.graph_view import Timeline, bar

Stages = list[tuple[str, list[str]]]

UP = "│├╰╯┤┼" + NODE
"""Characters that meet what stands above them."""
DOWN = "│├╭╮┤┬┼" + NODE
"""Characters that meet what stands under them."""


def order_of(drawing: Drawing) -> list[str]:
    return [line.node for line in drawing.lines if line.node is not None]


def drawn(stages: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    drawing = layout(stages)
    return [f"{line.text():<{drawing.width}} {line.node or ''}".rstrip() for line in drawing.lines]


class Reader:
    """Follows the lines of a drawing as a person does: from a stage to the right and down."""

    def __init__(self, drawing: Drawing) -> None:
        self.names = [line.node for line in drawing.lines]
        self.rows = [
            "".join(cell.text for cell in line.cells).ljust(drawing.width) for line in drawing.lines
        ]

    def edges(self) -> set[tuple[str, str]]:
        found = set()
        for y, name in enumerate(self.names):
            if name is not None:
                x = self.rows[y].index(NODE)
                found |= {(name, target) for target in self.down(x, y) | self.right(x, y)}
        return found

    def at(self, x: int, y: int) -> str:
        inside = 0 <= y < len(self.rows) and 0 <= x < len(self.rows[y])
        return self.rows[y][x] if inside else " "

    def down(self, x: int, y: int) -> set[str]:
        """From the lower edge of a character."""
        below = self.at(x, y + 1)
        if self.at(x, y) not in DOWN or below not in UP:
            return set()
        if below == NODE:
            joined = self.at(x - 1, y + 1) == "─"
            unmarked = self.at(x, y) == NODE and self.at(x + 1, y) != NEXT
            return set() if joined or unmarked else {self.names[y + 1] or ""}
        found: set[str] = set()
        if below in "│├┤┼":
            found |= self.down(x, y + 1)
        if below in "├╰":
            found |= self.right(x, y + 1)
        if below == "╯":
            found |= self.left(x, y + 1)
        return found

    def right(self, x: int, y: int) -> set[str]:
        """From the right edge of a character."""
        if self.at(x + 1, y) != "─":
            return set()
        while self.at(x + 1, y) in "─│" and self.at(x + 1, y) != " ":
            x += 1
        met = self.at(x + 1, y)
        if met == NODE:
            return {self.names[y] or ""}
        if met == "╯":  # it comes from above
            return set()
        assert met in "╮┬┤┼", f"a line ends in {met!r}: {self.rows[y]}"
        found = self.down(x + 1, y)
        return found | self.right(x + 1, y) if met in "┬┼" else found

    def left(self, x: int, y: int) -> set[str]:
        while self.at(x - 1, y) in "─│" and self.at(x - 1, y) != " ":
            x -= 1
        if self.at(x - 1, y) == NODE:
            return {self.names[y] or ""}
        assert self.at(x - 1, y) == "╭", f"a line ends wrongly: {self.rows[y]}"
        return self.down(x - 1, y)


def test_the_demo_reads_from_top_to_bottom() -> None:
    assert drawn(
        [
            ("prepare", []),
            ("train[32]", ["prepare"]),
            ("train[128]", ["prepare"]),
            ("evaluate", ["train[32]", "train[128]"]),
            ("report", ["evaluate"]),
        ]
    ) == [
        "●     prepare",
        "├─●─╮ train[32]",
        "╰─●─┤ train[128]",
        "●───╯ evaluate",
        "│",
        "●     report",
    ]


def test_a_chain_has_edges_if_there_is_room() -> None:
    chain = [("a", []), ("b", ["a"]), ("c", ["b"])]
    lines = layout(chain, most_lines=5).lines
    assert [line.text() for line in lines] == ["●", "│", "●", "│", "●"]
    assert drawn(chain) == ["●↓ a", "●↓ b", "●  c"]


def test_two_matrices_all_with_all_are_one_lane() -> None:
    first = ["a1", "a2", "a3"]
    second = ["b1", "b2"]
    assert drawn([(name, []) for name in first] + [(name, first) for name in second]) == [
        "╭─●─╮ a1",
        "├─●─┤ a2",
        "╰─●─┤ a3",
        "╭───╯",
        "├─●   b1",
        "╰─●   b2",
    ]


def test_a_chain_is_followed_before_its_neighbour_begins() -> None:
    stages = [("p", []), ("t1", ["p"]), ("t2", ["p"]), ("e1", ["t1"]), ("e2", ["t2"])]
    assert order_of(layout(stages)) == ["p", "t1", "e1", "t2", "e2"]


def test_stages_of_a_cycle_and_unknown_names_are_drawn_too() -> None:
    stages = [("a", ["b"]), ("b", ["a"]), ("c", ["nowhere"])]
    assert sorted(order_of(layout(stages))) == ["a", "b", "c"]


def test_no_stage_is_no_line() -> None:
    assert layout([]).lines == ()


@st.composite
def graphs(draw: st.DrawFn) -> Stages:
    count = draw(st.integers(1, 12))
    names = [f"s{index}" for index in range(count)]
    stages = [
        (name, draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=4)))
        if index
        else (name, [])
        for index, name in enumerate(names)
    ]
    return draw(st.permutations(stages))


@settings(max_examples=150, deadline=None)
@given(graphs(), st.sampled_from([0, 100]))
def test_every_edge_can_be_followed_and_no_other(stages: Stages, most_lines: int) -> None:
    expected = {(source, name) for name, sources in stages for source in sources}
    assert Reader(layout(stages, most_lines=most_lines)).edges() == expected


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_every_stage_stands_once_after_those_it_depends_on(stages: Stages) -> None:
    order = order_of(layout(stages))
    assert sorted(order) == sorted(name for name, _ in stages)
    for name, sources in stages:
        assert all(order.index(source) < order.index(name) for source in sources)


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_the_lanes_of_a_stage_are_known_by_number(stages: Stages) -> None:
    drawing = layout(stages)
    for name, sources in stages:
        for source in sources:
            assert drawing.graph.lane_into[name] in drawing.graph.lanes_from[source]


def test_lanes_nobody_could_follow_become_a_list() -> None:
    width, count = 100, 2000
    stages = [
        (f"s{at}", [f"s{at - width}", f"s{at - width + 1}"] if at >= width else [])
        for at in range(count)
    ]
    drawing = layout(stages)
    assert drawing.width == 1
    assert sorted(order_of(drawing)) == sorted(name for name, _ in stages)
    below = {name: at for at, name in enumerate(order_of(drawing))}
    assert all(below[above] < below[name] for name, aboves in stages for above in aboves)


def test_a_long_chain_keeps_its_lanes() -> None:
    drawing = layout([(f"s{at}", [f"s{at - 1}"] if at else []) for at in range(5000)])
    assert order_of(drawing) == [f"s{at}" for at in range(5000)]
    assert drawing.graph.lanes_from["s7"] == [drawing.graph.lane_into["s8"]]


@pytest.fixture
def connection(filler: Filler) -> Iterator[statements.Connection]:
    connection = engine.connect_to_read(paths.home().database)
    yield connection
    connection.close()


def test_members_of_a_matrix_are_folded_into_one_node(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare", *MEMBERS[:3])
    filler.fail(run_id, MEMBERS[3], "no")
    stages = views.stages(connection, run_id)
    folded = graph_nodes(stages, lambda group, count: group == "train" and count == 6)
    assert [(node.label, node.depends_on) for node in folded] == [
        ("prepare", ()),
        ("train ×6", ("prepare",)),
        ("select", ("train",)),
    ]
    members = [stage for stage in stages if stage.name in folded[1].members]
    assert counts(members) == [(Status.COMPLETED, 3), (Status.QUEUED, 2), (Status.FAILED, 1)]
    assert most_important(members).name == MEMBERS[3]
    assert which(members) == "the failed member"
    unfolded = graph_nodes(stages, lambda _group, _count: False)
    assert [node.key for node in unfolded] == list(SWEEP)
    assert {node.group for node in unfolded} == {None, "train"}


def test_a_folded_sweep_represents_its_last_or_next_member(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare")
    filler.complete(run_id, MEMBERS[1], ago=10)
    filler.complete(run_id, MEMBERS[0], ago=20)
    chosen = []
    for name, status in ((None, None), (MEMBERS[3], None), (MEMBERS[2], Status.FAILED)):
        if name is not None:
            attempt = filler.start(run_id, name, ago=5)
            if status is not None:
                filler.end(attempt, status, ago=3)
        stages = [one for one in views.stages(connection, run_id) if one.name in MEMBERS]
        ended = [one for one in stages if one.status != Status.QUEUED]
        chosen.append((most_important(ended).name, which(ended)))
    assert chosen == [
        (MEMBERS[1], "newest of 2 completed"),
        (MEMBERS[3], "the running member"),
        (MEMBERS[2], "the failed member"),
    ]
    filler.end(filler.start(run_id, MEMBERS[5], ago=9), Status.FAILED, ago=2)
    stages = [one for one in views.stages(connection, run_id) if one.name in MEMBERS]
    assert (most_important(stages).name, which(stages)) == (MEMBERS[5], "newest of 2 failed")


def timed(filler: Filler, connection: statements.Connection) -> list[StageRecord]:
    """The demo: prepare 10 s, then 20 s and 40 s side by side, a break of an hour, then 30 s."""
    seconds = {
        "prepare": (0, 10),
        "train[hidden=32]": (10, 30),
        "train[hidden=128]": (10, 50),
        "evaluate": (3650, 3680),
    }
    run_id = filler.run(DIAMOND)
    filler.complete(run_id, *seconds)
    begun = clock.now() - 3680 * clock.SECOND
    return [
        stage
        if stage.name not in seconds
        else stage._replace(
            started_at=begun + seconds[stage.name][0] * clock.SECOND,
            completed_at=begun + seconds[stage.name][1] * clock.SECOND,
        )
        for stage in views.stages(connection, run_id)
    ]


def test_where_time_went_leaves_out_when_nothing_ran(
    filler: Filler, connection: statements.Connection
) -> None:
    timeline = Timeline(timed(filler, connection), clock.now())
    assert round(timeline.total / clock.SECOND) == 80
    assert not timeline.intervals("report")
    ran = [name for name in DIAMOND if timeline.intervals(name)]
    shown = {name: bar(timeline.intervals(name), 16, "#") for name in ran}
    assert shown == {
        "prepare": "##              ",
        "train[hidden=32]": "  ####          ",
        "train[hidden=128]": "  ########      ",
        "evaluate": "          ######",
    }


def test_the_timeline_is_as_long_as_the_time_worked(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = timed(filler, connection)
    begun = min(one.started_at for one in stages if one.started_at is not None)
    spans = {"prepare": (0, 2), "train[hidden=32]": (7, 9), "evaluate": (100, 101)}
    tries = {
        name: [(begun + start * clock.SECOND, begun + end * clock.SECOND)]
        for name, (start, end) in spans.items()
    }
    some = [one for one in stages if one.name in spans]
    total = Timeline(some, clock.now(), tries).total
    assert total == 10 * clock.SECOND, "with the short gap, without the long one"
    assert total == union(one for found in tries.values() for one in found).ended


def test_the_timeline_has_all_attempts_of_a_stage(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = timed(filler, connection)
    begun = min(one.started_at for one in stages if one.started_at is not None)
    seconds = {"train[hidden=32]": [(10, 30), (5000, 5040)], "evaluate": [(6000, 6040)]}
    tries = {
        name: [(begun + start * clock.SECOND, begun + end * clock.SECOND) for start, end in spans]
        for name, spans in seconds.items()
    }
    timeline = Timeline(stages, clock.now(), tries)
    assert round(timeline.total / clock.SECOND) == 130
    assert timeline.took("train[hidden=32]") == 60 * clock.SECOND
    shown = {name: bar(timeline.intervals(name), 13, "#") for name in (*seconds, "prepare")}
    assert shown == {
        "train[hidden=32]": " ##  ####    ",
        "evaluate": "         ####",
        "prepare": "#            ",
    }


def test_the_longest_chain_is_what_would_have_to_be_faster(
    filler: Filler, connection: statements.Connection
) -> None:
    timeline = Timeline(timed(filler, connection), clock.now())
    assert timeline.chain == {"prepare", "train[hidden=128]", "evaluate"}


def test_an_evaluation_of_checkpoints_is_one_row() -> None:
    each = EachCheckpoint("train")
    member = EachCheckpoint("train", member_of="evaluate")
    names = ("evaluate[step=1]", "evaluate[step=2]")
    stages = [
        of_definition(StageDefinition("train", group="train")),
        of_definition(
            StageDefinition(
                "evaluate", group="evaluate", depends_on=("train", *names), each_checkpoint=each
            )
        ),
        *(
            of_definition(
                StageDefinition(
                    name, group="evaluate", matrix={"step": name[-2]}, each_checkpoint=member
                )
            )
            for name in names
        ),
    ]
    train, row = graph_nodes(stages, lambda _group, count: count >= FOLDED_FROM)
    assert (row.label, row.folded, row.depends_on) == ("evaluate ×2", True, ("train",))
    assert [one.name for one in at_work(stages[1:])] == [*names]
    unfolded = graph_nodes(stages, lambda _group, _count: False)
    assert [(one.label, one.folded) for one in unfolded][:2] == [
        ("train", False),
        ("evaluate", False),
    ]
    assert train.key == "train"


def of_definition(definition: StageDefinition) -> StageRecord:
    return StageRecord("", "", 0, definition.name, Status.QUEUED, None, definition, "", 0)
