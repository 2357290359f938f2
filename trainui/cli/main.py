"""The entry of the command line: from arguments to an exit code, with no traceback for people."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from trainui.cli import output
from trainui.errors import TrainuiError

STOPPED = 130
"""The exit code after ctrl+c."""

PIPE_CLOSED = 141
"""The exit code where nobody reads what is printed any more, as of any program of a shell."""

_ArgumentError: type[Exception] = typer.BadParameter.__bases__[0]
"""Arguments that were not understood; Typer gives this class no public name."""


def run() -> None:
    """Run the command that the process was started with, and exit."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    output.prepare()
    as_json = "--json" in _before_separator(arguments)
    try:
        code = _call(arguments)
        sys.stdout.flush()
        return code
    except TrainuiError as error:
        return output.failure(error, as_json=as_json)
    except _ArgumentError as error:
        return _argument_error(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return output.problem("stopped", code="stopped", exit_code=STOPPED, as_json=as_json)
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:
        return _unexpected(error, as_json=as_json)


def _before_separator(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _call(arguments: Sequence[str]) -> int:
    from trainui.cli.app import app

    command = typer.main.get_command(app)
    result = command.main(list(arguments), prog_name="trainui", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _argument_error(error: Exception, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "trainui"
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    message = f"{message.rstrip('.')}; see `{command} --help`"
    return output.problem(message, code="usage", exit_code=2, as_json=as_json)


def _pipe_closed() -> int:
    # the interpreter flushes stdout once more at its end, and would complain
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _unexpected(error: Exception, *, as_json: bool) -> int:
    traceback.print_exception(error)
    message = f"this is a bug of trainui: {type(error).__name__}: {error}; please report the above"
    return output.problem(message, code="bug", exit_code=1, as_json=as_json)
