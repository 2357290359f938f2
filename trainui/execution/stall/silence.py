"""Distinguishes a silent stage from a store that could not be written.

Metrics count as activity once they are stored. While the store is locked or its server is down,
none are stored, and an alert must not stop a stage for that.
"""

from __future__ import annotations

import time

from trainui.store.db.engine import Store


class Silence:
    """Confirms a silence of one attempt once the store has been writable for a grace period."""

    def __init__(self, store: Store, grace: float) -> None:
        """Start with no silence.

        `grace` is the number of seconds that the metrics reader gets to catch up once the store is
        writable.
        """
        self._store = store
        self._grace = grace
        self._writable_at: float | None = None

    def is_of_the_stage(self, *, silent: bool) -> bool:
        """Return True if the stage itself is known to be silent.

        `silent` says that it shows no activity now.

        Raises:
            StoreError: the store cannot be written.
        """
        if not silent:
            self._writable_at = None
            return False
        if self._writable_at is None:
            self._store.await_writable()
            self._writable_at = time.monotonic()
        return time.monotonic() - self._writable_at >= self._grace
