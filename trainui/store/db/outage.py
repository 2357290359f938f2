"""Logs outages of the store: the first failure, later ones with backoff, and the recovery.

Each thread retries by itself; this log is shared by all threads, so that each line appears once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from trainui import formatting
from trainui.errors import StoreError

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds between two lines, with exponential backoff."""

QUIET = 120.0
"""Seconds without a failure after which the next failure starts a new outage."""

logger = logging.getLogger(__name__)


class OutageLog:
    """Logs the failures of one store."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._since: float | None = None
        """When the outage began; None: no outage."""
        self._last = self._due = 0.0
        self._pause = FIRST_PAUSE
        self._failures = 0

    def failed(self, error: StoreError) -> None:
        """Count a failure, and log it if a line is due."""
        with self._lock:
            now = self._now()
            if self._since is None or now - self._last > QUIET:
                self._since, self._failures, self._pause = now, 0, FIRST_PAUSE
                self._due = now
                logger.warning("%s; retrying until it succeeds", error)
            elif now >= self._due:
                logger.warning("%d failures in %s: %s", self._failures + 1, self._lasted(), error)
            self._last = now
            self._failures += 1
            if now >= self._due:
                self._due = now + self._pause
                self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def succeeded(self) -> None:
        """Note a successful write, which ends an outage."""
        if self._since is None:
            return
        with self._lock:
            if self._since is not None:
                logger.info("the database is writable again, after %s", self._lasted())
            self._since = None

    def _lasted(self) -> str:
        return formatting.duration(self._now() - (self._since or 0.0))


log = OutageLog()
"""The log of this process."""
