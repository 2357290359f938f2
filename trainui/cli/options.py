"""Arguments and options that several commands share, worded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its id, its name (the latest), or 4 or more characters of an id.",
    ),
]

Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="A stage: its name or a unique part of it; a matrix stage's name means all members.",
    ),
]

OneStage = Annotated[
    str,
    typer.Argument(metavar="STAGE", help="A stage: its name or a unique part of it."),
]

OptionalStage = Annotated[
    str | None,
    typer.Argument(
        metavar="[STAGE]",
        help="A stage: its name or a unique part of it; a matrix stage's name means all members.",
        show_default=False,
    ),
]

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="KEY=VALUE",
        help="A parameter of the file; may be given several times.",
        show_default=False,
    ),
]

Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; the run goes on by itself.")
]

Wait = Annotated[
    bool,
    typer.Option(
        "--wait", help="Wait for the end; the exit code tells how it was (ctrl+c: it goes on)."
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]


def add(
    app: typer.Typer,
    function: Callable[..., None],
    short_help: str,
    *examples: str,
    name: str | None = None,
    **settings: Any,
) -> None:
    """Add a command: its docstring is its help.

    Args:
        app: what it is added to.
        function: the command.
        short_help: its line in the list of commands.
        examples: whole command lines, shown below its help.
        name: what it is called; None: as the function.
        settings: as Typer's `command` takes them.
    """
    app.command(name, short_help=short_help, epilog=epilogue(*examples), **settings)(function)


def epilogue(*examples: str) -> str:
    """Return examples as they are shown below a command's help."""
    return "\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
