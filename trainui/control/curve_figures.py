"""A stage's metrics in few numbers, for readers that see no picture: best, last, trend, points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from trainui.model.headline_metric import by_importance, is_clock, lower_is_better
from trainui.model.records import SeriesSummary, StageRecord
from trainui.model.search import Search
from trainui.pipeline import matrix
from trainui.store.db.statements import Connection
from trainui.store.points import read_points
from trainui.store.points.plot_columns import read_columns
from trainui.store.points.read_points import keep_points, load, segments_of, with_cuts
from trainui.store.read import headlines, views

MOST_POINTS = 60
"""Points of a series; a series with more is averaged."""

FLAT = 0.02
"""Share of a series' range below which a change counts as none."""


@dataclass(frozen=True, slots=True)
class SeriesFigures:
    """A series in few numbers."""

    name: str
    count: int
    last: float | None
    last_step: int | float | None
    best: float | None
    """The best finite value; None where the name does not show what is better."""
    best_step: int | float | None
    low: float | None
    high: float | None
    nonfinite: int
    """The number of values that are NaN or infinite."""
    trend: str
    """`falling`, `rising`, `flat`, `nan` where the last value is no number; empty: too few."""
    points: tuple[tuple[float, float], ...] = ()
    """Steps and values: all, or the means of as many equal parts."""


def read(
    connection: Connection,
    run: str,
    stage: str | None,
    patterns: Sequence[str],
    most: int | None,
) -> dict[str, Any]:
    """Return the metrics of a run's stage as plain data; of a sweep's name, a row a member.

    Without a stage, of the newest with metrics. `most` is the number of series with points.
    """
    found = views.find_run(connection, run)
    if stage is None:
        chosen = _newest_with_metrics(connection, found.id)
        if chosen is None:
            return {"run": found.id, "stage": None, "series": []}
    else:
        stages = views.find_stages(connection, found.id, stage)
        if len(stages) > 1:
            return {"run": found.id, "stage": stage, **_members(connection, stages, patterns)}
        (chosen,) = stages
    series = series_of(connection, chosen, patterns)
    shown = [
        asdict(figures_of(connection, chosen, one, points=most is None or number < most))
        for number, one in enumerate(series)
    ]
    return {"run": found.id, "stage": chosen.name, "status": str(chosen.status), "series": shown}


def _newest_with_metrics(connection: Connection, run_id: str) -> StageRecord | None:
    """Return the stage that started last, one with metrics if there is one."""
    started = [one for one in views.stages(connection, run_id) if one.started_at is not None]
    started.sort(key=lambda one: -(one.started_at or 0))
    with_metrics = (one for one in started if headlines.has_series(connection, one.id))
    return next(with_metrics, started[0] if started else None)


def _members(
    connection: Connection, stages: Sequence[StageRecord], patterns: Sequence[str]
) -> dict[str, Any]:
    """Return a sweep's most important metric by member, the best first."""
    names = [one.name for member in stages for one in series_of(connection, member, patterns)[:1]]
    if not names:
        return {"metric": None, "members": []}
    metric = max(dict.fromkeys(names), key=names.count)
    lower = _lower(metric, stages[0].definition.search)
    rows = []
    for member in stages:
        found = read_points.summaries(connection, {member.id: member.name}, metric)
        value = matrix.value_of(found[0], lower=lower) if found else None
        row = {"stage": member.name, "status": str(member.status), "value": value}
        rows.append({**row, "nonfinite": found[0].nonfinite if found else 0})

    def rank(row: dict[str, Any]) -> tuple[bool, bool, float]:
        value = row["value"]
        is_number = value is not None and math.isfinite(value)
        return (
            not is_number,
            row["nonfinite"] > 0,
            (1 if lower else -1) * (value if is_number else 0),
        )

    of = "last" if lower is None else "best"
    return {"metric": metric, "value_is": of, "members": sorted(rows, key=rank)}


def series_of(
    connection: Connection, stage: StageRecord, patterns: Sequence[str] = ()
) -> list[SeriesSummary]:
    """Return the series of a stage whose names fit one of the patterns, the most important first.

    Counts of steps and times come last.
    """
    found = read_points.summaries(connection, {stage.id: stage.name})
    search = stage.definition.search
    ranks = {name: rank for rank, name in enumerate(by_importance([one.name for one in found]))}
    chosen = [
        one
        for one in found
        if not patterns or any(fnmatchcase(one.name, pattern) for pattern in patterns)
    ]

    def rank(one: SeriesSummary) -> tuple[bool, bool, int]:
        is_searched = search is not None and search.metric == one.name
        return not is_searched, is_clock(one.name), ranks.get(one.name, len(ranks))

    return sorted(chosen, key=rank)


def figures_of(
    connection: Connection, stage: StageRecord, series: SeriesSummary, *, points: bool
) -> SeriesFigures:
    """Return a series of a stage in few numbers, with or without its points."""
    lower = _lower(series.name, stage.definition.search)
    columns = read_columns(connection, stage.id, series.name, MOST_POINTS)
    values = [
        (float(columns.edges[at + 1]), float(columns.mean[at]))
        for at in range(len(columns.count))
        if columns.count[at]
    ]
    best = None if lower is None else series.min if lower else series.max
    return SeriesFigures(
        name=series.name,
        count=series.count,
        last=series.last,
        last_step=series.last_step,
        best=best,
        best_step=None if best is None else _step_of(connection, stage.id, series.name, best),
        low=series.min,
        high=series.max,
        nonfinite=series.nonfinite,
        trend=trend(series, [value for _, value in values]),
        points=(_exact(connection, stage.id, series) or tuple(values)) if points else (),
    )


def trend(series: SeriesSummary, values: Sequence[float]) -> str:
    """Return how a series develops: its last quarter against the one before."""
    if series.last is not None and not math.isfinite(series.last):
        return "nan"
    finite = [value for value in values if math.isfinite(value)]
    part = len(finite) // 4
    if part == 0:
        return ""
    late, before = finite[-part:], finite[-2 * part : -part]
    change = sum(late) / part - sum(before) / part
    if abs(change) <= FLAT * (max(finite) - min(finite)):
        return "flat"
    return "rising" if change > 0 else "falling"


def _lower(name: str, search: Search | None) -> bool | None:
    return None if is_clock(name) else lower_is_better(name, search)


def _exact(
    connection: Connection, owner: str, series: SeriesSummary
) -> tuple[tuple[float, float], ...]:
    """Return the points of a short series as they are; nothing for a longer one."""
    if series.count > MOST_POINTS:
        return ()
    found: list[tuple[float, float]] = []
    for segment, cut in with_cuts(segments_of(connection, owner, series.name)):
        kept = keep_points(load(connection, segment), cut)
        found += zip(kept.steps.tolist(), kept.values.tolist(), strict=True)
    return tuple(found)


def _step_of(connection: Connection, owner: str, name: str, value: float) -> int | float | None:
    """Return the first step at which a series had a value."""
    for segment, cut in with_cuts(segments_of(connection, owner, name)):
        low, high = segment.stats.minimum, segment.stats.maximum
        if low is None or high is None or not low <= value <= high:
            continue
        kept = keep_points(load(connection, segment), cut)
        at = (kept.values == value).nonzero()[0]
        if len(at):
            step = float(kept.steps[at[0]])
            return int(step) if step.is_integer() else step
    return None
