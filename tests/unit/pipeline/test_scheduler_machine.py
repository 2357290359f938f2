"""Runs in memory, moved by the pure rules alone: whatever happens, they hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.profiles import machine
from trainui import clock
from trainui.errors import UsageError
from trainui.model.definition import StageDefinition
from trainui.model.records import StageRecord
from trainui.model.states import DONE, ENDED, UNFINISHED, Status, check_transition, run_status
from trainui.pipeline.rules.resume_plan import Action, plan_rerun, plan_resume
from trainui.pipeline.rules.scheduling import (
    PAUSED,
    FreeSlots,
    Grant,
    Upstream,
    Wait,
    WaitingStage,
    decide,
    next_retry,
    next_state,
)

CPUS, GPUS = 3, 3
SLOTS = [*(("cpu", number) for number in range(CPUS)), *(("gpu", index) for index in range(GPUS))]
HOW_IT_ENDS = [Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.PRUNED]
LONGEST_DELAY = 8.0
"""Seconds of a stage's first retry."""

Slot = tuple[str, int]


@dataclass
class Stage:
    """A stage and what has become of it."""

    run: int
    definition: StageDefinition
    priority: int
    position: int
    status: Status = Status.PENDING
    attempt: int = 0
    used: int = 0
    not_before: int | None = None
    alone: bool = False
    """Nobody follows its attempt: the worker died."""
    fresh: bool = False
    """It begins in a new directory."""
    overtaken: int = 0
    """Stages behind it in the queue that were given slots it waits for."""

    @property
    def id(self) -> str:
        return f"{self.run}/{self.definition.name}"

    @property
    def kind(self) -> str:
        return "gpu" if self.definition.gpus else "cpu"

    @property
    def needed(self) -> int:
        return self.definition.gpus or self.definition.cpus

    @property
    def turn(self) -> tuple[int, int, int]:
        """Where it stands in the queue."""
        return (-self.priority, self.run, self.position)

    def become(self, after: Status) -> None:
        check_transition(self.status, after, self.id)
        self.status = after


