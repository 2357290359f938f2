"""The commands `resume` and `rerun`, and a resume's plan as text and as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from trainui import control, formatting, text
from trainui.cli import options, printing, standstill, waiting
from trainui.cli.standstill import DiskWatch
from trainui.errors import PipelineFileError, PlanChangedError, UsageError, WaitTimeoutError
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline import matrix
from trainui.pipeline.rules import resume_plan
from trainui.pipeline.rules.resume_plan import Action, PlannedStage, StageOptions
from trainui.resume import edit_effects
from trainui.resume.edit_effects import PipelineChoice, choose_pipeline

if TYPE_CHECKING:
    from trainui.model.definition import Pipeline
    from trainui.model.records import RunRecord, StageRecord

_MOST_ALIKE = 6
"""Number of members of a sweep with the same action and reason that have a row each."""

_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
_PLAIN = "\x1b[0m"


def plan_as_json(planned: Sequence[PlannedStage], diff: str | None) -> dict[str, Any]:
    """Return a plan as `--json` prints it."""
    stages = [{name: getattr(one, name) for name in _FIELDS} for one in planned]
    return {"stages": stages, "diff": diff}


_FIELDS = ("name", "action", "reason", "checkpoint", "step", "seconds", "gpu_seconds_saved")


def plan_lines(planned: Sequence[PlannedStage]) -> list[str]:
    """Return a plan as text; many members of a sweep with the same action and reason are a row."""
    header = ("STAGE", "ACTION", "TIME", "WHY")
    shown = text.table([header, *_plan_rows(planned)], right=[2])
    words = (resume_plan.summary, resume_plan.saved, resume_plan.waiting)
    return [*shown, "", *filter(None, (word(planned) for word in words))]


def diff_lines(diff: str | None, stream: TextIO) -> list[str]:
    """Return the lines of a unified diff, escaped, and coloured if the stream shows colours."""
    lines = [text.harmless(line) for line in (diff or "").splitlines()]
    if not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return lines
    return [
        printing.Coloured(f"{_COLOURS[line[0]]}{line}{_PLAIN}") if line[:1] in _COLOURS else line
        for line in lines
    ]


def _plan_rows(planned: Sequence[PlannedStage]) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[str, str, str], list[PlannedStage]] = {}
    for one in planned:
        alike.setdefault(_alike(one), []).append(one)
    for one in planned:
        stages = alike[_alike(one)]
        if len(stages) <= _MOST_ALIKE:
            yield _plan_row(one)
        elif one is stages[0]:
            names = formatting.first([each.name for each in stages])
            yield names, str(one.action), "", _kind(one)


def _alike(one: PlannedStage) -> tuple[str, str, str]:
    """Return what stages of one sweep with the same action and reason have in common."""
    return one.name.partition("[")[0], str(one.action), _kind(one)


def _kind(one: PlannedStage) -> str:
    """Return the reason for an action; without its details for a stage that is skipped."""
    reason = resume_plan.explanation(one)
    return reason.partition(": ")[0] if one.action == Action.SKIP else reason


def _plan_row(one: PlannedStage) -> tuple[str, ...]:
    return one.name, str(one.action), resume_plan.duration(one), resume_plan.explanation(one)


@options.command(
    "trainui resume digits --dry-run",
    "trainui resume digits",
    "trainui resume digits --until train --fresh prepare",
    "trainui resume digits --file digits.yaml --keep train",
    "trainui resume tune --trials 20",
    "trainui resume seeds --seeds 2",
    "trainui resume --interrupted --detach",
)
@standstill.report_on_stop("nothing was resumed")
def resume(
    run: options.OptionalRun = None,
    until: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Run only this stage and what it depends on."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Use this pipeline file; stages it changes run again (default: the run's file; if "
            "that was edited, it asks).",
        ),
    ] = None,
    as_submitted: Annotated[
        bool,
        typer.Option(
            "--as-submitted", help="Ignore edits to the run's file since it was submitted."
        ),
    ] = False,
    fresh: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE", help="Restart this stage from scratch, without its checkpoints."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Keep this stage's result, even if something changed."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Ask for N more trials of the run's search."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Add N seeds to the run's sweeps (`--until` names one)."
        ),
    ] = None,
    prepared: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="Make the edit that the cause of this stage's failure suggests, first.",
        ),
    ] = None,
    env: Annotated[
        bool, typer.Option("--env", help="Use this shell's environment from now on.")
    ] = False,
    interrupted: Annotated[
        bool, typer.Option("--interrupted", help="Resume every interrupted run.")
    ] = False,
    dry_run: options.DryRun = False,
    detach: options.Detach = False,
    wait: options.Wait = False,
    as_json: options.Json = False,
) -> None:
    """Continue a run: completed stages are skipped, the others get a new attempt.

    A stage continues from its newest complete checkpoint. A completed stage runs again if its
    command, parameters, inputs or upstream stages changed. In a run that is still running, this
    retries the failed stages.
    """
    if detach and wait:
        raise UsageError("--detach and --wait exclude each other; give one of them")
    is_changed = any((until, file, fresh, keep, as_submitted, trials, seeds, prepared))
    if interrupted:
        if run is not None or is_changed:
            raise UsageError(
                "--interrupted resumes every interrupted run as submitted; it excludes RUN, "
                "--until, --file, --as-submitted, --fresh, --keep, --trials, --seeds and --prepared"
            )
        raise typer.Exit(_resume_interrupted(env, dry_run, detach, as_json))
    if run is None:
        raise UsageError(
            "no RUN given; `trainui ls` lists runs, `--interrupted` resumes all interrupted ones"
        )
    from trainui.execution.attempt import lost_attempts

    found = options.find_run(run)
    if found.is_external:
        if is_changed:
            raise UsageError(
                f"{found.name} is an external run, which can only run again as a whole: "
                "--until, --file, --as-submitted, --fresh and --keep do not apply to it"
            )
        own = {"env": env, "dry_run": dry_run, "detach": detach, "wait": wait, "as_json": as_json}
        raise typer.Exit(_offer(found, options.find(found.id, None)[1], **own))
    written = StageOptions(until or (), fresh or (), keep or ())
    if not dry_run:
        lost_attempts.record([found.id])
    if prepared is not None:
        if file is not None or as_submitted or trials is not None or seeds is not None:
            raise UsageError(
                "--prepared excludes --file, --as-submitted, --trials and --seeds; give one of them"
            )
        choice, written = _with_prepared_edit(found, prepared, written)
    elif seeds is not None:
        choice = _with_more_seeds(found, seeds, until or (), file=file, trials=trials)
    else:
        choice = _chosen(found, file, as_submitted=as_submitted, trials=trials)
    stages = _in_full(found, choice.pipeline, written)
    if dry_run:
        _show_plan(found, choice, stages, as_json)
        return
    carry_out = partial(_carry_out, found, env=env, detach=detach, wait=wait, as_json=as_json)
    if _is_asked(choice):
        raise typer.Exit(_ask_and_carry_out(found, choice, written, file, carry_out, as_json))
    raise typer.Exit(carry_out(choice, stages))


def _ask_and_carry_out(
    run: RunRecord,
    choice: PipelineChoice,
    written: StageOptions,
    file: str | None,
    carry_out: Callable[..., int],
    as_json: bool,
) -> int:
    """Resume as the user chooses; ask again if the plan has changed since it was shown."""
    while True:
        stages = _in_full(run, choice.pipeline, written)
        confirmed = control.plan_resume(run.id, stages, pipeline=choice.pipeline)
        if not _uses_file(run, choice, plan_lines(confirmed), as_json=as_json):
            return carry_out(PipelineChoice(), _in_full(run, None, written))
        try:
            return carry_out(choice, stages, confirmed)
        except PlanChangedError as error:
            choice = _chosen(run, file, as_submitted=False)
            if not _is_asked(choice):
                raise
            printing.note(str(error), "")


def _is_asked(choice: PipelineChoice) -> bool:
    """Return True if the user has to choose between an edited file and the one submitted."""
    return choice.changed_file is not None and choice.pipeline is not None


def _carry_out(
    run: RunRecord,
    choice: PipelineChoice,
    stages: StageOptions,
    confirmed: Sequence[PlannedStage] | None = None,
    *,
    env: bool,
    detach: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Resume a run, by the plan that was confirmed if it was asked; return the exit code."""
    with standstill.report_changes_on_stop([run.id], standstill.REVIVED, "resumed"):
        is_shown = as_json or confirmed is not None
        shown = [] if is_shown else _planned_lines(run, choice.pipeline, stages)
        revived = _revive(run.id, env, stages, choice, confirmed)
        _note_plan(shown, choice, revived)
        return _follow(run, revived, detach=detach, wait=wait, as_json=as_json)


