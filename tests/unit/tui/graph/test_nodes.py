"""What stands on a line of the graph, and where a run's time went."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.tui.filled import DIAMOND, MEMBERS, SWEEP, Filler
from trainui import clock, paths
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.store.db import protocol
from trainui.store.read import views
from trainui.tui.graph.nodes import counts, graph_nodes, most_important, which
from trainui.tui.graph.timeline import Timeline, bar


@pytest.fixture
def connection(filler: Filler) -> Iterator[protocol.Connection]:
    connection = views.connect(paths.home().database)
    yield connection
    connection.close()


def test_members_of_a_matrix_are_folded_into_one_node(
    filler: Filler, connection: protocol.Connection
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


def test_a_folded_sweep_stands_for_the_member_that_ended_last_or_is_first_to_run(
    filler: Filler, connection: protocol.Connection
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


def timed(filler: Filler, connection: protocol.Connection) -> list[StageRecord]:
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
    filler: Filler, connection: protocol.Connection
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


def test_the_timeline_has_all_attempts_of_a_stage(
    filler: Filler, connection: protocol.Connection
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
    filler: Filler, connection: protocol.Connection
) -> None:
    timeline = Timeline(timed(filler, connection), clock.now())
    assert timeline.critical == {"prepare", "train[hidden=128]", "evaluate"}
