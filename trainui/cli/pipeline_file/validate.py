"""The command `validate`: check pipeline files without running them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from trainui import control
from trainui.cli import options
from trainui.cli.output import printing, progress
from trainui.domain.definition import Pipeline
from trainui.errors import PipelineFileError, Problem, UsageError


@options.command(
    "trainui validate pipeline.yaml",
    "trainui validate pipeline.yaml --json",
    "trainui validate experiments/*.yaml",
)
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Pipeline files; `-` for stdin.")
    ],
    param: options.Parameters = None,
    as_json: options.Json = False,
) -> None:
    """Report every problem of pipeline files; nothing is created or changed.

    Things missing only on this machine, e.g. a GPU or an input, are warnings. Parameters are given
    to each file.
    """
    from trainui.pipeline.fields import parameters

    if files.count("-") > 1:
        raise UsageError("stdin can be read only once; give `-` once")
    given = parameters.from_words(param) if param else None
    problems: list[Problem] = []
    for file in files:
        found = _problems(file, given, warning=f"{file}: " if len(files) > 1 else "")
        if not found and not as_json:
            printing.line(f"{file}: OK")
        problems += found
    if as_json:
        printing.value({"valid": not problems, "problems": [asdict(one) for one in problems]})
    raise typer.Exit(2 if problems else 0)


def _problems(file: str, given: Mapping[str, str] | None, *, warning: str) -> Sequence[Problem]:
    """Return a file's problems, and print them; warnings begin with `warning`."""
    from trainui.pipeline import loader
    from trainui.pipeline.yaml.tree import MAX_BYTES

    # keep the text: a file with problems is parsed twice
    stdin = (
        io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read(MAX_BYTES + 1))) if file == "-" else None
    )
    try:
        with progress.display(f"checking {file}"):
            pipeline = loader.load(file, given, stdin=stdin)
    except PipelineFileError:
        # parse again to collect the problems; parameters that `-p` would give may be missing
        if stdin is not None:
            stdin.seek(0)
        with progress.display(f"collecting problems of {file}"):
            problems = loader.validate(file, given, stdin=stdin)
        for problem in problems:
            printing.note(str(problem))
        return problems
    _warn(pipeline, warning)
    return ()


def _warn(pipeline: Pipeline, begin: str) -> None:
    """Warn of what prevents a valid pipeline from running on this machine."""
    from trainui.control import submission_checks

    stages, inputs = pipeline.stages, submission_checks.invalid_inputs(pipeline, os.environ)
    slots = (
        submission_checks.missing_gpus(stages, os.environ),
        submission_checks.missing_cpus(stages),
    )
    for problem in (*slots, *inputs):
        if problem is not None:
            printing.note(f"warning: {begin}{problem}")
    filled = control.filled_in(pipeline)
    remarks = submission_checks.checkpoint_remarks(filled)
    for remark in (*remarks, *submission_checks.shared_path_remarks(filled)):
        printing.note(f"warning: {begin}{remark}")
