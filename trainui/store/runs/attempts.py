"""Attempts: claimed once, monitored, ended once; `stage_queue` grants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import clock, paths
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import ATTEMPT_TRANSITIONS, Status
from trainui.errors import TransitionError
from trainui.pipeline.rules.after_end import Retry, next_retry
from trainui.store.db.protocol import Connection
from trainui.store.db.updates import change, set_values
from trainui.store.read import row_mapping, views
from trainui.store.runs import attempt_rows, dependants, events, runs, stages
from trainui.store.runs.attempt_rows import Outcome


def of_stage(connection: Connection, stage_id: str) -> list[AttemptRecord]:
    """Return a stage's attempts, the oldest first."""
    return views.attempts_of_stage(connection, stage_id)


def get(connection: Connection, attempt_id: int) -> AttemptRecord:
    """Return one attempt, which must exist."""
    found = find(connection, attempt_id)
    assert found is not None
    return found


def find(connection: Connection, attempt_id: int) -> AttemptRecord | None:
    """Return one attempt; None if it does not exist."""
    found = connection.execute("SELECT * FROM attempts WHERE id = ?", (attempt_id,))
    return row_mapping.first(found, row_mapping.attempt_record)


def directory(stage: StageRecord, number: int) -> Path:
    """Return the directory of an attempt's logs and record."""
    return paths.attempt_directory(Path(stage.directory), number)


def directory_to_make(
    connection: Connection, run_id: str, stage_name: str, celery_task_id: str
) -> Path | None:
    """Return the directory that an attempt will use; None if its message can no longer claim it."""
    stage = stages.named(connection, run_id, stage_name)
    if stage is None or (stage.status, stage.celery_task_id) != (Status.QUEUED, celery_task_id):
        return None
    return directory(stage, stage.attempt)


def claim(
    connection: Connection, run_id: str, stage_name: str, celery_task_id: str
) -> AttemptRecord | None:
    """Claim a granted attempt for execution: the first message wins, all others get None."""
    stage = stages.named(connection, run_id, stage_name)
    if stage is None:
        return None
    granted = {"stage_id": stage.id, "number": stage.attempt, "celery_task_id": celery_task_id}
    granted["status"] = Status.QUEUED
    where = str(directory(stage, stage.attempt))  # an older version may have stored another path
    if not change(connection, "attempts", granted, status=Status.RUNNING, directory=where):
        return None
    # clear the previous attempt's outcome, so that only this attempt's is shown
    cleared: dict[str, Any] = {
        "started_at": None,
        "completed_at": None,
        "exit_code": None,
        "error": None,
        "result_json": None,
    }
    stages.change(connection, stage, Status.RUNNING, **cleared)
    runs.refresh(connection, run_id)
    found = connection.execute(
        "SELECT * FROM attempts WHERE stage_id = ? AND number = ?", (stage.id, stage.attempt)
    )
    return row_mapping.first(found, row_mapping.attempt_record)


def set_checkpoint(connection: Connection, attempt_id: int, checkpoint: str) -> None:
    """Record the checkpoint from which the attempt continues."""
    set_values(connection, "attempts", attempt_id, checkpoint=checkpoint)


def set_inputs(connection: Connection, attempt_id: int, states: Mapping[str, Any]) -> None:
    """Record the state of the inputs at the start of an attempt, by path."""
    set_values(connection, "attempts", attempt_id, inputs_json=row_mapping.dump(states))


def keep(connection: Connection, stage: StageRecord, kept: Mapping[str, Any], why: str) -> None:
    """Record that a user keeps the result of a stage's last attempt although something changed.

    `kept`: the fingerprint for which it is accepted (`pipeline.rules.fingerprint`).
    """
    last = {"stage_id": stage.id, "number": stage.attempt}
    values = {"kept_json": row_mapping.dump(kept), "secret_changes_json": None}
    change(connection, "attempts", last, **values)
    events.record_of(connection, stage, "kept", f"{stage.name} is {why}")


