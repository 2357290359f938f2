"""Celery's worker in this process, with the worker's duties, and how it comes to its end."""

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
from trainui.execution.worker import services
from trainui.execution.worker.celery_app import TRACKED_TASK, get_app
from trainui.execution.worker.database_watch import DatabaseWatch
from trainui.execution.worker.shutdown import STOPPING
from trainui.paths import Home
from trainui.settings import Settings, host

logger = logging.getLogger(__name__)

EXIT_TOLD = 143
"""It was told to end though it is wanted; where it is not, it exits with 0."""

EVENTS_EVERY = 0.5
"""Seconds for which the events of tasks are gathered, or until there are two dozen."""

_LEAVE_WITHIN = 4.0
"""Seconds; then it leaves as it stands, which is no worse than being killed."""


def run(home: Home, settings: Settings) -> int:
    """Run the worker until it is told to end, or is not wanted any more; return the exit code."""
    worker = _make_worker(home, settings)
    threading.Thread(target=_watch_wishes, args=(home, settings), daemon=True).start()
    worker.start()
    logger.info("the worker has ended")
    return worker.exitcode or (EXIT_TOLD if desired_state.is_wanted(home) else 0)


def _make_worker(home: Home, settings: Settings) -> Any:
    # Celery warns root of pickled messages, which are not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app, slots = get_app(), services.slots()
    app.conf.include = [TRACKED_TASK, *_importable(settings.include)]
    app.steps["worker"].add(_ServicesStep)
    _connect(signals.setup_logging, lambda **_: None)  # with a receiver Celery leaves ours alone
    _connect(signals.worker_shutting_down, lambda **_: _leave())
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
        heartbeat_interval=5,  # for Flower, which takes a worker with no heartbeat for dead
    )


def _connect(celery_signal: Any, receiver: Any) -> None:
    celery_signal.connect(receiver, weak=False)


def _importable(modules: Iterable[str]) -> list[str]:
    """Import a user's modules; one that fails must not keep all runs from running."""
    imported = []
    for module in modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit):
            logger.exception("the setting include: %s cannot be imported; left out", module)
        else:
            imported.append(module)
    return imported


class _PatientConsumer(Consumer):  # type: ignore[misc]
    """Tells Celery's tools of several tasks at once: to tell of each would cost more than it."""

    _told_at = -math.inf
    """When the events that come in now are sent, on the monotonic clock."""

    def on_send_event_buffered(self) -> None:
        """Have an event sent soon, which was put among those that wait."""
        now = time.monotonic()
        if now >= self._told_at:
            self._told_at = now + EVENTS_EVERY
            self.hub.call_soon(self.hub.call_later, EVENTS_EVERY, self._flush_events)


class _ServicesStep(StartStopStep):  # type: ignore[misc]
    """Runs the duties with the worker, not with its connection, which comes and goes."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        # At a hangup Celery would drain, and run itself again with other modules on its path.
        signal.signal(signal.SIGHUP, lambda *_: None)
        services.start(parent.app, STOPPING)

    def close(self, _parent: Any) -> None:
        _leave()  # also where no signal was sent: Celery gave up

    def stop(self, _parent: Any) -> None:
        services.stop()

    terminate = stop


def _leave() -> None:
    """Tell all who wait for a stage to leave it, and see to it that this process ends soon."""
    if STOPPING.is_set():
        return
    STOPPING.set()
    deadline = threading.Timer(_LEAVE_WITHIN, os._exit, [EXIT_TOLD])
    deadline.daemon = True
    deadline.start()
    readiness.clear(paths.home())  # last: a disk may refuse it


def _watch_wishes(home: Home, settings: Settings) -> None:
    """End this process when it is not wanted, has been idle for long enough, or is outdated."""
    wish, database = _LastWish(), DatabaseWatch(home)
    while not STOPPING.wait(min(1.0, settings.idle_timeout / 4)):
        try:
            _withdraw_if_idle(home, settings, wish)
            unwanted = _unwanted(home) or database.problem()
        except Exception:
            logger.exception("whether the worker is wanted cannot be told; it goes on")
            continue
        if unwanted:
            logger.info("%s: this worker ends", unwanted)
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _unwanted(home: Home) -> str | None:
    """Say why this process is to end, if it is."""
    if not desired_state.is_wanted(home):
        return "no worker is wanted any more"
    return "another trainui was installed, and goes on" if installed.is_another() else None


@dataclass(slots=True)
class _LastWish:
    """The last stamp of a start that was seen, and since when on the monotonic clock."""

    stamp: int = -1
    since: float = 0.0


def _withdraw_if_idle(home: Home, settings: Settings, wish: _LastWish) -> None:
    if settings.database_url is not None:
        return  # another host may submit what this one is to run
    seen = desired_state.wanted_at(
        home
    )  # first: a run that is stored after the look is wanted later
    if seen != wish.stamp:
        wish.stamp, wish.since = seen, time.monotonic()
    since_wanted = time.monotonic() - wish.since
    if min(services.idle_seconds(), since_wanted) >= settings.idle_timeout:
        logger.info("no run was active for %.0f s", settings.idle_timeout)
        desired_state.withdraw_seen(home, seen)
