"""A run for readers that see no picture: as Markdown, and a stage's metrics in few numbers.

The Markdown, for notes, chats or issues, has stages, parameters, metrics and curves; `trainui
report` prints it, and the screen copies it. `metrics_of` gives a program best, last, trend and some
points of each series.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

from trainui import clock, formatting, text
from trainui.braille import plot_lines
from trainui.execution.attempt import log_ends
from trainui.model.definition import Search
from trainui.model.headline_metric import (
    CURVE,
    ComparedMetric,
    by_importance,
    headline,
    is_clock,
    is_moment,
    lower_is_better,
    may_lead,
)
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import NOTE, Status
from trainui.pipeline import masking, matrix
from trainui.pipeline.matrix import FoldedMetric
from trainui.record import dataclass
from trainui.resume import code_version
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.points import read_points
from trainui.store.points.plot_points import read_columns
from trainui.store.points.read_points import keep_points, load, segments_of, step_of, with_cuts
from trainui.store.read import event_feed, headlines, run_list, sweeps, time_worked, views
from trainui.store.read.time_worked import TimeWorked, if_known

PLOTS = 6
"""Maximum number of curves drawn, to keep the report short; the table lists all metrics."""

LOGS = 3
"""Maximum number of stages whose log ends are shown."""

WIDTH, HEIGHT = 60, 6
"""Size of a plot in characters."""

MOST_POINTS = 60
"""Points of a series; a series with more is averaged."""

FLAT = 0.02
"""Share of a series' range below which a change counts as none."""


def of_runs(run_ids: Iterable[str]) -> str:
    """Return the reports of runs, one after the other, without deleted runs."""
    with engine.reading() as connection:
        found = (views.run(connection, run_id) for run_id in run_ids)
        return "\n".join(markdown(connection, run) for run in found if run is not None)


def markdown(connection: Connection, run: RunRecord) -> str:
    """Return a report of a run, which may still be running."""
    stages = views.stages(connection, run.id)
    series = read_points.summaries(connection, {stage.id: stage.name for stage in stages})
    alerts = run_list.alerted_stages(connection, [run.id]).get(run.id, {})
    rows = (_stage_row(run, stage, alerts.get(stage.name)) for stage in stages)
    sweeps = [_Sweep(members, series) for members in _members(stages)]
    ranks = {one.name: rank for sweep in sweeps for rank, one in enumerate(sweep.members)}
    series_best_first = sorted(series, key=lambda one: ranks.get(one.stage, 0))
    parts = [
        _head(run, time_worked.of_run(connection, run.id)),
        _notes(connection, run),
        _table(("stage", "state", "attempts", "took", "why"), rows),
        *(sweep.table() for sweep in sweeps),
        *_importance(connection, run, stages),
        _parameters(connection, run),
        _metrics(series),
        _folded(matrix.spreads(matrix.folds(stages), series)),
        *_plots(connection, stages, series_best_first),
        *_causes(connection, run, stages),
        *_log_ends(connection, run, stages),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: RunRecord, worked: TimeWorked) -> str:
    facts = [
        f"run `{run.id}`",
        f"created {formatting.local_time(run.created_at, '%Y-%m-%d %H:%M')}",
    ]
    if run.started_at is not None:
        since = formatting.local_time(run.started_at, "%Y-%m-%d %H:%M")
        micros = worked.until(clock.now())
        spent = if_known(micros, external=run.is_external, ticks=worked.ticks)
        facts += [f"took {formatting.worked(spent)} since {since}"] if spent is not None else []
    if words := _code(run):
        facts.append(words)
    title = f"# {text.markdown_cell(run.name)}: {text.state(run.status)}"
    return f"{title}\n\n{', '.join(facts)}"


def _notes(connection: Connection, run: RunRecord) -> str:
    """Return the verdict and the notes on a run, the oldest first."""
    lines = [f"Verdict: **{run.verdict}**"] if run.verdict else []
    lines += [
        f"- {formatting.local_time(time, '%Y-%m-%d %H:%M')}: {text.markdown_cell(data['note'])}"
        for _, time, data in event_feed.data_of_kind(connection, NOTE, run.id)
        if data["note"]
    ]
    return "\n".join([*lines[:1], "", *lines[1:]] if run.verdict and lines[1:] else lines)


