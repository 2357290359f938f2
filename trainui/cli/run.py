"""The commands `run`, `demo` and `add`: submit a pipeline or a command, then detach, wait or open
the screen; add trainings that others started.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from trainui import control, formatting, paths, settings, system, text
from trainui.cli import options, printing, standstill
from trainui.cli.standstill import DiskWatch
from trainui.errors import StoppedError, UsageError
from trainui.record import dataclass

if TYPE_CHECKING:
    from trainui.control.external import Added
    from trainui.metrics.discovery.trainings import LeftOut
    from trainui.model.definition import Pipeline

NOTHING_SUBMITTED = "nothing was submitted"

DEMO = "digits.yaml"

_COMMAND = "trainui.command"

MOST_PRIORITY = 1_000_000
"""More than any queue needs, and it fits any integer column."""

MOST_LEFT_OUT = 20
"""Paths that were left out and are named on a terminal."""


@options.command("trainui demo")
def demo(
    detach: options.Detach = False, wait: options.Wait = False, as_json: options.Json = False
) -> None:
    """Run the bundled pipeline, a small training, and open the screen on it.

    It needs nothing but trainui itself and takes about 45 s on two cores. The run stays in the
    list like any other.
    """
    from trainui.pipeline import loader

    pipeline = loader.load(str(paths.sample_pipelines() / DEMO), {})
    run_options = RunOptions(detach=detach, wait=wait, as_json=as_json)
    raise typer.Exit(start(pipeline, run_options, python=sys.executable))


class _RunCommand(TyperCommand):
    """A command that passes on unchanged what follows `--`, separate from FILE."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND] = args[at + 1 :]
            args = args[:at]
        else:
            _check_no_command(args)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


_INTERPRETERS = {".py": ["python"], ".sh": ["bash"]}


def _check_no_command(args: Sequence[str]) -> None:
    """Reject a command without `--` in place of a pipeline file, and show the right form."""
    at = next((at for at, word in enumerate(args) if not word.startswith("-")), len(args))
    first, command = "".join(args[at : at + 1]), [*args[at:]]
    interpreter = _INTERPRETERS.get(Path(first).suffix, [])
    if interpreter or (not Path(first).exists() and shutil.which(first)):
        words = shlex.join([*args[:at], "--", *interpreter, *command])
        raise UsageError(f"{first} is not a pipeline file; to run a command: `trainui run {words}`")


