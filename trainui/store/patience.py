"""A word while a write waits for a locked database, so that nobody takes that for a hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SAY_AFTER = 2.0
"""Seconds."""

WORDS = "another process holds the database; waiting for it, for half a minute at most"

say: Callable[[str], None] | None = None
"""How it is said; None: nobody is there to read it."""


@contextmanager
def told() -> Iterator[None]:
    """Say so where what is done in here takes long."""
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
