"""The command `diff`."""

from __future__ import annotations

from typing import Annotated

import typer

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
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what differs between two runs: code, commands, parameters, packages, environment.

    Of files that differ, the lines are shown where both sides are known: in a run's snapshot,
    unchanged since its commit, or as they are now. Of environment variables only the names are
    shown.
    """
    from trainui.control import run_difference
    from trainui.store.read import views

    with lookup.view() as connection:
        found = views.find_run(connection, run)
        compared = None if other is None else views.find_run(connection, other)
        differences = run_difference.between(connection, found, compared)
    lines = list(run_difference.lines(differences))
    printing.answer(as_json, differences, lines)
    if not lines and not as_json:
        printing.note("no difference")
