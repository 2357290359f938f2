"""The command `schema`: JSON Schemas of the pipeline file (for editors) and of `--json` output."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing
from trainui.errors import UsageError
from trainui.plugin import Command, registry


@options.command(
    "trainui schema > trainui.schema.json",
    "trainui schema show",
    "trainui schema 'events --follow'",
)
def schema(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="Print the schema of this command's --json, e.g. `show` or `worker status`.",
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of a pipeline file, with which editors complete and check it.

    Save it beside the pipeline file, and make this the file's first line:

    # yaml-language-server: $schema=trainui.schema.json

    This works in every editor with yaml-language-server (VS Code with the YAML extension, Neovim,
    Helix, Emacs). The schema covers fields and types; `trainui validate` checks everything.

    With COMMAND: print the schema of that command's --json; if it prints one value per line, of
    each line.
    """
    if command is None:
        from trainui.pipeline.spec import json_schema

        found = json_schema()
    else:
        from trainui.cli.output import schemas

        own = {one.name: one.answer for one in registry.records(Command) if one.answer is not None}
        if command not in {**schemas.SCHEMAS, **own}:
            known = ", ".join((*schemas.SCHEMAS, *own))
            raise UsageError(f"no schema for {command!r}; known: {known}")
        found = schemas.schema_of(command, own.get(command))
    printing.exact(*json.dumps(found, indent=2).split("\n"))