@st.composite
def definitions(draw: st.DrawFn) -> list[StageDefinition]:
    """A graph: each stage may depend on any before it."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        upstreams = [f"s{other}" for other in range(number) if draw(st.integers(0, 2)) == 0]
        made.append(
            StageDefinition(
                f"s{number}",
                depends_on=tuple(upstreams),
                cpus=draw(st.integers(1, CPUS)),
                gpus=draw(st.sampled_from([0, 0, 1, 2, GPUS])),
                retries=draw(st.integers(0, 2)),
                retry_delay=draw(st.sampled_from([0.0, LONGEST_DELAY])),
                allow_failure=draw(st.booleans()),
            )
        )
    return made


class Scheduler(RuleBasedStateMachine):
    """Slots and runs; people submit, cancel, resume and pause, stages end, workers die."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[Stage] = []
        self.held: dict[Slot, Stage] = {}
        self.foreign: set[Slot] = set()
        self.paused = False
        self.worker = True
        self.now = 0
        self.runs = 0
        self.started: set[tuple[str, int]] = set()
        self.ended: set[tuple[str, int]] = set()

    @initialize(graph=definitions())
    def first(self, graph: list[StageDefinition]) -> None:
        self.submit(graph, priority=0)

    @rule(graph=definitions(), priority=st.integers(-1, 1))
    def submit(self, graph: list[StageDefinition], priority: int) -> None:
        self.runs += 1
        added = [Stage(self.runs, one, priority, at) for at, one in enumerate(graph)]
        self.stages += added
        self._settle(added)

    @rule(priority=st.integers(-1, 1), data=st.data())
    def prefer(self, priority: int, data: st.DataObject) -> None:
        run = data.draw(st.integers(1, self.runs))
        for stage in self._of(run):
            stage.priority = priority
            stage.overtaken = 0

    @rule()
    def pause_or_go_on(self) -> None:
        self.paused = not self.paused

    @rule(seconds=st.integers(0, 20))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * clock.SECOND

    @rule(index=st.integers(0, GPUS - 1))
    def somebody_else_takes_or_leaves_a_gpu(self, index: int) -> None:
        self.foreign ^= {("gpu", index)}

    @rule()
    def the_worker_dies(self) -> None:
        """Running stages continue without a worker."""
        self.worker = False
        for stage in self._in(Status.RUNNING):
            stage.alone = True

    @rule(data=st.data())
    def the_next_worker_looks_around(self, data: st.DataObject) -> None:
        """It adopts what is alive, and records what ended meanwhile, if only as interrupted."""
        self.worker = True
        for stage in self._in(Status.RUNNING):
            if not stage.alone:
                continue
            stage.alone = False
            found = data.draw(st.sampled_from([None, *HOW_IT_ENDS]))
            if found is not None:
                self._end(stage, found)

    @rule()
    def look(self) -> None:
        """Plan, and see that the instructions can be followed and are fair."""
        if not self.worker:
            return
        queue = self._queue()
        free = self._free()
        decided = decide([_waiting(one) for one in queue], free, self.now, paused=self.paused)[0]
        assert [one.stage_id for one in decided] == [one.id for one in queue]
        for stage, item in zip(queue, decided, strict=True):
            if isinstance(item, Grant):
                self._start(stage, item)
            else:
                assert item.reason
        self._check_fairness(queue, decided, free)

    @rule(
        data=st.data(),
        how=st.sampled_from(HOW_IT_ENDS),
    )
    def end(self, data: st.DataObject, how: Status) -> None:
        running = [stage for stage in self._in(Status.RUNNING) if not stage.alone]
        if running:
            self._end(data.draw(st.sampled_from(running)), how)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._cancel([data.draw(st.sampled_from(self.stages))])

    @rule(data=st.data())
    def cancel_a_run(self, data: st.DataObject) -> None:
        self._cancel(self._of(data.draw(st.integers(1, self.runs))))

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """Resume all of a run, or what some stages need, some of them fresh."""
        stages = self._of(data.draw(st.integers(1, self.runs)))
        names = [stage.definition.name for stage in stages]
        until = data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        used = self._used(stages)
        idle = [one.definition.name for one in stages if one.status in ENDED]
        idle = [name for name in idle if name not in used]
        fresh = data.draw(st.lists(st.sampled_from(idle), max_size=1)) if idle else []
        planned = plan_resume(
            [_record(stage) for stage in stages],
            find_checkpoint=lambda record: "checkpoint" if record.attempt % 2 else None,
            until=until,
            fresh=fresh,
        )
        before = {stage.id: (stage.status, stage.attempt) for stage in stages}
        needed = self._needed(stages, until)
        for stage, item in zip(stages, planned, strict=True):
            name, status = stage.definition.name, stage.status
            assert item.name == name
            if item.action == Action.SKIP:
                done = status in DONE and name not in fresh
                assert done or status in UNFINISHED or name not in needed or name in used
            else:
                assert not (item.fresh and name in used)
                assert name in needed
                assert status in ENDED
                assert item.action == Action.RUN or (stage.attempt and not item.fresh)
        self._reopen(
            {one.name: one.fresh for one in planned if one.action != Action.SKIP},
            {one.name for one in planned if one.left_out},
            stages,
        )
        for stage in stages:
            was, attempt = before[stage.id]
            assert stage.attempt == attempt
            assert was not in UNFINISHED or stage.status in UNFINISHED

    @rule(data=st.data(), downstream=st.booleans())
    def rerun(self, data: st.DataObject, downstream: bool) -> None:
        """A completed stage, alone or with all that depends on it; not while one of that runs."""
        stages = self._of(data.draw(st.integers(1, self.runs)))
        over = [
            stage.definition.name
            for stage in stages
            if stage.status == Status.COMPLETED and all(map(_lets_start, self._upstreams(stage)))
        ]
        if not over:
            return
        name = data.draw(st.sampled_from(over))
        try:
            again = plan_rerun([_record(one) for one in stages], [name], downstream=downstream)
        except UsageError:
            below = self._below(stages, name)
            assert any(
                stage.status in UNFINISHED if downstream else stage.status == Status.RUNNING
                for stage in below
            )
            return
        assert not any(one.status == Status.RUNNING for one in self._below(stages, name))
        dependants = {stage.definition.name for stage in self._below(stages, name)}
        assert set(again) == ({name, *dependants} if downstream else {name})
        self._reopen(dict.fromkeys(again, True), set(), stages)

    # -- what always holds

    @invariant()
    def slots_are_held_by_what_runs_and_by_nothing_else(self) -> None:
        for stage in self.stages:
            held = [slot for slot, holder in self.held.items() if holder is stage]
            needed = stage.needed if stage.status == Status.RUNNING else 0
            assert len(held) == needed
            assert all(kind == stage.kind for kind, _ in held)
        assert set(self.held) <= set(SLOTS)

    @invariant()
    def an_attempt_ends_once_and_only_the_last_is_open(self) -> None:
        assert self.ended <= self.started
        opened = {(one.id, one.attempt) for one in self._in(Status.RUNNING)}
        assert self.started - self.ended == opened

    @invariant()
    def a_stage_waits_exactly_for_what_can_still_come(self) -> None:
        for stage in self.stages:
            upstreams = self._upstreams(stage)
            stuck = [up for up in upstreams if up.status in ENDED and not _lets_start(up)]
            if stage.status == Status.PENDING:
                assert not stuck
                assert any(up.status in UNFINISHED for up in upstreams)
            elif stage.status == Status.BLOCKED:
                # one that was blocked itself may have been cancelled since: only a person revives
                assert stuck or any(up.status == Status.CANCELLED for up in upstreams)
            elif stage.status in (Status.QUEUED, Status.RUNNING):
                assert all(map(_lets_start, upstreams))

    @invariant()
    def a_run_with_nothing_to_come_is_over(self) -> None:
        for run in range(1, self.runs + 1):
            states = [stage.status for stage in self._of(run)]
            started = any(stage.attempt for stage in self._of(run))
            over = run_status(states, started=started) in ENDED
            assert over == (not UNFINISHED.intersection(states))

    @invariant()
    def only_the_dead_workers_attempts_are_alone(self) -> None:
        for stage in self.stages:
            assert not stage.alone or stage.status == Status.RUNNING
            if stage.status == Status.RUNNING and not self.worker:
                assert stage.alone

    def teardown(self) -> None:
        """Let everything end well: then every run comes to its end."""
        self.paused, self.foreign, self.worker = False, set(), True
        most = 4 * sum(1 + stage.definition.retries for stage in self.stages) + 4
        for _ in range(most):
            if not any(stage.status in UNFINISHED for stage in self.stages):
                return
            self.now += int(4 * LONGEST_DELAY * clock.SECOND)
            self.look()
            assert self._in(Status.RUNNING), "slots are free, stages wait, and nothing starts"
            self._end(self._in(Status.RUNNING)[0], Status.COMPLETED)
        raise AssertionError("a run does not come to its end")

    # -- how it is done

    def _start(self, stage: Stage, grant: Grant) -> None:
        slots = [(grant.kind, number) for number in grant.slots]
        assert grant.kind == stage.kind
        assert len(set(slots)) == stage.needed
        for slot in slots:
            assert slot in SLOTS
            assert slot not in self.foreign
            assert slot not in self.held, "given twice"
            self.held[slot] = stage
        assert all(map(_lets_start, self._upstreams(stage)))
        assert stage.not_before is None or stage.not_before <= self.now
        stage.attempt += 1
        stage.alone = stage.fresh = False
        stage.overtaken = 0
        assert (stage.id, stage.attempt) not in self.started
        self.started.add((stage.id, stage.attempt))
        stage.become(Status.RUNNING)

    def _end(self, stage: Stage, how: Status) -> None:
        self.held = {slot: holder for slot, holder in self.held.items() if holder is not stage}
        self.ended.add((stage.id, stage.attempt))
        stage.alone = False
        retry = next_retry(stage.definition, how, used=stage.used, completed_at=self.now)
        if retry is None:
            stage.become(how)
            self._settle(self._of(stage.run))
        else:
            assert retry.number == stage.used + 1 <= stage.definition.retries
            stage.used, stage.not_before = retry.number, retry.not_before
            stage.become(Status.QUEUED)

    def _cancel(self, stages: list[Stage]) -> None:
        for stage in stages:
            if stage.status == Status.RUNNING:
                self._end(stage, Status.CANCELLED)
            elif stage.status in (Status.PENDING, Status.QUEUED, Status.BLOCKED):
                stage.become(Status.CANCELLED)
            self._settle(self._of(stage.run))

    def _reopen(self, revived: dict[str, bool], skipped: set[str], stages: list[Stage]) -> None:
        """Bring stages back to life, as the store does."""
        for stage in stages:
            name = stage.definition.name
            if name in revived or name in skipped:
                stage.become(Status.PENDING)
                stage.used, stage.not_before = 0, None
                stage.fresh = revived.get(name, False)
            if name in skipped:
                stage.become(Status.SKIPPED)
        for stage in stages:
            waits = any(up.status in UNFINISHED for up in self._upstreams(stage))
            if stage.status == Status.QUEUED and waits:
                stage.become(Status.PENDING)
        self._settle(stages)

    def _needed(self, stages: list[Stage], until: list[str]) -> set[str]:
        """The names of these and of all that they depend on; of all where none is named."""
        needed = set(until or [stage.definition.name for stage in stages])
        for stage in reversed(stages):
            if stage.definition.name in needed:
                needed |= set(stage.definition.depends_on)
        return needed

    def _below(self, stages: list[Stage], name: str) -> list[Stage]:
        below = {name}
        for stage in stages:
            if below.intersection(stage.definition.depends_on):
                below.add(stage.definition.name)
        return [one for one in stages if one.definition.name in below - {name}]

    def _used(self, stages: list[Stage]) -> set[str]:
        """The names of the stages that a running one depends on."""
        names = [stage.definition.name for stage in stages]
        return {
            name
            for name in names
            if any(one.status == Status.RUNNING for one in self._below(stages, name))
        }

    def _settle(self, stages: list[Stage]) -> None:
        for stage in stages:  # each stands after those it depends on
            if stage.status != Status.PENDING:
                continue
            outcome = next_state(
                Upstream(up.definition.name, up.status, up.definition.allow_failure)
                for up in self._upstreams(stage)
            )
            if outcome is not None:
                stage.become(outcome[0])

    def _check_fairness(
        self, queue: list[Stage], decided: list[Grant | Wait], free: FreeSlots
    ) -> None:
        left = {"cpu": len(free.cpus), "gpu": len(free.gpus)}
        first: dict[str, Stage] = {}
        for stage, item in zip(queue, decided, strict=True):
            due = stage.not_before is None or stage.not_before <= self.now
            if isinstance(item, Grant):
                left[stage.kind] -= len(item.slots)
                assert due
                assert not self.paused
                if stage.kind in first:
                    first[stage.kind].overtaken += 1
            elif self.paused:
                assert item.reason == PAUSED
            elif due and stage.needed <= _total(stage.kind) - self._strangers(stage.kind):
                first.setdefault(stage.kind, stage)
        for kind, stage in first.items():
            assert stage.overtaken == 0, "a later stage took the slots that it waits for"
            assert stage.needed > left[kind], "slots are free, and it could have them"

    def _free(self) -> FreeSlots:
        users = {slot: holder.id for slot, holder in self.held.items()}
        strangers = self.foreign - self.held.keys()
        return FreeSlots(
            cpus=tuple(n for kind, n in SLOTS if kind == "cpu" and (kind, n) not in users),
            cpu_users={n: user for (kind, n), user in users.items() if kind == "cpu"},
            gpus=tuple(
                n for kind, n in SLOTS if kind == "gpu" and (kind, n) not in {*users, *strangers}
            ),
            gpu_users={n: user for (kind, n), user in users.items() if kind == "gpu"},
            gpu_strangers={n: "pid 1 of another user" for _, n in strangers},
        )

    def _strangers(self, kind: str) -> int:
        return len(self.foreign - self.held.keys()) if kind == "gpu" else 0

    def _queue(self) -> list[Stage]:
        return sorted(self._in(Status.QUEUED), key=lambda stage: stage.turn)

    def _in(self, status: Status) -> list[Stage]:
        return [stage for stage in self.stages if stage.status == status]

    def _of(self, run: int) -> list[Stage]:
        return [stage for stage in self.stages if stage.run == run]

    def _upstreams(self, stage: Stage) -> list[Stage]:
        names = stage.definition.depends_on
        return [one for one in self._of(stage.run) if one.definition.name in names]


def _record(stage: Stage) -> StageRecord:
    return StageRecord(
        id=stage.id,
        run_id=str(stage.run),
        position=stage.position,
        name=stage.definition.name,
        status=stage.status,
        reason=None,
        definition=stage.definition,
        directory="/d",
        attempt=stage.attempt,
        celery_task_id=None,
        started_at=None,
        completed_at=None,
        exit_code=None,
        result=None,
        error=None,
        stalled=False,
        retries_used=stage.used,
        not_before=stage.not_before,
    )


def _waiting(stage: Stage) -> WaitingStage:
    definition = stage.definition
    return WaitingStage(stage.id, definition.gpus, definition.cpus, stage.not_before)


def _lets_start(upstream: Stage) -> bool:
    if upstream.status in DONE:
        return True
    stopped = upstream.status in (Status.FAILED, Status.CANCELLED)
    return stopped and upstream.definition.allow_failure


def _total(kind: str) -> int:
    return CPUS if kind == "cpu" else GPUS


TestScheduler = Scheduler.TestCase
TestScheduler.settings = machine(examples=60, steps=30)
