"""The message printed after the screen is closed: the runs that continue."""

from __future__ import annotations

import sqlite3

from trainui import paths
from trainui.domain.records import Lost
from trainui.errors import TrainuiError
from trainui.execution.processes import locks
from trainui.formatting import listed, quantity
from trainui.store.db import readonly
from trainui.store.db.protocol import Connection
from trainui.store.read import run_list
from trainui.text import harmless, state_word

MOST = 5
"""Maximum number of runs that are named."""


NO_WORKER = "No worker is running, so no new stages start. Start it: `trainui worker start`.\n"


def message() -> str:
    """Return lines about the runs that continue; empty if there are none."""
    try:
        with readonly.reading() as connection:
            going = run_list.unfinished(connection)
            lost = _lost(connection) if going else Lost()
    except (TrainuiError, sqlite3.Error):
        return ""
    if not going:
        return ""
    words = [state_word(run.status, is_lost=run.id in lost.runs) for run in going]
    named = [f"{harmless(run.name)} ({word})" for run, word in zip(going, words, strict=True)]
    verb = "continues" if len(going) == 1 else "continue"
    if lost.runs:
        verb = "has not ended" if len(going) == 1 else "have not ended"
    none = "" if _is_watched() else NO_WORKER
    for loss in lost.stages.values():
        none = f"{loss.words[0].upper()}{loss.words[1:]}.\n"
    runs = f"{quantity(len(going), 'run')} {verb}: {listed(named, MOST)}"
    return f"{runs}. Reopen the screen with `trainui`.\n{none}"


def _is_watched() -> bool:
    """Return True if a worker lives, or a guard, which is about to start one."""
    home = paths.home()
    return locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)


def _lost(connection: Connection) -> Lost:
    from trainui.execution.attempt import lost_attempts

    return lost_attempts.find(connection)
