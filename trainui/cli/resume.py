"""Going on with runs: resume and rerun."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import clock, text
from trainui.cli import opening, options, output, references
from trainui.cli.disk_space import DiskWatch
from trainui.domain.states import Status
from trainui.errors import UsageError

if TYPE_CHECKING:
    from trainui.domain.definition import Pipeline
    from trainui.domain.records import RunRecord
    from trainui.pipeline.resume import PlannedStage


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        app,
        resume,
        "Continue a run; completed stages are skipped.",
        "trainui resume digits --dry-run",
        "trainui resume digits",
        "trainui resume digits --until train --fresh prepare",
        "trainui resume digits --file digits.yaml",
        "trainui resume --interrupted --detach",
    )
    options.add(
        app,
        rerun,
        "Run a stage again that is over.",
        "trainui rerun digits evaluate",
        "trainui rerun digits train --downstream",
    )


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run: its id, its name (the latest), or 4 or more characters of an id.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Run only this stage and what it depends on."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Use an edited file: what it changes runs again."),
    ] = None,
    fresh: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Begin this stage anew, with no checkpoint."),
    ] = None,
    env: Annotated[
        bool, typer.Option("--env", help="Take this shell's environment from now on.")
    ] = False,
    interrupted: Annotated[
        bool, typer.Option("--interrupted", help="Resume every run that was interrupted.")
    ] = False,
    dry_run: options.DryRun = False,
    detach: options.Detach = False,
    wait: options.Wait = False,
    as_json: options.Json = False,
) -> None:
    """Continue a run: what is completed is skipped, the rest gets a new attempt.

    A stage with a whole checkpoint continues from the newest one. On a run that is alive this
    retries what has failed.
    """
    if detach and wait:
        raise UsageError("--detach and --wait exclude each other; give one of them")
    if interrupted:
        if run is not None or until or file or fresh:
            raise UsageError(
                "--interrupted is for every run; leave RUN, --until, --file, --fresh out"
            )
        raise typer.Exit(_resume_interrupted(env, dry_run, detach, as_json))
    if run is None:
        raise UsageError(
            "no RUN; `trainui ls` lists them, `--interrupted` means every one of those"
        )
    found = references.find_run(run)
    pipeline = None if file is None else _load(file, found)
    names = _named(found, pipeline, until or ())
    anew = _named(found, pipeline, fresh or ())
    wishes = _Wishes(names, anew, env, pipeline)
    if dry_run:
        _show_plan(found, wishes, as_json)
        return
    revived = _resume(found.id, wishes)
    if not revived:
        raise typer.Exit(_nothing_to_do(found, wait=wait, as_json=as_json))
    raise typer.Exit(_follow(found, revived, detach=detach, wait=wait, as_json=as_json))


class _Wishes:
    """What the options of a resume say."""

    def __init__(
        self,
        until: Sequence[str] = (),
        fresh: Sequence[str] = (),
        env: bool = False,
        pipeline: Pipeline | None = None,
    ) -> None:
        self.until = until
        self.fresh = fresh
        self.env = env
        self.pipeline = pipeline

    @property
    def planned(self) -> dict[str, Any]:
        """As `control.plan_resume` takes it."""
        return {"until": self.until, "fresh": self.fresh, "pipeline": self.pipeline}


def _load(file: str, run: RunRecord) -> Pipeline:
    from trainui import control
    from trainui.pipeline import loader

    return loader.load(file, control.given_params(run.id))


def _named(run: RunRecord, pipeline: Pipeline | None, written: Sequence[str]) -> list[str]:
    """Return full names of stages, those of an edited file among them."""
    new = {stage.name for stage in pipeline.stages} if pipeline else set()
    exact = [name for name in written if name in new]
    return exact + references.stage_names(run.id, [name for name in written if name not in new])


def _resume(run_id: str, wishes: _Wishes) -> list[str]:
    from trainui import control
    from trainui.execution import service

    environ = os.environ if wishes.env else None
    revived = control.resume(run_id, environ=environ, **wishes.planned)
    if revived:
        service.ensure_started()
        DiskWatch().look()
    return revived


def _nothing_to_do(run: RunRecord, *, wait: bool, as_json: bool) -> int:
    from trainui.cli import waiting

    output.note(f"nothing to resume: {text.harmless(run.name)} is {text.state(run.status)}")
    if wait:
        return waiting.finish(run.id, as_json=as_json)
    if as_json:
        output.value(references.in_full(run.id))
    return 0


def _follow(
    run: RunRecord, revived: Sequence[str], *, detach: bool, wait: bool, as_json: bool
) -> int:
    if not detach:
        return opening.follow(run.id, wait=wait, as_json=as_json)
    shown = [f"resumed: {', '.join(map(text.harmless, revived))}"]
    output.answer(as_json, references.in_full(run.id) if as_json else None, shown)
    return 0


def _resume_interrupted(env: bool, dry_run: bool, detach: bool, as_json: bool) -> int:
    from trainui.cli import waiting

    found = _interrupted_runs()
    if dry_run:
        for run in found:
            _show_plan(run, _Wishes(), as_json)
        return 0
    resumed = [run for run in found if _resume(run.id, _Wishes(env=env))]
    for run in resumed:
        output.note(f"resumed: {text.harmless(run.name)} ({run.id})")
    if not resumed:
        output.note("nothing to resume: no run was interrupted")
    code = 0 if detach else waiting.wait([run.id for run in resumed])
    if as_json:
        output.value({"runs": [references.in_full(run.id) for run in resumed]})
    return code


def _interrupted_runs() -> list[RunRecord]:
    from trainui import paths
    from trainui.store import views

    if not paths.home().database.exists():
        return []
    with references.view() as connection:
        summaries = views.run_summaries(connection)
    return [one.run for one in summaries if one.counts.get(Status.INTERRUPTED)]


def _show_plan(run: RunRecord, wishes: _Wishes, as_json: bool) -> None:
    from trainui import control

    planned = control.plan_resume(run.id, **wishes.planned)
    diff = _diff(run, wishes.pipeline)
    stages = [
        {
            "name": one.name,
            "action": str(one.action),
            "reason": one.reason,
            "checkpoint": one.checkpoint,
            "step": one.step,
            "seconds": one.seconds,
            "gpu_seconds_saved": one.gpu_seconds_saved,
        }
        for one in planned
    ]
    output.answer(as_json, {"stages": stages, "diff": diff}, plan_lines(planned, diff))


def _diff(run: RunRecord, pipeline: Pipeline | None) -> str | None:
    from trainui.control import revision
    from trainui.store import views

    if pipeline is None:
        return None
    with references.view() as connection:
        before = views.pipeline_text(connection, run.digest)
    return revision.diff(before, pipeline, name=pipeline.file or "the file")


def plan_lines(planned: Sequence[PlannedStage], diff: str | None) -> list[str]:
    """Return the plan of a resume as text."""
    header = ("STAGE", "ACTION", "WHY", "FROM", "TOOK BEFORE")
    shown = text.table([header, *map(_plan_row, planned)], right=[4])
    saved = sum(one.gpu_seconds_saved for one in planned)
    if saved:
        shown += ["", f"GPU time that is not spent again: {clock.format_duration(saved)}"]
    if diff:
        shown += ["", *(text.harmless(line) for line in diff.splitlines())]
    return shown


def _plan_row(one: PlannedStage) -> tuple[str, ...]:
    source = one.checkpoint or ("a new directory" if one.fresh else "")
    if one.checkpoint and one.step is not None:
        source += f" (step {one.step})"
    before = "" if one.seconds is None else clock.format_duration(one.seconds)
    return one.name, str(one.action), one.reason, source, before


def rerun(
    run: options.Run,
    stage: options.Stage,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Run all that depends on it again, too.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a stage again that is over: it alone, or with all that depends on it.

    It starts in a new directory; the old one is kept beside it, as `STAGE~1`. Returns at once.
    """
    from trainui import control
    from trainui.execution import service

    found, stages = references.find(run, stage)
    revived = control.rerun(found.id, [one.name for one in stages], downstream=downstream)
    service.ensure_started()
    shown = [f"runs again: {', '.join(map(text.harmless, revived))}"]
    output.answer(as_json, references.in_full(found.id) if as_json else None, shown)
