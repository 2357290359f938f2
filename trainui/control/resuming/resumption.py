"""Plans and performs resumes, and reruns finished stages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from trainui import wakeup
from trainui.artifacts import checkpoint_rivals, checkpoints, environment
from trainui.artifacts.checkpoints import CheckpointSearch
from trainui.control.change_detection import ChangeDetection
from trainui.control.edits import file_changes, revision
from trainui.control.edits.inline_edit import InlineEdit
from trainui.control.lookup import check_names, existing_run, given_params
from trainui.control.requirements import allowed_for, check_inputs, check_search, check_slots
from trainui.control.resuming.resume_estimates import with_savings
from trainui.control.resuming.resume_preview import StageOptions
from trainui.control.trainings import external_command
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules.dependants import Upstream, next_state
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.pipeline.substitution.masking import mask
from trainui.store.db.engine import Store, open_store, raw
from trainui.store.read import trials
from trainui.store.runs import attempts as stored_attempts
from trainui.store.runs import events, runs, stage_requests
from trainui.store.runs.revision import revise
from trainui.store.runs.stage_requests import Reopened


@dataclass(frozen=True, slots=True)
class _RunState:
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


NO_OPTIONS = StageOptions()


def plan_resume(
    run_id: str, options: StageOptions = NO_OPTIONS, *, pipeline: Pipeline | None = None
) -> list[PlannedStage]:
    """Return what a resume would do with each stage, in the file's order.

    Without an edited pipeline, the one on record is used. It raises UsageError as `resume`.
    """
    return _plan(open_store(), run_id, options, pipeline).stages


def resume(
    run_id: str,
    options: StageOptions = NO_OPTIONS,
    *,
    environ: Mapping[str, str] | None = None,
    pipeline: Pipeline | None = None,
    edit: InlineEdit | None = None,
) -> list[str]:
    """Give a new attempt to every stage that ended without completing; return their full names.

    `environ` is the new environment of the run's stages. Without an edited pipeline, the one on
    record is used; `edit` is the inline edit that made it, if it does not come from the run's file.

    Raises:
        UsageError: a stage in `fresh` is running; an edit changes what a running stage depends on;
            or a stage in `keep` is not completed.
        UnfitEnvironmentError: a stage needs more slots than this machine has.
    """
    store = open_store()
    plan = _plan(store, run_id, options, pipeline, environ)
    seen, revised = plan.seen, plan.revision
    directory = Path(seen.run.directory)
    shell = (
        environment.read(directory).environ if environ is None else environment.inheritable(environ)
    )
    names = plan.again()
    again = [stage.definition for stage in plan.records if stage.name in names]
    check_search(again)
    check_slots(again, shell)
    kept = _as_kept(plan)
    if revised is not None:
        check_inputs(revised.pipeline, run_directory=directory, environ=shell)
    with store.write() as connection:
        existing_run(connection, run_id)  # it may have been deleted meanwhile
        now = runs.stages(connection, run_id)
        changed_meanwhile, users = _changed_meanwhile(seen, now), rules.users_of(now)
        if revised is not None:
            # check again, since a stage may have started meanwhile
            revision.check_running(revised, now)
            revise(connection, run_id, revised.pipeline, revised.directories, revised.secret)
            runs.set_allowed(connection, run_id, allowed_for(revised.pipeline))
            _record_origin(connection, seen.run, edit, list(revised.waiting))
        _keep_environment(directory, environ, revised)
        for stage, made_of, why in kept:
            if stage.name not in changed_meanwhile:
                stored_attempts.keep(connection, stage, made_of, why)
        changes = [
            change
            for change in _changes(plan.stages)
            if change.name not in changed_meanwhile and not (change.fresh and change.name in users)
        ]
        revived = stage_requests.reopen(connection, run_id, changes)
    if pipeline is not None:
        revision.keep_text(directory, pipeline.text)
    wakeup.ring()
    return revived


def _record_origin(
    connection: Connection, run: RunRecord, edit: InlineEdit | None, waiting: Sequence[str]
) -> None:
    if edit is None:
        runs.record_origin(connection, run.id, waiting=waiting)
        return
    given, digest = mask(edit.given), file_changes.file_digest(run)
    runs.record_origin(connection, run.id, given, digest, edit.members, waiting=waiting)
    events.record(connection, run.id, "edited", f"edited in place: {'; '.join(edit.words)}")


def _keep_environment(
    directory: Path, environ: Mapping[str, str] | None, revised: revision.Revision | None
) -> None:
    if environ is None and revised is None:
        return
    shell = environment.read_or_empty(directory)
    if environ is not None:
        shell = environment.of_this_shell(environ, shell.secrets)
    if revised is not None:
        shell = replace(shell, secrets=revised.secrets)
    # it may have been deleted; the directory of all runs is not created, since its disk may be away
    if not directory.parent.is_dir():
        raise UnfitEnvironmentError(
            f"{directory.parent} does not exist; mount its disk, or create it, then resume the run"
        )
    directory.mkdir(mode=0o700, exist_ok=True)
    environment.write(directory, shell)


def rerun(run_id: str, names: Collection[str], *, downstream: bool = False) -> list[str]:
    """Rerun finished stages; return the full names of those that run again.

    `names` are full names, too; `downstream` also reruns every stage that depends on them.

    Raises:
        UsageError: one of them is unfinished, or its upstream stages did not complete, or lost an
            output.
    """
    store = open_store()
    seen = _read_state(store, run_id)
    known = {stage.name: stage for stage in seen.stages}
    detection = ChangeDetection(seen.run, known, seen.attempts, seen.recorded, edited={})
    reran, gone = detection.reran(), detection.gone()
    with store.write() as connection:
        stages = runs.stages(connection, run_id)
        by_name = {stage.name: stage for stage in stages}
        check_names(by_name, names)
        chosen = rules.plan_rerun(stages, names, downstream=downstream)
        for name in chosen:
            _check_upstreams(by_name, by_name[name], chosen, gone)
        changes = [
            Reopened(name, fresh=rules.restarts_in_new_directory(by_name[name], chosen, reran))
            for name in chosen
        ]
        revived = stage_requests.reopen(connection, run_id, changes)
    wakeup.ring()
    return revived


@dataclass(frozen=True, slots=True)
class _Plan:
    """A resume plan, and the data it was computed from."""

    stages: list[PlannedStage]
    seen: _RunState
    detection: ChangeDetection
    revision: revision.Revision | None

    @property
    def records(self) -> Sequence[StageRecord]:
        """The stages as they will be after the resume."""
        return self.seen.stages if self.revision is None else self.revision.stages

    def again(self) -> set[str]:
        """Return the full names of the stages that run again."""
        return {one.name for one in self.stages if one.action != Action.SKIP}


def _plan(
    store: Store,
    run_id: str,
    options: StageOptions,
    pipeline: Pipeline | None,
    environ: Mapping[str, str] | None = None,
) -> _Plan:
    seen = _read_state(store, run_id)
    revised = None
    if pipeline is not None:
        revised = revision.compare(seen.run, seen.stages, pipeline, given_params(run_id))
    stages = seen.stages if revised is None else revised.stages
    by_name = {stage.name: stage for stage in stages}
    check_names(by_name, [*options.until, *options.fresh, *options.keep])
    edited = {} if revised is None else revised.edited
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
            detection.evidence(() if revised is None else revised.new), counted=seen.counted
        ),
    )
    waiting = {} if revised is None else revised.waiting
    planned = [
        _with_waiting_edit(_with_remark(one, by_name[one.name], searches[one.name]), waiting)
        for one in planned
    ]
    return _Plan(with_savings(planned, by_name, seen.attempts, seen.run), seen, detection, revised)


def _as_kept(plan: _Plan) -> list[tuple[StageRecord, dict[str, Any], str]]:
    """Return the kept stages, each with what its result is accepted for, and the reason."""
    records, again = {stage.name: stage for stage in plan.records}, plan.again()
    return [
        (records[one.name], plan.detection.as_kept(one.name, again), one.reason)
        for one in plan.stages
        if one.kept
    ]


def _read_state(store: Store, run_id: str) -> _RunState:
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
        counted = trials.counted(raw(connection), run_id, stages)
    return _RunState(run, stages, attempts, tried, counted)


def _search(store: Store, stage: StageRecord, seen: _RunState) -> CheckpointSearch:
    attempts = [one.directory for one in seen.attempts.get(stage.id, ())]
    rivals = partial(checkpoint_rivals.find, store, stage)
    return checkpoints.search(stage.definition, stage.directory, attempts, rivals)


def _with_remark(one: PlannedStage, stage: StageRecord, where: CheckpointSearch) -> PlannedStage:
    """Add to a stage's plan why it does not use the newest checkpoint."""
    if one.action == Action.RUN and (asked := checkpoints.requested(stage.definition)):
        return replace(one, action=Action.CONTINUE, checkpoint=str(asked))
    if one.action == Action.SKIP or one.fresh or (said := checkpoints.reason_unused(where)) is None:
        return one
    return replace(one, reason=f"{one.reason}; {said}")