def _note_plan(plan: Sequence[str], choice: PipelineChoice, revived: Sequence[str]) -> None:
    """Print the plan that was carried out, or that only the edits were."""
    if plan and (revived or choice.pipeline):
        printing.note(*plan, "")
    if choice.diff and not revived:
        printing.note("edited; stages that have not started yet use the edits")


def _in_full(run: RunRecord, pipeline: Pipeline | None, written: StageOptions) -> StageOptions:
    """Return options with full stage names, which may come from an edited file."""
    stages = pipeline.stages if pipeline else ()

    def full_names(words: Collection[str]) -> list[str]:
        names: dict[str, None] = {}
        for word in words:
            exact = [stage.name for stage in stages if stage.name == word]
            exact = exact or [stage.name for stage in stages if stage.group == word]
            exact = exact or [one.name for one in stages if matrix.configuration_of(one) == word]
            exact = exact or [found.name for found in options.find(run.id, word)[1]]
            names.update(dict.fromkeys(exact))
        return list(names)

    until, fresh, keep = map(full_names, (written.until, written.fresh, written.keep))
    return StageOptions(until, fresh, keep, before=written.before)


def _revive(
    run_id: str,
    env: bool,
    options: StageOptions,
    choice: PipelineChoice,
    confirmed: Sequence[PlannedStage] | None = None,
) -> list[str]:
    """Resume a run as confirmed, if it was asked, and start the worker if a stage runs again."""
    from trainui.execution.daemon import lifecycle

    environ = os.environ if env else None
    revived = control.resume(
        run_id,
        options,
        environ=environ,
        pipeline=choice.pipeline,
        edit=choice.edit,
        confirmed=confirmed,
    )
    if revived:
        lifecycle.ensure_started()
        DiskWatch().check()
    return revived


