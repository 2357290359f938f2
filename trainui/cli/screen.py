"""The screen, opened from the command line, and the demo."""

from __future__ import annotations

import sys

import typer

from trainui import paths
from trainui.cli import options, output
from trainui.errors import UsageError

DEMO = "digits.yaml"


def open_on(run_id: str | None) -> None:
    """Open the screen, on a run where one is given.

    Raises:
        UsageError: there is no terminal to open it on.
    """
    if not output.on_terminal():
        raise UsageError(
            "the screen needs a terminal, and stdin or stdout is none; "
            "`trainui ls` and `trainui show RUN` print, `trainui --help` lists all commands"
        )
    from trainui.tui.app import run_screen

    run_screen(run_id)


def follow(run_id: str, *, wait: bool, as_json: bool) -> int:
    """Open the screen on a run that was just started, or wait for its end; return the exit code."""
    from trainui.cli import waiting

    if output.on_terminal() and not (wait or as_json):
        open_on(run_id)
        return 0
    return waiting.finish(run_id, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(app, demo, "Run the bundled pipeline.", "trainui demo")


def demo(
    detach: options.Detach = False, wait: options.Wait = False, as_json: options.Json = False
) -> None:
    """Run the bundled pipeline, a small training, and open the screen on it.

    Needs nothing but trainui itself; about 45 s on two cores. The run stays in the list like any
    other.
    """
    from trainui.cli.run import Wishes, start
    from trainui.pipeline import loader

    file = paths.sample_pipelines() / DEMO
    pipeline = loader.load(str(file), {})
    wishes = Wishes(detach=detach, wait=wait, as_json=as_json)
    raise typer.Exit(start(pipeline, wishes, python=sys.executable))
