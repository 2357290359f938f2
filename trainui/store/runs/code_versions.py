"""Code changes: started attempts, and how their code differs from the code at submission."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from trainui.domain.notifications import CODE
from trainui.domain.states import Status
from trainui.store.runs import events
from trainui.store.runs.tables import ATTEMPTS, RUNS, STAGES

MOST_AT_ONCE = 500


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
    running = select(func.min(ATTEMPTS.c.id)).where(
        ATTEMPTS.c.status == Status.RUNNING, ATTEMPTS.c.code_change.is_(None)
    )
    last = select(func.max(ATTEMPTS.c.id))
    oldest = connection.execute(running).scalar()
    return int(oldest or (connection.execute(last).scalar() or 0) + 1)


def started(connection: Connection, *, after: int) -> list[StartedAttempt]:
    """Return the attempts after an id whose processes have started, the oldest first."""
    found = connection.execute(
        select(
            ATTEMPTS.c.id,
            ATTEMPTS.c.number,
            STAGES.c.name,
            RUNS.c.id,
            RUNS.c.directory,
            RUNS.c.file,
            ATTEMPTS.c.started_at,
        )
        .join(STAGES, STAGES.c.id == ATTEMPTS.c.stage_id)
        .join(RUNS, RUNS.c.id == STAGES.c.run_id)
        .where(ATTEMPTS.c.id > after, ATTEMPTS.c.started_at.is_not(None))
        .order_by(ATTEMPTS.c.id)
    )
    return [StartedAttempt(*row) for row in found]


def record(connection: Connection, attempt: StartedAttempt, words: str) -> None:
    """Record how the code of a started attempt differs from the code at submission."""
    noted = connection.execute(
        update(ATTEMPTS)
        .where(ATTEMPTS.c.id == attempt.attempt_id, ATTEMPTS.c.code_change.is_(None))
        .values(code_change=words)
    )
    if noted.rowcount:
        text = f"{attempt.stage} started although {words}"
        events.record(
            connection, attempt.run_id, CODE, text, stage=attempt.stage, attempt=attempt.number
        )
