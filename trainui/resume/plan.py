"""Plans a resume: which stages run again, from where, and why; how long they take.

`SeenRun` is the one collection of what a plan and a rerun decide from: the run on record, what
changed on disk since its stages ran, and an edit. The decision is `pipeline.rules.resume_plan`;
durations and the GPU time saved are estimates.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from trainui import clock, system
from trainui.errors import UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import DONE, UNFINISHED, WAITING, Status
from trainui.pipeline import filling
from trainui.pipeline.rules import fingerprint, shared_paths
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules.fingerprint import InputStates, ResultOrigin
from trainui.pipeline.rules.resume_plan import Action, Evidence, PlannedStage, StageOptions
from trainui.record import dataclass
from trainui.resume import checkpoints, edit_effects, integrity, outputs, undeclared
from trainui.resume.checkpoints import CheckpointSearch
from trainui.resume.edit_effects import PipelineChanges
from trainui.resume.submitted import check_names, given_params
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.points import read_points
from trainui.store.read import evaluations, run_history, sweeps, views
from trainui.store.read.evaluations import CheckpointRecord
from trainui.store.read.run_history import PastDuration
from trainui.store.runs import attempts as stored_attempts


@dataclass(frozen=True)
class SeenRun:
    """A run at the time of planning, and what changed since its stages ran."""

    run: RunRecord
    stages: Sequence[StageRecord]
    """As they are on record."""
    attempts: Mapping[str, Sequence[AttemptRecord]]
    """By the id of a stage that has any, oldest first."""
    tried: Mapping[str, Mapping[str, int]]
    """By stage id: the checkpoints that did not work, each with the time of the try."""
    counted: frozenset[str]
    """Full names of the trials whose outcome is in their study."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By full name of a stage: why its checkpoint is not evaluated again."""
    given_up: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By stage id: those that a person gives up for an earlier one, each with the present time."""
    changes: PipelineChanges | None = None
    """The changes by an edited pipeline; None: it is not edited."""
    environ: Mapping[str, str] | None = None
    """The variables for `${env.NAME}` in inputs; None: the run's own."""

    @cached_property
    def recorded(self) -> dict[str, StageDefinition]:
        """The definitions on record, by the stage's id, since an edit may rename a stage."""
        return {stage.id: stage.definition for stage in self.stages}

    @cached_property
    def after(self) -> dict[str, StageRecord]:
        """The stages as they would run now, by full name."""
        stages = self.stages if self.changes is None else self.changes.stages
        return {stage.name: stage for stage in stages}

    def evidence(self) -> Evidence:
        """Collect the evidence of changes for all stages that have ended.

        Raises:
            UsageError: an input names a variable that is not set.
            UnfitEnvironmentError: the run's environment is needed for inputs but is missing.
        """
        changed = {one.name: self._changes(one) for one in self._ended() if not one.removed}
        return Evidence(
            changed=changed,
            reran=self.reran(),
            new=() if self.changes is None else self.changes.new,
            moved=() if self.changes is None else self.changes.moved,
            gone=self.gone(),
            counted=self.counted,
            left_out=self.left_out,
        )

    def gone(self) -> dict[str, str]:
        """Return a message for each completed stage with missing outputs, by full name."""
        found = {
            one.name: outputs.gone(self._made(one).definition, Path(one.directory))
            for one in self._ended()
            if one.status == Status.COMPLETED and not one.removed
        }
        return {name: words for name, words in found.items() if words is not None}

    def reran(self) -> dict[str, list[str]]:
        """Return each stage's upstreams that completed after its last attempt, by full names."""
        return {one.name: self._reran(one) for one in self._ended()}

    def _ended(self) -> list[StageRecord]:
        """Return the stages that were tried and are not unfinished again."""
        return [
            stage
            for stage in self.after.values()
            if stage.id in self.attempts and stage.status not in UNFINISHED
        ]

    def as_kept(self, name: str, again: Collection[str]) -> dict[str, Any]:
        """Return the record of what a kept stage's result is now accepted for.

        `again` are the full names of the stages that run again although this one is kept.
        """
        stage = self.after[name]
        completions = {
            upstream: self._completions(stage, upstream) + (upstream in again)
            for upstream in stage.depends_on
        }
        return fingerprint.kept_record(stage.definition, self._inputs(stage, {}), completions)

    def _changes(self, stage: StageRecord) -> list[str]:
        made = self._made(stage)
        changed = fingerprint.changes(made.definition, stage.definition, self.run.params)
        if made.definition == self.recorded[stage.id]:
            edited = self.changes.edited if self.changes else {}
            changed = list(edited.get(stage.name, ()))  # includes edits of secret values
        changed = list(dict.fromkeys([*made.secret_changes, *changed]))
        if made.inputs:
            now = self._inputs(stage, made.inputs)
            changed += fingerprint.input_changes(made.inputs, now)
        if stage.status == Status.COMPLETED:
            replaced = outputs.replaced(Path(stage.directory), stage.attempt)
            changed += filter(None, [replaced])
        return changed

    def _reran(self, stage: StageRecord) -> list[str]:
        excused = self._made(stage).excused
        return [
            upstream
            for upstream in stage.depends_on
            if self._completions(stage, upstream) > excused.get(upstream, 0)
        ]

    def _made(self, stage: StageRecord) -> ResultOrigin:
        return fingerprint.origin_of(self.attempts[stage.id][-1], self.recorded[stage.id])

    def _completions(self, stage: StageRecord, upstream: str) -> int:
        last, above = self.attempts[stage.id][-1], self.after.get(upstream)
        attempts = () if above is None else self.attempts.get(above.id, ())
        return fingerprint.completions_since(last, attempts)

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        if self.environ is not None:
            return self.environ
        return shell_environment.read(Path(self.run.directory)).environ

    def _inputs(self, stage: StageRecord, known: InputStates) -> InputStates:
        if not stage.definition.inputs:
            return {}
        found = filling.inputs_before_start(stage.definition, self._variables)
        return {path: fingerprint.observe(path, known.get(path)) for path in found}


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """A resume plan, and the state that it was made from."""

    stages: list[PlannedStage]
    seen: SeenRun

    def again(self) -> set[str]:
        """Return the full names of the stages that run again."""
        return {one.name for one in self.stages if one.action != Action.SKIP}


