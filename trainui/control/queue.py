"""The queue: whether it is held, and which run goes first."""

from __future__ import annotations

from trainui import wakeup
from trainui.control.lookup import existing_run
from trainui.store.db.engine import open_store
from trainui.store.runs import runs


def set_paused(paused: bool) -> None:
    """Hold the queue, so that nothing new starts, or let it go on; what runs goes on."""
    with open_store().write() as connection:
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.ring()


def change_priority(run_id: str, change: int) -> int:
    """Let a run go before others (1) or after them (-1); return its priority by now.

    Raises:
        NotFoundError: there is no such run.
    """
    with open_store().write() as connection:
        priority = existing_run(connection, run_id).priority + change
        runs.set_priority(connection, run_id, priority)
    wakeup.ring()
    return priority
