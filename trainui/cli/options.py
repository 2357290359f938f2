"""Arguments and options shared by several commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]

_A_RUN = "A run: its id, its name (the latest), or 4 or more characters of an id."

Run = Annotated[str, typer.Argument(metavar="RUN", help=_A_RUN)]

OptionalRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help=_A_RUN)]

OneStage = Annotated[
    str, typer.Argument(metavar="STAGE", help="A stage: its name or a unique part of it.")
]

OptionalStage = Annotated[
    str | None,
    typer.Argument(
        metavar="[STAGE]",
        help="A stage: its name or a unique part of it; a sweep's name means all members.",
    ),
]

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="KEY=VALUE",
        help="A parameter of the file; may be given several times.",
    ),
]

Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; the run continues in the background.")
]

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait for the end; the exit code shows the outcome. ctrl+c stops the waiting only.",
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]


_COMMANDS: dict[str, list[tuple[Callable[..., None], dict[str, Any]]]] = defaultdict(list)
"""By module: its commands, with the keyword arguments for Typer's `command`."""

Command = TypeVar("Command", bound=Callable[..., None])


def command(*examples: str, **settings: Any) -> Callable[[Command], Command]:
    """Make a function a command, with its docstring as its help.

    The `examples`, complete command lines, are shown below its help; `settings` are those of
    Typer's `command`.
    """

    def added(function: Command) -> Command:
        arguments = {**settings, "epilog": epilogue(*examples)}
        _COMMANDS[function.__module__].append((function, arguments))
        return function

    return added


def register(app: typer.Typer, module: str) -> None:
    """Add the commands of a module to a parser."""
    for function, arguments in _COMMANDS[module]:
        app.command(**arguments)(function)


def epilogue(*examples: str) -> str:
    """Format examples for the end of a command's help."""
    return "\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
