"""The one Celery task that runs stages.

It claims an attempt, has it launched, and waits for its end, so that `celery inspect active` and
Flower show it for as long as it runs. The attempt itself needs neither this task nor this worker.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.exceptions import Ignore
from celery.utils.log import get_task_logger

from trainui.domain.records import AttemptRecord
from trainui.domain.states import Status
from trainui.errors import StoreError
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.worker import services
from trainui.execution.worker.shutdown import STOPPING
from trainui.execution.worker.task_sender import TASK_NAME
from trainui.store.db import outage

logger = get_task_logger(__name__)


class StageEndedError(Exception):
    """A stage did not complete: so that its task is shown as failed, with the reason."""


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
    """Execute a stage, and return when its end is on record.

    Args:
        self: the task.
        pipeline_uuid: the run's id.
        stage_name: the stage's full name.
        celery_task_name: what the stage executes; None for a command. To be seen, not used: the
            store knows, also what was edited since.
        task_params: its parameters, secrets masked. To be seen, not used.

    Raises:
        Ignore: the attempt was taken already, this worker leaves, or the store cannot be used: the
            planner sends what was not taken again.
        StageEndedError: it ended otherwise than completed, which is on record.
    """
    follower = services.follower()
    if follower is None or STOPPING.is_set():
        raise Ignore  # whoever is the worker next is sent this message again
    try:
        ended = _follow(follower, pipeline_uuid, stage_name, self.request.id)
    except StoreError as error:
        outage.log.failed(error)
        raise Ignore from error
    if ended is not None and ended.status != Status.COMPLETED:
        why = (ended.error or ended.status).partition("\n")[0]
        raise StageEndedError(f"{stage_name}: {why}")


def _follow(
    follower: AttemptMonitor, run_id: str, stage_name: str, message_id: str
) -> AttemptRecord | None:
    """Launch the attempt of a message, and return it as it is on record when it has ended."""
    followed = follower.take(run_id, stage_name, message_id)
    if followed is None:
        logger.info("%s of run %s is taken already", stage_name, run_id)
        raise Ignore
    followed.done.wait()
    if STOPPING.is_set():
        raise Ignore
    return follower.on_record(followed)