def _code(run: RunRecord) -> str:
    state = code_version.recorded(Path(run.directory))
    if not state.get("commit"):
        return ""
    return f"commit `{state['commit'][:12]}`" + (" with changes" if state.get("dirty") else "")


def _stage_row(run: RunRecord, stage: StageRecord, alert: str | None) -> tuple[str, ...]:
    number = str(stage.attempt) if stage.attempt else ""
    ticks = stage.status == Status.RUNNING
    micros = if_known(stage.worked_until(clock.now()), external=run.is_external, ticks=ticks)
    took = formatting.worked(micros)
    return stage.name, text.marked_state(stage, alert), number, took, stage.reason or ""


def _members(stages: Sequence[StageRecord]) -> list[list[StageRecord]]:
    """Return the members of each sweep that has several."""
    groups: dict[str, list[StageRecord]] = {}
    for stage in stages:
        if stage.definition.member_values:
            groups.setdefault(stage.definition.group, []).append(stage)
    return [members for members in groups.values() if len(members) > 1]


class _Sweep:
    """The members of a sweep, the best first, with their headline metric."""

    def __init__(self, members: Sequence[StageRecord], series: Sequence[SeriesSummary]) -> None:
        search, names = members[0].definition.search, {one.name for one in members}
        own = [one for one in series if one.stage in names]
        most: dict[str, int] = {}
        for one in own:
            most[one.name] = max(most.get(one.name, 0), one.count)
        name = headline(list(most), search, lambda metric: most[metric] >= CURVE)
        self.metric = None if name is None else ComparedMetric.of(name, search)
        lower = None if self.metric is None else self.metric.lower
        values = {one.stage: matrix.value_of(one, lower=lower) for one in own if one.name == name}
        self.values = values
        self._broken = {one.stage for one in own if one.nonfinite}
        self.members = sorted(members, key=self._rank)

    def _rank(self, member: StageRecord) -> tuple[bool, bool, float]:
        """Return a sort key: members without a value come last, before them those with NaN."""
        value = self.values.get(member.name)
        if self.metric is None or self.metric.lower is None or value is None:
            return value is None, False, 0.0
        leads = may_lead(member.status, member.definition.objective)
        sign = 1 if self.metric.lower else -1
        return False, member.name in self._broken or not leads, sign * value

    def table(self) -> str:
        """Return the members' parameters and values."""
        params = {one.name: masking.mask(one.definition.member_values) for one in self.members}
        keys = list(dict.fromkeys(key for own in params.values() for key in own))
        titles = [] if self.metric is None else [f"{self.metric.name} {self.metric.word}"]
        rows = (
            (
                *(str(params[one.name].get(key, "")) for key in keys),
                *(formatting.number(self.values.get(one.name)) for _ in titles),
                text.state(one.status) + (" NaN" if one.name in self._broken else ""),
            )
            for one in self.members
        )
        name = text.markdown_cell(self.members[0].definition.group)
        return f"Sweep {name}:\n\n{_table((*keys, *titles, 'state'), rows)}"


def _importance(
    connection: Connection, run: RunRecord, stages: Sequence[StageRecord]
) -> Iterator[str]:
    """Yield the importance of the parameters of each search that has one."""
    for name in dict.fromkeys(one.definition.group for one in stages if one.definition.search):
        if shares := sweeps.importance(connection, run.id, name):
            shown = text.markdown_cell(text.shares(shares))
            yield f"Importance of the parameters of {text.markdown_cell(name)}: {shown}"


def _parameters(connection: Connection, run: RunRecord) -> str:
    """Return the parameters that differ from the pipeline's previous run; without one, all."""
    before = views.previous_run(connection, run)
    now = {name: str(value) for name, value in masking.mask(run.params).items()}
    if before is None:
        return _table(("parameter", "value"), now.items()) if now else ""
    then = {name: str(value) for name, value in masking.mask(before.params).items()}
    changed = [
        (name, then.get(name, ""), now.get(name, ""))
        for name in (*now, *(name for name in then if name not in now))
        if then.get(name) != now.get(name)
    ]
    return _table(
        ("parameter", f"in {before.name} {formatting.short_id(before.id)}", "here"), changed
    )


