"""The commands, put together in the order in which `--help` lists them."""

from __future__ import annotations

from typing import Annotated

import typer

from trainui.cli import (
    doctor,
    ending,
    graph,
    logs,
    look,
    metrics,
    remove,
    resume,
    run,
    screen,
    shell,
    validate,
    worker,
)
from trainui.cli.options import epilogue
from trainui.version import __version__

_HELP = """One terminal screen over your training pipelines.

Without a command: opens the screen, with every run, its graph, curves and logs.
"""

app = typer.Typer(
    name="trainui",
    help=_HELP,
    epilog=epilogue("trainui demo", "trainui run pipeline.yaml", "trainui run -- python train.py"),
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trainui {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Open the screen where no command is named."""
    if context.invoked_subcommand is None:
        screen.open_on(None)


for module in (screen, run, resume, ending, look, logs, metrics, shell, validate, graph):
    module.register(app)
app.add_typer(worker.app, name="worker")
doctor.register(app)
remove.register(app)
