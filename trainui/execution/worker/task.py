"""The Celery task that runs stages; there is only one.

It claims an attempt, launches it and waits for its end, so that `celery inspect active` and Flower
show it while it runs. The attempt itself depends neither on this task nor on this worker.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.exceptions import Ignore
from celery.utils.log import get_task_logger

from trainui.errors import StoreError
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.worker import services
from trainui.execution.worker.celery_app import TASK_NAME
from trainui.execution.worker.services import STOPPING
from trainui.model.records import AttemptRecord
from trainui.model.states import DONE
from trainui.store.db import engine

logger = get_task_logger(__name__)


class StageEndedError(Exception):
    """A stage did not complete; raised so that its task is shown as failed, with the reason."""


@shared_task(  # type: ignore[untyped-decorator]
    bind=True, name=TASK_NAME, ignore_result=True, throws=(StageEndedError,)
)
def execute_stage_with_tracking(
    self: Any,
    pipeline_uuid: str,
    stage_name: str,
    celery_task_name: str | None,  # noqa: ARG001
    task_params: dict[str, Any],  # noqa: ARG001
) -> None:
    """Execute a stage, and return when its end is recorded.

    Args:
        self: the task.
        pipeline_uuid: the run's id.
        stage_name: the stage's full name.
        celery_task_name: the task that the stage calls; None for a command. For display only: the
            current definition is in the store.
        task_params: the stage's parameters, secrets masked. For display only.

    Raises:
        Ignore: the attempt was already claimed, this worker is stopping, or the store cannot be
            used. The planner sends unclaimed attempts again.
        StageEndedError: the stage did not complete; its outcome is recorded.
    """
    running = services.running
    if running is None or STOPPING.is_set():
        raise Ignore  # the message is sent again to the next worker
    try:
        ended = _execute(running.monitor, pipeline_uuid, stage_name, self.request.id)
    except StoreError as error:
        engine.outages.failed(error)
        raise Ignore from error
    if ended is not None and ended.status not in DONE:
        why = (ended.error or ended.status).partition("\n")[0]
        raise StageEndedError(f"{stage_name}: {why}")


def _execute(
    monitor: AttemptMonitor, run_id: str, stage_name: str, message_id: str
) -> AttemptRecord | None:
    """Launch the attempt of a message, wait for its end, and return its record."""
    monitored = monitor.claim(run_id, stage_name, message_id)
    if monitored is None:
        logger.info("%s of run %s is already claimed", stage_name, run_id)
        raise Ignore
    if not monitored.is_local:
        return None  # it may wait for days: this thread is for others
    monitored.done.wait()
    if STOPPING.is_set():
        raise Ignore
    return monitor.read_record(monitored)