def _follow(
    run: RunRecord, revived: Sequence[str], *, detach: bool, wait: bool, as_json: bool
) -> int:
    if revived and not detach:
        return waiting.follow(run.id, wait=wait, as_json=as_json)
    if revived:
        shown = [f"resumed: {', '.join(revived)}"]
        printing.answer(as_json, options.in_full(run.id) if as_json else None, shown)
        return 0
    run = options.find_run(run.id)  # another resume may have been first
    is_done = run.completed_at is None or run.status == Status.COMPLETED
    why = "" if is_done else f"; why: `trainui resume {formatting.short_id(run.id)} --dry-run`"
    printing.note(f"nothing to resume: {run.name} is {text.state(run.status)}{why}")
    if run.completed_at is None:  # after a reboot it waits for the worker
        from trainui.execution.daemon import lifecycle

        lifecycle.ensure_started()
    if wait:
        return waiting.finish(run.id, as_json=as_json)
    if as_json:
        printing.value(options.in_full(run.id))
    return 0


def _resume_interrupted(env: bool, dry_run: bool, detach: bool, as_json: bool) -> int:
    from trainui.execution.attempt import lost_attempts
    from trainui.execution.daemon import lifecycle

    if dry_run:
        _plan_interrupted(as_json)
        return 0
    all_recorded = lost_attempts.record()
    if _runs(interrupted=False):  # after a reboot they wait for the worker
        lifecycle.ensure_started()
    found = _runs(interrupted=True)
    with standstill.report_changes_on_stop(
        [run.id for run in found], standstill.REVIVED, "resumed"
    ):
        for run in found:
            if (changed := control.changed_file(run)) is not None:
                printing.note(
                    f"{run.name}: {changed} has changed since this run; resumed as submitted"
                )
        resumed = [run for run in found if _revive(run.id, env, StageOptions(), PipelineChoice())]
        for run in resumed:
            printing.note(f"resumed: {run.name} ({run.id})")
        if not all_recorded:
            raise WaitTimeoutError(
                "the worker has not recorded yet how some stages ended; see `trainui worker "
                "status`, then type `trainui resume --interrupted` again"
            )
        if not resumed:
            printing.note("nothing to resume: no run was interrupted")
        code = 0 if detach or not resumed else waiting.wait_for([run.id for run in resumed])
        if as_json:
            printing.value({"runs": [options.in_full(run.id) for run in resumed]})
        return code


