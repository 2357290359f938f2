"""Notices that a completed stage has the best value of its pipeline, which becomes an event."""

from __future__ import annotations

import logging
import math
from typing import Any

from trainui.model.headline_metric import CURVE, headline, lower_is_better
from trainui.model.notifications import BEST
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import Status
from trainui.pipeline import matrix
from trainui.store.db.engine import Store
from trainui.store.db.protocol import Connection
from trainui.store.points import read_points
from trainui.store.read import event_feed, headlines

logger = logging.getLogger(__name__)

MOST_STAGES = 300
"""The newest stages of a pipeline that a value is compared with, as in the digest: about 0.1 s."""


def find(store: Store, run: RunRecord, stage: StageRecord) -> dict[str, Any] | None:
    """Return a stage's best value as data, with the one `before`; None: it is not the best.

    `before` is None for the first value. A stage with a NaN is never the best.
    """
    try:
        with store.read() as connection:
            return _find(connection, run, stage)
    except Exception:  # the end has to be recorded
        logger.exception("%s: not compared with the best of its pipeline", stage.name)
        return None


def _find(connection: Connection, run: RunRecord, stage: StageRecord) -> dict[str, Any] | None:
    search = stage.definition.search
    names = headlines.names_of(connection, stage.id)
    series = {one.name: one for one in read_points.summaries(connection, [stage.id])}
    metric = headline(
        names, search, lambda name: series[name].count >= CURVE if name in series else False
    )
    lower = None if metric is None else lower_is_better(metric, search)
    if metric is None or metric not in series or lower is None:
        return None
    value = _value(series[metric], lower=lower)
    if value is None or any(one.nonfinite for one in series.values()):
        return None
    earlier = event_feed.data_of_pipeline(connection, BEST, run.pipeline)
    known = next((one["value"] for one in earlier if one["metric"] == metric), None)
    if known is not None and not _is_better(value, known, lower=lower):
        return None  # nearly always
    others = event_feed.with_metric(connection, run.pipeline, metric, MOST_STAGES)
    before = [
        found
        for one in others
        if one.id != stage.id and one.status == Status.COMPLETED
        for summary in read_points.summaries(connection, [one.id], metric)
        if (found := _value(summary, lower=lower)) is not None
    ]
    best = (min if lower else max)(before, default=None)
    if best is not None and not _is_better(value, best, lower=lower):
        return None
    goal = "minimize" if lower else "maximize"
    return {"metric": metric, "goal": goal, "value": value, "before": best}


def words(data: dict[str, Any]) -> str:
    """Return a new best in words."""
    before = "" if data["before"] is None else f" (was {data['before']:.6g})"
    return f"best {data['metric']} of its pipeline: {data['value']:.6g}{before}"


def _value(series: SeriesSummary, *, lower: bool) -> float | None:
    found = matrix.value_of(series, lower=lower)
    return found if found is not None and math.isfinite(found) else None


def _is_better(value: float, than: float, *, lower: bool) -> bool:
    return value < than if lower else value > than
