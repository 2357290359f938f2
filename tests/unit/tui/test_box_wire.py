"""Records as JSON data and back, differences of such data, and actions of a box's agent."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.filled import Filler, failed_demo, running_demo
from trainui.clock import SECOND
from trainui.control.boxes import Box, BoxError
from trainui.errors import NotFoundError, PipelineFileError, PlanChangedError, TrainuiError
from trainui.tui import box_wire, run_actions
from trainui.tui.box_wire import WireError
from trainui.tui.readers.database import ScreenDatabase
from trainui.tui.run_actions import PlanRequest
from trainui.tui.snapshot import DetailTab, ListQuery, Query, RunQuery, RunValues, Snapshot

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def snapshots(filler: Filler) -> list[Snapshot]:
    """The list, and each tab of a run's page."""
    failed_demo(filler)
    run_id = running_demo(filler)
    source = ScreenDatabase(None)
    queries: list[Query] = [ListQuery(), ListQuery(rows=(run_id,), listed=(run_id,))]
    stage = "train[hidden=32]"
    queries += [RunQuery(run_id, stage=stage, tab=tab) for tab in DetailTab]
    found = []
    for query in queries:
        source.read(query)
        found.append(source.read(query))
    source.close()
    return found


def test_each_snapshot_comes_back_as_it_was(snapshots: list[Snapshot]) -> None:
    sent: dict[str, Any] = {}
    for snapshot in snapshots:
        data = json.loads(json.dumps(box_wire.to_data(snapshot, Snapshot)))
        found = box_wire.from_data(data, Snapshot)
        assert box_wire.to_data(found, Snapshot) == data
        assert found.runs == snapshot.runs
        assert type(found.page) is type(snapshot.page)
        change = json.loads(json.dumps(box_wire.difference(sent, data)))
        assert box_wire.patched(sent, change) == data
        sent = data
    assert any(snapshot.page and snapshot.page.detail for snapshot in snapshots)


def test_whatever_a_box_sends_is_a_snapshot_or_an_error(snapshots: list[Snapshot]) -> None:
    whole = json.dumps([box_wire.to_data(snapshot, Snapshot) for snapshot in snapshots])
    chance = random.Random(7)
    errors = 0
    for _ in range(400):
        data = json.loads(whole)[chance.randrange(len(snapshots))]
        for _ in range(chance.randint(1, 4)):
            _spoil(data, chance)
        try:
            box_wire.from_data(data, Snapshot)
        except WireError:
            errors += 1
    assert 100 < errors < 400


def _spoil(data: Any, chance: random.Random) -> None:
    """Replace a random part of nested data with something else."""
    inner = [one for one in (data.values() if isinstance(data, dict) else data) if one]
    nested = [one for one in inner if isinstance(one, dict | list)]
    if nested and chance.random() < 0.8:
        _spoil(chance.choice(nested), chance)
        return
    other = chance.choice([None, -1, 1e400, "x", [], {}, [[1]], {"$": "Path"}, True, 2**70])
    if isinstance(data, dict):
        data[chance.choice([*data, "new"])] = other
    elif data:
        data[chance.randrange(len(data))] = other


def test_moments_are_moved_to_the_clock_of_here(snapshots: list[Snapshot]) -> None:
    hours = 3 * 3600 * SECOND
    data = box_wire.to_data(snapshots[0], Snapshot)
    there = box_wire.from_data(data, Snapshot, hours)
    for run, moved in zip(snapshots[0].runs, there.runs, strict=True):
        assert moved.created_at == run.created_at - hours
        assert (moved.started_at is None) == (run.started_at is None)


def test_numbers_that_are_not_finite_are_sent() -> None:
    values = RunValues({"a": math.nan, "b": -math.inf, "c": 1.5}, lower=None)
    found = box_wire.from_data(
        json.loads(json.dumps(box_wire.to_data(values, RunValues))), RunValues
    )
    assert math.isnan(found.values["a"])
    assert {**found.values, "a": 0} == {"a": 0, "b": -math.inf, "c": 1.5}


@given(JSON, JSON)
def test_a_difference_turns_the_old_into_the_new(old: Any, new: Any) -> None:
    change = json.loads(json.dumps(box_wire.difference(old, new)))
    assert box_wire.patched(old, change) == new


def test_a_difference_cannot_multiply_without_bound() -> None:
    data: Any = [0] * 1_500_000
    twice = ["l", [[0, len(data)], [0, len(data)]]]
    with pytest.raises(WireError):
        box_wire.patched(data, twice)


@pytest.mark.parametrize("moment", [10**30, 2**62, -1])
def test_a_moment_that_cannot_be_shown_is_an_error(snapshots: list[Snapshot], moment: int) -> None:
    data = box_wire.to_data(snapshots[0], Snapshot)
    data["runs"][0]["created_at"] = moment
    with pytest.raises(WireError):
        box_wire.from_data(data, Snapshot)


def test_an_inserted_item_is_sent_alone() -> None:
    old = [{"id": number, "text": "x" * 100} for number in range(50)]
    new = [{"id": 50, "text": "new"}, *old[:20], {"id": 20, "text": "changed"}, *old[21:]]
    assert box_wire.patched(old, box_wire.difference(old, new)) == new
    assert len(json.dumps(box_wire.difference(old, new))) < 200


@given(JSON, JSON)
def test_a_wrong_difference_is_an_error_or_a_value(old: Any, change: Any) -> None:
    try:
        box_wire.patched(old, change)
    except WireError:
        pass


BOX = Box("gpu2", "gpu2.lab")


@pytest.mark.parametrize("name", sorted(run_actions.ACTIONS))
def test_each_action_can_be_sent(name: str) -> None:
    kinds, result = box_wire._signature(run_actions.ACTIONS[name])
    for kind in (*kinds, result):
        assert box_wire._codec(kind)


@pytest.mark.parametrize("value", [None, 3, "x", {"stages": 3}, [[[]]], {"stages": [{"name": 1}]}])
def test_an_answer_that_does_not_fit_is_refused(value: Any) -> None:
    with pytest.raises(BoxError, match="does not fit"):
        box_wire.call_result(BOX, run_actions.plan, {"value": value}, 0)


@pytest.mark.parametrize("kind", [NotFoundError, PlanChangedError, PipelineFileError])
def test_an_error_is_of_the_kind_that_it_was_there(kind: type[TrainuiError]) -> None:
    answer = {"error": "why\x1b[2J", "kind": kind.__name__}
    with pytest.raises(kind) as caught:
        box_wire.call_result(BOX, run_actions.plan, answer, 0)
    assert "why" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_older_agent_is_named_with_the_remedy() -> None:
    with pytest.raises(BoxError, match="gpu2 has an older trainui"):
        box_wire.call_result(BOX, run_actions.plan, {"error": "unknown request 'call'; update"}, 0)


def test_an_agent_takes_no_arguments_that_do_not_fit() -> None:
    data = box_wire.arguments_to_data(run_actions.plan, ["run", PlanRequest()])
    assert box_wire.arguments_from_data(run_actions.plan, data) == ["run", PlanRequest()]
    for wrong in (data[:1], [*data, 1], [1, data[1]], {"a": 1}):
        with pytest.raises(box_wire.WireError):
            box_wire.arguments_from_data(run_actions.plan, wrong)