def mark_checkpoint_tried(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt made no progress from its checkpoint: the next uses an older one."""
    set_values(connection, "attempts", attempt_id, checkpoint_tried=True)


def tried_checkpoints(connection: Connection, stage_id: str) -> dict[str, int]:
    """Return the checkpoints from which an attempt of this stage made no progress.

    Each has the time at which the last such attempt started, in microseconds.
    """
    found = connection.execute(
        "SELECT checkpoint, coalesce(started_at, completed_at) FROM attempts "
        "WHERE stage_id = ? AND checkpoint_tried ORDER BY number",
        (stage_id,),
    )
    return {checkpoint: int(time or clock.now()) for checkpoint, time in found}


def mark_started(
    connection: Connection, attempt: AttemptRecord, *, started_at: int, pid: int, supervisor: int
) -> None:
    """Record the process of an attempt, as reported by its supervisor."""
    process = {"started_at": started_at, "pid": pid, "supervisor_pid": supervisor}
    change(connection, "attempts", {"id": attempt.id, "status": Status.RUNNING}, **process)
    of_last = {"id": attempt.stage_id, "attempt": attempt.number}
    change(connection, "stages", of_last, started_at=started_at)
    stage = stages.get(connection, attempt.stage_id)
    runs.refresh(connection, stage.run_id, started_at=started_at)
    text = f"{stage.name} started as process {pid}"
    number = attempt.number
    events.record_of(connection, stage, "started", text, attempt=number, time=started_at)


def end(connection: Connection, attempt_id: int, outcome: Outcome) -> Status | None:
    """Record an attempt's outcome, free its slots, and settle the stages that depend on its stage.

    Returns the stage's new state (`queued` if a retry follows); None if the outcome is already on
    record.

    Raises:
        TransitionError: this outcome is not allowed in the attempt's state.
    """
    attempt = get(connection, attempt_id)
    allowed = ATTEMPT_TRANSITIONS[attempt.status]
    if not allowed:
        return None
    if outcome.status not in allowed:
        raise TransitionError(f"attempt {attempt.id}: {attempt.status} to {outcome.status}")
    outcome = _in_order(attempt, outcome)
    attempt_rows.end(connection, attempt, outcome)
    stage = stages.get(connection, attempt.stage_id)
    status = _end_stage(connection, stage, attempt, outcome)
    if status != Status.QUEUED:
        dependants.settle_dependants(connection, [stage.id])
    runs.refresh(connection, stage.run_id, started_at=attempt.started_at or outcome.started_at)
    return status


def _in_order(attempt: AttemptRecord, outcome: Outcome) -> Outcome:
    """Return the outcome with an end no earlier than the start, in case the clock was set back."""
    started_at = attempt.started_at or outcome.started_at or 0
    return replace(outcome, completed_at=max(outcome.completed_at, started_at))


def _end_stage(
    connection: Connection, stage: StageRecord, attempt: AttemptRecord, outcome: Outcome
) -> Status:
    if stage.attempt != attempt.number:
        return stage.status
    if stage.status == Status.QUEUED:  # it ended before it was claimed
        stages.change(connection, stage, Status.RUNNING)
        stage = stages.get(connection, stage.id)
    values: dict[str, Any] = {
        "started_at": attempt.started_at or outcome.started_at,
        "completed_at": outcome.completed_at,
        "exit_code": outcome.exit_code,
        "error": outcome.error,
        "result_json": None if outcome.result is None else row_mapping.dump(outcome.result),
        "stalled": False,
    }
    status, reason = outcome.status, _first_line(outcome.error) or outcome.reason
    if (retry := _retry(stage, attempt, outcome)) is not None:
        status = Status.QUEUED
        reason = f"retry {retry.number} of {stage.definition.retries}: {reason}"
        values |= {"not_before": retry.not_before, "retries_used": retry.number}
    stages.change(connection, stage, status, reason=reason, **values)
    return status


def _retry(stage: StageRecord, attempt: AttemptRecord, outcome: Outcome) -> Retry | None:
    if not outcome.retry or attempt.cancel_requested_at is not None:
        return None
    return next_retry(
        stage.definition,
        outcome.status,
        used=stage.retries_used,
        completed_at=outcome.completed_at,
    )


def _first_line(text: str | None) -> str | None:
    return text.splitlines()[0] if text and text.strip() else None
