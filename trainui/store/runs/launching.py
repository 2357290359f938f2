"""Store operations of the worker as it launches an attempt, or requeues it before launch."""

from __future__ import annotations

from pathlib import Path

from trainui import clock, paths
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.db.updates import change, set_values
from trainui.store.runs import attempt_rows, attempts, events, runs, stages

SHORTEST_PAUSE = 5.0
"""Seconds before a requeued stage may be tried again; doubled for each further time in a
row."""

LONGEST_PAUSE = 60.0


def is_fresh(connection: Connection, stage_id: str) -> bool:
    """Return True if a stage's directory must be renamed away before its next attempt."""
    found = connection.execute("SELECT fresh FROM stages WHERE id = ?", (stage_id,))
    return bool(found.fetchone()[0])


def record_move(connection: Connection, stage: StageRecord, moved_to: Path | None) -> None:
    """Record that a stage starts fresh, and the new path of the earlier attempts' directory."""
    set_values(connection, "stages", stage.id, fresh=False)
    if moved_to is None:
        return
    old, new = Path(stage.directory), moved_to
    for attempt in attempts.of_stage(connection, stage.id):
        directory = Path(attempt.directory)
        if attempt.number < stage.attempt and paths.stage_directory(directory) == old:
            checkpoint = attempt.checkpoint and str(moved(Path(attempt.checkpoint), old, new))
            values = {"directory": str(moved(directory, old, new)), "checkpoint": checkpoint}
            set_values(connection, "attempts", attempt.id, **values)
    text = f"{stage.name} starts fresh; its earlier results are in {new.name}"
    events.record_of(connection, stage, "moved", text)


def moved(path: Path, old: Path, new: Path) -> Path:
    """Return a path as it is after a stage's directory and those of its attempts were renamed."""
    for before, after in ((old, new), (paths.records_directory(old), paths.records_directory(new))):
        if path.is_relative_to(before):
            return after / path.relative_to(before)
    return path


def requeue(connection: Connection, attempt_id: int, reason: str) -> None:
    """Requeue a stage that lacked a slot or another resource, with backoff; uses up no retry.

    If its attempt was cancelled in the meantime, it ends as cancelled instead.
    """
    attempt = attempts.get(connection, attempt_id)
    if attempt.cancel_requested_at is not None:
        attempts.end(connection, attempt_id, attempt_rows.not_started(attempt))
        return
    stage = stages.get(connection, attempt.stage_id)
    now = clock.now()
    failed = {"status": Status.FAILED, "completed_at": now, "error": reason}
    if not change(connection, "attempts", {"id": attempt_id, "status": Status.RUNNING}, **failed):
        return
    attempt_rows.free_slots(connection, attempt_id)
    not_before = now + int(_pause(connection, stage.id, reason) * clock.SECOND)
    said = {"reason": reason, "error": reason}
    stages.change(connection, stage, Status.QUEUED, not_before=not_before, **said)
    runs.refresh(connection, stage.run_id)


def _pause(connection: Connection, stage_id: str, reason: str) -> float:
    """Return the backoff in seconds, doubled for each requeue in a row for this reason."""
    found = connection.execute(
        "SELECT count(*) FROM attempts WHERE stage_id = ? AND number > (SELECT "
        "coalesce(max(number), 0) FROM attempts WHERE stage_id = ? AND error IS NOT ?)",
        (stage_id, stage_id, reason),
    )
    (count,) = found.fetchone()
    return float(min(SHORTEST_PAUSE * 2.0 ** min(count - 1, 64), LONGEST_PAUSE))
