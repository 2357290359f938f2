"""Pauses the queue, and changes runs' priorities."""

from __future__ import annotations

from trainui import wakeup
from trainui.control.lookup import existing_run
from trainui.store.db.engine import open_store
from trainui.store.runs import runs


def set_paused(paused: bool) -> None:
    """Pause or resume the queue. While it is paused no stage starts; running stages continue."""
    with open_store().write() as connection:
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.ring()


def change_priority(run_id: str, change: int) -> int:
    """Raise (1) or lower (-1) a run's priority; return the new one, or raise NotFoundError."""
    with open_store().write() as connection:
        priority = existing_run(connection, run_id).priority + change
        runs.set_priority(connection, run_id, priority)
    wakeup.ring()
    return priority
