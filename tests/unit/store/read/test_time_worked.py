"""Time worked as read from the store: of runs and of stages, on both databases."""

from __future__ import annotations

import random

import pytest

from tests.unit.store.conftest import AddRun
from trainui.model.records import LOCAL, StageRecord
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.db.statements import insert, set_values
from trainui.store.read import time_worked, views
from trainui.store.read.time_worked import LONGEST_GAP, union
from trainui.store.read.views import StageCache
from trainui.store.runs import attempts

Tries = list[tuple[int, int | None]]


def fill(store: Database, run_id: str, tries: dict[str, Tries], status: Status) -> None:
    """Store attempts by stage name, and the stage's row as after the last one."""
    with store.write() as connection:
        for stage in views.stages(connection, run_id):
            for number, (start, end) in enumerate(tries.get(stage.name, ()), 1):
                ended = Status.RUNNING if end is None else Status.FAILED
                row = {
                    "stage_id": stage.id, "number": number, "status": ended, "host": "h",
                    "directory": "d", "slots_json": "[]", "granted_at": start,
                    "started_at": start, "completed_at": end, "executor": LOCAL,
                    **attempts.NEW_ATTEMPT,
                }  # fmt: skip
                insert(connection, "attempts", [row])
                values = {"attempt": number, "status": status if end else ended}
                times = {"started_at": start, "completed_at": end}
                if status in (Status.PENDING, Status.QUEUED):
                    times["completed_at"] = None  # as after a resume
                set_values(connection, "stages", stage.id, **values, **times)
                if end is None:
                    set_values(connection, "runs", run_id, status=Status.RUNNING)


def of(run_id: str, name: str = "A") -> StageRecord:
    with engine.reading() as connection:
        found = views.stage(connection, run_id, name)
        cached = next(one for one in StageCache().read(connection, run_id) if one.name == name)
    assert found == cached
    assert found is not None
    return found


@pytest.mark.parametrize("status", [Status.FAILED, Status.QUEUED, Status.PENDING])
def test_a_retried_stage_worked_the_sum_of_its_attempts(
    store: Database, add_run: AddRun, status: Status
) -> None:
    run = add_run("run-1", {"A": []})
    fill(store, run, {"A": [(100, 160), (10_000, 10_048)]}, status)
    assert of(run).worked_until(99_999) == 108
    assert of(run).since == 100


def test_a_waiting_resumed_stage_worked_as_long_as_before(store: Database, add_run: AddRun) -> None:
    run = add_run("run-1", {"A": []})
    fill(store, run, {"A": [(100, 160)]}, Status.PENDING)
    assert of(run).worked_until(99_999) == 60


def test_a_stage_that_never_started_has_not_worked(store: Database, add_run: AddRun) -> None:
    run = add_run("run-1", {"A": []})
    assert of(run).worked_until(99) is None
    with engine.reading() as connection:
        assert time_worked.of_runs(connection, [run]) == {}


def test_a_clock_set_back_between_attempts_shortens_no_stage(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("run-1", {"A": []})
    fill(store, run, {"A": [(100, 160), (110, 150), (170, 165)]}, Status.FAILED)
    assert of(run).worked_until(0) == 100


def test_a_lost_stage_worked_until_its_last_sign(store: Database, add_run: AddRun) -> None:
    run = add_run("run-1", {"A": []})
    fill(store, run, {"A": [(100, 160), (10_000, None)]}, Status.RUNNING)
    assert of(run).worked_until(10_500) == 560
    assert of(run)._replace(lost_at=10_040).worked_until(10_500) == 100


def test_all_runs_at_once_have_worked_as_each_by_itself(store: Database, add_run: AddRun) -> None:
    numbers = random.Random(7)
    tries: dict[str, dict[str, Tries]] = {}
    for at in range(12):
        run = add_run(f"run-{at}", {"A": [], "B": [], "C": []})
        tries[run] = {
            name: [
                (
                    start := LONGEST_GAP * numbers.randrange(50),
                    start + numbers.randrange(2 * LONGEST_GAP),
                )
                for _ in range(numbers.randrange(4))
            ]
            for name in "ABC"
        }
        if at % 3 == 0:
            tries[run]["C"].append((LONGEST_GAP * numbers.randrange(60), None))
        fill(store, run, tries[run], Status.FAILED)
    expected = {
        run: union([one for found in stages.values() for one in found])
        for run, stages in tries.items()
        if any(stages.values())
    }
    with engine.reading() as connection:
        assert time_worked.of_runs(connection, tries) == expected
        everything = time_worked.of_all_runs(connection)
    now = 100 * LONGEST_GAP
    assert {run: one.until(now) for run, one in everything.items()} == {
        run: one.until(now) for run, one in expected.items()
    }