def _with_waiting_edit(one: PlannedStage, waiting: Mapping[str, Sequence[str]]) -> PlannedStage:
    """Add to a running stage's plan the edit that it does not run with."""
    if one.name not in waiting:
        return one
    reason = f"{one.reason}; its edit is pending ({'; '.join(waiting[one.name])})"
    return replace(one, reason=reason, edit_waits=True)


def _changed_meanwhile(seen: _RunState, now: Sequence[StageRecord]) -> set[str]:
    """Return the stages that changed since the plan was made."""
    before = {stage.name: (stage.status, stage.attempt) for stage in seen.stages}
    return {one.name for one in now if before.get(one.name) != (one.status, one.attempt)}


def _changes(planned: Sequence[PlannedStage]) -> list[Reopened]:
    revived = [Reopened(one.name, one.fresh) for one in planned if one.action != Action.SKIP]
    # if nothing runs again, --until must not turn a failed stage into a skipped one
    left_out = [Reopened(one.name, skip=True) for one in planned if one.left_out and revived]
    return revived + left_out


def _check_upstreams(
    by_name: Mapping[str, StageRecord],
    stage: StageRecord,
    chosen: Collection[str],
    gone: Mapping[str, str],
) -> None:
    others = [by_name[name] for name in stage.depends_on if name not in chosen]
    outcome = next_state(
        Upstream(other.name, other.status, other.definition.may_fail) for other in others
    )
    if outcome is not None and outcome[1] is not None:
        raise UsageError(
            f"{stage.name} cannot run: {outcome[1]}; `trainui resume` runs all missing stages"
        )
    lost = next((other.name for other in others if other.name in gone), None)
    if lost is not None:
        raise UsageError(
            f"{stage.name} cannot run: it needs {lost}, and {gone[lost]}; rerun {lost} with all "
            "that depends on it (`--downstream`)"
        )
