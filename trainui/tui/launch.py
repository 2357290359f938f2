"""Launch the screen: prepare the environment, run the app, print the exit message."""

from __future__ import annotations

import gc
import os
import sys

from trainui.tui.terminal import splash

SIZE_VARIABLES = ("COLUMNS", "LINES")
"""Variables that some shells and containers set once, so they are stale after a resize."""

GC_THRESHOLD = 100_000
"""Garbage collector threshold while starting: fewer collections save 5 % of the start time."""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that reads gives way to the event loop; the default is 5 ms."""


def run_screen(run_id: str | None = None) -> int:
    """Open the screen, on a run's page if its exact id is given.

    Returns the exit code: 0 after a normal exit, 128 plus the signal's number after a signal.

    Raises:
        UsageError: a setting is wrong.
    """
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL)
    for name in SIZE_VARIABLES:  # so that the size is read from the terminal
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
    """Redirect output to /dev/null, or the interpreter's final flush fails with exit code 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):  # the app draws on stderr
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