@options.command(
    "trainui run pipeline.yaml",
    "trainui run pipeline.yaml -p lr=0.1 --name first-try",
    "trainui run pipeline.yaml --detach --json",
    "trainui run --name baseline -- python train.py --lr 0.1",
    "trainui run --gpus 2 -- torchrun --nproc-per-node 2 train.py",
    cls=_RunCommand,
    options_metavar="[OPTIONS] [-- COMMAND...]",
)
@standstill.report_on_stop(NOTHING_SUBMITTED)
def run(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A pipeline file, or `-` for stdin.")
    ] = None,
    param: options.Parameters = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The run's name (default: the pipeline's name)."),
    ] = None,
    detach: options.Detach = False,
    wait: options.Wait = False,
    dry_run: options.DryRun = False,
    gpus: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="GPUs for COMMAND (default: 1 if available; in a file, stages set `gpus:`).",
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What runs COMMAND: local, or a plugin (in a file, stages set `executor:`).",
        ),
    ] = None,
    no_gpus: Annotated[
        bool, typer.Option("--no-gpus", help="Run all stages without a GPU.")
    ] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Run from a copy of the code as it is now.")
    ] = False,
    priority: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=-MOST_PRIORITY,
            max=MOST_PRIORITY,
            help="Runs with a higher priority start first.",
        ),
    ] = 0,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A note on the run.")] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="The run that this one came from; `trainui tree` shows it.",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Run it on this box: FILE and the files of its directory that git tracks are "
            "copied there.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check a pipeline file and run it, or run one command as a run of one stage.

    On a terminal this opens the screen at the run; elsewhere it waits for the run's end. Leaving
    the screen, or ctrl+c while it waits, does not stop the run.
    """
    from trainui.control import submission
    from trainui.pipeline import template

    if box is not None:
        from trainui.cli import boxes

        raise typer.Exit(boxes.submit_there(box, file, sys.argv[2:]))
    run_options = RunOptions(name, detach, wait, as_json, priority, note, origin)
    run_options.check()
    given = template.parameters_from_words(param or ())
    command = context.meta.get(_COMMAND)
    if gpus is not None and (command is None or no_gpus):
        excluded = "--no-gpus" if no_gpus else "a pipeline file, whose stages say `gpus:`,"
        raise UsageError(f"--gpus and {excluded} exclude each other")
    if executor is not None and command is None:
        raise UsageError("--executor is for a command; the stages of a file say `executor:`")
    if command is None:
        pipeline = _load_file(file, given)
    else:
        number = 0 if no_gpus else gpus
        pipeline = _load_command(file, command, given, name, number, executor)
    if snapshot:
        pipeline = replace(pipeline, snapshot=True)
    if no_gpus:
        pipeline = control.without_gpus(pipeline)
    if dry_run:
        _show_plan(control.preview(pipeline), as_json)
        return
    if len(pipeline.stages) > 1:
        for remark in submission.shared_path_remarks(control.filled_in(pipeline)):
            printing.note(f"warning: {remark}")
    raise typer.Exit(start(pipeline, run_options, given=given))


def _load_file(file: str | None, given: Mapping[str, str]) -> Pipeline:
    from trainui.pipeline import loader

    if file is None:
        raise UsageError(
            "no FILE given; try `trainui run pipeline.yaml` or `trainui run -- python train.py`"
        )
    with printing.progress(f"checking {file}"):
        pipeline = loader.load(file, given)
    for remark in loader.odd_values(pipeline, given):
        printing.note(f"warning: {remark}")
    return pipeline


def _load_command(
    file: str | None,
    command: Sequence[str],
    given: Mapping[str, str],
    name: str | None,
    gpus: int | None,
    executor: str | None,
) -> Pipeline:
    from trainui.pipeline.stage_command import from_command

    if file is not None:
        raise UsageError(f"{file!r} and a command after `--` exclude each other; give one of them")
    if not command:
        raise UsageError("no command after `--`; try `trainui run -- python train.py`")
    if given:
        raise UsageError("-p works with a pipeline file only; give a command its own arguments")
    pipeline = from_command(list(command), name, gpus=gpus or 0, executor=executor)
    if gpus is None and pipeline.stages[0].is_local and _expects_gpu():
        pipeline = from_command(list(command), name, gpus=1, executor=executor)
    return pipeline


def _expects_gpu() -> bool:
    """Return True if a command without --gpus gets a GPU: when it could find one."""
    from trainui.execution.gpus import usable_gpus

    usable = usable_gpus()
    if usable.gpus:
        printing.note("uses one GPU; --gpus N for more, --no-gpus for none")
    elif usable.limit:
        printing.note(f"uses no GPU: {usable.limit}")
    return bool(usable.gpus)


def plan_as_json(pipeline: Pipeline) -> dict[str, Any]:
    """Return what a run of a pipeline would do, as `run --dry-run --json` prints it."""
    from trainui.pipeline import masking
    from trainui.store.read import run_in_json

    stages = [
        {
            "name": stage.name,
            "depends_on": list(stage.depends_on),
            "task": stage.task,
            "command": run_in_json.shown_command(pipeline.params, stage),
            "params": masking.mask(stage.params),
            "workdir": stage.workdir,
        }
        for stage in pipeline.stages
    ]
    return {"name": pipeline.name, "stages": stages}


def _show_plan(pipeline: Pipeline, as_json: bool) -> None:
    from trainui.control import submission

    data = plan_as_json(pipeline)
    printing.answer(as_json, data, _plan_lines(data["stages"]))
    remarks = submission.checkpoint_remarks(pipeline)
    for remark in (*remarks, *submission.shared_path_remarks(pipeline)):
        printing.note(remark)


def _plan_lines(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for stage in stages:
        after = f"  (after {', '.join(stage['depends_on'])})" if stage["depends_on"] else ""
        lines.append(stage["name"] + after)
        lines += [f"    {line}" for line in _work_of(stage).splitlines()]
    return lines


def _work_of(stage: Mapping[str, Any]) -> str:
    command = stage["command"]
    if command is None:
        arguments = ", ".join(f"{key}={value!r}" for key, value in stage["params"].items())
        return f"{stage['task']}({arguments})"
    return command if isinstance(command, str) else shlex.join(command)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a command that submits a run."""

    name: str | None = None
    detach: bool = False
    wait: bool = False
    as_json: bool = False
    priority: int = 0
    note: str | None = None
    origin: str | None = None
    """The run that it came from, as the user named it."""

    def check(self) -> None:
        """Raise UsageError for options that exclude each other, or an invalid note."""
        if self.detach and self.wait:
            raise UsageError("--detach and --wait exclude each other; give one of them")
        if self.note is not None:
            from trainui.control import requests

            requests.check_note(self.note)


