"""What the worker asks of the store around an attempt's start and end."""

from __future__ import annotations

from pathlib import Path

from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import held_slots
from tests.unit.store.runs.test_attempts import finish, stage_named, start
from trainui import clock, paths
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests, stages


def test_a_fresh_stage_says_so_until_its_directory_moved(store: Database, add_run: AddRun) -> None:
    run = add_run("r", {"A": []})
    finish(store, start(store, run, "A"), Status.COMPLETED)
    with store.write() as connection:
        stage_requests.reopen(connection, run, [stage_requests.Reopened("A", fresh=True)])
    start(store, run, "A")
    with store.write() as connection:
        stage = stage_named(connection, run, "A")
        assert attempts.is_fresh(connection, stage.id)
        attempts.record_move(connection, stage, None)
        assert not attempts.is_fresh(connection, stage.id)


def test_the_records_of_earlier_attempts_follow_their_directory(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": []})
    first = start(store, run, "A")
    with store.write() as connection:
        stage = stage_named(connection, run, "A")
        checkpoint = str(Path(stage.directory) / "ckpt-1")
        attempts.set_checkpoint(connection, first.id, checkpoint)
        attempts.mark_checkpoint_tried(connection, first.id)
    finish(store, first, Status.FAILED)
    with store.write() as connection:
        stage_requests.reopen(connection, run, [stage_requests.Reopened("A", fresh=True)])
    second = start(store, run, "A")
    moved = Path(stage.directory + "~1")
    for _ in range(2):  # a worker may die between the renaming and its record: again is harmless
        with store.write() as connection:
            stage = stage_named(connection, run, "A")
            attempts.record_move(connection, stage, moved)
            old, new = views.attempts_of_stage(connection, stage.id)
            assert old.directory == str(paths.attempt_directory(moved, 1))
            assert old.checkpoint == str(moved / "ckpt-1")
            assert new.directory == second.directory
            assert [*attempts.tried_checkpoints(connection, stage.id)] == [str(moved / "ckpt-1")]


def test_an_attempt_with_a_taken_slot_is_requeued_without_retry(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    for _ in range(2):
        with store.write() as connection:
            attempts.requeue(connection, attempt.id, "GPU 0 is taken")
    with store.write() as connection:
        stage = stage_named(connection, run, "A")
        assert (stage.status, stage.retries_used, stage.reason) == ("queued", 0, "GPU 0 is taken")
        assert stage.not_before is not None
        assert held_slots(connection, "a-host") == {}
        assert [one.id for one in attempts.queued(connection)] == [stage.id]
        again = attempts.grant(connection, stage, [Slot("a-host", "cpu", 0)], host="a-host")
        assert again is not None
        assert again.number == 2


def test_a_repeatedly_requeued_stage_waits_longer_each_time(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": []})
    pauses = []
    for reason in ["GPU 0 is taken"] * 6 + ["GPU 1 is taken"]:
        attempt = start(store, run, "A")
        with store.write() as connection:
            attempts.requeue(connection, attempt.id, reason)
            stage, ended = stage_named(connection, run, "A"), attempts.get(connection, attempt.id)
            assert stage.not_before is not None
            assert ended.completed_at is not None
            pauses.append((stage.not_before - ended.completed_at) / clock.SECOND)
    assert pauses == [5, 10, 20, 40, 60, 60, 5]


def test_a_requeued_stage_that_was_edited_meanwhile_does_not_wait(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    with store.write() as connection:
        connection.execute(
            "UPDATE attempts SET definition_json = (SELECT definition_json FROM stages)"
        )
        attempts.requeue(connection, attempt.id, "withdrawn")
        stage, ended = stage_named(connection, run, "A"), attempts.get(connection, attempt.id)
        assert stage.not_before == ended.completed_at


def test_an_attempt_that_was_cancelled_meanwhile_is_not_put_back(
    store: Database, add_run: AddRun
) -> None:
    run = add_run("r", {"A": []})
    attempt = start(store, run, "A")
    with store.write() as connection:
        stage_requests.cancel(connection, run, [stages.get(connection, attempt.stage_id)])
        attempts.requeue(connection, attempt.id, "GPU 0 is taken")
        stage, ended = stage_named(connection, run, "A"), attempts.get(connection, attempt.id)
        assert (stage.status, ended.status) == ("cancelled", "cancelled")
        assert held_slots(connection, "a-host") == {}
