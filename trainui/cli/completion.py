"""Shell completion for bash, zsh and fish: commands, options, runs and stages.

The shell scripts call `trainui __complete SHELL WORD...`, which prints one candidate per line,
followed by a tab and a description. No output means: complete file names.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from trainui import text
from trainui.cli import options, printing
from trainui.errors import TrainuiError

MOST_RUNS = 1000
"""Only this many of the newest runs are offered."""

Candidate = tuple[str, str]
"""A possible word and its description."""


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
        words = _words(os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])])
        # bash also splits words at `=` and `:`, and expects only the part after them
        cut = len(words[-1]) - len(_words(f"x {present}")[-1])
    for value, about in candidates(words):
        if text.harmless(value) == value:
            printing.exact(f"{value[cut:]}\t{text.harmless(about)}")
    return 0


def _words(line: str) -> list[str]:
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

    from trainui.cli.app import listing

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
