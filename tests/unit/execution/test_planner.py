"""The planner, with a store of its own and messages that go nowhere."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.execution.submitted import of_stage, submit
from tests.unit.store.readings import held_slots
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control
from trainui.execution import planner
from trainui.execution.planner import (
    BEHIND,
    HORIZON,
    POLL_EVERY,
    REASONS_EVERY,
    Planner,
    TaskMessage,
    host,
)
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules.scheduling import PAUSED
from trainui.settings import Settings
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stages, trials
from trainui.store.runs.attempts import Outcome


class Posted:
    """Keeps what is to be sent."""

    def __init__(self) -> None:
        self.messages: list[TaskMessage] = []

    def names(self) -> list[str]:
        names = [message.arguments[1] for message in self.messages]
        self.messages.clear()
        return names


@pytest.fixture
def posted() -> Posted:
    return Posted()


def planner_with(store: Database, posted: Posted, **settings: Any) -> Planner:
    return Planner(store, posted.messages.append, Settings(**settings), lambda _stages: None)


@pytest.fixture
def at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it said at each look what stages wait for."""
    monkeypatch.setattr(planner, "REASONS_EVERY", 0.0)


def stage_of(store: Database, run_id: str, name: str) -> StageRecord:
    with store.read() as connection:
        found = views.stage(connection, run_id, name)
    assert found is not None
    return found


def sent(store: Database, ago: float) -> None:
    """Let all messages have been sent some seconds ago."""
    with store.write() as connection:
        at = clock.now() - int(ago * clock.SECOND)
        connection.execute("UPDATE attempts SET sent_at = ?", (at,))


TWO = "stages: [{name: a, run: x}, {name: b, run: x}]"


