"""Checks the points of an attempt for alerts, and records those that they trigger."""

from __future__ import annotations

from collections.abc import Mapping

from trainui import wakeup
from trainui.metrics.alerts import AlertWatch
from trainui.store.db.engine import Store
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.runs import alerts
from trainui.store.runs.alerts import AlertRecord
from trainui.store.runs.metrics_progress import AttemptToRead


class AttemptAlerts:
    """The alerts of one attempt."""

    def __init__(self, store: Store, attempt: AttemptToRead) -> None:
        self._store = store
        self._attempt = attempt
        self._pending: list[AlertRecord] = []
        """Triggered alerts that are not recorded yet."""
        self.reset()

    def reset(self) -> None:
        """Have all points checked again: another process stored points that were not checked."""
        self.watch = AlertWatch(self._attempt.definition.alerts)
        self._caught_up = False

    def catch_up(self) -> None:
        """Check the stored points: a reader may have died after storing and before checking."""
        if not self._caught_up:
            with self._store.read() as connection:
                stored = write_points.of_attempt(
                    connection, self._attempt.stage_id, self._attempt.number, self.watch.watches
                )
            self._caught_up = True
            self.check(stored)
        elif self._pending:
            self.check({})

    def check(self, batch: Mapping[str, Points]) -> None:
        """Check newly stored points, and record the alerts that they trigger."""
        self._pending += self.watch.check(batch)
        if self._pending:
            with self._store.write() as connection:
                alerts.record(
                    connection, self._attempt.stage_id, self._attempt.number, self._pending
                )
            self._pending.clear()
            wakeup.wake()
