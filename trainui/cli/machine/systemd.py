"""Having the worker started when the machine starts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        app,
        install,
        "Have it started when the machine starts.",
        "trainui worker install",
        "trainui worker install --print",
    )
    options.add(app, uninstall, "Take that back; what runs goes on.", "trainui worker uninstall")


def install(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the unit and do nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start the worker now, and whenever the machine starts, by a systemd unit of yours.

    No root is needed, but linger is: systemd ends a user's services at the last logout unless they
    linger (`loginctl enable-linger`, which is tried). The home and the settings are those of this
    shell. After a reboot `trainui resume --interrupted` continues what ran.
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
    printing.answer(as_json, {"path": str(path)}, [f"{path}: starts the worker with the machine"])


def uninstall(as_json: options.Json = False) -> None:
    """Take the systemd unit away; a worker that runs goes on until `trainui worker stop`."""
    from trainui.execution.daemon import systemd

    path = systemd.uninstall(os.environ)
    shown = "there is none" if path is None else f"{path}: taken away"
    printing.answer(as_json, {"path": None if path is None else str(path)}, [shown])