def start(
    pipeline: Pipeline,
    run_options: RunOptions,
    *,
    python: str | None = None,
    given: Mapping[str, str] | None = None,
) -> int:
    """Submit a pipeline, then detach, wait or open the screen; return the exit code."""
    run_options.check()
    run_id = str(uuid.uuid4())
    try:
        _submit(run_id, pipeline, run_options, python, given)
        return _follow(run_id, pipeline, run_options)
    except KeyboardInterrupt as error:
        raise StoppedError(_stopped_message(run_id)) from error


def _submit(
    run_id: str,
    pipeline: Pipeline,
    run_options: RunOptions,
    python: str | None,
    given: Mapping[str, str] | None,
) -> None:
    from trainui.control import requests, submission
    from trainui.execution.daemon import lifecycle

    if not run_options.detach:
        requests.check_may_wait()
    submission.check_search(pipeline.stages)  # before a worker is started for nothing
    origin = run_options.origin and options.find_run(run_options.origin).id
    lifecycle.ensure_started()  # first, so that nothing is stored if nothing can run
    if run_options.detach:  # waiting and the screen both check the disks themselves
        DiskWatch().check()
    with printing.progress(f"submitting {len(pipeline.stages):,} stages"):
        control.submit(
            pipeline,
            name=run_options.name,
            run_id=run_id,
            environ=os.environ,
            python=python,
            priority=run_options.priority,
            given=given,
            origin=origin,
            note=run_options.note,
        )


def _follow(run_id: str, pipeline: Pipeline, run_options: RunOptions) -> int:
    copies = pipeline.snapshot or settings.load().snapshot == "always"
    if not run_options.as_json:
        _report_code(run_id, pipeline, copies)
    if run_options.detach:
        name = run_options.name or pipeline.name
        data = {"run": run_id, "name": name, "stages": [stage.name for stage in pipeline.stages]}
        printing.answer(run_options.as_json, data, [run_id])
        if not run_options.as_json:
            background = f"`trainui wait {formatting.short_id(run_id)}`, or `trainui`"
            words = standstill.paused()
            state = "waits" if words else "runs"
            printing.note(f"{name} {state} in the background: {background}")
            printing.note(*([f"! {words}"] if words else ()))
        return 0
    printing.note(f"run {run_id}")
    from trainui.cli import waiting

    return waiting.follow(run_id, wait=run_options.wait, as_json=run_options.as_json, is_new=True)


def _report_code(run_id: str, pipeline: Pipeline, copies: bool) -> None:
    """Print where the code is that will run: a copy, or the files as they are when it starts."""
    from trainui.control import requests

    if copies:
        printing.note(f"snapshot: {control.snapshot_words(run_id)}")
    elif ahead := requests.count_ahead(run_id, pipeline.stages):
        printing.note(
            f"queued behind {formatting.quantity(ahead, 'stage')} of other runs; it will run the "
            "code as it is when it starts, with `--snapshot` as it is now"
        )


def _stopped_message(run_id: str) -> str:
    """Return a message on whether a run was stored before its submission was stopped."""
    from trainui.store.db import engine
    from trainui.store.read import views

    if engine.exists():
        with engine.reading() as connection:
            if views.run(connection, run_id) is not None:
                return f"stopped, but submitted: the run continues; see `trainui show {run_id}`"
    return f"stopped; {NOTHING_SUBMITTED}"


_ANY_PID = "?"
"""The value of a `--pid` without a number."""


