"""What the worker asks of the store as it launches an attempt and as it takes leave of one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from trainui import clock
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.store import attempts, events, runs, stages
from trainui.store.attempts import Outcome
from trainui.store.point_tables import CHUNK_STATS, SOURCES, TAILS
from trainui.store.tables import ATTEMPTS, SLOTS, STAGES


def is_fresh(connection: Connection, stage_id: str) -> bool:
    """Tell whether a stage's directory is to be renamed away before its next attempt."""
    fresh = connection.execute(select(STAGES.c.fresh).where(STAGES.c.id == stage_id))
    return bool(fresh.scalar_one())


def record_move(connection: Connection, stage: StageRecord, moved_to: Path | None) -> None:
    """Note that a stage begins anew, and where its directory with the earlier attempts is now.

    Args:
        connection: a write transaction.
        stage: the stage; the attempt that begins anew is its last.
        moved_to: the directory's new path; None: there was none.
    """
    connection.execute(update(STAGES).where(STAGES.c.id == stage.id).values(fresh=False))
    if moved_to is None:
        return
    old, new = Path(stage.directory), moved_to
    for attempt in attempts.of_stage(connection, stage.id):
        if attempt.number < stage.attempt and Path(attempt.directory).is_relative_to(old):
            connection.execute(
                update(ATTEMPTS)
                .where(ATTEMPTS.c.id == attempt.id)
                .values(
                    directory=str(_moved(attempt.directory, old, new)),
                    checkpoint=attempt.checkpoint and str(_moved(attempt.checkpoint, old, new)),
                )
            )
    text = f"{stage.name} begins anew; what it made before is in {new.name}"
    events.record(connection, stage.run_id, "moved", text, stage=stage.name, attempt=stage.attempt)


def _moved(path: str, old: Path, new: Path) -> Path:
    inside = Path(path)
    return new / inside.relative_to(old) if inside.is_relative_to(old) else inside


def put_back(connection: Connection, attempt_id: int, reason: str, *, not_before: int) -> None:
    """Let a stage wait again whose attempt found its slot taken: no retry is used up by it.

    One that was cancelled meanwhile has ended by that.

    Args:
        connection: a write transaction.
        attempt_id: the running attempt, of which no process ever started.
        reason: what was taken, in words.
        not_before: microseconds; when it may be tried again.
    """
    attempt = attempts.get(connection, attempt_id)
    if attempt.cancel_requested_at is not None:
        cancelled = Outcome(Status.CANCELLED, clock.now(), error=attempts.NOT_STARTED)
        attempts.end(connection, attempt_id, cancelled)
        return
    stage = stages.get(connection, attempt.stage_id)
    ended = connection.execute(
        update(ATTEMPTS)
        .where(ATTEMPTS.c.id == attempt_id, ATTEMPTS.c.status == Status.RUNNING)
        .values(status=Status.FAILED, completed_at=clock.now(), error=reason)
    )
    if ended.rowcount == 0:
        return
    connection.execute(delete(SLOTS).where(SLOTS.c.attempt_id == attempt_id))
    stages.change(connection, stage, Status.QUEUED, reason=reason, not_before=not_before)
    runs.refresh(connection, stage.run_id)


def wrote_points(connection: Connection, stage_id: str, number: int) -> bool:
    """Tell whether any point of an attempt is stored."""
    for table in (TAILS, CHUNK_STATS):
        found = connection.execute(
            select(table.c.source_id)
            .join(SOURCES, SOURCES.c.id == table.c.source_id)
            .where(SOURCES.c.owner == stage_id, table.c.attempt == number)
            .limit(1)
        )
        if found.first() is not None:
            return True
    return False