@pytest.mark.usefixtures("at_each_look")
def test_fitting_stages_are_granted_and_others_have_a_reason(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    run = submit(tmp_path, TWO)
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    assert posted.names() == ["a"]
    assert stage_of(store, run, "b").reason == "needs 1 CPU slot: 1 given to earlier stages"
    planner.poll(changed=True)
    assert posted.names() == []
    assert stage_of(store, run, "b").reason == "needs 1 CPU slot: 1 of 1 taken by a"


@pytest.mark.usefixtures("at_each_look")
def test_the_run_that_a_stage_waits_for_is_named(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    submit(tmp_path, "{name: first, stages: [{name: a, run: x}]}")
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    run = submit(tmp_path, "{name: second, stages: [{name: a, run: x}]}")
    planner.poll(changed=True)
    assert stage_of(store, run, "a").reason == "needs 1 CPU slot: 1 of 1 taken by a of first"


def test_a_message_says_what_the_stage_is_and_keeps_secrets(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    task = "{name: a, task: m.f, params: {lr: 0.1, api_key: abc}}"
    run = submit(tmp_path, f"stages: [{task}]")
    planner_with(store, posted).poll(changed=True)
    (message,) = posted.messages
    assert message.arguments == (run, "a", "m.f", {"lr": 0.1, "api_key": "***"})
    assert message.celery_task_id == stage_of(store, run, "a").celery_task_id


def test_the_next_worker_resends_an_untaken_message_at_once(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    submit(tmp_path, TWO)
    planner = planner_with(store, posted)
    planner.poll(changed=True)
    assert posted.names() == ["a", "b"]
    sent(store, ago=5)
    planner.poll(changed=True)
    assert posted.names() == []
    planner_with(store, posted).poll(changed=True)
    assert posted.names() == ["a", "b"]


def test_the_same_worker_resends_a_message_after_a_while(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    submit(tmp_path, TWO)
    planner = planner_with(store, posted)
    planner.poll(changed=True)
    assert posted.names() == ["a", "b"]
    planner.poll(changed=True)  # which finds what the first look changed
    assert posted.names() == []
    sent(store, ago=11)
    planner.poll(changed=False)
    assert posted.names() == ["a", "b"]
    planner.poll(changed=False)
    assert posted.names() == []


def test_runs_of_higher_priority_and_older_ones_go_first(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        submit(tmp_path, f"stages: [{{name: {name}, run: x}}]")
    submit(tmp_path, "stages: [{name: urgent, run: x}]", priority=1)
    planner_with(store, posted, cpus=2).poll(changed=True)
    assert posted.names() == ["urgent", "first"]


def test_a_retry_is_looked_at_in_time(store: Database, posted: Posted, tmp_path: Path) -> None:
    text = "stages: [{name: a, run: x, retries: 2, retry_delay: 0.5s}]"
    run = submit(tmp_path, text)
    planner = planner_with(store, posted)
    assert planner.next_poll() == POLL_EVERY
    planner.poll(changed=True)
    (attempt,) = of_stage(run, "a")
    with store.write() as connection:
        assert attempts.claim(connection, run, "a", str(attempt.celery_task_id))
        attempts.end(connection, attempt.id, Outcome(Status.FAILED, clock.now(), error="no"))
    planner.poll(changed=True)
    posted.names()
    assert 0 < planner.next_poll() <= 0.51
    assert stage_of(store, run, "a").reason == "retry 1 of 2 in 1 s: no"


def test_a_requeued_stage_says_why_until_it_is_tried_again(
    store: Database, posted: Posted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SHORTEST_PAUSE", attempts.LONGEST_PAUSE)
    run = submit(tmp_path, "stages: [{name: a, run: x}]")
    planner = planner_with(store, posted)
    planner.poll(changed=True)
    (attempt,) = of_stage(run, "a")
    with store.write() as connection:
        assert attempts.claim(connection, run, "a", str(attempt.celery_task_id))
        attempts.requeue(connection, attempt.id, "cannot fork: no more processes")
    for paused, reason in ((True, PAUSED), (False, "retry in .* s: cannot fork: no more")):
        control.set_paused(paused)
        planner_with(store, posted).poll(changed=True)
        assert re.match(reason, stage_of(store, run, "a").reason or "")


def test_a_stage_that_needs_more_than_there_is_says_so(
    store: Database, posted: Posted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_CPUS", "9")  # those of the submitting shell
    run = submit(tmp_path, "stages: [{name: a, run: x, cpus: 9}]")
    planner_with(store, posted, cpus=2).poll(changed=True)
    assert (
        stage_of(store, run, "a").reason
        == "needs 9 CPU slots, this machine has 2, by the setting cpus"
    )


def test_a_paused_queue_is_active_and_starts_nothing(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    planner = planner_with(store, posted)
    assert planner.is_active  # as long as it has not looked
    planner.poll(changed=True)
    assert not planner.is_active
    run = submit(tmp_path, TWO)
    control.set_paused(True)
    planner.poll(changed=True)
    assert posted.names() == []
    assert planner.is_active
    assert stage_of(store, run, "a").reason == "the queue is paused"


def test_where_nothing_changed_the_store_is_left_alone(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    submit(tmp_path, TWO)
    planner.poll(changed=False)
    assert posted.names() == []
    planner.poll(changed=True)
    assert posted.names() == ["a"]


def test_a_cancelled_stage_is_not_sent(store: Database, posted: Posted, tmp_path: Path) -> None:
    run = submit(tmp_path, TWO)
    planner = planner_with(store, posted)
    planner.poll(changed=True)
    posted.names()
    control.cancel(run, ["a"])
    sent(store, ago=11)
    planner.poll(changed=True)
    assert posted.names() == ["b"]
    with store.read() as connection:
        assert views.run(connection, run) is not None
        assert held_slots(connection, host()) != {}


def test_many_that_cannot_start_keep_none_behind_them_from_it(
    store: Database, posted: Posted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_CPUS", "9")
    large = [f"{{name: large{i}, run: x, cpus: 9}}" for i in range(9 * HORIZON)]
    submit(tmp_path, f"stages: [{', '.join(large)}, {{name: small, run: x}}]")
    planner_with(store, posted, cpus=2).poll(changed=True)
    assert posted.names() == ["small"]


def test_other_words_wait_for_a_second_and_nothing_else_does(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: x}, {name: b, run: x}, {name: c, run: x}]")
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    assert stage_of(store, run, "c").reason == "needs 1 CPU slot: 1 given to earlier stages"
    (attempt,) = of_stage(run, "a")
    with store.write() as connection:
        assert attempts.claim(connection, run, "a", str(attempt.celery_task_id))
        attempts.end(connection, attempt.id, Outcome(Status.COMPLETED, clock.now()))
    planner.poll(changed=True)
    planner.poll(changed=True)
    assert posted.names() == ["a", "b"]
    assert stage_of(store, run, "c").reason == "needs 1 CPU slot: 1 given to earlier stages"
    pause = planner.next_poll()
    assert 0 < pause <= POLL_EVERY

    def reason_by_now() -> str | None:
        planner.poll(changed=False)
        return stage_of(store, run, "c").reason

    wait_for(lambda: reason_by_now() == "needs 1 CPU slot: 1 of 1 taken by b", "who has it")


@pytest.mark.usefixtures("at_each_look")
def test_of_many_waiting_stages_only_the_first_have_own_reasons(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    many = [f"{{name: s{i}, run: x}}" for i in range(3 * HORIZON)]
    run = submit(tmp_path, f"stages: [{', '.join(many)}]")
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    planner.poll(changed=True)
    assert posted.names() == ["s0"]
    with store.read() as connection:
        reasons = [stage.reason for stage in views.stages(connection, run)]
    taken = "needs 1 CPU slot: 1 of 1 taken by s0"
    assert reasons[1 : HORIZON + 1] == [taken] * HORIZON
    assert reasons[HORIZON + 1 :] == [BEHIND.words] * (2 * HORIZON - 1)


def test_stages_of_each_kind_are_found_behind_the_other(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    many = [f"{{name: s{i}, run: x}}" for i in range(2 * HORIZON)]
    run = submit(tmp_path, f"stages: [{', '.join(many)}, {{name: g, run: x}}]")
    stage = stage_of(store, run, "g")  # submitted where there are GPUs
    with store.write() as connection:
        trials.give_values(connection, stage, replace(stage.definition, gpus=9))
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    assert posted.names() == ["s0"]
    assert str(stage_of(store, run, "g").reason).startswith("needs 9 GPUs, this machine has")


def test_a_gpu_stage_behind_many_is_found_within_a_second(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    many = [f"{{name: s{i}, run: x}}" for i in range(2 * HORIZON)]
    run = submit(tmp_path, f"stages: [{', '.join(many)}, {{name: g, run: x}}]")
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    stage = stage_of(store, run, "g")
    with store.write() as connection:
        trials.give_values(connection, stage, replace(stage.definition, gpus=9))
    planner.poll(changed=True)
    assert planner.next_poll() <= POLL_EVERY

    def reason_by_now() -> str:
        planner.poll(changed=False)
        return str(stage_of(store, run, "g").reason)

    wait_for(lambda: reason_by_now().startswith("needs 9 GPUs, this machine has"), "the search")


def test_with_all_slots_taken_reasons_are_due_after_a_second(
    store: Database, posted: Posted, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: x}, {name: b, run: x}]")
    planner = planner_with(store, posted, cpus=1)
    planner.poll(changed=True)
    with store.write() as connection:
        stages.set_reasons(connection, {stage_of(store, run, "b").id: BEHIND})
    planner.poll(changed=True)
    assert stage_of(store, run, "b").reason == BEHIND.words
    assert planner.next_poll() <= REASONS_EVERY

    def reason_by_now() -> str | None:
        planner.poll(changed=False)
        return stage_of(store, run, "b").reason

    wait_for(lambda: reason_by_now() == "needs 1 CPU slot: 1 of 1 taken by a", "who has it")