def read_state(store: Database, run_id: str) -> SeenRun:
    """Read the state of a run."""
    with store.read() as connection:
        run = views.existing_run(connection, run_id)
        stages = views.stages(connection, run_id)
        tried = {
            stage.id: stored_attempts.tried_checkpoints(connection, stage.id)
            for stage in stages
            if stage.definition.checkpoint is not None
        }
        attempts = {
            stage.id: views.attempts_of_stage(connection, stage.id)
            for stage in stages
            if stage.attempt > 0
        }
        counted = sweeps.counted(connection, run_id, stages)
        found = evaluations.of_run(connection, run_id)
    return SeenRun(run, stages, attempts, tried, counted, _left_out(run, stages, found))


def standing_results(store: Database, run_id: str) -> dict[str, tuple[int, Status]]:
    """Return the last results that stand of stages that wait to run again, by the stage's id.

    Each is the number of its attempt, and the state in which that ended. A result stands if a
    resume would leave the stage alone, had it not been reopened: a rerun needs no other reason.

    Raises:
        UsageError: an input names a variable that is not set.
        UnfitEnvironmentError: the run's environment is needed for inputs but is missing.
    """
    with store.read() as connection:
        stages = views.stages(connection, run_id)
    if not any(one.attempt > 0 and one.status in WAITING for one in stages):
        return {}
    seen, ended = read_state(store, run_id), dict[str, StageRecord]()
    for stage in seen.stages:
        last = seen.attempts[stage.id][-1] if stage.id in seen.attempts else None
        if last is not None and last.status in DONE and stage.status in WAITING:
            ended[stage.name] = stage._replace(status=last.status, fresh=False)
    before = replace(seen, stages=[ended.get(one.name, one) for one in seen.stages])
    names = rules.standing(before.stages, ended.keys(), before.evidence())
    return {ended[name].id: (ended[name].attempt, ended[name].status) for name in names}


