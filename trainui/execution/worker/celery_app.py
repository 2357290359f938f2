"""The Celery app, configured for stages that run for days, and what sends its messages.

The effect of each setting was measured on Celery 5.7; comments give the reasons.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import queue
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport.redis import Transport
from redis.exceptions import RedisError, ResponseError

from trainui import paths
from trainui import settings as settings_module
from trainui.execution import broker
from trainui.execution.daemon import health
from trainui.execution.daemon.health import QueueState
from trainui.execution.planner import TaskMessage
from trainui.paths import Home
from trainui.settings import Settings, host

logger = logging.getLogger(__name__)

TRACKED_TASK = "trainui.execution.worker.task"
"""The module that registers the task that runs stages."""

_LOGGED_EVERY = 10.0
"""Seconds between two lines in the log about messages that cannot be read."""

AGAIN_AFTER = 0.5
"""Seconds between a failed attempt to send and the next one."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the length of the queue."""

_TRANSPORT_OPTIONS = {
    # Messages are acknowledged on receipt, so the broker needs no record of unacknowledged ones.
    "ack_emulation": False,
    # Timeouts detect a broker that hangs; the worker then reconnects.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
}

_PUBLISH_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
"""Publishing fails after 0.4 s if the broker is down, after 5 s if it hangs."""

SETTINGS: dict[str, Any] = {
    # Acknowledged on receipt: the planner sends lost messages again, and with late acknowledgement
    # a lost connection would end the worker.
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    # No prefetch: a prefetched message cannot be revoked and does not survive a lost connection.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # The store has the results.
    "task_ignore_result": True,
    "result_backend": None,
    "task_publish_retry": False,
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,  # the default gives up after 100
    "broker_transport_options": _TRANSPORT_OPTIONS,
    "worker_send_task_events": True,  # `celery events` needs them
    # The worker configures its own log, and does not capture prints in it.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
}
"""Settings that are the same for every home."""


class LenientTransport(Transport):
    """Discards what is no message, which would otherwise end the worker."""

    discarded: ClassVar[int] = 0
    """How many texts, and messages of unknown tasks, were discarded in this process."""

    _logged_at = -math.inf

    def on_readable(self, *arguments: Any) -> None:
        """Receive a message."""
        try:
            super().on_readable(*arguments)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self.count_discarded(f"no message: {error!r}")

    @classmethod
    def count_discarded(cls, what: str) -> None:
        """Count what was discarded, and log it at times."""
        cls.discarded += 1
        if time.monotonic() - cls._logged_at > _LOGGED_EVERY:
            cls._logged_at = time.monotonic()
            logger.warning("discarded in the queue, which another program writes to: %s", what)


class _EagerConnection(Connection):
    """A connection that retries at least every 2 s; kombu's own backoff goes up to 30 s."""

    def get_transport_cls(self) -> type[Transport]:
        """Return the class that receives messages."""
        return LenientTransport

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, with retries."""
        pace = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2.0}
        connect: Any = super().ensure_connection
        return connect(*args, **{**pace, **kwargs})


class _Amqp(AMQP):  # type: ignore[misc]
    Connection = _EagerConnection


def create_app(home: Home, settings: Settings) -> Any:
    """Create the Celery app, without connecting; raise UsageError for an invalid broker URL."""
    app = Celery("trainui", broker=broker.url_for_celery(home, settings), amqp=_Amqp)
    # A queue per home, since several homes may share one broker.
    app.conf.update(SETTINGS, task_default_queue=queue_of(home, settings))
    app.conf.update(include=[TRACKED_TASK, *settings.include])
    return app


def queue_of(home: Home, settings: Settings) -> str:
    """Return the name of a home's message queue; no other home consumes from it."""
    if settings.broker_url is None:
        return "trainui"
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:8]
    return f"trainui.{host(settings)}.{digest}"


@cache
def get_app() -> Any:
    """Return this process's app, for the home that the environment names."""
    return create_app(paths.home(), settings_module.load())


def publishing_connection(app: Any) -> Any:
    """Return a connection for sending tasks that fails fast if the broker is down.

    Use it as `task.apply_async(..., connection=connection, retry=False)`.
    """
    return app.connection_for_write(transport_options=_PUBLISH_OPTIONS)


# The worker's message queue: publishes the messages of stages, and records its state.
#
# Both in threads, because a broker may hang. A lost message does no harm: the planner finds the
# attempt unclaimed and sends it again.

TASK_NAME = "trainui.execute_stage_with_tracking"
"""Name of the only Celery task that runs stages."""


class QueueRecord:
    """The recorded state of the queue, which two threads update."""

    def __init__(self) -> None:
        self._home = paths.home()
        self._lock = threading.Lock()
        self.state = QueueState()
        health.write_queue(self._home, self.state)

    def update(self, **changes: Any) -> None:
        """Record changes; nothing is written if there are none."""
        with self._lock:
            changed = replace(self.state, **changes)
            if changed != self.state:
                with suppress(OSError):  # a full disk
                    health.write_queue(self._home, changed)
                self.state = changed


class QueueWatch:
    """Records how many messages wait in the queue, and how many were discarded."""

    def __init__(self, app: Any, record: QueueRecord) -> None:
        self._app = app
        self._record = record
        self._connection: Any = None

    def step(self) -> float:
        """Look at the queue; return the seconds until the next look."""
        try:
            if self._connection is None:
                self._connection = publishing_connection(self._app)
            key = self._app.conf.task_default_queue
            waiting = self._connection.default_channel.client.llen(key)
            if LenientTransport.discarded > self._record.state.discarded:
                discarded = LenientTransport.discarded
                self._record.update(discarded=discarded, discarded_at=time.time())
        except (RedisError, OSError):
            self.close()  # an unreachable broker is reported by its heartbeat
        else:
            self._record.update(waiting=waiting)
        return LOOK_EVERY

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.release()


class TaskSender:
    """Sends messages one at a time, and retries each until the broker accepts it."""

    def __init__(self, app: Any, record: QueueRecord) -> None:
        self._app = app
        self._record = record
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
                if isinstance(error.__cause__ or error, ResponseError) and not broken:
                    why = str(error.__cause__ or error).rstrip(".")
                    self._record.update(refused=why, refused_since=time.time())
                broken = True
                self._disconnect()
                self._stopped.wait(AGAIN_AFTER)
            else:
                break
        if broken:
            logger.info("the broker accepts messages again")
        self._record.update(refused="", refused_since=0.0)

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
