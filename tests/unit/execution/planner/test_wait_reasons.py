"""Why a stage waits, where several hosts may say so."""

from __future__ import annotations

import pytest

from trainui.execution.planner import wait_reasons
from trainui.model.definition import StageDefinition
from trainui.model.records import HostView, StageRecord
from trainui.model.states import Status
from trainui.settings import Settings

STAGE = StageRecord(
    *("id", "run", 0, "a", Status.QUEUED, None, StageDefinition("a"), "/", 0, None, None, None),
    *(None, None, None, False, 0, None),
)


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        (None, None, ("b: why", "b")),
        ("b: another", "b", ("b: why", "b")),
        ("a: another", "a", ("a: another", "a")),
        ("retry 1 of 2: exit code 1", None, ("b: why", "b")),
        ("prepare: exit code 1", None, ("b: why", "b")),
    ],
)
def test_one_host_says_why(before: str | None, by: str | None, after: tuple[str, str]) -> None:
    stage = STAGE._replace(reason=before, reason_host=by)
    assert wait_reasons.worded(stage, "why", HostView("b")) == after
    assert wait_reasons.worded(stage, "why", None) == ("why", None)
    only_there = stage._replace(definition=StageDefinition("a", host="b"))
    assert wait_reasons.worded(only_there, "why", HostView("b")) == ("why", None)


def test_what_asks_for_another_host_or_queue_waits() -> None:
    settings = Settings(host="b", queues=("big",))
    assert wait_reasons.host_mismatch(StageDefinition("a", host="b", queue="big"), settings) is None
    host_mismatch = wait_reasons.host_mismatch(StageDefinition("a", host="a"), settings)
    assert host_mismatch == "asks for the host a, and this is b"
    no_queue = wait_reasons.host_mismatch(StageDefinition("a", queue="huge"), settings)
    assert no_queue == "asks for the queue huge, which is not in the setting queues"
