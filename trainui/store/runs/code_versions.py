"""Code changes: started attempts, and how their code differs from the code at submission."""

from __future__ import annotations

from dataclasses import dataclass

from trainui.domain.notifications import CODE
from trainui.domain.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.db.updates import change
from trainui.store.runs import events


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """An attempt whose process has started."""

    attempt_id: int
    number: int
    stage: str
    """Full name."""
    run_id: str
    run_directory: str
    file: str | None
    """The file of the run's pipeline."""
    started_at: int


def first_running(connection: Connection) -> int:
    """Return the id of the oldest running attempt; if none runs, a lower bound for the next id."""
    query = (
        "SELECT coalesce((SELECT min(id) FROM attempts WHERE status = ? AND code_change IS NULL), "
        "(SELECT max(id) FROM attempts) + 1, 1)"
    )
    return int(connection.execute(query, (Status.RUNNING,)).fetchone()[0])


def started(connection: Connection, *, after: int) -> list[StartedAttempt]:
    """Return the attempts after an id whose processes have started, the oldest first."""
    found = connection.execute(
        "SELECT attempts.id, number, stages.name, runs.id, runs.directory, file, "
        "attempts.started_at FROM attempts JOIN stages ON stages.id = stage_id "
        "JOIN runs ON runs.id = run_id WHERE attempts.id > ? AND attempts.started_at IS NOT NULL "
        "ORDER BY attempts.id",
        (after,),
    )
    return [StartedAttempt(*row) for row in found]


def record(connection: Connection, attempt: StartedAttempt, words: str) -> None:
    """Record how the code of a started attempt differs from the code at submission."""
    unnoted = {"id": attempt.attempt_id, "code_change": None}
    if change(connection, "attempts", unnoted, code_change=words):
        text = f"{attempt.stage} started although {words}"
        events.record(
            connection, attempt.run_id, CODE, text, stage=attempt.stage, attempt=attempt.number
        )
