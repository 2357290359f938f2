"""The worker process: one a home, it runs Celery's worker in threads, and the worker's duties.

It may be killed at any time: what it did not record is found and recorded by the next one.
"""

from __future__ import annotations

import importlib
import logging
import logging.handlers
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from typing import Any

from trainui import paths
from trainui import settings as settings_module
from trainui.execution import detached, duties, locks, readiness, wishes
from trainui.execution.stopping import STOPPING
from trainui.paths import Home
from trainui.settings import Settings

logger = logging.getLogger("trainui.execution.worker")  # this module runs as __main__

EXIT_HELD = 75
"""Another worker of this home is alive."""

EXIT_TOLD = 143
"""It was told to end though it is wanted; where it is not, it exits with 0."""

_LEAVE_WITHIN = 4.0
"""Seconds; then it leaves as it stands, which is no worse than being killed."""

_LOG_BYTES = 5 << 20
"""The size at which the log is begun anew; three older ones are kept."""


def main() -> int:
    """Be the worker of the home that the environment names; return the exit code."""
    os.umask(0o077)
    detached.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker: %(message)s")
    home = paths.home()
    for directory in (home.root, home.worker):
        paths.make_private(directory)
    lock = locks.acquire(home.worker_lock)
    if lock is None:
        owner = locks.holder(home.worker_lock) or {}
        logger.info("the worker of %s runs already, with pid %s", home.root, owner.get("pid"))
        return EXIT_HELD
    with lock:
        readiness.clear(home)
        return _run(home, settings_module.load()) if wishes.is_wanted(home) else 0


def _run(home: Home, settings: Settings) -> int:
    _log_to_file(home)
    _ignore_foreign_celery_settings()
    worker = _make_worker(home, settings)
    threading.Thread(target=_watch_wishes, args=(home, settings), daemon=True).start()
    worker.start()
    logger.info("the worker has ended")
    return worker.exitcode or (EXIT_TOLD if wishes.is_wanted(home) else 0)


def _log_to_file(home: Home) -> None:
    handler = logging.handlers.RotatingFileHandler(
        home.worker_log, maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8"
    )
    layout = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=layout, handlers=[handler], force=True)


def _ignore_foreign_celery_settings() -> None:
    """Forget Celery's variables: they are of another project, and come before our settings."""
    for name in [name for name in os.environ if name.startswith("CELERY_")]:
        del os.environ[name]


def _make_worker(home: Home, settings: Settings) -> Any:
    from celery import signals
    from celery.platforms import SecurityWarning

    from trainui.execution.celery_app import TRACKED_TASK, get_app

    # Celery warns root of pickled messages, which are not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app, slots = get_app(), duties.slots()
    app.conf.include = [TRACKED_TASK, *_importable(settings.include)]
    app.steps["worker"].add(_duties_step())
    _connect(signals.setup_logging, lambda **_: None)  # with a receiver Celery leaves ours alone
    _connect(signals.worker_shutting_down, lambda **_: leave())
    _connect(
        signals.worker_ready,
        lambda **_: readiness.declare(
            home, [{"kind": slot.kind, "index": slot.index} for slot in slots]
        ),
    )
    return app.Worker(
        hostname=f"trainui@{socket.gethostname()}",
        pool_cls="threads",
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
        except Exception:
            logger.exception("the setting include: %s cannot be imported; left out", module)
        else:
            imported.append(module)
    return imported


def _duties_step() -> Any:
    from celery.bootsteps import StartStopStep

    class Duties(StartStopStep):  # type: ignore[misc]
        """Runs the duties with the worker, not with its connection, which comes and goes."""

        requires = ("celery.worker.components:Pool",)

        def start(self, parent: Any) -> None:
            # Celery would drain, and run itself again with other modules on its path.
            signal.signal(signal.SIGHUP, lambda *_: None)
            duties.start(parent.app, STOPPING)

        def close(self, _parent: Any) -> None:
            leave()  # also where no signal was sent: Celery gave up

        def stop(self, _parent: Any) -> None:
            duties.stop()

        terminate = stop

    return Duties


def leave() -> None:
    """Tell all who wait for a stage to leave it, and see to it that this process ends soon."""
    if STOPPING.is_set():
        return
    STOPPING.set()
    deadline = threading.Timer(_LEAVE_WITHIN, os._exit, [EXIT_TOLD])
    deadline.daemon = True
    deadline.start()


def _watch_wishes(home: Home, settings: Settings) -> None:
    """End this process when it is not wanted, or has been idle for long enough."""
    while not STOPPING.wait(min(1.0, settings.idle_timeout / 4)):
        try:
            _withdraw_if_idle(home, settings)
            wanted = wishes.is_wanted(home)
        except Exception:
            logger.exception("whether the worker is wanted cannot be told; it goes on")
            continue
        if not wanted:
            logger.info("the worker is not wanted any more")
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _withdraw_if_idle(home: Home, settings: Settings) -> None:
    seen = wishes.wanted_at(home)  # first: a run that is stored after the look is wanted later
    since_wanted = (time.time_ns() - seen) / 1e9
    if min(duties.idle_seconds(), since_wanted) >= settings.idle_timeout:
        logger.info("no run was active for %.0f s", settings.idle_timeout)
        wishes.withdraw_seen(home, seen)


if __name__ == "__main__":
    sys.exit(main())
