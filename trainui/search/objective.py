"""The objective of a trial, read from its stored points, and a warning while it has none."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from trainui import clock
from trainui.domain.records import StageRecord
from trainui.domain.search import Search
from trainui.formatting import listed
from trainui.store.db import protocol
from trainui.store.db.engine import Store, raw
from trainui.store.read import headlines
from trainui.store.runs import stages
from trainui.store.runs.trials import TrialOutcome

PATIENCE = 30 * clock.SECOND
"""Microseconds after the start of a trial before the warning."""

LOOK_EVERY = 5 * clock.SECOND
"""Microseconds between two checks."""


def of_completed(connection: protocol.Connection, stage_id: str, search: Search) -> TrialOutcome:
    """Return how a completed trial counts: by its best finite value, else as failed."""
    from trainui.store.points.windows import Plotted  # it imports numpy
    from trainui.store.points.x_axis import Axis

    series = Plotted(connection, stage_id, search.metric, Axis.STEP)
    if (best := series.best(lower=search.goal == "minimize")) is not None:
        return TrialOutcome("complete", best.value, best.step)
    return TrialOutcome("fail", reason=problem(connection, stage_id, search.metric))


def of_seeds(
    connection: protocol.Connection, members: Sequence[StageRecord], search: Search
) -> TrialOutcome:
    """Return how a completed trial counts: with several seeds, by the mean of their values."""
    if len(members) == 1:
        return of_completed(connection, members[0].id, search)
    found = [of_completed(connection, one.id, search) for one in members]
    for member, outcome in zip(members, found, strict=True):
        if outcome.value is None:
            return TrialOutcome("fail", reason=f"{seed_of(member)}: {outcome.reason}")
    values = [one.value for one in found if one.value is not None]
    return TrialOutcome("complete", fmean(values))


def seed_of(member: StageRecord) -> str:
    """Return which seed of its trial a stage is: `seed=1`."""
    over = member.definition.over or ""
    return f"{over}={(member.definition.matrix or {}).get(over, '')}"


def problem(connection: protocol.Connection, stage_id: str, metric: str) -> str | None:
    """Return why a stage that has completed has no value of a metric; None if it has one."""
    if (why := missing(connection, stage_id, metric)) is not None:
        return why
    from trainui.store.points import curves

    found = curves.summaries(connection, [stage_id], metric)
    has_value = any(one.min is not None for one in found)
    return None if has_value else f"{metric} has no finite value"


def missing(
    connection: protocol.Connection, stage_id: str, metric: str, *, so_far: bool = False
) -> str | None:
    """Return that a stage has no point of a metric, and which it has; None if it has one."""
    names = headlines.names_of(connection, stage_id)
    if metric in names:
        return None
    when = " so far" if so_far else ""
    return f"no points of {metric}{when}; has: {listed(names) if names else 'no metrics'}"


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
        with self._store.read() as connection:
            metric = stage.definition.search.metric
            reason = missing(raw(connection), stage.id, metric, so_far=True)
        if (reason is not None) == (stage.id in self._warned):
            return
        with self._store.write() as connection:
            stages.warn(connection, stage.id, reason)
        (self._warned.add if reason else self._warned.discard)(stage.id)
