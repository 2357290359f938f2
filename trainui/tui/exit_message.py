"""What the terminal shows when the screen is left: what goes on without it."""

from __future__ import annotations

import sqlite3

from trainui.errors import TrainuiError
from trainui.store.read import readonly, run_list
from trainui.text import harmless
from trainui.tui.data.health import worker_is_there

MOST = 5
"""Runs that are named."""


def message() -> str:
    """Return lines about the runs that go on; empty where nothing does."""
    try:
        with readonly.reading() as connection:
            going = run_list.unfinished(connection)
    except (TrainuiError, sqlite3.Error):
        return ""
    if not going:
        return ""
    named = ", ".join(f"{harmless(run.name)} ({run.status})" for run in going[:MOST])
    more = f" and {len(going) - MOST} more" if len(going) > MOST else ""
    verb = "goes" if len(going) == 1 else "go"
    lines = [f"{len(going)} run{'s' * (len(going) > 1)} {verb} on: {named}{more}; `trainui` shows"]
    lines[0] += " it again." if len(going) == 1 else " them again."
    if not worker_is_there():
        lines.append("No worker is there, so nothing new starts: `trainui worker start`.")
    return "\n".join(lines) + "\n"
