"""The Celery app, configured for stages that run for days.

The effect of each setting was measured on Celery 5.7; comments give the reasons.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from functools import cache
from typing import Any, ClassVar

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport.redis import Transport

from trainui import paths
from trainui import settings as settings_module
from trainui.execution import broker
from trainui.paths import Home
from trainui.settings import Settings, host

logger = logging.getLogger(__name__)

TRACKED_TASK = "trainui.execution.worker.task"
"""The module that registers the task that runs stages."""

_LOGGED_EVERY = 10.0
"""Seconds between two lines in the log about messages that cannot be read."""

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
    """How many texts were discarded in this process."""

    _logged_at = -math.inf

    def on_readable(self, *arguments: Any) -> None:
        """Receive a message."""
        try:
            super().on_readable(*arguments)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            LenientTransport.discarded += 1
            if time.monotonic() - self._logged_at > _LOGGED_EVERY:
                self._logged_at = time.monotonic()
                logger.warning("discarded what is no message in the queue: %r", error)


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
