"""Resumes a run: carries out its plan, and the edit that it is resumed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import wakeup
from trainui.control.resuming.planning import NO_OPTIONS, ResumePlan, SeenRun, make_plan
from trainui.control.resuming.resume_preview import StageOptions
from trainui.control.submission_checks import allowed_for, check_inputs, check_search, check_slots
from trainui.domain.definition import Pipeline
from trainui.domain.records import RunRecord, StageRecord
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import edit_effects, edits, shell_environment
from trainui.resume.edits import InlineEdit
from trainui.resume.submitted import existing_run
from trainui.store.db.engine import open_store
from trainui.store.db.protocol import Connection
from trainui.store.runs import attempts as stored_attempts
from trainui.store.runs import events, runs, stage_requests
from trainui.store.runs.replace_pipeline import replace_pipeline
from trainui.store.runs.stage_requests import Reopened


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
    plan = make_plan(store, run_id, options, pipeline, environ)
    seen, changed = plan.seen, plan.changes
    directory = Path(seen.run.directory)
    shell = (
        shell_environment.read(directory).environ
        if environ is None
        else shell_environment.inheritable(environ)
    )
    names = plan.again()
    again = [stage.definition for stage in plan.records if stage.name in names]
    check_search(again)
    check_slots(again, shell)
    kept = _as_kept(plan)
    if changed is not None:
        check_inputs(changed.pipeline, run_directory=directory, environ=shell)
    with store.write() as connection:
        existing_run(connection, run_id)  # it may have been deleted meanwhile
        now = runs.stages(connection, run_id)
        changed_meanwhile, users = _changed_meanwhile(seen, now), rules.users_of(now)
        if changed is not None:
            # check again, since a stage may have started meanwhile
            edit_effects.check_running(changed, now)
            replace_pipeline(
                connection, run_id, changed.pipeline, changed.directories, changed.secret
            )
            runs.set_allowed(connection, run_id, allowed_for(changed.pipeline))
        _keep_environment(directory, environ, changed)
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
        revived = stage_requests.reopen(connection, run_id, changes)
    if pipeline is not None:
        edit_effects.keep_text(directory, pipeline.text)
    wakeup.wake()
    return revived


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
    events.record(connection, run.id, "edited", text)


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


def _as_kept(plan: ResumePlan) -> list[tuple[StageRecord, dict[str, Any], str]]:
    """Return the kept stages, each with what its result is accepted for, and the reason."""
    records, again = {stage.name: stage for stage in plan.records}, plan.again()
    return [
        (records[one.name], plan.detection.as_kept(one.name, again), one.reason)
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
