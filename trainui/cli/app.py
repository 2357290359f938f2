"""The command-line parser, and the words that it offers to a shell for completion.

A command's module is imported only when that command is called.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import cache, wraps
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import text
from trainui.cli import options, printing
from trainui.cli.options import MODULE_OF, MODULES, epilogue
from trainui.errors import TrainuiError, UsageError
from trainui.store.db import statements
from trainui.version import __version__

if TYPE_CHECKING:
    from trainui.plugin import Command

MOST_RUNS = 1000
"""The newest runs, which are offered for completion."""

Candidate = tuple[str, str]
"""A possible word and its description."""

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


# Shell completion for bash, zsh and fish: commands, options, runs and stages.
#
# The shell scripts call `trainui __complete SHELL WORD...`, which prints one candidate per line,
# followed by a tab and a description. No output means: complete file names.


class Shell(StrEnum):
    """A shell with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@options.command(
    'eval "$(trainui completion bash)"  # in ~/.bashrc',
    "trainui completion fish > ~/.config/fish/completions/trainui.fish",
    "trainui completion zsh > ~/.zfunc/_trainui  # with fpath=(~/.zfunc $fpath) in ~/.zshrc",
)
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="The shell: bash, zsh or fish.")],
) -> None:
    """Print the script that completes commands, options, runs and stages in a shell."""
    script = Path(__file__).with_name("completions") / f"trainui.{shell}"
    printing.exact(*script.read_text(encoding="utf-8").rstrip("\n").split("\n"))


def answer(arguments: Sequence[str]) -> int:
    """Print the candidates for the word at the shell's cursor.

    The arguments are the shell's name, then for bash the current word as bash splits it, and for
    the other shells all words after the program's name, the last one unfinished.
    """
    shell, *words = arguments
    cut = 0
    if shell == Shell.BASH:
        present = "" if words[0] in ("=", ":") else words[0]
        words = _shell_words(os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])])
        # bash also splits words at `=` and `:`, and expects only the part after them
        cut = len(words[-1]) - len(_shell_words(f"x {present}")[-1])
    for value, about in candidates(words):
        if text.harmless(value) == value:
            printing.exact(f"{value[cut:]}\t{text.harmless(about)}")
    return 0


def _shell_words(line: str) -> list[str]:
    """Split a line like a shell; return the words after the program, the last one unfinished."""
    for missing in ("", "'", '"'):
        with suppress(ValueError):
            words = shlex.split(line + missing)
            ends = not missing and (line[-1:].isspace() and not line.endswith("\\ "))
            return [*words[1:], ""] if ends or len(words) == 1 else words[1:]
    return [""]


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Return the completions of the last word."""
    *before, last = words
    with suppress(TrainuiError):
        return [one for one in _possible(before, last) if one[0].startswith(last)]
    return []


def _possible(before: Sequence[str], last: str) -> Iterator[Candidate]:
    from typer.main import get_command

    command: Any = get_command(listing(before[:1]))
    given: list[str] = []
    awaiting: Any = None
    for word in before:
        if awaiting is not None:
            awaiting = None
        elif word == "--":
            return
        elif word.startswith("-") and word != "-":
            awaiting = _awaiting(command, word)
        elif (found := getattr(command, "commands", {}).get(word)) is not None:
            command = found
        else:
            given.append(word)
    if awaiting is not None:
        yield from _values(awaiting, given, last)
    elif last.startswith("-"):
        yield from _options(command)
    elif hasattr(command, "commands"):
        yield from ((name, one.get_short_help_str(80)) for name, one in command.commands.items())
    else:
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        for argument in islice(arguments, len(given), len(given) + 1):
            yield from _values(argument, given, last)


def _awaiting(command: Any, word: str) -> Any:
    """Return the option that takes the next word as its value; None if `word` needs none."""
    if "=" in word:
        return None
    named = [one for one in command.params if word in (*one.opts, *one.secondary_opts)]
    return named[0] if named and not named[0].is_flag else None


def _options(command: Any) -> Iterator[Candidate]:
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            yield from ((name, option.help or "") for name in option.opts if name[:2] == "--")
    yield "--help", "Show the command's help and exit."


def _values(parameter: Any, given: Sequence[str], last: str) -> Iterable[Candidate]:
    choices = getattr(parameter.type, "choices", None)
    if choices:
        return [(str(choice), "") for choice in choices]
    names = (parameter.metavar or "").strip("[]").split("|")
    if "RUN" in names:
        return _runs(last)
    return _stages(given[0]) if names == ["STAGE"] and given else []


def _runs(last: str) -> Iterator[Candidate]:
    """Yield run names, and run ids once something is typed."""
    from trainui.store.db import engine
    from trainui.store.read import views

    with engine.reading() as connection:
        found = views.runs(connection, limit=MOST_RUNS)
    names: dict[str, str] = {}
    for run in found:
        names.setdefault(run.name, f"{run.status}, the latest with this name")
    yield from names.items()
    if last:
        yield from ((run.id, f"{run.name}, {run.status}") for run in found)


def _stages(run: str) -> Iterator[Candidate]:
    from trainui.store.db import engine
    from trainui.store.read import views

    with engine.reading() as connection:
        found = views.stages(connection, views.find_run(connection, run).id)
    yield from ((stage.name, str(stage.status)) for stage in found)
    groups = {stage.definition.group: None for stage in found if stage.definition.matrix}
    yield from ((group, "all members") for group in groups)
