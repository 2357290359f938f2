"""Several runs share one machine: in the order of priority and submission, with reasons shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.runs import Run, home_with_worker
from trainui import control, settings
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import run_history, views


@pytest.fixture(scope="module", autouse=True)
def one_place(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("queue"), served_database, cpus="1"):
        yield


def writes(word: str) -> dict[str, str]:
    return {"name": word, "run": f"echo {word} >> ../order"}


def test_runs_start_by_priority_then_submission_and_name_their_wait(tmp_path: Path) -> None:
    holder = Run(
        tmp_path / "holder", {"name": "holds", "run": "until test -e ../go; do sleep 0.02; done"}
    )
    holder.process("holds")
    early = Run(tmp_path / "early", writes("early"))
    late = Run(tmp_path / "late", writes("late"))
    raised = Run(tmp_path / "raised", writes("raised"))
    high = Run(tmp_path / "high", writes("high"), priority=5)
    control.change_priority(raised.id, 1)
    for run in (early, late, raised, high):
        [name] = run.stages()
        waits = run.until(name, lambda stage: "holds" in (stage.reason or ""), "waiting, and why")
        assert waits.status == Status.QUEUED
        assert waits.reason is not None
        assert waits.reason.startswith("needs 1 CPU slot")
    with engine.reading() as connection:
        use = run_history.SlotsInUse.read(connection, high.id, settings.host())
    assert use == (Counter(), Counter(cpu=1))
    (tmp_path / "go").touch()
    for run in (early, late, raised, high):
        assert run.wait().status == Status.COMPLETED
    assert (tmp_path / "order").read_text().split() == ["high", "raised", "early", "late"]


def test_the_duration_of_a_stage_is_estimated_from_earlier_ones(tmp_path: Path) -> None:
    stage = {"name": "a", "run": "sleep 0.5"}
    first = Run(tmp_path / "p", stage)
    assert first.wait().status == Status.COMPLETED
    control.set_paused(True)
    try:
        second = Run(tmp_path / "p", stage)
        with engine.reading() as connection:
            run = second.record()
            stages = views.stages(connection, run.id)
            known = run_history.completions(connection, run, stages)
        [seconds] = run_history.seconds_left(stages, run_history.usual(known), {}).values()
        assert seconds is not None
        assert 0.5 <= seconds < 20
        remaining = run_history.remaining_time_of(stages, {"a": seconds}, {"cpu": 1})
        assert remaining is not None
        assert remaining.whole
        control.cancel(second.id)
        [planned] = control.plan_resume(second.id)
        assert planned.seconds == seconds  # of an earlier run: this one never ran
    finally:
        control.set_paused(False)
