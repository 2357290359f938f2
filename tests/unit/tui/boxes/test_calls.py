"""Answers of a box to an action: checked, and its errors as those of here."""

from __future__ import annotations

from typing import Any

import pytest

from trainui.control.boxes import Box, BoxError
from trainui.errors import NotFoundError, PipelineFileError, PlanChangedError, TrainuiError
from trainui.tui import run_actions
from trainui.tui.boxes import calls, wire
from trainui.tui.run_actions import PlanRequest

BOX = Box("gpu2", "gpu2.lab")


@pytest.mark.parametrize("name", sorted(run_actions.ACTIONS))
def test_each_action_can_be_sent(name: str) -> None:
    kinds, result = wire._signature(run_actions.ACTIONS[name])
    for kind in (*kinds, result):
        assert wire._codec(kind)


@pytest.mark.parametrize("value", [None, 3, "x", {"stages": 3}, [[[]]], {"stages": [{"name": 1}]}])
def test_an_answer_that_does_not_fit_is_refused(value: Any) -> None:
    with pytest.raises(BoxError, match="does not fit"):
        calls.result(BOX, run_actions.plan, {"value": value}, 0)


@pytest.mark.parametrize("kind", [NotFoundError, PlanChangedError, PipelineFileError])
def test_an_error_is_of_the_kind_that_it_was_there(kind: type[TrainuiError]) -> None:
    answer = {"error": "why\x1b[2J", "kind": kind.__name__}
    with pytest.raises(kind) as caught:
        calls.result(BOX, run_actions.plan, answer, 0)
    assert "why" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_older_agent_is_named_with_the_remedy() -> None:
    with pytest.raises(BoxError, match="gpu2 has an older trainui"):
        calls.result(BOX, run_actions.plan, {"error": "unknown request 'call'; update"}, 0)


def test_an_agent_takes_no_arguments_that_do_not_fit() -> None:
    data = wire.arguments_to_data(run_actions.plan, ["run", PlanRequest()])
    assert wire.arguments_from_data(run_actions.plan, data) == ["run", PlanRequest()]
    for wrong in (data[:1], [*data, 1], [1, data[1]], {"a": 1}):
        with pytest.raises(wire.WireError):
            wire.arguments_from_data(run_actions.plan, wrong)
