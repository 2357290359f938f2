"""The Celery app: the transport of stages, with settings for stages that run for days.

Which setting does what was measured on Celery 5.7; each that is here for a reason says it.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection

from trainui import paths
from trainui import settings as settings_module
from trainui.execution.broker import url
from trainui.paths import Home
from trainui.settings import Settings, host

TRACKED_TASK = "trainui.execution.worker.task"
"""The module that registers the one task that runs stages."""

_TRANSPORT_OPTIONS = {
    # A message is acknowledged as it is received, so that the broker need not be told of either.
    "ack_emulation": False,
    # A broker that hangs is noticed; the worker then outlives it and consumes again.
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
"""With a dead broker publishing fails in 0.4 s, with one that hangs in 5 s."""

SETTINGS: dict[str, Any] = {
    # Acknowledged on receipt: a lost message is sent again by us, and with late acknowledgement
    # a lost connection ends the worker.
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    # No message waits in the worker: it could neither be revoked nor outlive a lost connection.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # Results are in the store.
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
    "worker_send_task_events": True,  # `celery events` shows nothing of a worker that is silent
    # The worker has its own log, and no print ends up in it.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
}
"""What is the same in every home."""


class _EagerConnection(Connection):
    """A connection that is sought again every two seconds at least; kombu waits for up to 30."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, however often it takes."""
        pace = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2.0}
        connect: Any = super().ensure_connection
        return connect(*args, **{**pace, **kwargs})


class _Amqp(AMQP):  # type: ignore[misc]
    Connection = _EagerConnection


def create_app(home: Home, settings: Settings) -> Any:
    """Make a Celery app for a home; nothing is connected.

    Raises:
        UsageError: the configured broker's URL is of no use.
    """
    app = Celery("trainui", broker=url.for_celery(home, settings), amqp=_Amqp)
    # of this home: others may use the same broker
    app.conf.update(SETTINGS, task_default_queue=queue_of(home, settings))
    app.conf.update(include=[TRACKED_TASK, *settings.include])
    return app


def queue_of(home: Home, settings: Settings) -> str:
    """Return the queue of a home's messages, which nobody else takes."""
    if settings.broker_url is None:
        return "trainui"
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:8]
    return f"trainui.{host(settings)}.{digest}"


@cache
def get_app() -> Any:
    """Return this process's app: the one of the home that the environment names."""
    return create_app(paths.home(), settings_module.load())


def publishing_connection(app: Any) -> Any:
    """Return a connection to send tasks on, which fails soon instead of waiting for a broker.

    Use it as `task.apply_async(..., connection=connection, retry=False)`.
    """
    return app.connection_for_write(transport_options=_PUBLISH_OPTIONS)
