"""Resumes and reruns: the plan of a resume, what carries it out, and reruns of finished stages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import formatting, wakeup
from trainui.control import external, requests
from trainui.control.submission import (
    allowed_for,
    check_executors,
    check_inputs,
    check_search,
    check_slots,
)
from trainui.errors import PlanChangedError, UnfitEnvironmentError, UsageError
from trainui.execution.attempt import lost_attempts, record_outcome
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.model.definition import Pipeline
from trainui.model.records import Lost, RunRecord, StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules import resume_plan
from trainui.pipeline.rules.resume_plan import Action, PlannedStage, StageOptions
from trainui.pipeline.rules.scheduling import Upstream, next_state
from trainui.resume import edit_effects, edits, undeclared
from trainui.resume.edits import InlineEdit
from trainui.resume.plan import ResumePlan, SeenRun, make_plan, read_state
from trainui.resume.submitted import check_names
from trainui.store import shell_environment
from trainui.store.db import home_identity
from trainui.store.db.engine import Database, open_store
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import attempts as stored_attempts
from trainui.store.runs import runs, stage_requests
from trainui.store.runs.stage_requests import Reopened
from trainui.store.runs.stored_pipeline import replace_pipeline
from trainui.supervisor import protocol

NO_OPTIONS = StageOptions()

KeptStage = tuple[StageRecord, dict[str, Any], str]
"""A stage, what its result is accepted for, and the reason."""

MOST_DIFFERENCES = 5
"""The most stages named whose plan has changed."""


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
    seen = _read_ours(store, run_id)
    if lost.stages:
        seen = replace(seen, stages=[_as_found(one, seen, lost) for one in seen.stages])
    plan = make_plan(store, seen, options, pipeline)
    losses = {name: lost.stages.get(stage.id) for name, stage in plan.seen.after.items()}
    return [
        replace(one, reason=f"running?  {loss.words}: {one.reason}")
        if (loss := losses[one.name]) is not None
        else one
        for one in plan.stages
    ]


def _read_ours(store: Database, run_id: str) -> SeenRun:
    """Read the state of a run.

    Raises:
        UsageError: it is an external one.
        CopiedHomeError: it belongs to the home that this one was copied from.
    """
    seen = read_state(store, run_id)
    home_identity.check_run(seen.run)
    if seen.run.external is not None:
        with store.read() as connection:
            external.check_is_ours(connection, seen.run)
    return seen


def _as_found(stage: StageRecord, seen: SeenRun, lost: Lost) -> StageRecord:
    """Return a stage as the next worker will find it, if it is lost; else unchanged."""
    loss, tries = lost.stages.get(stage.id), seen.attempts.get(stage.id, ())
    if loss is None or loss.is_elsewhere or not tries:
        return stage
    attempt = tries[-1]
    found = protocol.read_exit(Path(attempt.directory)) or LostSupervisor()
    outcome = record_outcome.decide(
        AttemptContext(seen.run, stage, attempt), attempt.definition or stage.definition, found
    )
    reason = (outcome.error or "").partition("\n")[0] or None
    return stage._replace(
        status=outcome.status, reason=reason, error=outcome.error, completed_at=outcome.completed_at
    )


def resume(
    run_id: str,
    options: StageOptions = NO_OPTIONS,
    *,
    environ: Mapping[str, str] | None = None,
    pipeline: Pipeline | None = None,
    edit: InlineEdit | None = None,
    confirmed: Sequence[PlannedStage] | None = None,
) -> list[str]:
    """Give a new attempt to every stage that ended without completing; return their full names.

    `environ` is the new environment of the run's stages. Without an edited pipeline, the one on
    record is used; `edit` is the inline edit that made it, if it does not come from the run's file.
    `confirmed` is the plan that a person has agreed to: it alone is carried out.

    Raises:
        PlanChangedError: the plan is another one than the confirmed by now.
        UsageError: a stage in `fresh` is running; an edit changes what a running stage depends on;
            or a stage in `keep` is not completed.
        UnfitEnvironmentError: a stage needs more slots than this machine has.
    """
    store = open_store()
    seen = replace(_read_ours(store, run_id), environ=environ)
    plan = make_plan(store, seen, options, pipeline)
    if confirmed is not None:
        _check_confirmed(resume_plan.difference(confirmed, plan.stages))
    _check_needs(plan, environ)
    kept = _as_kept(plan)
    with store.write() as connection:
        is_confirmed = confirmed is not None
        revived = _carry_out(connection, plan, kept, environ, edit, is_confirmed=is_confirmed)
    if pipeline is not None:
        edit_effects.keep_text(Path(seen.run.directory), pipeline.text)
    wakeup.wake()
    return revived


def _check_needs(plan: ResumePlan, environ: Mapping[str, str] | None) -> None:
    """Check that the stages of a plan can run: their slots, executors, searches and inputs."""
    seen, changed = plan.seen, plan.seen.changes
    directory = Path(seen.run.directory)
    shell = (
        shell_environment.read(directory).environ
        if environ is None
        else shell_environment.inheritable(environ)
    )
    names = plan.again()
    again = [stage.definition for stage in seen.after.values() if stage.name in names]
    check_search(again)
    check_executors(again)
    check_slots(again, shell)
    if changed is not None:
        check_inputs(changed.pipeline, run_directory=directory, environ=shell)


def _carry_out(
    connection: Connection,
    plan: ResumePlan,
    kept: Sequence[KeptStage],
    environ: Mapping[str, str] | None,
    edit: InlineEdit | None,
    *,
    is_confirmed: bool,
) -> list[str]:
    """Store what a plan does, as far as it still applies; return the stages that run again."""
    seen, changed, run_id = plan.seen, plan.seen.changes, plan.seen.run.id
    requests.run_to_change(connection, run_id, "resume")  # it may have been deleted meanwhile
    requests.check_room(connection, run_id)
    now = views.stages(connection, run_id)
    changed_meanwhile, users = _changed_meanwhile(seen, now), resume_plan.users_of(now)
    if is_confirmed:
        _check_confirmed([f"{name}: its state changed just now" for name in changed_meanwhile])
    if changed is not None:
        # check again, since a stage may have started meanwhile
        edit_effects.check_running(changed, now)
        replace_pipeline(
            connection,
            run_id,
            changed.pipeline,
            changed.directories,
            changed.secret,
            changed.moved,
        )
        runs.set_allowed(connection, run_id, allowed_for(changed.pipeline))
    _keep_environment(Path(seen.run.directory), environ, changed)
    if changed is not None:
        _record_origin(connection, seen.run, edit, list(changed.waiting))
    for stage, made_of, why in kept:
        if stage.name not in changed_meanwhile:
            stored_attempts.keep(connection, stage, made_of, why)
    changes = [
        change
        for change in _changes(plan.stages)
        if change.name not in changed_meanwhile and not (change.fresh and change.name in users)
    ]
    for stage_id, given_up in seen.given_up.items():
        stored_attempts.give_up(connection, stage_id, given_up)
    revived = stage_requests.reopen(connection, run_id, changes)
    if revived:
        requests.record_deed(connection, run_id, "resumed", revived)
    return revived


def _check_confirmed(differences: Sequence[str]) -> None:
    if differences:
        which = "; ".join(differences[:MOST_DIFFERENCES])
        raise PlanChangedError(f"the plan has changed since it was shown, so nothing ran: {which}")


def _record_origin(
    connection: Connection, run: RunRecord, edit: InlineEdit | None, waiting: Sequence[str]
) -> None:
    if edit is None:
        runs.record_origin(connection, run.id, waiting=waiting)
        return
    masker, digest = shell_environment.masker(Path(run.directory)), edits.file_digest(run)
    given = masker.values(edit.given)
    runs.record_origin(connection, run.id, given, digest, edit.members, waiting=waiting)
    text = masker.text(f"edited in place: {'; '.join(edit.words)}")
    runs.record_event(connection, run.id, "edited", text)


def _keep_environment(
    directory: Path,
    environ: Mapping[str, str] | None,
    changed: edit_effects.PipelineChanges | None,
) -> None:
    if environ is None and changed is None:
        return
    shell = shell_environment.read_or_empty(directory)
    if environ is not None:
        shell = shell_environment.of_this_shell(environ, shell.secrets)
    if changed is not None:
        shell = replace(shell, secrets=changed.secrets)
    # it may have been deleted; the directory of all runs is not created, since its disk may be away
    if not directory.parent.is_dir():
        raise UnfitEnvironmentError(
            f"{directory.parent} does not exist; mount its disk, or create it, then resume the run"
        )
    directory.mkdir(mode=0o700, exist_ok=True)
    shell_environment.write(directory, shell)


def _as_kept(plan: ResumePlan) -> list[KeptStage]:
    """Return the stages whose results a person keeps."""
    seen, again = plan.seen, plan.again()
    return [
        (seen.after[one.name], seen.as_kept(one.name, again), one.reason)
        for one in plan.stages
        if one.kept
    ]


def _changed_meanwhile(seen: SeenRun, now: Sequence[StageRecord]) -> set[str]:
    """Return the stages that changed since the plan was made."""
    before = {stage.name: (stage.status, stage.attempt) for stage in seen.stages}
    return {one.name for one in now if before.get(one.name) != (one.status, one.attempt)}


def _changes(planned: Sequence[PlannedStage]) -> list[Reopened]:
    revived = [Reopened(one.name, one.fresh) for one in planned if one.action != Action.SKIP]
    # if nothing runs again, --until must not turn a failed stage into a skipped one
    left_out = [Reopened(one.name, skip=True) for one in planned if one.left_out and revived]
    return revived + left_out


def rerun(
    run_id: str,
    names: Collection[str],
    *,
    downstream: bool = False,
    preview: bool = False,
    confirmed: Mapping[str, int] | None = None,
) -> list[str]:
    """Rerun finished stages; return the full names of those that run again.

    `names` are full names, too; `downstream` also reruns every stage that depends on them.
    `preview`: nothing is changed. `confirmed`: the number of each stage's last attempt when a
    person agreed.

    Raises:
        PlanChangedError: a stage has had another attempt since it was confirmed.
        UsageError: one of them is unfinished, or its upstream stages did not complete, or lost an
            output.
    """
    store = open_store()
    seen = _read_ours(store, run_id)
    reran, gone = seen.reran(), seen.gone()
    with store.write() as connection:
        requests.run_to_change(connection, run_id, "rerun stages of")
        requests.check_room(connection, run_id)
        stages = views.stages(connection, run_id)
        by_name = {stage.name: stage for stage in stages}
        check_names(by_name, names)
        ran = [
            one
            for name, number in (confirmed or {}).items()
            if (one := by_name[name]).attempt > number
        ]
        if ran:
            which = formatting.listed(
                [f"{one.name} ({one.status})" for one in ran], MOST_DIFFERENCES
            )
            raise PlanChangedError(f"nothing ran: since you were asked, {which} ran again already")
        chosen = resume_plan.plan_rerun(stages, names, downstream=downstream)
        for name in chosen:
            _check_upstreams(by_name, by_name[name], chosen, gone)
        if preview:
            return list(chosen)
        changes = [
            Reopened(
                name, fresh=resume_plan.restarts_in_new_directory(by_name[name], chosen, reran)
            )
            for name in chosen
        ]
        revived = stage_requests.reopen(connection, run_id, changes)
        requests.record_deed(connection, run_id, "rerun", revived)
    wakeup.wake()
    return revived


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


def undeclared_checkpoints(run_id: str, names: Collection[str]) -> list[str]:
    """Return a sentence for each of these stages whose attempts left checkpoints unnamed."""
    store = open_store()
    seen = _read_ours(store, run_id)
    found = {
        stage.name: undeclared.find(store, stage, seen.attempts.get(stage.id, ()))
        for stage in seen.stages
        if stage.name in names and stage.status != Status.COMPLETED
    }
    return [f"{name}: {one.words}; it is copied first" for name, one in found.items() if one]
