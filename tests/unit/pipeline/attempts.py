"""Attempts as the store hands them out, made by hand."""

from __future__ import annotations

from trainui.model.records import AttemptRecord, Slot
from trainui.model.states import Status


def attempt(
    number: int,
    status: Status = Status.COMPLETED,
    *,
    started_at: int | None = None,
    completed_at: int | None = None,
    slots: tuple[Slot, ...] = (),
) -> AttemptRecord:
    """An attempt whose id is its number."""
    return AttemptRecord(
        id=number,
        stage_id="s",
        number=number,
        status=status,
        celery_task_id=None,
        directory="/d",
        slots=slots,
        granted_at=0,
        started_at=started_at,
        completed_at=completed_at,
        exit_code=None,
        signal=None,
        error=None,
        pid=None,
        supervisor_pid=None,
        checkpoint=None,
        cancel_requested_at=None,
        metrics_complete=True,
    )
