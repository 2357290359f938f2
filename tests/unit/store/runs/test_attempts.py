"""Attempts are granted whole, claimed once, ended once, and settle what waited for them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable

import pytest

from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import held_slots
from trainui import clock
from trainui.errors import TransitionError
from trainui.model.records import AttemptRecord, Slot, StageRecord
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.stage_requests import Reopened

HOST = "a-host"
DIAMOND = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"]}


def stage_named(connection: Connection, run_id: str, name: str) -> StageRecord:
    stage = views.stage(connection, run_id, name)
    assert stage is not None
    return stage


def start(store: Database, run_id: str, name: str, slot: int = 0) -> AttemptRecord:
    with store.write() as connection:
        stage = stage_named(connection, run_id, name)
        granted = attempts.grant(connection, stage, [Slot(HOST, "cpu", slot)], host=HOST)
        assert granted is not None
        assert granted.celery_task_id is not None
        claimed = attempts.claim(connection, run_id, name, granted.celery_task_id)
        assert claimed is not None
        attempts.mark_started(connection, claimed, started_at=clock.now(), pid=4, supervisor=3)
        return attempts.get(connection, claimed.id)


def finish(
    store: Database, attempt: AttemptRecord, status: Status, **fields: object
) -> Status | None:
    outcome = Outcome(status, clock.now(), **fields)  # type: ignore[arg-type]
    with store.write() as connection:
        return attempts.end(connection, attempt.id, outcome)


def states(store: Database, run_id: str) -> dict[str, Status]:
    with store.read() as connection:
        return {stage.name: stage.status for stage in views.stages(connection, run_id)}


def test_a_stage_becomes_queued_when_all_its_upstreams_completed(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", DIAMOND)
    finish(store, start(store, run, "A"), Status.COMPLETED)
    assert states(store, run) == {"A": "completed", "B": "queued", "C": "queued", "D": "pending"}
    finish(store, start(store, run, "B"), Status.COMPLETED)
    assert states(store, run)["D"] == Status.PENDING
    finish(store, start(store, run, "C"), Status.COMPLETED)
    assert states(store, run)["D"] == Status.QUEUED


def test_a_failure_blocks_what_depends_on_it_and_nothing_else(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {**DIAMOND, "E": ["D"]})
    finish(store, start(store, run, "A"), Status.COMPLETED)
    finish(store, start(store, run, "B"), Status.FAILED, error="exit code 3", exit_code=3)
    after = {"A": "completed", "B": "failed", "C": "queued", "D": "blocked", "E": "blocked"}
    assert states(store, run) == after
    with store.read() as connection:
        assert stage_named(connection, run, "D").reason == "B failed"
        assert stage_named(connection, run, "E").reason == "D is blocked"


def test_a_failure_that_is_allowed_lets_dependants_start(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": [], "B": ["A"]}, allow_failure=True)
    finish(store, start(store, run, "A"), Status.FAILED)
    assert states(store, run)["B"] == Status.QUEUED


def test_slots_are_held_until_the_attempt_ends(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": [], "B": []})
    attempt = start(store, run, "A", slot=0)
    with store.write() as connection:
        assert held_slots(connection, HOST) == {Slot(HOST, "cpu", 0): attempt.id}
        other = stage_named(connection, run, "B")
        taken = [Slot(HOST, "cpu", 1), Slot(HOST, "cpu", 0)]
        assert attempts.grant(connection, other, taken, host=HOST) is None
    with store.read() as connection:  # nothing of the refused grant stayed
        assert len(held_slots(connection, HOST)) == 1
        assert stage_named(connection, run, "B").attempt == 0
    finish(store, attempt, Status.COMPLETED)
    with store.read() as connection:
        assert held_slots(connection, HOST) == {}


def test_a_second_delivery_finds_the_attempt_claimed(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    assert attempt.celery_task_id is not None
    with store.write() as connection:
        assert attempts.claim(connection, run, "A", attempt.celery_task_id) is None
        assert attempts.claim(connection, run, "no such stage", attempt.celery_task_id) is None


def test_an_end_is_recorded_once(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    assert finish(store, attempt, Status.COMPLETED) == Status.COMPLETED
    assert finish(store, attempt, Status.FAILED) is None
    assert states(store, run)["A"] == Status.COMPLETED


def test_an_end_with_any_text_is_recorded(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    name = os.fsdecode(b"res-\xff")
    assert finish(store, attempt, Status.FAILED, error=f"{name}\0", result=[name])
    with store.read() as connection:
        (recorded,) = views.attempts_of_stage(connection, attempt.stage_id)
        stage = stage_named(connection, run, "A")
    assert recorded.error == stage.reason == "res-??"


def test_an_attempt_nobody_claimed_does_not_complete(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    with store.write() as connection:
        granted = attempts.grant(connection, stage_named(connection, run, "A"), [], host=HOST)
    assert granted is not None
    with pytest.raises(TransitionError):
        finish(store, granted, Status.COMPLETED)


def test_retries_wait_longer_each_time_and_end(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": [], "B": ["A"]}, retries=2, retry_delay=10.0)
    delays = []
    for expected in (Status.QUEUED, Status.QUEUED, Status.FAILED):
        attempt = start(store, run, "A")
        assert finish(store, attempt, Status.FAILED, error="exit code 1") == expected
        with store.read() as connection:
            stage = stage_named(connection, run, "A")
        if stage.not_before is not None and stage.completed_at is not None:
            delays.append((stage.not_before - stage.completed_at) / clock.SECOND)
    assert delays == [10.0, 20.0]
    assert states(store, run) == {"A": "failed", "B": "blocked"}
    with store.read() as connection:
        tries = views.attempts_of_stage(connection, stage_named(connection, run, "A").id)
    assert [attempt.number for attempt in tries] == [1, 2, 3]
    assert all(attempt.error == "exit code 1" for attempt in tries)


def test_a_cancelled_attempt_is_not_retried(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []}, retries=2)
    attempt = start(store, run, "A")
    with store.write() as connection:
        stage = stage_named(connection, run, "A")
        assert stage_requests.cancel(connection, run, [stage]) == ["A"]
        assert attempts.get(connection, attempt.id).cancel_requested_at is not None
    assert states(store, run)["A"] == Status.RUNNING  # until none of its processes is left
    assert finish(store, attempt, Status.CANCELLED) == Status.CANCELLED


def test_a_stage_that_an_alert_stopped_is_not_retried(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []}, retries=2)
    attempt = start(store, run, "A")
    with store.write() as connection:
        for why in ("loss is NaN", "a later alert"):  # the first reason stays
            stage_requests.request_stop(connection, stage_named(connection, run, "A"), why)
        assert attempts.get(connection, attempt.id).stop_reason == "loss is NaN"
    assert finish(store, attempt, Status.FAILED) == Status.FAILED


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_alert_that_restarts_is_retried_unless_cancelled(
    store: Database, add_run: AddRun, cancelled: bool
) -> None:
    run = add_run("r", {"A": []}, retries=1)
    attempt = start(store, run, "A")
    with store.write() as connection:
        stage = stage_named(connection, run, "A")
        stage_requests.request_stop(connection, stage, "it hangs", restarts=True)
        if cancelled:
            stage_requests.cancel(connection, run, [stage])
        found = attempts.get(connection, attempt.id)
        assert found.stop_status == (Status.CANCELLED if cancelled else Status.FAILED)
    expected = Status.CANCELLED if cancelled else Status.QUEUED
    assert finish(store, attempt, found.stop_status) == expected


def test_no_end_is_before_its_start(store: Database, add_run: AddRun) -> None:
    """The clock may have been set back while it ran."""
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    assert attempt.started_at is not None
    with store.write() as connection:
        outcome = Outcome(Status.COMPLETED, attempt.started_at - clock.SECOND)
        attempts.end(connection, attempt.id, outcome)
    with store.read() as connection:
        assert attempts.get(connection, attempt.id).completed_at == attempt.started_at
        assert stage_named(connection, run, "A").completed_at == attempt.started_at


def test_cancelling_what_does_not_run_is_done_at_once(store: Database, add_run: AddRun) -> None:
    run = add_run("r", DIAMOND)
    with store.write() as connection:
        granted = attempts.grant(
            connection, stage_named(connection, run, "A"), [Slot(HOST, "cpu", 0)], host=HOST
        )
        assert granted is not None
        assert granted.celery_task_id is not None
        everything = views.stages(connection, run)
        stage_requests.cancel(connection, run, everything)
        assert held_slots(connection, HOST) == {}
        assert attempts.claim(connection, run, "A", granted.celery_task_id) is None
    assert set(states(store, run).values()) == {Status.CANCELLED}
    with store.read() as connection:
        found = views.run(connection, run)
    assert found is not None
    assert found.status == Status.CANCELLED


def _claim_all(url: str, run: str, grants: list[tuple[str, str]], results: object) -> None:
    store = Database(url)
    won = 0
    for name, task_id in grants:
        with store.write() as connection:
            won += attempts.claim(connection, run, name, task_id) is not None
    results.put(won)  # type: ignore[attr-defined]
    store.close()


@pytest.mark.parametrize("processes", [2])
def test_of_several_processes_each_attempt_is_claimed_by_one(
    store: Database, add_run: AddRun, processes: int
) -> None:
    run = add_run("r", {f"s{number}": [] for number in range(60)})
    grants = []
    with store.write() as connection:
        for stage in views.stages(connection, run):
            granted = attempts.grant(connection, stage, [], host=HOST)
            assert granted is not None
            grants.append((stage.name, str(granted.celery_task_id)))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=_claim_all, args=(store.url, run, grants, results))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    won = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(won) == len(grants)


Act = Callable[[Database, str], None]


def test_resume_runs_again_what_did_not_complete_and_nothing_else(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", DIAMOND)
    finish(store, start(store, run, "A"), Status.COMPLETED)
    finish(store, start(store, run, "B"), Status.FAILED)
    finish(store, start(store, run, "C"), Status.COMPLETED)
    with store.write() as connection:
        revived = stage_requests.reopen(
            connection, run, [stage_requests.Reopened("B"), stage_requests.Reopened("D")]
        )
    assert revived == ["B", "D"]
    after = {"A": "completed", "B": "queued", "C": "completed", "D": "pending"}
    assert states(store, run) == after
    finish(store, start(store, run, "B"), Status.COMPLETED)
    finish(store, start(store, run, "D"), Status.COMPLETED)
    with store.read() as connection:
        found = views.run(connection, run)
        numbers = {stage.name: stage.attempt for stage in views.stages(connection, run)}
    assert found is not None
    assert found.status == Status.COMPLETED
    assert numbers == {"A": 1, "B": 2, "C": 1, "D": 1}


def test_a_second_resume_at_the_same_time_changes_nothing(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    finish(store, start(store, run, "A"), Status.FAILED)
    with store.write() as connection:
        assert stage_requests.reopen(connection, run, [stage_requests.Reopened("A")]) == ["A"]
        assert stage_requests.reopen(connection, run, [stage_requests.Reopened("A")]) == []


def test_rerunning_an_upstream_delays_its_queued_dependants(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": [], "B": ["A"]})
    finish(store, start(store, run, "A"), Status.COMPLETED)
    assert states(store, run)["B"] == Status.QUEUED
    with store.write() as connection:
        stage_requests.reopen(connection, run, [stage_requests.Reopened("A", fresh=True)])
    assert states(store, run) == {"A": "queued", "B": "pending"}


@pytest.mark.parametrize("how", ["skipped", "left out", "cancelled", "blocked"])
def test_a_stage_ending_without_an_attempt_keeps_earlier_times(
    store: Database, add_run: AddRun, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    run = add_run("r", {"A": [], "B": ["A"]})
    finish(store, start(store, run, "A"), Status.COMPLETED)
    attempt = start(store, run, "B")
    finish(store, attempt, Status.FAILED)
    with store.read() as connection:
        before = stage_named(connection, run, "B")
    later = clock.now() + 3600 * clock.SECOND
    monkeypatch.setattr(clock, "now", lambda: later)
    with store.write() as connection:
        if how == "skipped":
            stage_requests.skip(connection, before, "removed")
        else:
            changes = [Reopened("B", skip=how == "left out")]
            changes += [Reopened("A")] if how == "blocked" else []
            stage_requests.reopen(connection, run, changes)
        if how == "cancelled":
            stage_requests.cancel(connection, run, [stage_named(connection, run, "B")])
    if how == "blocked":
        finish(store, start(store, run, "A"), Status.FAILED)
    with store.read() as connection:
        after = stage_named(connection, run, "B")
    assert str(after.status) == how.replace("left out", "skipped")
    assert (after.started_at, after.completed_at) == (before.started_at, before.completed_at)
