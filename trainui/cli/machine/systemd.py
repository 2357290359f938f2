"""The commands `worker install` and `worker uninstall`: start the worker at boot."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing


@options.command(
    "trainui worker install",
    "trainui worker install --print",
    short_help="Start it at boot.",
)
def install(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the unit; change nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start the worker now and at every boot, with a systemd user unit.

    This needs no root, but lingering: otherwise systemd ends a user's services at the last logout.
    It tries `loginctl enable-linger`. The unit uses this shell's home and settings. After a reboot,
    `trainui resume --interrupted` continues the interrupted runs.
    """
    from trainui.execution.daemon import systemd

    if only_print:
        written = systemd.text(os.environ)
        if as_json:
            printing.value({"unit": written})
        else:
            printing.exact(*written.rstrip("\n").split("\n"))
        return
    path = systemd.install(os.environ)
    printing.answer(as_json, {"path": str(path)}, [f"{path}: starts the worker at boot"])


@options.command("trainui worker uninstall", short_help="No longer start it at boot.")
def uninstall(as_json: options.Json = False) -> None:
    """Remove the systemd unit; a running worker continues until `trainui worker stop`."""
    from trainui.execution.daemon import systemd

    path = systemd.uninstall(os.environ)
    shown = "not installed" if path is None else f"{path}: removed"
    printing.answer(as_json, {"path": None if path is None else str(path)}, [shown])
