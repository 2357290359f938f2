"""The command: checks its port, prints the address, serves until it is stopped."""

from __future__ import annotations

import json
import secrets
import socket
import sys
from typing import Annotated

import typer

from trainui.plugin import UnfitEnvironmentError, install_advice


def serve(
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="The port to listen on, on 127.0.0.1 only."
        ),
    ] = 8000,
    write: Annotated[
        bool, typer.Option("--write", help="Allow actions in the page: run, resume, cancel.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON value on stdout.")
    ] = False,
) -> None:
    """Serve the same screen to a browser, read-only by default; ctrl+c stops it.

    The printed address ends in a token that is required for access. It listens on 127.0.0.1 only:
    from another machine, run `ssh -L 8000:127.0.0.1:8000 HOST` first. Needs the extra `serve`.
    """
    try:
        from trainui.plugins.serve.server import WebServer
    except ModuleNotFoundError as error:
        raise UnfitEnvironmentError(
            f"the web page needs {error.name}: {install_advice('serve')}"
        ) from error
    _check_port(port)

    def say(address: str) -> None:
        if as_json:
            typer.echo(json.dumps({"url": address, "writable": write}))
        else:
            typer.echo(address)
            typer.echo(
                "ctrl+c stops it; " + ("actions allowed" if write else "read-only"), err=True
            )
        sys.stdout.flush()  # also into a pipe, since the server runs until it is stopped

    WebServer(port, secrets.token_urlsafe(24), writable=write, say=say).serve()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnfitEnvironmentError(
                f"port {port} is not available: {error.strerror}; choose another with --port"
            ) from error
