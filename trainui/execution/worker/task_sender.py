"""Publishes the task messages of stages, in a separate thread because a broker may hang.

A lost message does no harm: the planner finds the attempt unclaimed and sends it again.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from typing import Any

from trainui.execution.planner.planner import TaskMessage
from trainui.execution.worker.celery_app import publishing_connection

logger = logging.getLogger(__name__)

TASK_NAME = "trainui.execute_stage_with_tracking"
"""Name of the only Celery task that runs stages."""

AGAIN_AFTER = 0.5
"""Seconds between a failed attempt to send and the next one."""


class TaskSender:
    """Sends messages one at a time, and retries each until the broker accepts it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._queue: queue.SimpleQueue[TaskMessage | None] = queue.SimpleQueue()
        self._waiting: set[int] = set()
        self._producer: Any = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="messages", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Stop sending; wait at most `timeout` seconds for a message being sent."""
        self._stopped.set()
        self._queue.put(None)
        self._thread.join(timeout)

    def post(self, message: TaskMessage) -> None:
        """Queue a message, unless it is queued already."""
        if message.attempt_id not in self._waiting:
            self._waiting.add(message.attempt_id)
            self._queue.put(message)

    def _serve(self) -> None:
        while (message := self._queue.get()) is not None and not self._stopped.is_set():
            self._send_at_last(message)
            self._waiting.discard(message.attempt_id)
        self._disconnect()

    def _send_at_last(self, message: TaskMessage) -> None:
        """Send a message, retrying until it succeeds; only the first failure is logged."""
        broken = False
        while not self._stopped.is_set():
            try:
                self._send(message)
            except Exception as error:
                if not broken:
                    logger.warning("could not send a task message, will retry: %r", error)
                broken = True
                self._disconnect()
                self._stopped.wait(AGAIN_AFTER)
            else:
                break
        if broken:
            logger.info("the broker accepts messages again")

    def _send(self, message: TaskMessage) -> None:
        if self._producer is None:
            connection = publishing_connection(self._app)
            self._producer = self._app.amqp.Producer(connection, auto_declare=False)
        self._app.send_task(
            TASK_NAME,
            args=message.arguments,
            task_id=message.celery_task_id,
            producer=self._producer,
            retry=False,
        )

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.connection.release()
