"""Plans a resume: which stages run again, from where, and why.

`SeenRun` is the one collection of what a plan and a rerun decide from: the run on record, what
changed on disk since its stages ran, and an edit. The decision is `pipeline.rules.resume_plan`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline import input_fingerprint
from trainui.pipeline.input_fingerprint import InputStates
from trainui.pipeline.rules import fingerprint, shared_paths
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules.fingerprint import ResultOrigin
from trainui.pipeline.rules.resume_plan import Action, Evidence, PlannedStage
from trainui.pipeline.substitution import phases
from trainui.resume import checkpoints, edit_effects, outputs, undeclared
from trainui.resume.checkpoints import CheckpointSearch
from trainui.resume.edit_effects import PipelineChanges
from trainui.resume.estimates import with_savings
from trainui.resume.preview import StageOptions
from trainui.resume.submitted import check_names, existing_run, given_params
from trainui.store import shell_environment
from trainui.store.db.engine import Store
from trainui.store.read import sweeps
from trainui.store.runs import attempts as stored_attempts
from trainui.store.runs import runs


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
    changes: PipelineChanges | None = None
    """What an edited pipeline changes; None: it is not edited."""
    environ: Mapping[str, str] | None = None
    """The variables for `${env.NAME}` in inputs; None: the run's own."""

    @cached_property
    def recorded(self) -> dict[str, StageDefinition]:
        """The definitions on record, by full name."""
        return {stage.name: stage.definition for stage in self.stages}

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
            gone=self.gone(),
            counted=self.counted,
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
        if made.definition == self.recorded[stage.name]:
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
        return fingerprint.origin_of(self.attempts[stage.id][-1], self.recorded[stage.name])

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
        found = phases.inputs_before_start(stage.definition, self._variables)
        return {path: input_fingerprint.observe(path, known.get(path)) for path in found}


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """A resume plan, and the state that it was made from."""

    stages: list[PlannedStage]
    seen: SeenRun

    def again(self) -> set[str]:
        """Return the full names of the stages that run again."""
        return {one.name for one in self.stages if one.action != Action.SKIP}


def read_state(store: Store, run_id: str) -> SeenRun:
    """Read the state of a run."""
    with store.read() as connection:
        run = existing_run(connection, run_id)
        stages = runs.stages(connection, run_id)
        tried = {
            stage.id: stored_attempts.tried_checkpoints(connection, stage.id)
            for stage in stages
            if stage.definition.checkpoint is not None
        }
        attempts = {
            stage.id: stored_attempts.of_stage(connection, stage.id)
            for stage in stages
            if stage.attempt > 0
        }
        counted = sweeps.counted(connection, run_id, stages)
    return SeenRun(run, stages, attempts, tried, counted)


def make_plan(
    store: Store, seen: SeenRun, options: StageOptions, pipeline: Pipeline | None
) -> ResumePlan:
    """Return the plan of a resume; without an edited pipeline, the one on record is used."""
    if pipeline is not None:
        given = given_params(seen.run.id)
        changes = edit_effects.compare(seen.run, seen.stages, pipeline, given)
        seen = replace(seen, changes=changes)
    stages = seen.after
    check_names(stages, [*options.until, *options.fresh, *options.keep])
    searches = {name: _search(store, stage, seen) for name, stage in stages.items()}
    planned = rules.plan_resume(
        list(stages.values()),
        find_checkpoint=lambda stage: checkpoints.find(
            searches[stage.name], seen.tried.get(stage.id, {}), asked=True
        ),
        until=options.until,
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


def _search(store: Store, stage: StageRecord, seen: SeenRun) -> CheckpointSearch:
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
    one: PlannedStage, store: Store, stage: StageRecord, seen: SeenRun
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
