"""The message printed after the screen is closed: the runs that continue."""

from __future__ import annotations

import sqlite3

from trainui import paths
from trainui.errors import TrainuiError
from trainui.execution.processes import locks
from trainui.formatting import listed, quantity
from trainui.store.db import readonly
from trainui.store.read import run_list
from trainui.text import harmless

MOST = 5
"""Maximum number of runs that are named."""


def message() -> str:
    """Return lines about the runs that continue; empty if there are none."""
    try:
        with readonly.reading() as connection:
            going = run_list.unfinished(connection)
    except (TrainuiError, sqlite3.Error):
        return ""
    if not going:
        return ""
    named = listed([f"{harmless(run.name)} ({run.status})" for run in going], MOST)
    runs = f"{quantity(len(going), 'run')} {'continues' if len(going) == 1 else 'continue'}"
    home, none = paths.home(), ""
    # a guard is about to start a worker
    if not (locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)):
        none = "No worker is running, so no new stages start. Start it: `trainui worker start`.\n"
    return f"{runs}: {named}. Reopen the screen with `trainui`.\n{none}"