@options.command("trainui add ~/project/runs", "trainui add --pid 4711", "trainui add --pid")
def add(
    path: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Directories or files of trainings.",
            parser=Path,  # Typer would look at it, and its file system may not answer
        ),
    ] = None,
    pid: Annotated[
        str | None,
        typer.Option(
            metavar="[PID]",
            help="Adopt a process that already runs; without a number, list candidates.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The run's name.")] = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Add trainings that trainui did not start, as external runs.

    Finds trainings of W&B, MLflow, Trackio, Optuna, TensorBoard, Lightning, Hugging Face, Keras,
    Stable-Baselines3, Ultralytics, DVCLive and Hydra, and metric files and logs with usual names.
    They are only read: nothing in PATH is written, locked or deleted. What cannot be read or stored
    is left out and named; in --json, `left_out` lists each path and why.
    """
    if (pid is None) == (not path):
        raise UsageError(
            "give either PATH or --pid, not both or neither; `trainui add --pid` lists processes"
        )
    if pid == _ANY_PID:
        _list_candidates(as_json=as_json)
        return
    left_out: LeftOut = {}
    if pid is None:
        added = _of_paths(path or [], name, dry_run, left_out)
    else:
        added = _of_process(pid, name, dry_run)
    if not dry_run:
        from trainui.execution.daemon import lifecycle

        for remark in filter(None, (one.remark for one in added)):
            printing.note(remark)
        lifecycle.ensure_started()  # its metrics reader reads the trainings
    _print(added, left_out, as_json=as_json, dry_run=dry_run)


def _of_paths(
    paths: Sequence[Path], name: str | None, dry_run: bool, left_out: LeftOut
) -> Sequence[Added]:
    from trainui.control import external

    places = (path.expanduser().absolute() for path in paths)
    found = [one for place in places for one in external.find(place, left_out)]
    for path in paths:
        if (kind := system.network_file_system(path.expanduser())) is not None:
            printing.note(
                f"{path} is on a network file system ({kind}): a training that runs on another "
                "machine may be shown as ended; what it writes is read within 30 s"
            )
    return external.preview(found) if dry_run else external.add(found, name)


def _of_process(pid: str, name: str | None, dry_run: bool) -> Sequence[Added]:
    from trainui.control import external

    if not pid.isdigit():
        raise UsageError(f"--pid {pid!r}: expected a process id; `trainui add --pid` lists yours")
    if not dry_run:
        return [external.adopt(int(pid), name)]
    training, _ = external.training_of(int(pid))
    return [external.Added("", training, training.name, is_new=True)]


def _print(added: Sequence[Added], left_out: LeftOut, *, as_json: bool, dry_run: bool) -> None:
    from trainui.execution import external_stages

    rows: list[dict[str, Any]] = [
        {
            "run": one.run_id or None,
            "name": one.name,
            "kind": one.training.kind,
            "path": str(one.training.path),
            "stages": [*external_stages.stage_names(one.training.jobs)],
            "new": one.is_new,
        }
        for one in added
    ]
    hidden = 1 if dry_run else 0  # a dry run has no ids to show
    header = ("RUN", "NAME", "KIND", "PATH")[hidden:]
    shown = [
        (
            formatting.short_id(one["run"] or ""),
            one["name"],
            one["kind"],
            _place(one),
        )[hidden:]
        for one in rows
        if one["new"]
    ]
    known = len(rows) - len(shown)
    if not as_json:
        count = formatting.quantity(len(shown), "training")
        printing.note(
            f"{'found' if dry_run else 'added'} {count}"
            + (f", {known} already added" if known else "")
        )
    for place, why in islice(left_out.items(), MOST_LEFT_OUT if not as_json else None):
        printing.note(f"left out {place}: {why}")
    if not as_json and len(left_out) > MOST_LEFT_OUT:
        printing.note(f"and {len(left_out) - MOST_LEFT_OUT:,} more; --json lists them all")
    data = {
        "runs": rows,
        "left_out": [{"path": str(place), "why": why} for place, why in left_out.items()],
    }
    printing.answer(as_json, data, text.table([header, *shown]) if shown else [])


def _place(row: Mapping[str, Any]) -> str:
    """Return the path of a training; of a process without what identifies it after a reboot."""
    path = str(row["path"])
    return path.partition("#")[0] if row["kind"] == "process" else path


def _list_candidates(*, as_json: bool) -> None:
    from trainui.control import external

    found = external.candidates()
    header = ("PID", "STARTED", "WHY", "COMMAND")
    shown = [
        (
            str(one.pid),
            formatting.local_time(round(one.started * 1_000_000)),
            one.why,
            " ".join(one.command)[:100],
        )
        for one in found
    ]
    if not found and not as_json:
        printing.note("none of your processes uses a GPU or writes a metric file")
    names = ("pid", "name", "command", "directory", "why")
    listed = [{name: getattr(one, name) for name in names} for one in found]
    printing.answer(as_json, {"candidates": listed}, text.table([header, *shown]) if shown else [])
