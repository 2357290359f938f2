"""Opens the screen, or waits for a run where the screen cannot be shown."""

from __future__ import annotations

import os
from typing import NoReturn

from trainui.cli import printing
from trainui.errors import UsageError


def open_screen(run_id: str | None) -> NoReturn:
    """Open the screen, at a run if one is given, and end the process when the user quits.

    It ends with `os._exit`, since a normal interpreter shutdown with all that the screen has
    imported would be noticeably slower.

    Raises:
        UsageError: no usable terminal.
    """
    if not printing.can_open_screen():
        problem = "TERM is dumb" if printing.on_terminal() else "stdin or stdout is not a terminal"
        raise UsageError(
            f"the screen cannot be shown: {problem}; "
            "use `trainui ls` or `trainui show RUN`; `trainui --help` lists all commands"
        )
    import logging

    from trainui.store.db import statements
    from trainui.tui.launch import run_screen

    statements.show_notice = None  # a notice would overwrite the screen
    code = run_screen(run_id)
    logging.shutdown()
    os._exit(code)


def follow(run_id: str, *, wait: bool, as_json: bool, is_new: bool = False) -> int:
    """Open the screen at a run just started, or wait for its end; return the exit code."""
    if printing.can_open_screen() and not (wait or as_json):
        open_screen(run_id)
    from trainui.cli.runs import waiting

    return waiting.finish(run_id, as_json=as_json, from_start=is_new)
