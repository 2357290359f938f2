"""The objective of a trial, read from its stored points."""

from __future__ import annotations

from trainui.domain.search import Search
from trainui.formatting import listed
from trainui.store.db import protocol
from trainui.store.points.windows import Plotted
from trainui.store.points.x_axis import Axis
from trainui.store.read import headlines
from trainui.store.runs.trials import TrialOutcome


def of_completed(connection: protocol.Connection, stage_id: str, search: Search) -> TrialOutcome:
    """Return how a completed trial counts: by its best finite value, else as failed."""
    series = Plotted(connection, stage_id, search.metric, Axis.STEP)
    best = series.best(lower=search.goal == "minimize")
    if best is not None:
        return TrialOutcome("complete", best.value, best.step)
    reason = missing(connection, stage_id, search.metric)
    return TrialOutcome("fail", reason=reason or f"{search.metric} has no finite value")


def missing(connection: protocol.Connection, stage_id: str, metric: str) -> str | None:
    """Return that a stage has no point of a metric, and which it has; None if it has one."""
    names = headlines.names_of(connection, stage_id)
    if metric in names:
        return None
    return f"no points of {metric}; has: {listed(names) if names else 'no metrics'}"
