"""The command-line parser; a command's module is imported only when that command is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from trainui.cli.options import epilogue
from trainui.cli.output import printing
from trainui.cli.runs import open_or_wait
from trainui.errors import UsageError
from trainui.store.db import lock_wait_notice
from trainui.version import __version__

_HELP = """One terminal screen over your training pipelines.

Without a command: open the screen, with every run, its graph, curves and logs.
"""

MODULES: dict[str, tuple[str, ...]] = {
    "runs.demo": ("demo",),
    "runs.run": ("run",),
    "runs.resume": ("resume", "rerun"),
    "runs.cancel": ("cancel", "wait"),
    "inspect.show": ("ls", "show", "path"),
    "inspect.logs": ("logs",),
    "inspect.events": ("events",),
    "inspect.metrics": ("metrics",),
    "inspect.export": ("export",),
    "inspect.report": ("report",),
    "runs.shell": ("shell",),
    "pipeline_file.init": ("init",),
    "pipeline_file.validate": ("validate",),
    "inspect.graph": ("graph",),
    "pipeline_file.schema": ("schema",),
    "machine.serve": ("serve",),
    "machine.worker": ("worker",),
    "machine.doctor": ("doctor",),
    "runs.remove": ("rm", "prune"),
    "machine.backup": ("backup",),
    "completion": ("completion",),
    "machine.uninstall": ("uninstall",),
}
"""Each module's commands, in the order of `--help` (which lists `worker` last)."""

_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


@cache
def parser(command: str | None = None) -> typer.Typer:
    """Return a parser for one command, or for all of them if the command is unknown.

    Only the modules of those commands are imported.

    Args:
        command: its name, e.g. `run`.
    """
    made = typer.Typer(
        name="trainui",
        help=_HELP,
        epilog=epilogue(
            "trainui demo", "trainui run pipeline.yaml", "trainui run -- python train.py"
        ),
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    made.callback(invoke_without_command=True)(main)
    module = _MODULE_OF.get(command or "")
    for name in [module] if module else MODULES:
        import_module(f"trainui.cli.{name}").register(made)
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trainui {__version__}")
        raise typer.Exit


def main(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    max_rate: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="Limit what the screen sends to the terminal, in bytes per second, e.g. 2k.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Open the screen if no command is given."""
    if max_rate is not None:
        os.environ["TRAINUI_MAX_RATE"] = max_rate
    if context.invoked_subcommand is None:
        open_or_wait.open_screen(None)


_ArgumentError: type[Exception] = typer.BadParameter.__bases__[0]
"""Typer's error for invalid arguments, which has no public name."""


def call(arguments: Sequence[str]) -> int:
    """Run a command line; return the exit code.

    Raises:
        UsageError: the arguments are invalid.
    """
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    command = typer.main.get_command(parser(arguments[0]))
    lock_wait_notice.say = printing.note
    try:
        result = command.main(list(arguments), prog_name="trainui", standalone_mode=False)
    except _ArgumentError as error:
        raise UsageError(_explained(error, arguments)) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as error:  # Typer turns a closed pipe into this
        raise BrokenPipeError from error
    return result if isinstance(result, int) else 0


def _explained(error: Exception, arguments: Sequence[str]) -> str:
    context = getattr(error, "ctx", None)
    named = "" if arguments[0].startswith("-") else f" {arguments[0]}"
    command = context.command_path if context is not None else f"trainui{named}"
    explain = getattr(error, "format_message", error.__str__)
    words = " ".join(explain().split()).rstrip(".")
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    return f"{words}; see `{command} --help`"


_WORDS = {
    "Got unexpected extra argument(s)": "too many arguments",
    "is not a valid integer range": "is not a whole number",
    "is not a valid integer": "is not a whole number",
    "is not a valid int range": "is not a whole number",
    "is not a valid int": "is not a whole number",
    "is not a valid float range": "is not a number",
}
"""Typer's phrases and our plainer ones."""
