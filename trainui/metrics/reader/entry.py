"""The reader's own process: reads metrics until its parent process has ended."""

from __future__ import annotations

import logging
import os
import select
import stat
import threading

from trainui import limits, settings, wakeup
from trainui.metrics.reader import process
from trainui.metrics.reader.process_loop import MetricsReader
from trainui.store.db.engine import Store, open_patiently

NICE = 5
"""Nice level: trainings come first if all cores are busy."""

_LOOK_EVERY = 1000
"""Milliseconds between two checks of the parent's pid."""


def main() -> int:
    """Run the reader until its parent process has ended; return the exit code."""
    store, stopping = start()
    if store is not None:
        serve(store, stopping)
    return 0


def serve(store: Store, stopping: threading.Event, mount: str = "") -> None:
    """Read metrics until `stopping` is set, on a remote file system if `mount` is given."""
    reader = MetricsReader(store, settings.host(), mount)
    try:
        reader.run(stopping)
    finally:
        reader.close()


def start(mount: str = "") -> tuple[Store | None, threading.Event]:
    """Prepare a reader's process; return its store, and what is set when its parent has ended.

    The store is None if the parent ended while it could not be opened.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # otherwise it logs each change
    os.nice(NICE)
    limits.raise_open_files()
    stopping = threading.Event()
    threading.Thread(target=_await_parent, args=(stopping, mount), daemon=True).start()
    return open_patiently(stopping.wait), stopping


def _await_parent(stopping: threading.Event, mount: str) -> None:
    """Wait until the parent has ended: our stdin is closed, or our parent process changes."""
    parent = os.getppid()
    piped = stat.S_ISFIFO(os.fstat(0).st_mode)
    poll = select.poll()
    if piped:
        poll.register(0, select.POLLIN)
    while os.getppid() == parent:
        # A fork of the parent may keep the pipe open, so check the parent's pid too.
        if poll.poll(_LOOK_EVERY) and not os.read(0, 4096):
            break
    stopping.set()
    wakeup.ring(process.bell(mount))
