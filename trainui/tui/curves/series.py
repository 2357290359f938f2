"""Selects the series that are drawn into one plot: the stage's own, and those compared with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainui.domain.records import StageRecord
from trainui.domain.states import ENDED
from trainui.store.db import protocol
from trainui.store.read import headlines, views
from trainui.text import harmless
from trainui.tui.curves.model import Compare, CurvesWanted
from trainui.tui.runs.column_stats import differing, shown_value
from trainui.tui.runs.filter import params_of

MOST_LINES = 12
"""Most lines of a plot; more would cover each other."""


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """A series that can be drawn as a line."""

    owner: str
    label: str
    """Distinguishes it from the others; safe to print."""
    index: int
    """Its index among all comparable series; it determines colour and mark."""
    attempt: int | None = None
    """Only the points of this attempt; None: all attempts, stitched."""
    own: bool = False
    """True for the stage that the plot belongs to."""
    live: bool = False
    """True if more points may come."""


def sources(
    connection: protocol.Connection,
    stage: StageRecord,
    stages: Sequence[StageRecord],
    wanted: CurvesWanted,
    drawn: Collection[str] = (),
) -> list[PlottedSeries]:
    """Return the series to draw, the stage's own first.

    Args:
        connection: the store.
        stage: the stage.
        stages: all stages of its run.
        wanted: the query with the comparison.
        drawn: ids of the sweep members to draw besides the stage; empty: the first ones.
    """
    compare = wanted.compare
    live = stage.status not in ENDED
    looked_at = wanted.attempt
    own = PlottedSeries(stage.id, harmless(stage.name), 0, looked_at, own=True, live=live)
    if compare == Compare.ATTEMPTS:
        numbers = [n.number for n in views.attempts_of_stage(connection, stage.id)]
        looked_at = looked_at or numbers[-1]
        return _own_first(
            PlottedSeries(stage.id, f"attempt {n}", n - 1, n, own=n == looked_at, live=live)
            for n in numbers
        )
    if compare == Compare.STAGES:
        found = [
            PlottedSeries(
                one.id,
                _member(one),
                at,
                looked_at if one.id == stage.id else None,
                own=one.id == stage.id,
                live=one.status not in ENDED,
            )
            for at, one in enumerate(siblings(stage, stages))
            if not drawn or one.id in drawn or one.id == stage.id
        ]
    elif compare == Compare.RUNS:
        found = _in_runs(connection, stage, wanted, looked_at)
    else:
        return [own]
    return _own_first(found) or [own]


def comparisons(
    connection: protocol.Connection,
    stage: StageRecord,
    stages: Sequence[StageRecord],
    wanted: CurvesWanted,
) -> tuple[Compare, ...]:
    """Return the comparisons that have data.

    Args:
        connection: the store.
        stage: the stage.
        stages: all stages of its run.
        wanted: the query.
    """
    found = [Compare.NOTHING]
    if stage.attempt > 1:
        found.append(Compare.ATTEMPTS)
    if len(siblings(stage, stages)) > 1:
        found.append(Compare.STAGES)
    if len(_in_runs(connection, stage, wanted, None)) > 1:
        found.append(Compare.RUNS)
    return tuple(found)


def _own_first(sources: Iterable[PlottedSeries]) -> list[PlottedSeries]:
    return sorted(sources, key=lambda source: not source.own)[:MOST_LINES]


def siblings(stage: StageRecord, stages: Sequence[StageRecord]) -> list[StageRecord]:
    """Return all members of the stage's sweep, itself included."""
    if stage.definition.matrix is None:
        return [stage]
    return [one for one in stages if one.definition.group == stage.definition.group]


def _member(stage: StageRecord) -> str:
    """Return the part of a sweep member's name that distinguishes it: the text in brackets."""
    name = stage.name
    inside = name[name.find("[") + 1 : -1] if name.endswith("]") else name
    return harmless(inside)


def _in_runs(
    connection: protocol.Connection, stage: StageRecord, wanted: CurvesWanted, attempt: int | None
) -> list[PlottedSeries]:
    """Return the same stage in the newest runs of its pipeline; indices (colours) by age.

    Of explicitly chosen runs, one without a stage of that name contributes its last stage that has
    the metric.
    """
    runs = wanted.runs
    names = (wanted.names if runs else None) or ("",)
    first = headlines.comparable(connection, stage, runs, names, most=MOST_LINES)
    labels = _labels({one.run_id: (one.run_name, one.params_json) for one in first})
    return [
        PlottedSeries(
            one.id,
            harmless(
                labels[one.run_id]
                if one.name == stage.name
                else f"{labels[one.run_id]} › {one.name}"
            ),
            len(first) - 1 - at,
            attempt if one.id == stage.id else None,
            own=one.id == stage.id,
            live=one.status not in ENDED,
        )
        for at, one in enumerate(first)
    ]


def _labels(runs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return labels that distinguish runs: the name, the parameters that differ, and then the id.

    Args:
        runs: by id the name, and the parameters as stored.
    """
    labels = {}
    for run_id, (name, params) in runs.items():
        values = params_of(params)
        differ = differing(other for called, other in runs.values() if called == name)
        pairs = (f"{key}={shown_value(values[key])}" for key in differ if key in values)
        labels[run_id] = " ".join((name, *pairs))
    alike = Counter(labels.values())
    return {
        run_id: label if alike[label] == 1 else f"{label} {run_id[:8]}"
        for run_id, label in labels.items()
    }
