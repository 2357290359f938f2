"""Deleting runs."""

from __future__ import annotations

from typing import Annotated

import typer

from trainui import text
from trainui.cli import options, output, references
from trainui.domain.states import ENDED
from trainui.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        remove,
        "Delete a run and its files.",
        "trainui rm 3f2a91c0",
        "trainui rm 3f2a91c0 --yes",
        name="rm",
    )


def remove(
    run: options.Run,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Delete a run that is over: its record, its points, and its directory with all it holds."""
    from trainui import control

    found = references.find_run(run)
    name = text.harmless(found.name)
    if found.status not in ENDED:
        raise UsageError(f"{name} ({found.id}) is {found.status}; cancel it first")
    if not yes:
        if as_json or not output.on_terminal():
            raise UsageError(
                f"this deletes {found.directory} for good; `--yes` says that you mean it"
            )
        directory = text.harmless(found.directory)
        if not typer.confirm(f"Delete {name} ({found.id}) and {directory}?"):
            output.note("nothing was deleted")
            raise typer.Exit(1)
    control.remove(found.id)
    output.answer(as_json, {"removed": found.id}, [f"deleted: {name} ({found.id})"])
