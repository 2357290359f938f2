"""The reader's own process: reads metrics until its parent process has ended."""

from __future__ import annotations

import logging
import os
import select
import stat
import threading
from collections.abc import Callable
from contextlib import closing

from trainui import open_file_limit, settings, wakeup
from trainui.metrics.reader import process
from trainui.metrics.reader.process_loop import MetricsReader
from trainui.store.db.engine import Store, open_patiently

NICE = 5
"""Nice level: trainings come first if all cores are busy."""

_LOOK_EVERY = 1000
"""Milliseconds between two checks of the parent's pid."""


def main(mount: str = "", beside: Callable[[Store, threading.Event], None] | None = None) -> None:
    """Run the reader until its parent process has ended.

    With a `mount`, it reads the external runs on that remote file system; `beside` is called with
    the store, and with what is set when the parent has ended.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # otherwise it logs each change
    os.nice(NICE)
    open_file_limit.raise_open_files()
    stopping = threading.Event()
    threading.Thread(target=_await_parent, args=(stopping, mount), daemon=True).start()
    if (store := open_patiently(stopping.wait)) is not None:
        if beside is not None:
            beside(store, stopping)
        with closing(MetricsReader(store, settings.host(), mount)) as reader:
            reader.run(stopping)


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
    wakeup.wake(process.wake_socket(mount))
