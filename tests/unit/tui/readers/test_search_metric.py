"""A search's metric and goal decide a run's headline, its best member and the order of runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import Filler
from trainui.cli.inspect import experiments
from trainui.cli.inspect.selection import select
from trainui.model.metric_direction import ComparedMetric
from trainui.model.search import Search
from trainui.model.states import Status
from trainui.store.db import protocol, readonly
from trainui.store.read import run_list, views
from trainui.tui.readers.in_view import HeadlineReader, TitleReader
from trainui.tui.readers.sweep_member_reader import SweepMemberReader

MEMBERS = ("train[a=1]", "train[a=2]", "train[a=3]")


@pytest.fixture
def connection(filler: Filler) -> Iterator[protocol.Connection]:
    with readonly.reading() as connection:
        yield connection


def searched(filler: Filler, metric: str, goal: str, *values: float) -> str:
    """Return a search whose members also have a loss that alone would be the headline."""
    run_id = filler.run(dict.fromkeys(MEMBERS, ()), search=Search(metric, goal))
    for name, value in zip(MEMBERS, values, strict=True):
        attempt = filler.start(run_id, name)
        points = {"val/loss": [(0, 1.0)], metric: [(0, value)]}
        Feeder(filler.store, attempt.stage_id).feed(points)
        filler.end(attempt)
    return run_id


def test_the_goal_decides_in_the_list_the_table_and_the_tree(
    filler: Filler, connection: protocol.Connection
) -> None:
    run_id = searched(filler, "gap", "maximize", 0.1, 0.3, 0.2)
    lines = run_list.run_lines(connection)
    live = HeadlineReader().read(connection, lines, {})[run_id]
    assert (live.title, live.stage, live.value) == ("gap best", MEMBERS[1], 0.3)
    titles = TitleReader().read(connection, lines).titles
    assert titles == {"gap best": ComparedMetric("gap", False)}
    members = views.stages(connection, run_id)
    group = SweepMemberReader().read(connection, members)
    assert group is not None
    assert group.best_first(members)[0].name == live.stage
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.3,
    }


def test_the_tree_and_the_list_show_the_later_of_two_searches(
    filler: Filler, connection: protocol.Connection
) -> None:
    graph = {"coarse[trial=0]": (), "fine[trial=0]": ()}
    run_id = filler.run(graph, search=Search("gap", "minimize"))
    for name, value in zip(graph, (0.1, 0.4), strict=True):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"gap": [(0, value)]})
        filler.end(attempt)
    live = HeadlineReader().read(connection, run_list.run_lines(connection), {})[run_id]
    assert (live.stage, live.value) == ("fine[trial=0]", 0.4)
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.4,
    }


def test_a_pruned_trial_is_not_the_best(filler: Filler, connection: protocol.Connection) -> None:
    run_id = filler.run(dict.fromkeys(MEMBERS, ()), search=Search("gap", "minimize"))
    for name, value in zip(MEMBERS, (0.1, 0.3, 0.2), strict=True):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"gap": [(0, value)]})
        filler.end(attempt, Status.PRUNED if name == MEMBERS[0] else Status.COMPLETED)
    live = HeadlineReader().read(connection, run_list.run_lines(connection), {})[run_id]
    assert (live.stage, live.value) == (MEMBERS[2], 0.2)
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.2,
    }


@pytest.mark.parametrize(("goal", "first"), [("maximize", 0), ("minimize", 1)])
def test_runs_are_sorted_by_the_goal(
    goal: str, first: int, filler: Filler, connection: protocol.Connection
) -> None:
    found = [searched(filler, "val/loss2", goal, *([value] * 3)) for value in (0.9, 0.1)]
    chosen = select(connection, run_list.run_lines(connection), (), "metric.val/loss2")
    assert [run.id for run in chosen.runs] == [found[first], found[1 - first]]
