"""Whether a silence is that of a stage, and not of a store that could not be written.

Metrics are signs of life once they are stored. While the store is locked, or its server is away,
none are, and a stage that an alert stops for that would have failed through no fault of its own.
"""

from __future__ import annotations

import time

from trainui.store.db.engine import Store


class Silence:
    """A silence of one attempt, from when it was first seen."""

    def __init__(self, store: Store, grace: float) -> None:
        """Begin with none.

        Args:
            store: where signs of life are stored.
            grace: seconds in which the store can be written, for the reader to catch up.
        """
        self._store = store
        self._grace = grace
        self._writable_at: float | None = None

    def is_of_the_stage(self, *, silent: bool) -> bool:
        """Whether the stage itself is silent, as far as is known by now.

        Args:
            silent: there are no signs of life.

        Raises:
            StoreError: the store cannot be written.
        """
        if not silent:
            self._writable_at = None
            return False
        if self._writable_at is None:
            self._store.await_turn()
            self._writable_at = time.monotonic()
        return time.monotonic() - self._writable_at >= self._grace
