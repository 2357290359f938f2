"""Opening the screen: what is done before and after the app has the terminal."""

from __future__ import annotations

import gc
import os
import sys

from trainui.tui.terminal import splash

SIZE_VARIABLES = ("COLUMNS", "LINES")
"""What some shells and containers set once: a terminal that is resized does not change them."""

GC_THRESHOLD = 100_000
"""Allocations between two collections: collecting less often saves a twentieth of the start."""


def run_screen(run_id: str | None = None) -> int:
    """Open the screen, on a run's page where one is given.

    Args:
        run_id: a run's exact id.

    Returns:
        The exit code: 0 where a person left, 128 and more where a signal ended it.

    Raises:
        UsageError: a setting is wrong.
    """
    gc.set_threshold(GC_THRESHOLD)
    for name in SIZE_VARIABLES:  # the terminal itself is asked
        os.environ.pop(name, None)
    if os.environ.get("STY") and not os.environ.get("TMUX"):  # GNU screen garbles 24-bit colours
        os.environ.pop("COLORTERM", None)
    with splash.shown():
        from trainui.tui.app import TrainuiApp

        app = TrainuiApp(run_id)
        app.run()
    from trainui.tui import exit_message

    try:
        sys.stdout.write(exit_message.message())
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        _give_up_terminal()
    return app.return_code or 0


def _give_up_terminal() -> None:
    """Let the interpreter's own last flush succeed: where it fails, its exit code is 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):  # the app draws on the latter
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
