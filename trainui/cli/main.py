"""The entry point: from arguments to an exit code, with errors as messages and not tracebacks.

Without arguments this opens the screen, so nothing heavy is imported before the first frame.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from trainui import installation, paths, system
from trainui.cli import printing
from trainui.errors import (
    SchemaOutdatedError,
    StoppedError,
    TrainuiError,
    UnfitEnvironmentError,
    UsageError,
)

UNFIT = 4
"""Exit code for an unfit environment."""

COLLECT_AFTER = 20_000
"""Threshold for the garbage collector (`gc.set_threshold`). With Python's default, collection
takes a third of the time needed to read ten thousand stages, and frees nothing."""

_STARTS_RUN = ("run", "demo")
"""Commands that need a worker, unless they are called with one of `_ONLY_SHOWS`."""

_CHANGES = {*_STARTS_RUN, "add", "cancel", "note", "prune", "rerun", "resume", "rm"}
"""Commands for which the database of an older trainui is upgraded."""

_ONLY_SHOWS = {"--dry-run", "--help", "-h", "--box"}
"""Options with which nothing starts on this machine."""

_NOT_UTF8 = re.compile(r"[^\"\s]*[\ud800-\udfff][^\"\s]*")
"""A word of an argument or a path that is not UTF-8; in JSON a word ends at a quote."""

PIPE_CLOSED = 141
"""Exit code when stdout is a closed pipe: 128 + SIGPIPE, as shells report it."""


def run() -> NoReturn:
    """Run the command in `sys.argv`, and exit.

    It ends with `os._exit`, since a shutdown of the interpreter takes a tenth of a short command's
    time, and only frees memory.
    """
    gc.set_threshold(COLLECT_AFTER)
    code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    printing.prepare()
    as_json = "--json" in _before_separator(arguments)
    by_then = "stopped before anything was done"
    try:
        code = _call(arguments)
        by_then = "output closed early; the command had finished"
        sys.stdout.flush()
        return code
    except TrainuiError as error:
        return printing.failure(error, as_json=as_json, command=arguments[0] if arguments else "")
    except KeyboardInterrupt:
        return printing.failure(StoppedError(by_then), as_json=as_json)
    except BrokenPipeError:
        _give_up_stdout()
        return PIPE_CLOSED
    except OSError as error:
        return _system_error(error, as_json=as_json)
    except Exception as error:
        if (known := _explained(error)) is not None:
            return printing.failure(known, as_json=as_json)
        return printing.bug(error, as_json=as_json)


def _before_separator(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _call(arguments: Sequence[str]) -> int:
    if not arguments:
        printing.open_screen(None)
    if arguments[0] == "__complete":
        from trainui.cli.app import answer

        return answer(arguments[1:])
    "".join(arguments).encode()  # raises for what is not UTF-8 text, before a worker is started
    if any(":" in word for word in arguments[1:]) and (there := _on_box(arguments)) is not None:
        return there
    if arguments[0] in _STARTS_RUN and _ONLY_SHOWS.isdisjoint(_before_separator(arguments)):
        from trainui.execution import processes

        with processes.early_worker():  # before the parser is imported
            return _call_command(arguments)
    return _call_command(arguments)


def _on_box(arguments: Sequence[str]) -> int | None:
    """Run a command line with `BOX:RUN` on that box; None: it is for here."""
    from trainui.cli import boxes

    there = boxes.forwarded(arguments)
    return None if there is None else boxes.run_there(*there)


def _call_command(arguments: Sequence[str]) -> int:
    from trainui.cli.app import call

    if _is_directory(arguments):
        call(("add", arguments[0]))
        printing.open_screen(None)
    given = with_any_pid(arguments)
    try:
        return call(given)
    except SchemaOutdatedError:  # raised by the first look at the database: nothing is done yet
        if given[0] not in _CHANGES or not _ONLY_SHOWS.isdisjoint(_before_separator(given)):
            raise
    from trainui.execution.daemon import lifecycle

    printing.note(
        "an older trainui made the database: its worker leaves, and a new one upgrades it"
    )
    lifecycle.ensure_started()
    return call(given)


def _is_directory(arguments: Sequence[str]) -> bool:
    """Return True for `trainui DIRECTORY`; one with a command's name is written `./run`."""
    from trainui.cli.app import is_command

    only = arguments[0]
    if len(arguments) != 1 or is_command(only):
        return False
    # one whose file system does not answer is reported by `add`
    return not system.does_answer(os.path.abspath(only)) or os.path.isdir(only)  # noqa: PTH100, PTH112


def with_any_pid(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments with `--pid=?` for a `--pid` without a number, which lists processes."""
    given = list(arguments)
    if given[0] == "add" and "--pid" in given:
        index = given.index("--pid")
        if index + 1 == len(given) or given[index + 1].startswith("-"):
            given[index] = "--pid=?"
    return given


def _system_error(error: OSError, *, as_json: bool) -> int:
    """Report an error of the operating system, e.g. a full disk."""
    message = f"operating system error: {error}; run `trainui doctor` to check this machine"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = _full_disk(error)
    message = _unusable_directory() or message
    try:
        sys.stdout.flush()
        printing.problem(message, code="environment", exit_code=UNFIT, as_json=as_json)
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()
        printing.note(message)
    return UNFIT


def _full_disk(error: OSError) -> str:
    """Return what is full, and what frees space there."""
    where = f" ({error.filename})" if error.filename else ""
    from trainui import settings  # slow to import, and rarely needed

    remedy = "`trainui prune` deletes old runs"
    with suppress(TrainuiError, OSError):
        runs = settings.runs_dir(settings.load())
        if len(system.disk_spaces(paths.home().root, runs)) > 1:
            remedy = (
                "move or delete other files on that disk; `trainui prune` frees space on the disk "
                f"of the runs, {runs}"
            )
    return f"{error.strerror}{where}; {remedy}"


def _unusable_directory() -> str | None:
    """Return a message if the current directory or the home explains any such error."""
    try:
        os.getcwd()  # noqa: PTH109
        home = paths.home().root
    except FileNotFoundError:
        return "the current directory was deleted; change to one that exists"
    if not os.path.lexists(home) or os.access(f"{home}/", os.R_OK | os.X_OK):
        return None
    what = "cannot be read by your user" if home.is_dir() else "is not a directory"
    return f"{home} {what}; set TRAINUI_HOME to a directory of your own"


def _give_up_stdout() -> None:
    # the interpreter flushes stdout once more at exit, and would print an error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(error: Exception) -> TrainuiError | None:
    """Return the error to report for one that any line may raise; None: it is a bug."""
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        word = _NOT_UTF8.search(error.object)[0]  # type: ignore[index]
        return UsageError(f"{word!r} is not UTF-8 text; correct the argument, or rename that path")
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return UnfitEnvironmentError(
            "the limit of processes and threads is reached (`ulimit -u`, or that of the "
            "container): end some of them, or raise it"
        )
    if not installation.is_unchanged():
        return UnfitEnvironmentError(
            "another version of trainui was installed while this command ran, and its modules do "
            f"not fit those loaded before ({type(error).__name__}: {error}); run the command again"
        )
    return None
