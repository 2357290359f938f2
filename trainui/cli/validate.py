"""Checking a pipeline file without running it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trainui.cli import options, output


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
    """Find everything that is wrong with a pipeline file; nothing is made or changed."""
    from trainui.cli.run import parameters
    from trainui.pipeline import validate as validation

    problems = validation.validate(file, parameters(param) if param else None)
    for problem in problems:
        output.note(str(problem))
    if as_json:
        output.value({"valid": not problems, "problems": [asdict(one) for one in problems]})
    elif not problems:
        output.line(f"{file}: nothing is wrong")
    raise typer.Exit(2 if problems else 0)
