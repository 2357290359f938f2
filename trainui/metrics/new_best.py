"""Notices that a stage has the best value of its pipeline, which becomes an event.

At its end, if it completed, and once while it runs: when it passes the best of all others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainui.model.headline_metric import CURVE, headline, importance, lower_is_better
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import BEST, Status
from trainui.pipeline import matrix
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import read_points
from trainui.store.read import event_feed, headlines, views
from trainui.store.runs import runs, stages
from trainui.store.runs.metrics_progress import AttemptToRead

if TYPE_CHECKING:  # numpy, which the worker does without
    from trainui.store.points.chunks import Points

logger = logging.getLogger(__name__)

MOST_STAGES = 300
"""The newest stages of a pipeline that a value is compared with, as in the digest: about 0.1 s."""

REFRESH = 1.0
"""Seconds between looks for bests that other stages have reached."""

MOST_NAMES = 500
"""Metrics of an attempt among which one is looked for by which it may be the best."""

RETRY = 10.0
"""Seconds until a stage whose value was not the best after all is compared again."""


def find(store: Database, run: RunRecord, stage: StageRecord) -> dict[str, Any] | None:
    """Return a completed stage's best value as data, with the one `before`; None: not the best.

    `before` is None for the first value. A stage with a NaN is never the best.
    """
    try:
        with store.read() as connection:
            return _find(connection, run, stage, is_running=False)
    except Exception:  # the end has to be recorded
        logger.exception("%s: not compared with the best of its pipeline", stage.name)
        return None


def _find(
    connection: Connection, run: RunRecord, stage: StageRecord, *, is_running: bool
) -> dict[str, Any] | None:
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
    known = next((one["value"] for one in earlier if _is_of(one, metric)), None)
    if known is not None and not _is_better(value, known, lower=lower):
        return None  # nearly always
    others = event_feed.with_metric(connection, run.pipeline, metric, MOST_STAGES)
    compared = (Status.COMPLETED, Status.RUNNING) if is_running else (Status.COMPLETED,)
    before = [
        found
        for one in others
        if one.id != stage.id and one.status in compared
        for summary in read_points.summaries(connection, [one.id], metric)
        if (found := _value(summary, lower=lower)) is not None
    ]
    best = (min if lower else max)(before, default=None)
    if best is not None and not _is_better(value, best, lower=lower):
        return None
    goal = "minimize" if lower else "maximize"
    data = {"metric": metric, "goal": goal, "value": value, "before": best}
    return {**data, "running": True} if is_running else data


def _is_of(data: Mapping[str, Any], metric: str) -> bool:
    """Return True for the best of a stage that completed: one that runs can still fail."""
    return data["metric"] == metric and not data.get("running")


def words(data: Mapping[str, Any]) -> str:
    """Return a new best in words."""
    before = "" if data["before"] is None else f" (was {data['before']:.6g})"
    so_far = " so far" if data.get("running") else ""
    return f"best {data['metric']} of its pipeline{so_far}: {data['value']:.6g}{before}"


def _value(series: SeriesSummary, *, lower: bool) -> float | None:
    found = matrix.value_of(series, lower=lower)
    return found if found is not None and math.isfinite(found) else None


def _is_better(value: float, than: float, *, lower: bool) -> bool:
    return value < than if lower else value > than


# While attempts are read.


class KnownBests:
    """The best value of each pipeline whose stages have completed, as their events say it."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._by_pipeline: dict[str, dict[str, Any]] = {}
        self._after = 0
        self._next_look = 0.0

    def of(self, pipeline: str) -> dict[str, Any] | None:
        """Return the data of a pipeline's newest best; None if no stage of it has completed."""
        if time.monotonic() >= self._next_look:
            with self._store.read() as connection:
                for number, name, data in event_feed.of_kind_after(connection, BEST, self._after):
                    self._after = number
                    if not data.get("running"):
                        self._by_pipeline[name] = data
            self._next_look = time.monotonic() + REFRESH
        return self._by_pipeline.get(pipeline)


class NewBestWatch:
    """Watches the points of one attempt."""

    def __init__(self, store: Database, attempt: AttemptToRead, known: KnownBests) -> None:
        self._store = store
        self._attempt = attempt
        self._known = known
        self._pipeline: str | None = None
        self._is_over = False
        self._next_look = 0.0
        self._lower: dict[str, bool | None] = {}
        """By metric: True if lower is better; None: it is none by which stages are compared."""
        self._values: dict[str, float] = {}
        """The best value so far by metric."""

    def check(self, batch: Mapping[str, Points]) -> None:
        """Record that the points stored so far pass the best of all others, once an attempt."""
        if self._is_over:
            return
        for name, points in batch.items():
            if name not in self._lower and len(self._lower) < MOST_NAMES:
                self._lower[name] = self._direction(name)
            if (lower := self._lower.get(name)) is not None and len(points):
                self._note(name, points, lower=lower)
        if not self._values or time.monotonic() < self._next_look:
            return
        if self._pipeline is None:
            with self._store.read() as connection:
                stage = stages.find(connection, self._attempt.stage_id)
                run = None if stage is None else views.run(connection, stage.run_id)
            self._is_over, self._pipeline = run is None, "" if run is None else run.pipeline
        known = self._known.of(self._pipeline)
        if known is not None and self._passes(known):
            self._next_look = time.monotonic() + RETRY
            try:
                self._record(known["metric"])
            except Exception:  # the points have to be read
                logger.exception("%s: not compared", self._attempt.stage_id)

    def _direction(self, name: str) -> bool | None:
        search = self._attempt.definition.search
        is_sought = search is not None and search.metric == name
        return lower_is_better(name, search) if is_sought or importance(name) is not None else None

    def _note(self, name: str, points: Points, *, lower: bool) -> None:
        value = float(points.values.min() if lower else points.values.max())
        known = self._values.get(name)  # with a NaN or an infinity it is no best anyway
        if math.isfinite(value) and (known is None or _is_better(value, known, lower=lower)):
            self._values[name] = value

    def _passes(self, known: Mapping[str, Any]) -> bool:
        value, lower = self._values.get(known["metric"]), known["goal"] == "minimize"
        return value is not None and _is_better(value, known["value"], lower=lower)

    def _record(self, metric: str) -> None:
        with self._store.read() as connection:
            stage = stages.find(connection, self._attempt.stage_id)
            run = None if stage is None else views.run(connection, stage.run_id)
            found = (
                None
                if stage is None or run is None or stage.status != Status.RUNNING
                else _find(connection, run, stage, is_running=True)
            )
        if stage is None or found is None or found["metric"] != metric:
            return  # its validation has no curve yet
        self._is_over = True
        with self._store.write() as connection:
            said = event_feed.stage_alerts(connection, stage, (BEST,), most=10)
            if all(event.attempt != self._attempt.number for event, _ in said):
                text = f"{stage.name}: {words(found)}"
                runs.record_stage_event(
                    connection, stage, BEST, text, attempt=self._attempt.number, data=found
                )