def _left_out(
    run: RunRecord, stages: Sequence[StageRecord], found: Sequence[CheckpointRecord]
) -> dict[str, str]:
    """Return why the checkpoints of stages are not evaluated again, by their full names."""
    by_id = {row.stage_id: row for row in found if row.stage_id}  # the last of each counts
    reasons = {}
    for stage in stages:
        if (row := by_id.get(stage.id)) is None:
            continue
        if row.state in (evaluations.LEFT_OUT, evaluations.SUPERSEDED):
            reasons[stage.name] = row.reason or "left out"
        elif checkpoints.place_of(run.directory, row, held_first=True) is None:
            reasons[stage.name] = f"{Path(row.path).name} no longer exists"
    return reasons


def make_plan(
    store: Database, seen: SeenRun, options: StageOptions, pipeline: Pipeline | None
) -> ResumePlan:
    """Return the plan of a resume; without an edited pipeline, the one on record is used."""
    if pipeline is not None:
        given = given_params(seen.run.id)
        changes = edit_effects.compare(seen.run, seen.stages, pipeline, given)
        seen = replace(seen, changes=changes)
    stages = seen.after
    check_names(stages, [*options.until, *options.only, *options.fresh, *options.keep])
    searches = {name: _search(store, stage, seen) for name, stage in stages.items()}
    given_up = {
        stages[name].id: _later(searches[name], path)
        for name, path in options.before.items()
        if name in stages
    }
    tried = {
        stage_id: {**found, **given_up.get(stage_id, {})} for stage_id, found in seen.tried.items()
    }
    seen = replace(seen, tried=tried, given_up=given_up)
    planned = rules.plan_resume(
        list(stages.values()),
        find_checkpoint=lambda stage: checkpoints.find(
            searches[stage.name], seen.tried.get(stage.id, {}), asked=True
        ),
        until=options.until,
        only=options.only,
        fresh=options.fresh,
        keep=options.keep,
        evidence=seen.evidence(),
    )
    waiting = {} if seen.changes is None else seen.changes.waiting
    for at, one in enumerate(planned):
        stage = stages[one.name]
        one = _with_remark(one, stage, searches[one.name])
        one = _with_undeclared(one, store, stage, seen)
        planned[at] = _with_waiting_edit(one, waiting)
    planned = with_savings(_with_shared(planned, stages), stages, seen.attempts, seen.run)
    return ResumePlan(planned, seen)


def _later(where: CheckpointSearch, path: str) -> dict[str, int]:
    """Return the checkpoints that a stage wrote after one, each with the present time.

    Raises:
        UsageError: there is no such checkpoint.
    """
    found, real = list(checkpoints.complete(where)), os.path.realpath(path)
    for at, one in enumerate(found):
        if os.path.realpath(one) == real:
            return dict.fromkeys(found[:at], clock.now())
    raise UsageError(f"the checkpoint {path} is not there any more, or not complete")


def _search(store: Database, stage: StageRecord, seen: SeenRun) -> CheckpointSearch:
    attempts = [one.directory for one in seen.attempts.get(stage.id, ())]
    rivals = partial(checkpoints.find_rivals, store, stage)
    return checkpoints.search(stage.definition, stage.directory, attempts, rivals)


def _with_remark(one: PlannedStage, stage: StageRecord, where: CheckpointSearch) -> PlannedStage:
    """Add to a stage's plan why it does not use the newest checkpoint."""
    if one.action == Action.RUN and (asked := checkpoints.requested(stage.definition)):
        return replace(one, action=Action.CONTINUE, checkpoint=str(asked))
    if one.action == Action.SKIP or one.fresh or (said := checkpoints.reason_unused(where)) is None:
        return one
    return replace(one, reason=f"{one.reason}; {said}")


def _with_undeclared(
    one: PlannedStage, store: Database, stage: StageRecord, seen: SeenRun
) -> PlannedStage:
    """Add to the plan of a stage that starts from the beginning the checkpoints that it wrote."""
    attempts = seen.attempts.get(stage.id, ())
    if one.action != Action.RUN or not attempts or attempts[-1].status == Status.COMPLETED:
        return one
    if (found := undeclared.find(store, stage, attempts)) is None:
        return one
    return replace(one, reason=f"{one.reason}; {found.words}; it is copied first")