def _plan_interrupted(as_json: bool) -> None:
    """Preview `--interrupted`: the plans of all interrupted runs."""
    from trainui.execution.attempt import lost_attempts

    found = _runs(interrupted=True)
    plans = [control.plan_resume(run.id) for run in found]
    shown: list[str] = []
    for run, planned in zip(found, plans, strict=True):
        shown += [f"{run.name} ({run.id})", *plan_lines(planned), ""]
    if gone := lost_attempts.runs() - {run.id for run in found}:
        printing.note(
            f"not yet in this plan: {', '.join(sorted(gone))}; some of their stages ended while no "
            "worker was running; `trainui worker start` records that"
        )
    if not found:
        printing.note("nothing to resume: no run was interrupted")
    data = [
        {"run": run.id, "name": run.name, **plan_as_json(planned, None)}
        for run, planned in zip(found, plans, strict=True)
    ]
    printing.answer(as_json, {"runs": data}, shown[:-1])


def _runs(*, interrupted: bool) -> list[RunRecord]:
    """Return the runs with an interrupted stage, or those that have not ended."""
    from trainui.store.db import engine
    from trainui.store.read import views

    if not engine.exists():
        return []
    with options.view() as connection:
        if interrupted:
            return views.runs_with(connection, Status.INTERRUPTED)
        return [run for run in views.runs(connection) if run.status in UNFINISHED]


def _show_plan(run: RunRecord, choice: PipelineChoice, stages: StageOptions, as_json: bool) -> None:
    from trainui.resume import code_version

    planned = control.plan_resume(run.id, stages, pipeline=choice.pipeline)
    if choice.changed_file is not None and choice.pipeline is not None:
        printing.note(
            f"{choice.changed_file} has changed since this run. Plan with the new version "
            "(`--as-submitted` keeps the old one):"
        )
    if changed := code_version.since_submission(run):
        printing.note(changed)
    shown = plan_lines(planned)
    if choice.diff:
        shown += ["", *diff_lines(choice.diff, sys.stdout)]
    printing.answer(as_json, plan_as_json(planned, choice.diff), shown)


def _planned_lines(run: RunRecord, pipeline: Pipeline | None, stages: StageOptions) -> list[str]:
    return plan_lines(control.plan_resume(run.id, stages, pipeline=pipeline))


