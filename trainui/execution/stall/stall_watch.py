"""The base of both watches of stalls: when they check, and which silence is the stage's own.

Metrics count as activity once they are stored. While the store is locked or its server is down,
none are stored, and an alert must not stop a stage for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from trainui.execution.gpu import nvml
from trainui.execution.stall.cadence import LEAST_SILENCE
from trainui.store.db.engine import Store

LOOK_EVERY = 5.0
"""Seconds between two checks; a silence shorter than a minute does not matter."""


class StallWatch:
    """Checks the running attempts of this host from time to time."""

    def __init__(
        self,
        store: Store,
        *,
        least_silence: float = LEAST_SILENCE,
        look_every: float = LOOK_EVERY,
        gpus: Callable[[], Sequence[nvml.Gpu]] = lambda: nvml.look().gpus,
    ) -> None:
        self._store = store
        self._least_silence = least_silence
        self._look_every = look_every
        self._gpus = gpus
        self._looked_at = float("-inf")
        self._watched: dict[int, Any] = {}
        """By attempt, what a subclass knows of it."""

    def look(self) -> None:
        """Check all running attempts of this host, if a check is due."""
        now = time.monotonic()
        if now - self._looked_at >= self._look_every:
            self._looked_at = now
            self._check(now)

    def _check(self, now: float) -> None:
        raise NotImplementedError


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
