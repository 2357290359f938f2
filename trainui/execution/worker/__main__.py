"""Entry point of the worker process: one per home; acquires the lock and runs `celery_worker`.

It may be killed at any time: the next worker finds and records whatever this one did not.
"""

from __future__ import annotations

import gc
import logging
import logging.handlers
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trainui import paths, settings, system
from trainui.errors import CopiedHomeError, SchemaRefusedError, TrainuiError
from trainui.execution import processes
from trainui.execution.daemon import health, lifecycle
from trainui.execution.daemon.health import EXIT_HELD, EXIT_REFUSED
from trainui.paths import Home
from trainui.store.db import home_identity, sqlite_file
from trainui.store.shell_environment import MaskedFormatter

logger = logging.getLogger("trainui.execution.worker")  # this module runs as __main__

_LOG_BYTES = 5 << 20
"""Size in bytes at which the log is rotated; three old logs are kept."""


def main() -> int:
    """Run the worker of the home that the environment names; return the exit code."""
    os.umask(0o077)
    processes.accept_signals()
    if os.getpgrp() != os.getpid():
        os.setsid()  # started along with the guard, in its session
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker: %(message)s")
    home = paths.home()
    if processes.EARLY in sys.argv:
        _import_worker()
        processes.await_release(home.guard_log)
        if not processes.is_worker_wanted(home):
            return 0
    if words := home_identity.standing_of(sqlite_file.store_file(), home).words:
        logger.error("%s", words)
        return EXIT_REFUSED
    for directory in (home.root, home.worker):
        paths.make_private(directory)
    if processes.acquire_lock(home.worker_lock) is None:  # held until this process ends
        owner = processes.lock_holder(home.worker_lock)
        logger.info("the worker of %s is already running, pid %s", home.root, owner)
        return EXIT_HELD
    health.clear_ready(home)
    return _run(home) if processes.is_worker_wanted(home) else 0


def _run(home: Home) -> int:
    _log_to_file(home)
    system.raise_open_files()
    _import_worker()
    from trainui.execution.worker import celery_worker
    from trainui.store.db.engine import open_patiently

    def is_unwanted_after(seconds: float) -> bool:
        time.sleep(seconds)
        return not processes.is_worker_wanted(home)

    try:
        if open_patiently(is_unwanted_after, lifecycle.upgrade_schema) is None:
            return 0
    except TrainuiError as error:
        logger.error("%s", error)
        is_refused = isinstance(error, SchemaRefusedError | CopiedHomeError)
        return EXIT_REFUSED if is_refused else error.exit_code
    return celery_worker.run(home, settings.load())


def _import_worker() -> None:
    """Import what the worker needs, which takes half a second.

    Libraries are imported without their plugins, for which they search each installed package. That
    saves a tenth of the time, and more where many packages are installed.
    """
    for name in [name for name in os.environ if name.startswith("CELERY_")]:
        del os.environ[name]  # of another project; they would override our settings
    gc.disable()  # saves a seventh of the import time; imports produce no garbage
    from kombu.utils import compat

    # Kombu's own serializers alone, and without YAML's: only JSON is accepted.
    with _replaced(vars(compat), "entrypoints", lambda _: ()), _replaced(sys.modules, "yaml", None):
        import kombu.matcher
        import kombu.serialization  # noqa: F401
    import trainui.execution.worker.celery_worker
    import trainui.execution.worker.task  # noqa: F401

    gc.freeze()
    gc.enable()


@contextmanager
def _replaced(values: Any, key: str, value: Any) -> Iterator[None]:
    """Replace a value of a mapping, and restore it."""
    before = values.get(key)
    values[key] = value
    try:
        yield
    finally:
        if before is None:
            del values[key]
        else:
            values[key] = before


def _log_to_file(home: Home) -> None:
    handler = logging.handlers.RotatingFileHandler(
        home.worker_log, maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8"
    )
    layout = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(MaskedFormatter(layout))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("alembic", "celery.worker.strategy", "celery.app.trace"):
        # They log each plugin, and each task's start and end, which our own log lines cover.
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
