"""The queue: whether it is held, and which run goes first."""

from __future__ import annotations

from trainui import doorbell
from trainui.control.known import existing_run
from trainui.store import runs
from trainui.store.engine import open_store

PAUSED = "paused"
"""The flag's name in the store."""


def set_paused(paused: bool) -> None:
    """Hold the queue, so that nothing new starts, or let it go on; what runs goes on."""
    with open_store().write() as connection:
        runs.set_flag(connection, PAUSED, "1" if paused else None)
    doorbell.ring()


def set_priority(run_id: str, priority: int) -> None:
    """Let a run go before others (higher) or after them (lower).

    Raises:
        NotFoundError: there is no such run.
    """
    with open_store().write() as connection:
        existing_run(connection, run_id)
        runs.set_priority(connection, run_id, priority)
    doorbell.ring()
