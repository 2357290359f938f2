"""The command `validate`: check a pipeline file without running it."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from trainui import control
from trainui.cli import options
from trainui.cli.output import printing, progress
from trainui.domain.definition import Pipeline
from trainui.errors import PipelineFileError, Problem


@options.command("trainui validate pipeline.yaml", "trainui validate pipeline.yaml --json")
def validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A pipeline file, or `-` for stdin.")],
    param: options.Parameters = None,
    as_json: options.Json = False,
) -> None:
    """Report every problem of a pipeline file; nothing is created or changed.

    Things missing only on this machine, e.g. a GPU or an input, are warnings.
    """
    from trainui.pipeline import loader
    from trainui.pipeline.fields import parameters
    from trainui.pipeline.yaml.tree import MAX_BYTES

    given = parameters.from_words(param) if param else None
    # keep the text: a file with problems is parsed twice
    stdin = (
        io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read(MAX_BYTES + 1))) if file == "-" else None
    )
    problems: list[Problem] = []
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
    else:
        _warn(pipeline)
    if as_json:
        printing.value({"valid": not problems, "problems": [asdict(one) for one in problems]})
    elif not problems:
        printing.line(f"{file}: OK")
    raise typer.Exit(2 if problems else 0)


def _warn(pipeline: Pipeline) -> None:
    """Warn of what prevents a valid pipeline from running on this machine."""
    from trainui.control import submission_checks

    stages, inputs = pipeline.stages, submission_checks.invalid_inputs(pipeline, os.environ)
    slots = (
        submission_checks.missing_gpus(stages, os.environ),
        submission_checks.missing_cpus(stages),
    )
    for problem in (*slots, *inputs):
        if problem is not None:
            printing.note(f"warning: {problem}")
    filled = control.filled_in(pipeline)
    remarks = submission_checks.checkpoint_remarks(filled)
    for remark in (*remarks, *submission_checks.shared_path_remarks(filled)):
        printing.note(f"warning: {remark}")
