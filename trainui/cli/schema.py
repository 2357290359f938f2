"""The JSON Schema of a pipeline file, for editors."""

from __future__ import annotations

import json

import typer

from trainui.cli import options, output


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        schema,
        "Print the JSON Schema of a pipeline file, for editors.",
        "trainui schema > trainui.schema.json",
    )


def schema() -> None:
    """Print the JSON Schema of a pipeline file, with which editors complete and check it.

    Save it beside the pipeline file, and begin that with the line

    # yaml-language-server: $schema=trainui.schema.json

    (VS Code with the YAML extension, Neovim, Helix, Emacs: all that use yaml-language-server). It
    knows fields and types; `trainui validate` checks everything.
    """
    from trainui.pipeline.json_schema import json_schema

    output.exact(*json.dumps(json_schema(), indent=2).split("\n"))
