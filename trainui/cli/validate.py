"""Checking a pipeline file without running it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from trainui.cli import options, output, progress
from trainui.errors import PipelineFileError


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        validate,
        "Check a pipeline file.",
        "trainui validate pipeline.yaml",
        "trainui validate pipeline.yaml --json",
    )


def validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A pipeline file, or `-` for stdin.")],
    param: options.Parameters = None,
    as_json: options.Json = False,
) -> None:
    """Find everything that is wrong with a pipeline file; nothing is made or changed.

    What only this machine lacks, such as a GPU, is a warning.
    """
    from trainui.cli.run import parameters
    from trainui.pipeline import validate as validation

    given = parameters(param) if param else None
    with progress.shown(f"checking {file}"):
        problems = validation.validate(file, given)
    for problem in problems:
        output.note(str(problem))
    if not problems and file != "-":  # which can be read only once
        _warn(file, given)
    if as_json:
        output.value({"valid": not problems, "problems": [asdict(one) for one in problems]})
    elif not problems:
        output.line(f"{file}: nothing is wrong")
    raise typer.Exit(2 if problems else 0)


def _warn(file: str, given: Mapping[str, str] | None) -> None:
    """Say what keeps a pipeline file that is right from running on this machine."""
    from trainui.pipeline import loader

    try:
        with progress.shown(f"looking at what {file} needs"):
            stages = loader.load(file, given).stages
    except PipelineFileError:
        return  # parameters are still to be given
    from trainui.control.requirements import lacking_cpus, lacking_gpus

    for lack in (lacking_gpus(stages, os.environ), lacking_cpus(stages)):
        if lack is not None:
            output.note(f"warning: {lack}")
