"""The command `serve`: the screen in a browser."""

from __future__ import annotations

import secrets
import socket
import sys
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing
from trainui.errors import UnfitEnvironmentError, install_advice


@options.command("trainui serve", "trainui serve --port 9000 --write")
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
    as_json: options.Json = False,
) -> None:
    """Serve the same screen to a browser, read-only by default; ctrl+c stops it.

    The printed address ends in a token that is required for access. It listens on 127.0.0.1 only:
    from another machine, run `ssh -L 8000:127.0.0.1:8000 HOST` first. Needs the extra `serve`.
    """
    try:
        from trainui.cli.machine.web_server import WebServer
    except ModuleNotFoundError as error:
        raise UnfitEnvironmentError(
            f"the web page needs {error.name}: {install_advice('serve')}"
        ) from error
    _check_port(port)

    def say(address: str) -> None:
        if as_json:
            printing.value_line({"url": address, "writable": write})
        else:
            printing.exact(address)
            printing.note("ctrl+c stops it; " + ("actions allowed" if write else "read-only"))
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
