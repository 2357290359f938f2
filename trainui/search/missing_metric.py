"""Warns while a trial runs that its objective has no points, before it counts as failed for it."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import clock
from trainui.model.records import StageRecord
from trainui.search import objective
from trainui.store.db.engine import Store
from trainui.store.runs import stages

PATIENCE = 30 * clock.SECOND
"""Microseconds after the start of a trial before the warning."""

LOOK_EVERY = 5 * clock.SECOND
"""Microseconds between two checks."""


class MissingMetricWatch:
    """Checks the running trials that have metrics, but not yet the one of their search."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked_at = 0
        self._warned: set[str] = set()

    def look(self, running: Sequence[StageRecord]) -> None:
        """Warn about these trials where it is due, and withdraw warnings that no longer apply."""
        now = clock.now()
        if abs(now - self._looked_at) < LOOK_EVERY:
            return
        self._looked_at = now
        self._warned &= {stage.id for stage in running}
        for stage in running:
            if now - (stage.started_at or now) >= PATIENCE:
                self._look_at(stage)

    def _look_at(self, stage: StageRecord) -> None:
        assert stage.definition.search is not None
        metric = stage.definition.search.metric
        with self._store.read() as connection:
            reason = objective.missing(connection, stage.id, metric, so_far=True)
        if (reason is not None) == (stage.id in self._warned):
            return
        with self._store.write() as connection:
            stages.warn(connection, stage.id, reason)
        (self._warned.add if reason else self._warned.discard)(stage.id)
