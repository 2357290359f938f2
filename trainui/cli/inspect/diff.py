"""The command `diff`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from trainui import text
from trainui.cli import lookup, options
from trainui.cli.output import printing


@options.command("trainui diff baseline larger", "trainui diff baseline", "trainui diff a b --json")
def diff(
    run: options.Run,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="The run to compare with; without it, the files and the shell as they are now.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what differs between two runs: code, commands, parameters, packages, environment.

    Of environment variables only the names are shown.
    """
    from trainui.control import run_difference
    from trainui.store.read import views

    with lookup.view() as connection:
        found = views.find_run(connection, run)
        compared = None if other is None else views.find_run(connection, other)
        differences = run_difference.between(connection, found, compared)
    lines = list(_lines(differences))
    printing.answer(as_json, differences, map(text.harmless, lines))
    if not lines and not as_json:
        printing.note("no difference")


def _lines(differences: Mapping[str, Any]) -> Iterator[str]:
    code = differences["code"]
    if code["commit"]:
        before, after = ((one or "none")[:12] for one in code["commit"])
        yield f"commit       {before} → {after}"
    for file in code["files"]:
        yield f"code         {file}"
    for name, (before, after) in differences["params"].items():
        yield f"parameter    {name}: {_shown(before)} → {_shown(after)}"
    for name, (before, after) in differences["command"].items():
        yield f"command      {name}:"
        yield f"             - {_shown(before)}"
        yield f"             + {_shown(after)}"
    for name, (before, after) in (differences["packages"] or {}).items():
        yield f"package      {name}: {_shown(before)} → {_shown(after)}"
    for name in differences["environment"]:
        yield f"environment  {name}"


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    return shlex.join(value) if isinstance(value, list) else str(value)
