"""Plans a resume: which stages run again, from where, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from trainui.control.change_detection import ChangeDetection
from trainui.control.resuming.resume_estimates import with_savings
from trainui.control.resuming.resume_preview import StageOptions
from trainui.control.trainings import external_command
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import AttemptRecord, Lost, RunRecord, StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.execution.attempt import lost_attempts, record_outcome
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules import shared_paths
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import checkpoints, edit_effects, undeclared
from trainui.resume.checkpoints import CheckpointSearch
from trainui.resume.submitted import check_names, existing_run, given_params
from trainui.store.db.engine import Store, open_store
from trainui.store.read import trials
from trainui.store.runs import attempts as stored_attempts
from trainui.store.runs import runs
from trainui.supervisor import journal


@dataclass(frozen=True, slots=True)
class SeenRun:
    """The state of a run at the time of planning."""

    run: RunRecord
    stages: Sequence[StageRecord]
    attempts: Mapping[str, Sequence[AttemptRecord]]
    """By stage id."""
    tried: Mapping[str, Mapping[str, int]]
    """By stage id: the checkpoints that did not work, each with the time of the try."""
    counted: frozenset[str]
    """Full names of the trials whose outcome is in their study."""

    @property
    def recorded(self) -> dict[str, StageDefinition]:
        """The definitions on record, by full name."""
        return {stage.name: stage.definition for stage in self.stages}


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """A resume plan, and the data it was computed from."""

    stages: list[PlannedStage]
    seen: SeenRun
    detection: ChangeDetection
    changes: edit_effects.PipelineChanges | None

    @property
    def records(self) -> Sequence[StageRecord]:
        """The stages as they will be after the resume."""
        return self.seen.stages if self.changes is None else self.changes.stages

    def again(self) -> set[str]:
        """Return the full names of the stages that run again."""
        return {one.name for one in self.stages if one.action != Action.SKIP}


NO_OPTIONS = StageOptions()
NOTHING_LOST = Lost()


def plan_resume(
    run_id: str, options: StageOptions = NO_OPTIONS, *, pipeline: Pipeline | None = None
) -> list[PlannedStage]:
    """Return what a resume would do with each stage, in the file's order.

    Without an edited pipeline, the one on record is used. It raises UsageError as `resume`. A lost
    stage is planned as the worker will find it; the resume starts one first.
    """
    store = open_store()
    with store.read() as connection:
        lost = lost_attempts.find(connection)
    return make_plan(store, run_id, options, pipeline, lost=lost).stages


def make_plan(
    store: Store,
    run_id: str,
    options: StageOptions,
    pipeline: Pipeline | None,
    environ: Mapping[str, str] | None = None,
    lost: Lost = NOTHING_LOST,
) -> ResumePlan:
    """Return the plan of a resume; `environ` is the new environment, if it is replaced.

    Stages that are `lost` are planned as if a worker had recorded their ends.
    """
    seen = read_state(store, run_id)
    if lost.stages:
        seen = replace(seen, stages=[_as_found(one, seen, lost) for one in seen.stages])
    changes = None
    if pipeline is not None:
        changes = edit_effects.compare(seen.run, seen.stages, pipeline, given_params(run_id))
    stages = seen.stages if changes is None else changes.stages
    by_name = {stage.name: stage for stage in stages}
    check_names(by_name, [*options.until, *options.fresh, *options.keep])
    edited = {} if changes is None else changes.edited
    detection = ChangeDetection(
        seen.run, by_name, seen.attempts, seen.recorded, edited=edited, environ=environ
    )
    searches = {stage.name: _search(store, stage, seen) for stage in stages}
    planned = rules.plan_resume(
        stages,
        find_checkpoint=lambda stage: checkpoints.find(
            searches[stage.name], seen.tried.get(stage.id, {}), asked=True
        ),
        until=options.until,
        fresh=options.fresh,
        keep=options.keep,
        evidence=replace(
            detection.evidence(() if changes is None else changes.new), counted=seen.counted
        ),
    )
    waiting = {} if changes is None else changes.waiting
    for at, one in enumerate(planned):
        if (loss := lost.stages.get(by_name[one.name].id)) is not None:
            planned[at] = replace(one, reason=f"running?  {loss.words}: {one.reason}")
    planned = [
        _with_waiting_edit(
            _with_undeclared(
                _with_remark(one, by_name[one.name], searches[one.name]),
                store,
                by_name[one.name],
                seen,
            ),
            waiting,
        )
        for one in planned
    ]
    planned = _with_shared(planned, by_name)
    return ResumePlan(
        with_savings(planned, by_name, seen.attempts, seen.run), seen, detection, changes
    )


def undeclared_checkpoints(run_id: str, names: Collection[str]) -> list[str]:
    """Return a sentence for each of these stages whose attempts left checkpoints unnamed."""
    store = open_store()
    seen = read_state(store, run_id)
    found = {
        stage.name: undeclared.find(store, stage, seen.attempts.get(stage.id, ()))
        for stage in seen.stages
        if stage.name in names and stage.status != Status.COMPLETED
    }
    return [f"{name}: {one.words}; it is copied first" for name, one in found.items() if one]


def read_state(store: Store, run_id: str) -> SeenRun:
    """Read the state of a run; raise UsageError for an external one."""
    with store.read() as connection:
        run = existing_run(connection, run_id)
        external_command.check_is_ours(connection, run)
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
        counted = trials.counted(connection, run_id, stages)
    return SeenRun(run, stages, attempts, tried, counted)


def _as_found(stage: StageRecord, seen: SeenRun, lost: Lost) -> StageRecord:
    """Return a stage as the next worker will find it, if it is lost; else unchanged."""
    loss, tries = lost.stages.get(stage.id), seen.attempts.get(stage.id, ())
    if loss is None or loss.is_elsewhere or not tries:
        return stage
    attempt = tries[-1]
    found = journal.read_exit(Path(attempt.directory)) or LostSupervisor()
    outcome = record_outcome.decide(
        AttemptContext(seen.run, stage, attempt), attempt.definition or stage.definition, found
    )
    reason = (outcome.error or "").partition("\n")[0] or None
    return stage._replace(
        status=outcome.status, reason=reason, error=outcome.error, completed_at=outcome.completed_at
    )


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
