"""Whatever people and processes do in whatever order, the invariants of scheduling hold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.unit.profiles import machine
from tests.unit.store.readings import held_slots
from trainui import clock
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import AttemptRecord, Slot, StageRecord
from trainui.model.states import ENDED, UNFINISHED, Status, run_status
from trainui.pipeline.rules.resume_plan import Action, plan_rerun, plan_resume
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests, stages, stored_pipeline
from trainui.store.runs.attempts import Outcome

RUN = "the-run"
HOST = "a-host"
PLACES = 2
ENDS = [Status.COMPLETED, Status.FAILED, Status.INTERRUPTED]


@st.composite
def graphs(draw: st.DrawFn) -> list[StageDefinition]:
    count = draw(st.integers(1, 6))
    made = []
    for number in range(count):
        upstreams = [f"s{other}" for other in range(number) if draw(st.booleans())]
        made.append(
            StageDefinition(
                f"s{number}",
                command="true",
                depends_on=tuple(upstreams),
                retries=draw(st.integers(0, 1)),
                allow_failure=draw(st.booleans()),
            )
        )
    return made


class Scheduling(RuleBasedStateMachine):
    """A planner, a worker and a person act on one run in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.store: Database = open_store(
            f"sqlite:///{Path(self._directory.name) / 'home' / 'a.db'}"
        )
        self.claims: dict[int, int] = {}
        self.asked: set[int] = set()

    def teardown(self) -> None:
        self.store.close()
        self._directory.cleanup()

    @initialize(definitions=graphs())
    def submit(self, definitions: list[StageDefinition]) -> None:
        new = stored_pipeline.NewRun(
            id=RUN,
            name=RUN,
            pipeline=Pipeline("p", tuple(definitions), digest="d"),
            directory="/runs/the-run",
            stage_directories={stage.name: f"/runs/{stage.name}" for stage in definitions},
            submission={},
        )
        with self.store.write() as connection:
            stored_pipeline.create(connection, new)

    # -- the planner and the worker

    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        with self.store.write() as connection:
            waiting = attempts.queued(connection)
            held = held_slots(connection, HOST)
            free = [slot for slot in _places() if slot not in held]
            if not waiting or not free:
                return
            stage = data.draw(st.sampled_from(waiting))
            granted = attempts.grant(connection, stage, [free[0]], host=HOST)
            assert granted is not None
            assert granted.number == stage.attempt + 1

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A message arrives, perhaps late, perhaps not for the first time."""
        with self.store.write() as connection:
            attempt = self._draw(data, connection, *Status)
            if attempt is None or attempt.celery_task_id is None:
                return
            stage = stages.get(connection, attempt.stage_id)
            claimed = attempts.claim(connection, RUN, stage.name, attempt.celery_task_id)
            if claimed is not None:
                assert claimed.id == attempt.id
                self.claims[claimed.id] = self.claims.get(claimed.id, 0) + 1
                attempts.mark_started(
                    connection, claimed, started_at=clock.now(), pid=4, supervisor=3
                )
                self._check_upstreams(connection, stages.get(connection, attempt.stage_id))

    @rule(data=st.data(), status=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, status: Status) -> None:
        with self.store.write() as connection:
            attempt = self._draw(data, connection, Status.RUNNING)
            if attempt is None:
                return
            if attempt.cancel_requested_at is not None:
                status = Status.CANCELLED
            before = stages.get(connection, attempt.stage_id)
            after = attempts.end(connection, attempt.id, Outcome(status, clock.now(), error="x"))
            retried = after == Status.QUEUED
            assert retried == (
                status in (Status.FAILED, Status.INTERRUPTED)
                and before.retries_used < before.definition.retries
            )
            assert attempts.end(connection, attempt.id, Outcome(status, clock.now())) is None

    # -- a person

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        with self.store.write() as connection:
            stage = data.draw(st.sampled_from(views.stages(connection, RUN)))
            stage_requests.cancel(connection, RUN, [stage])
            after = stages.get(connection, stage.id).status
            assert after in ENDED or after == Status.RUNNING

    @rule()
    def cancel_all(self) -> None:
        with self.store.write() as connection:
            everything = views.stages(connection, RUN)
            unfinished = [stage for stage in everything if stage.status in UNFINISHED]
            stage_requests.cancel(connection, RUN, unfinished)

    @rule(data=st.data(), narrowed=st.booleans())
    def resume(self, data: st.DataObject, narrowed: bool) -> None:
        with self.store.write() as connection:
            everything = views.stages(connection, RUN)
            until = [data.draw(st.sampled_from(everything)).name] if narrowed else []
            planned = plan_resume(everything, find_checkpoint=lambda _: None, until=until)
            changes = [
                stage_requests.Reopened(stage.name, fresh=stage.fresh, skip=stage.left_out)
                for stage in planned
                if stage.action != Action.SKIP or stage.left_out
            ]
            revived = stage_requests.reopen(connection, RUN, changes)
            assert revived == [stage.name for stage in planned if stage.action != Action.SKIP]

    @rule(data=st.data(), downstream=st.booleans())
    @precondition(lambda self: self._over())
    def rerun(self, data: st.DataObject, downstream: bool) -> None:
        with self.store.write() as connection:
            everything = views.stages(connection, RUN)
            name = data.draw(st.sampled_from(everything)).name
            names = plan_rerun(everything, [name], downstream=downstream)
            stage_requests.reopen(
                connection, RUN, [stage_requests.Reopened(one, fresh=True) for one in names]
            )

    # -- what always holds

    @invariant()
    def every_attempt_is_claimed_at_most_once(self) -> None:
        assert all(count == 1 for count in self.claims.values())

    @invariant()
    def slots_belong_to_open_attempts_only(self) -> None:
        with self.store.read() as connection:
            held = held_slots(connection, HOST)
            open_ids = {one.id for one in self._attempts(connection, Status.QUEUED, Status.RUNNING)}
        assert set(held.values()) == open_ids
        assert len(held) <= PLACES

    @invariant()
    def a_stage_has_one_open_attempt_at_most_and_it_is_its_last(self) -> None:
        with self.store.read() as connection:
            for one in self._attempts(connection, Status.QUEUED, Status.RUNNING):
                stage = stages.get(connection, one.stage_id)
                assert stage.attempt == one.number
                assert stage.status == one.status

    @invariant()
    def the_run_is_in_the_state_of_its_stages(self) -> None:
        with self.store.read() as connection:
            run = views.run(connection, RUN)
            if run is None:
                return
            everything = views.stages(connection, RUN)
        claimed = any(one.attempt and one.status != Status.QUEUED for one in everything)
        started = claimed or run.started_at is not None
        assert run.status == run_status([stage.status for stage in everything], started=started)
        assert (run.completed_at is not None) == (run.status in ENDED)

    @invariant()
    def nothing_waits_for_what_cannot_come(self) -> None:
        with self.store.read() as connection:
            everything = {stage.name: stage for stage in views.stages(connection, RUN)}
        for stage in everything.values():
            if stage.status == Status.PENDING:
                ups = [everything[name] for name in stage.depends_on]
                assert any(up.status in UNFINISHED for up in ups), stage.name

    def _over(self) -> bool:
        with self.store.read() as connection:
            run = views.run(connection, RUN)
        return run is not None and run.status in ENDED

    def _draw(
        self, data: st.DataObject, connection: Any, *statuses: Status
    ) -> AttemptRecord | None:
        found = self._attempts(connection, *statuses)
        return data.draw(st.sampled_from(found)) if found else None

    def _attempts(self, connection: Any, *statuses: Status) -> list[AttemptRecord]:
        return attempts.in_state(connection, *statuses)

    def _check_upstreams(self, connection: Any, stage: StageRecord) -> None:
        for name in stage.depends_on:
            upstream = views.stage(connection, RUN, name)
            assert upstream is not None
            allowed = upstream.definition.allow_failure
            assert upstream.status == Status.COMPLETED or (
                allowed and upstream.status in (Status.FAILED, Status.CANCELLED)
            ), f"{stage.name} started while {name} is {upstream.status}"


def _places() -> list[Slot]:
    return [Slot(HOST, "cpu", number) for number in range(PLACES)]


TestScheduling = Scheduling.TestCase
TestScheduling.settings = machine(examples=10, steps=30)
