"""Opening the screen: what is done before and after the app has the terminal."""

from __future__ import annotations

import gc
import os
import sys

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
    from trainui.tui.application import TrainuiApp

    app = TrainuiApp(run_id)
    app.run()
    from trainui.tui import leaving

    try:
        sys.stdout.write(leaving.message())
        sys.stdout.flush()
    except OSError:  # the terminal is gone, and the interpreter's own last flush would fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return app.return_code or 0
