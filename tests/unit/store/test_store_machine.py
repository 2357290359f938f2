"""A real database, moved by the verbs that the worker and people use, also with what they read
too long ago: no update takes back another."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests import postgresql
from tests.unit.profiles import machine
from tests.unit.store.readings import held_slots
from trainui import clock
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import AttemptRecord, Slot, StageRecord
from trainui.model.states import DONE, ENDED, UNFINISHED, Status, run_status
from trainui.pipeline.rules.resume_plan import Action, plan_resume
from trainui.pipeline.rules.scheduling import FreeSlots, Grant, WaitingStage, decide
from trainui.store.db.engine import open_store
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests, stages, stored_pipeline

PLACES = 2
ENDS = [Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.PRUNED]


@cache
def empty_database() -> Path:
    """A database of the current schema, made once."""
    file = Path(tempfile.mkdtemp(prefix="trainui-test-")) / "trainui.db"
    open_store(f"sqlite:///{file}").close()
    return file


@st.composite
def definitions(draw: st.DrawFn) -> tuple[StageDefinition, ...]:
    """A graph: each stage may depend on any before it."""
    return tuple(
        StageDefinition(
            f"s{number}",
            command="true",
            depends_on=tuple(f"s{up}" for up in range(number) if draw(st.booleans())),
            retries=draw(st.integers(0, 1)),
            retry_delay=0.0,
            allow_failure=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 4)))
    )


class Kept(RuleBasedStateMachine):
    """Runs in a database; the records that somebody has read grow old."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="trainui-test-"))
        self.store = open_store(self.make_database())
        self.runs: list[str] = []
        self.read: list[StageRecord] = []
        """Stages as they once were."""
        self.granted: list[AttemptRecord] = []
        self.ended: dict[int, AttemptRecord] = {}

    def make_database(self) -> str:
        shutil.copy(empty_database(), self.directory / "trainui.db")
        return f"sqlite:///{self.directory / 'trainui.db'}"

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)

    @initialize(graph=definitions())
    def first(self, graph: tuple[StageDefinition, ...]) -> None:
        self.submit(graph)

    @rule(graph=definitions())
    def submit(self, graph: tuple[StageDefinition, ...]) -> None:
        run_id = f"run-{len(self.runs)}"
        new = stored_pipeline.NewRun(
            id=run_id,
            name=run_id,
            pipeline=Pipeline("p", graph, text="stages: []", digest="0" * 64),
            directory=str(self.directory / run_id),
            stage_directories={one.name: str(self.directory / run_id / one.name) for one in graph},
            submission={},
        )
        with self.store.write() as connection:
            stored_pipeline.create(connection, new)
        self.runs.append(run_id)

    @rule()
    def look(self) -> None:
        """Plan, and give out what the plan says."""
        with self.store.write() as connection:
            queue = attempts.queued(connection)
            taken = held_slots(connection, "box")
            free = tuple(n for n in range(PLACES) if Slot("box", "cpu", n) not in taken)
            waiting = [WaitingStage(one.id, 0, 1, one.not_before) for one in queue]
            known = {one.id: one for one in queue}
            for item in decide(waiting, FreeSlots(cpus=free), clock.now() + 1, paused=False)[0]:
                if isinstance(item, Grant):
                    slots = [Slot("box", item.kind, n) for n in item.slots]
                    attempt = attempts.grant(connection, known[item.stage_id], slots, host="box")
                    assert attempt is not None
                    self.granted.append(attempt)
        self.read = [*self.read[-20:], *queue]

    @rule(data=st.data())
    def grant_what_was_read_long_ago(self, data: st.DataObject) -> None:
        if not self.read:
            return
        old = data.draw(st.sampled_from(self.read))
        with self.store.write() as connection:
            now = stages.get(connection, old.id)
            free = [Slot("box", "cpu", 99)]
            attempt = attempts.grant(connection, old, free, host="box")
            if (now.status, now.attempt) != (Status.QUEUED, old.attempt):
                assert attempt is None
        if attempt is not None:
            self.granted.append(attempt)

    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        """A message comes, perhaps for the second time, or too late."""
        if not self.granted:
            return
        attempt = data.draw(st.sampled_from(self.granted))
        with self.store.write() as connection:
            before = attempts.get(connection, attempt.id)
            stage = stages.get(connection, attempt.stage_id)
            claimed = attempts.claim(
                connection, stage.run_id, stage.name, attempt.celery_task_id or ""
            )
        assert (claimed is not None) == (before.status == Status.QUEUED)

    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, how: Status) -> None:
        """An attempt's end is recorded, perhaps for the second time."""
        if not self.granted:
            return
        attempt = data.draw(st.sampled_from(self.granted))
        with self.store.write() as connection:
            before = attempts.get(connection, attempt.id)
            if before.status == Status.QUEUED and how in DONE:
                return  # it did not even start
            told = attempts.end(connection, attempt.id, attempts.Outcome(how, clock.now()))
        assert (told is None) == (before.status in ENDED)

    @rule(data=st.data(), whole=st.booleans())
    def cancel(self, data: st.DataObject, whole: bool) -> None:
        """What runs is asked to end; whoever follows it says so later."""
        run_id = data.draw(st.sampled_from(self.runs))
        with self.store.write() as connection:
            known = views.stages(connection, run_id)
            chosen = known if whole else [data.draw(st.sampled_from(known))]
            stage_requests.cancel(connection, run_id, chosen)
            for stage in (stages.get(connection, one.id) for one in chosen):
                assert stage.status in ENDED or stage.status == Status.RUNNING

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A person resumes, perhaps twice at once."""
        run_id = data.draw(st.sampled_from(self.runs))
        with self.store.write() as connection:
            known = views.stages(connection, run_id)
            planned = plan_resume(known, find_checkpoint=lambda stage: None)
            changes = [
                stage_requests.Reopened(one.name, fresh=one.fresh)
                for one in planned
                if one.action != Action.SKIP
            ]
            assert set(stage_requests.reopen(connection, run_id, changes)) == {
                one.name for one in changes
            }
            assert stage_requests.reopen(connection, run_id, changes[:1]) == [
                one.name
                for one in changes[:1]
                if views.stage(connection, run_id, one.name).status in ENDED  # type: ignore[union-attr]
            ]

    @invariant()
    def the_records_agree(self) -> None:
        with self.store.read() as connection:
            held = held_slots(connection, "box")
            opened = set()
            for run_id in self.runs:
                known = views.stages(connection, run_id)
                for stage in known:
                    opened |= self._check_attempts(
                        stage, views.attempts_of_stage(connection, stage.id)
                    )
                self._check_waiting(known)
                record = views.run(connection, run_id)
                assert record is not None
                started = record.started_at is not None or any(
                    one.attempt and one.status != Status.QUEUED for one in known
                )
                assert record.status == run_status([one.status for one in known], started=started)
            assert set(held.values()) == opened

    def _check_attempts(self, stage: StageRecord, tries: list[AttemptRecord]) -> set[int]:
        """See that each has ended once and for all but the last; return the one that is open."""
        assert [one.number for one in tries] == list(range(1, stage.attempt + 1))
        is_open = [one for one in tries if one.status not in ENDED]
        assert is_open in ([], tries[-1:])
        running = bool(is_open) and is_open[0].status == Status.RUNNING
        assert running == (stage.status == Status.RUNNING)
        for one in tries:
            if one.status in ENDED:
                assert self.ended.setdefault(one.id, one) == one
        return {one.id for one in is_open}

    def _check_waiting(self, known: list[StageRecord]) -> None:
        by_name = {stage.name: stage for stage in known}
        for stage in known:
            ups = [by_name[name] for name in stage.depends_on]
            if stage.status == Status.PENDING:
                assert any(up.status in UNFINISHED for up in ups)
            if stage.status in (Status.QUEUED, Status.RUNNING):
                assert not any(up.status in (Status.PENDING, Status.BLOCKED) for up in ups)


TestKept = Kept.TestCase
TestKept.settings = machine(examples=12, steps=20)


class KeptByPostgresql(Kept):
    """The same in PostgreSQL."""

    def make_database(self) -> str:
        self.lent = ExitStack()
        return self.lent.enter_context(postgresql.running().empty_database())

    def teardown(self) -> None:
        super().teardown()
        self.lent.close()


TestKeptByPostgresql = pytest.mark.usefixtures("postgresql_server")(KeptByPostgresql.TestCase)
TestKeptByPostgresql.settings = machine(examples=4, steps=20)
