"""A notice shown while a write waits for a locked database, so that the command seems not hung."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHOW_AFTER = 2.0
"""Seconds of waiting before the notice is shown."""

TEXT = "the database is locked by another process; waiting for up to 30 s"

show: Callable[[str], None] | None = None
"""The function that shows it; None: do not show it, e.g. in the worker."""


@contextmanager
def shown_if_slow() -> Iterator[None]:
    """Show the notice if the enclosed block takes longer than `SHOW_AFTER`."""
    if show is None:
        yield
        return
    timer = threading.Timer(SHOW_AFTER, show, [TEXT])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
