"""Attempts as rows: found by their state, and ended with their slots freed.

No stage is changed here; `attempts` does both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from trainui import clock, formatting
from trainui.model.records import AttemptRecord, HostView
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import placeholders, set_values
from trainui.store.read import row_mapping


def in_state(
    connection: Connection, *statuses: Status, here: HostView | None = None
) -> list[AttemptRecord]:
    """Return the attempts in one of these states, on one host or on all."""
    query = f"SELECT * FROM attempts WHERE status IN ({placeholders(statuses)})"
    parameters: tuple[str, ...] = statuses
    if here is not None:
        query, parameters = f"{query} AND host = ?", (*statuses, here.host)
    found = connection.execute(f"{query} ORDER BY id", parameters)
    return list(row_mapping.records(found, row_mapping.attempt_record))


NEW = {"checkpoint_tried": False, "stops_early": False, "metrics_complete": False}
"""The columns of an attempt about which nothing is on record yet."""

NOT_STARTED = "cancelled before it started"
"""The error of an attempt that never had a process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    status: Status
    """completed, failed, cancelled, pruned or interrupted."""
    completed_at: int
    """In microseconds, as reported by the supervisor if it saw the end."""
    started_at: int | None = None
    """The same; set if the start is not on record yet."""
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    """The error; its first line is the message."""
    reason: str | None = None
    """Why a stage that has completed ended early."""
    result: Any = None
    """A task's return value."""
    retry: bool = True
    """True if the stage's retry policy applies."""

    def __post_init__(self) -> None:
        """Make the error storable: it may quote a log, or a file's name."""
        if self.error is not None:
            object.__setattr__(self, "error", formatting.storable(self.error))


def not_started(attempt: AttemptRecord) -> Outcome:
    """Return the outcome of an attempt that was stopped before it had a process."""
    return Outcome(attempt.stop_status, clock.now(), error=attempt.stop_words or NOT_STARTED)


def end(connection: Connection, attempt: AttemptRecord, outcome: Outcome) -> None:
    """Record the outcome of an attempt, and free its slots."""
    values: dict[str, Any] = {
        "status": outcome.status,
        "completed_at": outcome.completed_at,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "error": outcome.error,
        "result_json": None if outcome.result is None else row_mapping.dump(outcome.result),
    }
    if attempt.started_at is None:
        values["started_at"] = outcome.started_at
    set_values(connection, "attempts", attempt.id, **values)
    free_slots(connection, attempt.id)


def free_slots(connection: Connection, attempt_id: int) -> None:
    """Free the slots of an attempt."""
    connection.execute("DELETE FROM slots WHERE attempt_id = ?", (attempt_id,))


def withdraw(connection: Connection, stage_ids: Collection[str]) -> None:
    """Cancel the granted and not yet claimed attempts of these stages, and free their slots."""
    wanted = frozenset(stage_ids)
    open_ones = in_state(connection, Status.QUEUED)  # never more than the number of slots
    for attempt in (one for one in open_ones if one.stage_id in wanted):
        end(connection, attempt, not_started(attempt))
