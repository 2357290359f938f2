"""Runs Celery's worker with our services in this process, and shuts it down.

It also ends when its database file or the log of that was removed, replaced or overwritten.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import signal
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from celery import signals
from celery.bootsteps import StartStopStep
from celery.platforms import SecurityWarning
from celery.worker.consumer import Consumer

from trainui import installation, paths
from trainui.errors import ReplacedError, StoreError
from trainui.execution import processes
from trainui.execution.daemon import health
from trainui.execution.planner import all_slots
from trainui.execution.worker import services
from trainui.execution.worker.celery_app import TRACKED_TASK, LenientTransport, get_app
from trainui.execution.worker.services import STOPPING, WorkerServices
from trainui.paths import Home
from trainui.settings import Settings, host
from trainui.store.db import sqlite_file

logger = logging.getLogger(__name__)

EXIT_SIGNALLED = 143
"""Exit code if the worker got a signal although it is wanted; 0 if it is not wanted."""

EVENTS_EVERY = 0.5
"""Seconds for which task events are collected before they are sent; two dozen are sent at once."""

_SHUTDOWN_TIMEOUT = 4.0
"""Seconds until a forced exit, which is no worse than SIGKILL."""


class DatabaseWatch:
    """Remembers the identity of the database file that was opened first."""

    def __init__(self) -> None:
        self._file = sqlite_file.store_file()
        self._opened = sqlite_file.file_identity(self._file)
        self._mark = sqlite_file.FileMark()
        self._keeper: sqlite_file.LogKeeper | None = None
        self._log: tuple[int | None, ...] = ()
        """The identity of the log that the keeper has open."""
        with suppress(OSError, sqlite3.Error, StoreError):
            self._log_deleted()
        with suppress(OSError, StoreError):  # reported by the first check
            self._overwritten()

    def problem(self) -> str | None:
        """Return what happened to the database file; None if it is the same file."""
        found = sqlite_file.file_identity(self._file)
        self._opened = self._opened or found
        if found == self._opened:
            try:
                problem = health.database_problem(self._file)
                return problem or self._log_deleted() or self._overwritten()
            except StoreError as error:
                return str(error)
        how = "removed" if found is None else "replaced by another file"
        return f"the database {self._file} was {how}"

    def _overwritten(self) -> str | None:
        if self._opened is None or not self._mark.is_gone():
            return None
        return (
            f"the database {self._file} was overwritten while it was in use, and may be "
            "damaged: to restore a copy, stop the worker and remove it with its -wal and -shm files"
        )

    def _log_deleted(self) -> str | None:
        if self._file is None or self._opened is None:
            return None
        if self._keeper is not None and sqlite_file.log_identity(self._file) == self._log:
            return None
        deleted = sqlite_file.deleted_log(self._file)
        if deleted is None:
            self._keeper = self._keeper or sqlite_file.LogKeeper(sqlite_file.connect(self._file))
            self._log = sqlite_file.log_identity(self._file)
            return None
        if self._keeper is not None:
            with suppress(sqlite3.Error):  # the worker ends in any case
                self._keeper.save()
        return f"{deleted} was deleted while it was in use: the last changes may be lost"


def run(home: Home, settings: Settings) -> int:
    """Run the worker until it gets a signal or is no longer wanted; return the exit code."""
    with suppress(OSError, ReplacedError):  # reported when a stage needs it
        services.fork_server.prepare()  # else the first stage would wait for its interpreter
    worker = _make_worker(home, settings)
    threading.Thread(target=_watch_desired_state, args=(home, settings), daemon=True).start()
    worker.start()
    logger.info("the worker has ended")
    return worker.exitcode or (EXIT_SIGNALLED if processes.is_worker_wanted(home) else 0)


def _make_worker(home: Home, settings: Settings) -> Any:
    # Celery warns root about pickled messages; they are not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app, slots = get_app(), all_slots(settings)
    app.conf.include = [TRACKED_TASK, *_importable(settings.include)]
    app.steps["worker"].add(_ServicesStep)
    places = [{"kind": slot.kind, "index": slot.index} for slot in slots]
    for signalled, receiver in (
        (signals.setup_logging, lambda **_: None),  # keeps Celery from changing our logging
        (signals.worker_shutting_down, lambda **_: _begin_shutdown()),
        (signals.worker_ready, lambda **_: health.declare_ready(home, places)),
    ):
        signalled.connect(receiver, weak=False)
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
    """Sends task events in batches: sending each one separately would cost more than the task.

    Messages of unknown tasks are counted, instead of a traceback in the log for each.
    """

    _flush_at = -math.inf
    """Monotonic time at which the current batch is sent."""

    def on_send_event_buffered(self) -> None:
        """Schedule the sending of the batch, if it is not scheduled yet."""
        now = time.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + EVENTS_EVERY
            self.hub.call_soon(self.hub.call_later, EVENTS_EVERY, self._flush_events)

    def on_unknown_task(self, _body: Any, message: Any, exc: Exception) -> None:
        """Discard a message of another program."""
        message.ack()
        LenientTransport.count_discarded(f"a message of the task {exc}")


class _ServicesStep(StartStopStep):  # type: ignore[misc]
    """Starts the services with the worker, not with its connection, which may be lost."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        # On SIGHUP Celery would restart itself with a different module path.
        signal.signal(signal.SIGHUP, lambda *_: None)
        services.running = WorkerServices(parent.app)
        services.running.start()

    def close(self, _parent: Any) -> None:
        _begin_shutdown()  # also without a signal, if Celery gave up

    def stop(self, _parent: Any) -> None:
        started, services.running = services.running, None
        if started is not None:
            started.stop()

    terminate = stop


def _begin_shutdown() -> None:
    """Set `STOPPING`, so that waiting tasks return, and force an exit after a few seconds."""
    if STOPPING.is_set():
        return
    STOPPING.set()
    deadline = threading.Timer(_SHUTDOWN_TIMEOUT, os._exit, [EXIT_SIGNALLED])
    deadline.daemon = True
    deadline.start()
    health.clear_ready(paths.home())  # last, because it may fail on a full disk


def _watch_desired_state(home: Home, settings: Settings) -> None:
    """End this process once it is not wanted, has been idle long enough, or is outdated."""
    database = DatabaseWatch()
    requested_at, seen_at = -1, 0.0
    while not STOPPING.wait(min(1.0, settings.idle_timeout / 4)):
        try:
            # read before the idle check: a run stored after it has a later start request
            if (wanted_at := processes.worker_wanted_at(home)) != requested_at:
                requested_at, seen_at = wanted_at, time.monotonic()
            if _is_idle(settings, since=seen_at):
                logger.info("no run was active for %.0f s", settings.idle_timeout)
                processes.withdraw_worker_as_seen(home, requested_at)
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
    if not processes.is_worker_wanted(home):
        return "the worker is no longer wanted"
    running = services.running  # read once: the main thread may stop them meanwhile
    if running is not None and running.is_outdated:
        return "another trainui upgraded the database"
    return "another version of trainui was installed" if installation.is_upgraded() else None


def _is_idle(settings: Settings, *, since: float) -> bool:
    """Return True if no run was active and no start was requested for the idle timeout.

    `since` is the time at which the last request was seen.
    """
    if settings.database_url is not None:
        return False  # another host may submit a run for this one
    running = services.running  # read once: the main thread may stop them meanwhile
    if running is None:
        return False  # still starting, or stopping
    idle = min(running.idle_seconds(), time.monotonic() - since)
    return idle >= settings.idle_timeout