@options.command("trainui rerun digits evaluate", "trainui rerun digits train --downstream")
@standstill.report_on_stop("nothing was rerun")
def rerun(
    run: options.Run,
    stage: options.OptionalStage = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Also rerun every stage that depends on it.")
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Rerun a finished stage: alone, or with all stages that depend on it.

    It starts in a new directory; the old one is kept beside it as `STAGE~1`. Returns at once. A
    run with one stage needs no STAGE. Of a whole sweep it asks first, on a terminal. The command of
    an external run is offered as a new run.
    """
    from trainui.execution.daemon import lifecycle

    found, stages = options.find(run, stage)
    if found.is_external:
        raise typer.Exit(_offer(found, stages, as_json=as_json))
    if stage is None and len(stages) > 1:
        names = formatting.listed([one.name for one in stages])
        raise UsageError(f"{found.name} has several stages; name one: {names}")
    with standstill.report_changes_on_stop([found.id], standstill.REVIVED, "rerunning"):
        chosen = [one.name for one in stages]
        for remark in control.undeclared_checkpoints(found.id, chosen):
            printing.note(remark)
        planned = control.rerun(found.id, chosen, downstream=downstream, preview=True)
        if dry_run:
            shown = [f"would rerun: {', '.join(planned)}"]
            printing.answer(as_json, {"stages": planned} if as_json else None, shown)
            return
        if len(chosen) > 1 and not as_json and printing.on_terminal():
            what = f"Rerun {formatting.quantity(len(planned), 'stage')} of {found.name}"
            if not typer.confirm(text.harmless(f"{what}: {formatting.listed(planned, 5)}?")):
                printing.note("nothing was rerun")
                raise typer.Exit(1)
        revived = control.rerun(found.id, chosen, downstream=downstream)
        lifecycle.ensure_started()
        shown = [f"rerunning: {', '.join(revived)}"]
        printing.answer(as_json, options.in_full(found.id) if as_json else None, shown)


def _chosen(
    run: RunRecord, file: str | None, *, as_submitted: bool, trials: int | None = None
) -> PipelineChoice:
    """Return the pipeline to resume with, as far as it can be chosen without asking.

    `trials`: the number of trials to add to the run's search.

    Raises:
        UsageError: options exclude each other, or the run has no search to add trials to.
        PipelineFileError: the file has problems.
    """
    if file is not None and as_submitted:
        raise UsageError("--file and --as-submitted exclude each other; give one of them")
    if trials is not None:
        if file is not None:
            raise UsageError("--trials and --file exclude each other; edit `trials` in the file")
        return choose_pipeline(run, edit=edit_effects.with_more_trials(run, trials))
    try:
        return choose_pipeline(run, file=file, as_submitted=as_submitted)
    except PipelineFileError:
        if file is None:
            printing.note(
                "nothing was changed; `--as-submitted` resumes with the pipeline on record", ""
            )
        raise


def _with_more_seeds(
    run: RunRecord, more: int, until: Collection[str], *, file: str | None, trials: int | None
) -> PipelineChoice:
    """Return the pipeline with more seeds: of the sweeps that are named, else of all.

    Raises:
        UsageError: options exclude each other, or no sweep of the run has seeds.
    """
    if file is not None or trials is not None:
        raise UsageError("--seeds excludes --file and --trials; edit the seeds in the file")
    stages = edit_effects.seeded_stages(run)
    named = [one for one in stages if one.group in {word.partition("[")[0] for word in until}]
    return choose_pipeline(run, edit=edit_effects.with_more_seeds(run, named or stages, more))


def _with_prepared_edit(
    run: RunRecord, stage: str, written: StageOptions
) -> tuple[PipelineChoice, StageOptions]:
    """Return the pipeline with the edit of a stage's cause, and where the stage continues from.

    Raises:
        UsageError: no edit is prepared.
    """
    _, (record, *_rest) = options.find(run.id, stage)
    edit, before = edit_effects.with_prepared_edit(run, record.name)
    return choose_pipeline(run, edit=edit), replace(written, before=before)


def _uses_file(
    run: RunRecord, choice: PipelineChoice, plan: Sequence[str], *, as_json: bool
) -> bool:
    """Ask the user whether to use an edited file; False: the pipeline as submitted.

    `plan` has the lines of the plan with the edited file. With `--json`, nothing can be asked.

    Raises:
        UsageError: no terminal to ask on.
        typer.Exit: the user chose to do nothing.
    """
    file = choice.changed_file
    shown = diff_lines(choice.diff, sys.stderr)
    printing.note(f"{file} has changed since the run {run.name}:", "", *shown, "", *plan, "")
    if as_json or not printing.on_terminal():
        raise UsageError(
            f"{file} has changed since this run; choose a version: `--file {file}` uses "
            "the new one, `--as-submitted` the old one"
        )
    question = "Resume with the edited file? [y]es, [s] as submitted, [n]othing"
    answer = typer.prompt(question, default="n", show_default=False, err=True).strip().lower()
    if answer not in ("y", "yes", "s"):
        printing.note("nothing was done")
        raise typer.Exit(1)
    return bool(answer != "s")


def _offer(
    run: RunRecord,
    stages: Sequence[StageRecord],
    *,
    env: bool = False,
    dry_run: bool = False,
    detach: bool = False,
    wait: bool = False,
    as_json: bool,
) -> int:
    """Show the new run that an external run's command would be, and start it after a yes.

    `env` uses this shell's environment, also if the run's is on record.

    Raises:
        UsageError: there is no terminal to ask on (as with `--json`), or the command is not on
            record.
    """
    from trainui.control import external

    found = external.offer_of(run, stages)
    if env:
        found = replace(found, environment="this shell's", environ=None)
    if as_json or not (dry_run or printing.on_terminal()):
        raise UsageError(
            f"{run.name} is an external run, which trainui only reads; to run it again as a new "
            f"run: {found.typed}"
        )
    about = f"{run.name} is an external run; its command can run again as a new run:"
    printing.note(about, "", *found.lines, "")
    if dry_run:
        printing.note("Preview: nothing has started")
        return 0
    if not typer.confirm("Start this new run?", default=False, err=True):
        printing.note("nothing was started")
        return 1
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()  # first, so that nothing is stored if nothing can run
    run_id = external.start_ours(found)
    printing.note(f"run {run_id}")
    if detach:
        return 0
    return waiting.follow(run_id, wait=wait, as_json=False, is_new=True)