def _with_shared(
    planned: Sequence[PlannedStage], stages: Mapping[str, StageRecord]
) -> list[PlannedStage]:
    """Add the paths to which several stages will write, each to the first of these that starts."""
    starting = [one.name for one in planned if one.action != Action.SKIP]
    unfinished = [name for name, stage in stages.items() if stage.status in UNFINISHED]
    writers = dict.fromkeys([*starting, *unfinished])
    words: dict[str, list[str]] = {}
    for path in shared_paths.find([stages[name].definition for name in writers]):
        if (first := next((name for name in starting if name in path.names), None)) is not None:
            words.setdefault(first, []).append(path.words)
    return [
        replace(one, reason="; ".join([one.reason, *words.get(one.name, ())])) for one in planned
    ]


def _with_waiting_edit(one: PlannedStage, waiting: Mapping[str, Sequence[str]]) -> PlannedStage:
    """Add to a running stage's plan the edit that it does not run with."""
    if one.name not in waiting:
        return one
    reason = f"{one.reason}; its edit is pending ({'; '.join(waiting[one.name])})"
    return replace(one, reason=reason, edit_waits=True)


def with_savings(
    planned: Sequence[PlannedStage],
    stages: Mapping[str, StageRecord],
    attempts: Mapping[str, Sequence[AttemptRecord]],
    run: RunRecord,
) -> list[PlannedStage]:
    """Return a plan with durations, GPU time and steps added.

    Durations are estimated from earlier runs of the pipeline, too.
    """
    with engine.reading() as connection:
        past = run_history.completions(connection, run, stages.values())
    continued = [one.name for one in planned if one.action == Action.CONTINUE]
    reached = _last_steps([one.stage_id for name in continued for one in past.get(name, ())[:1]])
    return [
        _with_savings(
            one,
            stages[one.name],
            attempts.get(stages[one.name].id, ()),
            past=past.get(one.name, ()),
            last_steps=reached,
        )
        for one in planned
    ]


def _last_steps(stage_ids: Sequence[str]) -> dict[str, int]:
    """Return the last recorded step of each stage that has one."""
    if not stage_ids:
        return {}
    steps: dict[str, int] = {}
    with engine.reading() as connection:
        for series in read_points.summaries(connection, stage_ids):
            if series.last_step is not None:
                steps[series.stage] = max(steps.get(series.stage, 0), int(series.last_step))
    return steps


def _with_savings(
    one: PlannedStage,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    *,
    past: Sequence[PastDuration],
    last_steps: Mapping[str, int],
) -> PlannedStage:
    """Add a stage's estimates to its plan.

    `past` are its durations in earlier runs, those of the same work if there are any; `last_steps`
    are their last steps by stage id.
    """
    completed = [attempt for attempt in attempts if attempt.status == Status.COMPLETED][-1:]
    saved, step, about = 0.0, None, None
    if one.checkpoint is not None:
        # its points show roughly which step it had reached when it wrote the checkpoint
        file = system.look(Path(one.checkpoint))
        written = 0 if file is None else file.st_mtime_ns // 1000
        with engine.reading() as connection:
            reached = read_points.step_at(connection, stage.id, written)
        about = None if reached is None else int(reached)
        step = integrity.step_of(Path(one.checkpoint), about)
        saved = sum(_gpu_seconds(attempt, until=written) for attempt in attempts)
    last = last_steps.get(past[0].stage_id) if past else None
    reached_step = about if step is None else step
    seconds = run_history.from_checkpoint(run_history.typical(past), reached_step, last)
    if one.action == Action.SKIP:
        seconds = sum(map(_seconds, attempts)) if completed else None
        saved = sum(_gpu_seconds(attempt) for attempt in completed)
    return replace(one, step=step, seconds=seconds, gpu_seconds_saved=saved)


def _seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    if attempt.started_at is None or attempt.completed_at is None:
        return 0.0
    end = attempt.completed_at if until is None else min(attempt.completed_at, until)
    return max(end - attempt.started_at, 0) / clock.SECOND


def _gpu_seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    return len(attempt.gpus) * _seconds(attempt, until)