def _metrics(series: Sequence[SeriesSummary]) -> str:
    return _table(
        ("stage", "metric", "last", "min", "max", "at step", "points"),
        (
            (
                one.stage,
                one.name,
                formatting.number(one.last),
                formatting.number(one.min),
                formatting.number(one.max),
                formatting.number(one.last_step),
                f"{one.count}" + (f" ({one.nonfinite} NaN or Inf)" if one.nonfinite else ""),
            )
            for one in series
            if not is_moment(one.name, one.min)
        ),
    )


def _folded(found: Sequence[FoldedMetric]) -> str:
    """Return the means over the members that are folded, e.g. over seeds."""
    return _table(
        ("stage", "over", "metric", "mean of", "mean", "deviation", "members"),
        (one.cells for one in found),
    )


def _plots(
    connection: Connection, stages: Sequence[StageRecord], series: Sequence[SeriesSummary]
) -> Iterator[str]:
    """Yield the curves: the first one of each stage, then the second ones, and so on."""
    ids = {stage.name: stage.id for stage in stages}
    rank: dict[str, int] = {}
    ranked = []
    for one in series:
        if one.count > 1 and one.min is not None and not is_clock(one.name):
            rank[one.stage] = rank.get(one.stage, 0) + 1
            ranked.append((rank[one.stage], one))
    for _, one in sorted(ranked, key=lambda pair: pair[0])[:PLOTS]:
        yield _plot(connection, ids[one.stage], one)


def _plot(connection: Connection, owner: str, of: SeriesSummary) -> str:
    columns = read_columns(connection, owner, of.name, 2 * WIDTH)
    lines = plot_lines(columns.minimum.tolist(), columns.maximum.tolist(), HEIGHT)
    labels = [formatting.number(of.max), *[""] * (HEIGHT - 2), formatting.number(of.min)]
    left = max(map(len, labels))
    drawn = [f"{label:>{left}} {line}".rstrip() for label, line in zip(labels, lines, strict=True)]
    first, last = formatting.number(of.first_step), formatting.number(of.last_step)
    axis = f"{'':{left}} {first}{last:>{WIDTH - len(first)}}"
    title = text.harmless(f"{of.stage}  {of.name}")
    return "\n".join(["```", title, *drawn, axis, "```"])


def _causes(connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> Iterator[str]:
    """Yield why each failed stage failed, and what to do."""
    known = event_feed.causes(connection, run.id)
    for stage in stages:
        if stage.status == Status.FAILED and (cause := known.get((stage.name, stage.attempt))):
            first, *more = text.cause_lines(cause, stage.name)
            lines = [f"**{text.markdown_cell(first)}**", ""]
            yield "\n".join([*lines, *(f"- {text.markdown_cell(line)}" for line in more)])


def _log_ends(
    connection: Connection, run: RunRecord, stages: Sequence[StageRecord]
) -> Iterator[str]:
    """Yield the last log lines of the first failed or interrupted stages."""
    masker = shell_environment.masker(Path(run.directory))
    ended_badly = (one for one in stages if one.status in (Status.FAILED, Status.INTERRUPTED))
    for stage in islice(ended_badly, LOGS):
        for attempt in views.attempts_of_stage(connection, stage.id)[-1:]:
            if end := log_ends.tail(Path(attempt.directory), masker):
                name = text.harmless(stage.name)
                lines = [text.harmless(line) for line in (f"{name}  log's end", *end.split("\n"))]
                fence = "`" * max(3, 1 + max(map(len, re.findall("`+", end)), default=0))
                yield "\n".join([fence, *lines, fence])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; empty if it has no rows."""
    cells = [[text.markdown_cell(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    lines = [[text.markdown_cell(name) for name in header], ["---"] * len(header), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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


def metrics_of(
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
            return {"run": found.id, "stage": stage, **_by_member(connection, stages, patterns)}
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


def _by_member(
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
        best_step=None if best is None else step_of(connection, stage.id, series.name, best),
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
