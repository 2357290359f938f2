"""Sending the messages that let Celery run stages: in a thread, since a broker may hang.

A message that cannot be sent, or is lost on its way, is no loss: the planner finds the attempt
unclaimed and hands it in again.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trainui.execution.celery_app import publishing_connection
from trainui.store import attempts
from trainui.store.engine import Store

logger = logging.getLogger(__name__)

TASK_NAME = "trainui.execute_stage_with_tracking"
"""The one Celery task that runs stages."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message for an attempt that was granted."""

    attempt_id: int
    celery_task_id: str
    arguments: tuple[Any, ...]
    """Run id, stage name, task name, task parameters: visible to all who look at the broker."""


class Messenger:
    """Sends messages, one after the other."""

    def __init__(self, app: Any, store: Store) -> None:
        self._app = app
        self._store = store
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._waiting: set[int] = set()
        self._producer: Any = None
        self._broken = False
        self._thread = threading.Thread(target=self._serve, name="messages", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send no more; wait at most `timeout` seconds for what is under way."""
        self._queue.put(None)
        self._thread.join(timeout)

    def post(self, message: Message) -> None:
        """Send a message soon, unless it is about to be sent already."""
        if message.attempt_id not in self._waiting:
            self._waiting.add(message.attempt_id)
            self._queue.put(message)

    def _serve(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                self._send(message)
            except Exception as error:
                self._give_up(error)
            finally:
                self._waiting.discard(message.attempt_id)
        self._disconnect()

    def _send(self, message: Message) -> None:
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
        if self._broken:
            logger.info("the broker takes messages again")
        self._broken = False
        with self._store.write() as connection:
            attempts.mark_sent(connection, message.attempt_id)

    def _give_up(self, error: Exception) -> None:
        """Begin anew with the next message; of one outage only the start is worth a line."""
        if not self._broken:
            logger.warning("a message could not be sent, it is tried again: %r", error)
        self._broken = True
        self._disconnect()

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.connection.release()
