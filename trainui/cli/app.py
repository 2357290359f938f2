"""The command-line parser; a command's module is imported only when that command is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui.cli import options, printing
from trainui.cli.options import MODULE_OF, MODULES, epilogue
from trainui.errors import UsageError
from trainui.store.db import statements
from trainui.version import __version__

if TYPE_CHECKING:
    from trainui.plugin import Command

_HELP = """One terminal screen over your training pipelines.

Without a command: open the screen, with every run, its graph, curves and logs.
"""


def is_command(name: str) -> bool:
    """Return True if a command has this name, among them those of plugins."""
    if name in MODULE_OF:
        return True
    from trainui.plugin import Command, registry  # which known commands do without

    return name in registry.names(Command)


@cache
def parser(*commands: str) -> typer.Typer:
    """Return a parser for these commands and the others of their modules; for all without any.

    Only those modules are imported.
    """
    made = _empty_parser()
    for module in dict.fromkeys(map(MODULE_OF.__getitem__, commands)) if commands else MODULES:
        loaded = import_module(f"trainui.cli.{module}")
        if hasattr(loaded, "register"):  # a group of commands
            loaded.register(made)
        else:
            options.register(made, loaded.__name__)
    return made


def listing(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return a parser that lists all commands, and loads only those named in `arguments`.

    Those of plugins come last.
    """
    called = [name for name in arguments if name in MODULE_OF]
    made = parser(*called) if called else _empty_parser()
    loaded = {MODULE_OF[name] for name in called}
    for module, names in MODULES.items():
        for name in names if module not in loaded else ():
            made.command(name, short_help=names[name])(lambda: None)
    from trainui.plugin import Command, registry

    for plugin in registry.records(Command):
        if plugin.name in arguments:
            _add(made, plugin)
        elif plugin.name not in MODULE_OF:
            made.command(plugin.name, short_help=plugin.help)(lambda: None)
    return made


def _add(made: typer.Typer, plugin: Command) -> None:
    """Add a plugin's command to a parser.

    Raises:
        PluginError: its code cannot be imported.
    """
    from trainui.plugin import registry

    with registry.guarded(plugin):
        function = registry.code(plugin.run)

    @wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        with registry.guarded(plugin, *_OWN_ENDS):
            try:
                return function(*arguments, **options)
            except SystemExit as end:  # of `sys.exit`: a number, or a message
                if isinstance(end.code, str):
                    printing.note(end.code)
                raise typer.Exit(end.code if isinstance(end.code, int) else bool(end.code)) from end

    examples = epilogue(*plugin.examples) if plugin.examples else None
    made.command(plugin.name, short_help=plugin.help, epilog=examples)(guarded)


def _empty_parser() -> typer.Typer:
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
        ),
    ] = None,
) -> None:
    """Open the screen if no command is given."""
    if max_rate is not None:
        os.environ["TRAINUI_MAX_RATE"] = max_rate
    if context.invoked_subcommand is None:
        printing.open_screen(None)


_ArgumentError: type[Exception] = typer.BadParameter.__bases__[0]
"""Typer's error for invalid arguments, which has no public name."""

_OWN_ENDS = (OSError, typer.Exit, typer.Abort, _ArgumentError)
"""What a plugin's command may raise to end."""


def call(arguments: Sequence[str]) -> int:
    """Run a command line; return the exit code, or raise UsageError for invalid arguments."""
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    first = arguments[0]
    command = typer.main.get_command(parser(first) if first in MODULE_OF else listing(arguments))
    statements.show_notice = printing.note
    try:
        result = command.main(list(arguments), prog_name="trainui", standalone_mode=False)
    except _ArgumentError as error:
        raise UsageError(_explained(error, arguments)) from error
    except OverflowError as error:  # a number that fits into no column, or no C integer
        raise UsageError(f"a number is too large; see `trainui {first} --help`") from error
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
    words = words[:1].lower() + words[1:]
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    see = " See" if words.endswith("?") else "; see"
    return f"{words}{see} `{command} --help`"


_WORDS = {
    "got unexpected extra argument(s)": "too many arguments",
    "no such": "there is no",
    "option: ": "option ",
    ". Did you mean": "; did you mean",
    "(Possible options": "(possible options",
    "is not a valid integer range": "is not a whole number",
    "is not a valid integer": "is not a whole number",
    "is not a valid int range": "is not a whole number",
    "is not a valid int": "is not a whole number",
    "is not a valid float range": "is not a number",
}
"""Typer's phrases and our plainer ones."""
