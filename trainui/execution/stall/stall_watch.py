"""The base of both watches of stalls: what they check, and which stalls they record.

Metrics count as activity once they are stored. While the store is locked or its server is down,
none are stored, and an alert must not stop a stage for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from trainui.domain.records import AttemptRecord
from trainui.domain.states import Status
from trainui.execution.gpu import nvml
from trainui.execution.planner.slots import host
from trainui.execution.stall.stall_rule import LEAST_SILENCE
from trainui.store.db.engine import Store
from trainui.store.runs import attempt_rows

GRACE = 5.0
"""Seconds that the metrics reader gets to catch up once the store is writable."""


class StallWatch:
    """Checks the running attempts of this host."""

    def __init__(
        self,
        store: Store,
        *,
        least_silence: float = LEAST_SILENCE,
        grace: float = GRACE,
        gpus: Callable[[], Sequence[nvml.Gpu]] = lambda: nvml.query().gpus,
    ) -> None:
        self._store = store
        self._least_silence = least_silence
        self._grace = grace
        self._gpus = gpus
        self._watched: dict[int, Any] = {}
        """By attempt, what a subclass knows of it."""

    def poll(self) -> None:
        """Check all running attempts of this host."""
        with self._store.read() as connection:
            found = attempt_rows.in_state(connection, Status.RUNNING)
        running = [one for one in found if one.host == host()]
        ids = {one.id for one in running}
        self._watched = {id_: one for id_, one in self._watched.items() if id_ in ids}
        self._check(running, time.monotonic())

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        raise NotImplementedError


class Stall:
    """Decides when a stall of one attempt, or its end, has to be recorded."""

    is_recorded: bool | None = None
    """True if a stall is on record; None: not known."""

    def __init__(self, store: Store, grace: float) -> None:
        """Start without a stall.

        `grace` is the number of seconds that the metrics reader gets to catch up once the store is
        writable: only then a silence is the stage's own.
        """
        self._store = store
        self._grace = grace
        self._writable_at: float | None = None

    def is_unrecorded(self, *, stalled: bool) -> bool:
        """Return True if the current state has to be recorded.

        Raises:
            StoreError: the store cannot be written.
        """
        if not stalled:
            self._writable_at = None
        elif not self.is_recorded:
            if self._writable_at is None:
                self._store.await_writable()
                self._writable_at = time.monotonic()
            if time.monotonic() - self._writable_at < self._grace:
                return False  # decided at a later check
        return stalled != self.is_recorded
