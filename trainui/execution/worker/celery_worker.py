"""Runs Celery's worker with our services in this process, and shuts it down."""

from __future__ import annotations

import importlib
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from celery import signals
from celery.bootsteps import StartStopStep
from celery.platforms import SecurityWarning
from celery.worker.consumer import Consumer

from trainui import installed, paths
from trainui.execution.daemon import desired_state, readiness
from trainui.execution.planner.slots import all_slots
from trainui.execution.worker import services
from trainui.execution.worker.celery_app import TRACKED_TASK, get_app
from trainui.execution.worker.database_watch import DatabaseWatch
from trainui.execution.worker.shutdown import STOPPING
from trainui.paths import Home
from trainui.settings import Settings, host

logger = logging.getLogger(__name__)

EXIT_SIGNALLED = 143
"""Exit code if the worker got a signal although it is wanted; 0 if it is not wanted."""

EVENTS_EVERY = 0.5
"""Seconds for which task events are collected before they are sent; two dozen are sent at once."""

_SHUTDOWN_TIMEOUT = 4.0
"""Seconds until a forced exit, which is no worse than SIGKILL."""


def run(home: Home, settings: Settings) -> int:
    """Run the worker until it gets a signal or is no longer wanted; return the exit code."""
    services.prepare()
    worker = _make_worker(home, settings)
    threading.Thread(target=_watch_desired_state, args=(home, settings), daemon=True).start()
    worker.start()
    logger.info("the worker has ended")
    return worker.exitcode or (EXIT_SIGNALLED if desired_state.is_wanted(home) else 0)


def _make_worker(home: Home, settings: Settings) -> Any:
    # Celery warns root about pickled messages; they are not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app, slots = get_app(), all_slots(settings)
    app.conf.include = [TRACKED_TASK, *_importable(settings.include)]
    app.steps["worker"].add(_ServicesStep)
    _connect(signals.setup_logging, lambda **_: None)  # keeps Celery from changing our logging
    _connect(signals.worker_shutting_down, lambda **_: _begin_shutdown())
    _connect(
        signals.worker_ready,
        lambda **_: readiness.declare(
            home, [{"kind": slot.kind, "index": slot.index} for slot in slots]
        ),
    )
    return app.Worker(
        hostname=f"trainui@{host(settings)}",
        pool_cls="threads",
        consumer_cls=_PatientConsumer,
        concurrency=max(64, len(slots) + 16),
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        heartbeat_interval=5,  # for Flower, which shows a worker without heartbeat as offline
    )


def _connect(celery_signal: Any, receiver: Any) -> None:
    celery_signal.connect(receiver, weak=False)


def _importable(modules: Iterable[str]) -> list[str]:
    """Import the user's modules, skipping those that fail, and return the names of the others."""
    imported = []
    for module in modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit):
            logger.exception("setting include: cannot import %s; skipped", module)
        else:
            imported.append(module)
    return imported


class _PatientConsumer(Consumer):  # type: ignore[misc]
    """Sends task events in batches: sending each one separately would cost more than the task."""

    _flush_at = -math.inf
    """Monotonic time at which the current batch is sent."""

    def on_send_event_buffered(self) -> None:
        """Schedule the sending of the batch, if it is not scheduled yet."""
        now = time.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + EVENTS_EVERY
            self.hub.call_soon(self.hub.call_later, EVENTS_EVERY, self._flush_events)


class _ServicesStep(StartStopStep):  # type: ignore[misc]
    """Starts the services with the worker, not with its connection, which may be lost."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        # On SIGHUP Celery would restart itself with a different module path.
        signal.signal(signal.SIGHUP, lambda *_: None)
        services.start(parent.app, STOPPING)

    def close(self, _parent: Any) -> None:
        _begin_shutdown()  # also without a signal, if Celery gave up

    def stop(self, _parent: Any) -> None:
        services.stop()

    terminate = stop


def _begin_shutdown() -> None:
    """Set `STOPPING`, so that waiting tasks return, and force an exit after a few seconds."""
    if STOPPING.is_set():
        return
    STOPPING.set()
    deadline = threading.Timer(_SHUTDOWN_TIMEOUT, os._exit, [EXIT_SIGNALLED])
    deadline.daemon = True
    deadline.start()
    readiness.clear(paths.home())  # last, because it may fail on a full disk


def _watch_desired_state(home: Home, settings: Settings) -> None:
    """End this process once it is not wanted, has been idle long enough, or is outdated."""
    request, database = _LastRequest(), DatabaseWatch()
    while not STOPPING.wait(min(1.0, settings.idle_timeout / 4)):
        try:
            _withdraw_if_idle(home, settings, request)
            unwanted = _unwanted(home) or database.problem()
        except Exception:
            logger.exception("cannot read the desired state; the worker keeps running")
            continue
        if unwanted:
            logger.info("%s: stopping this worker", unwanted)
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _unwanted(home: Home) -> str | None:
    """Return why this process has to end; None if it does not."""
    if not desired_state.is_wanted(home):
        return "the worker is no longer wanted"
    return "another version of trainui was installed" if installed.is_upgraded() else None


@dataclass(slots=True)
class _LastRequest:
    """The last start request seen, and since when on the monotonic clock."""

    stamp: int = -1
    since: float = 0.0


def _withdraw_if_idle(home: Home, settings: Settings, request: _LastRequest) -> None:
    if settings.database_url is not None:
        return  # another host may submit a run for this one
    seen = desired_state.wanted_at(
        home
    )  # read first: a run stored after the idle check has a later start request
    if seen != request.stamp:
        request.stamp, request.since = seen, time.monotonic()
    since_wanted = time.monotonic() - request.since
    if min(services.idle_seconds(), since_wanted) >= settings.idle_timeout:
        logger.info("no run was active for %.0f s", settings.idle_timeout)
        desired_state.withdraw_seen(home, seen)
