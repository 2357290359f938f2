"""The screen in a browser."""

from __future__ import annotations

import secrets
import socket
import sys
from typing import Annotated

import typer

from trainui import extras
from trainui.cli import options
from trainui.cli.output import printing
from trainui.errors import UnfitEnvironmentError


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        serve,
        "Offer the screen in a browser on this machine.",
        "trainui serve",
        "trainui serve --port 9000 --write",
    )


def serve(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where it listens, on 127.0.0.1 alone.")
    ] = 8000,
    write: Annotated[
        bool, typer.Option("--write", help="Let the page act too: run, resume, cancel.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Offer the same screen in a browser, to look at; ctrl+c ends it.

    The address that it prints ends in a token, without which nobody is let in. It listens on
    127.0.0.1 alone: from another machine, `ssh -L 8000:127.0.0.1:8000 HOST` first. Needs
    the extra `serve`.
    """
    try:
        from trainui.cli.machine.web_server import WebServer
    except ModuleNotFoundError as error:
        raise UnfitEnvironmentError(
            f"the web page needs {error.name}: {extras.advice('serve')}"
        ) from error
    _check_port(port)

    def say(address: str) -> None:
        if as_json:
            printing.value_line({"url": address, "writable": write})
        else:
            printing.exact(address)
            printing.note("ctrl+c ends it; " + ("it may act" if write else "it only shows"))
        sys.stdout.flush()  # into a pipe, too, since it does not end by itself

    WebServer(port, secrets.token_urlsafe(24), writable=write, say=say).serve()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnfitEnvironmentError(
                f"port {port} cannot be had: {error.strerror}; choose another with --port"
            ) from error
