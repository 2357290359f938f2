"""Makes a worker's broker a bad one: the setting `include` names this module.

Every message is delivered five times, and what is not acknowledged within a second is delivered
again. The planner sends no message a second time, however busy the machine is.
"""

from __future__ import annotations

import os
from typing import Any

from trainui import clock
from trainui.execution import planner
from trainui.execution.worker import celery_app
from trainui.execution.worker.celery_app import TaskSender

DELIVERIES = 5

IMPATIENT = {
    "visibility_timeout": 1,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


def _deliver_often() -> None:
    send = TaskSender._send

    def send_often(self: TaskSender, message: Any) -> None:
        for _ in range(DELIVERIES):
            send(self, message)

    TaskSender._send = send_often  # type: ignore[method-assign]


if "TRAINUI_INCLUDE" in os.environ:
    _deliver_often()
    planner.SEND_AGAIN_AFTER = 3600 * clock.SECOND
    conf = celery_app.get_app().conf
    conf.broker_transport_options = {**conf.broker_transport_options, **IMPATIENT}
