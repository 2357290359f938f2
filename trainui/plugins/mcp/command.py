"""The command `mcp`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trainui.plugin import UnfitEnvironmentError, install_advice


def mcp(
    write: Annotated[
        bool, typer.Option("--write", help="Also offer submit, resume and cancel.")
    ] = False,
) -> None:
    """Serve the runs to a coding agent: the Model Context Protocol on stdin and stdout.

    The agent's client starts this command and ends it. Read-only by default. Needs the extra `mcp`.
    """
    try:
        from trainui.plugins.mcp.server import serve
    except ModuleNotFoundError as error:
        raise UnfitEnvironmentError(
            f"the server needs {error.name}: {install_advice('mcp')}"
        ) from error
    if sys.stdin.isatty():
        typer.echo(
            "an agent's client starts this and speaks to it on stdin; ctrl+c ends it",
            err=True,
        )
    serve(write=write)
