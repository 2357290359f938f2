"""Lock-wait notice: shown while a write waits for a locked database, so that nothing looks hung."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SAY_AFTER = 2.0
"""Seconds."""

WORDS = "another process holds the database; waiting for it, for half a minute at most"

say: Callable[[str], None] | None = None
"""The function that shows it; None: nobody would see it."""


@contextmanager
def told() -> Iterator[None]:
    """Show the notice if the enclosed block takes long."""
    if say is None:
        yield
        return
    timer = threading.Timer(SAY_AFTER, say, [WORDS])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
