"""The JSON Schemas of a pipeline file, for editors, and of what commands print, for scripts."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing
from trainui.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        schema,
        "Print a JSON Schema: of a pipeline file, or of a command's --json.",
        "trainui schema > trainui.schema.json",
        "trainui schema show",
        "trainui schema 'events --follow'",
    )


def schema(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="Of what this command prints with --json, such as `show` or `worker status`.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of a pipeline file, with which editors complete and check it.

    Save it beside the pipeline file, and begin that with the line

    # yaml-language-server: $schema=trainui.schema.json

    (VS Code with the YAML extension, Neovim, Helix, Emacs: all that use yaml-language-server). It
    knows fields and types; `trainui validate` checks everything.

    With COMMAND: of what that prints with --json; where it prints a value a line, of each line.
    """
    if command is None:
        from trainui.pipeline.json_schema import json_schema

        found = json_schema()
    else:
        from trainui.cli.output import schemas

        if command not in schemas.SCHEMAS:
            known = ", ".join(schemas.SCHEMAS)
            raise UsageError(f"no schema of {command!r}; there are {known}")
        found = schemas.schema_of(command)
    printing.exact(*json.dumps(found, indent=2).split("\n"))
