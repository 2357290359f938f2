"""Which series are drawn into one plot: a stage's own, and what it is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainui.domain.records import StageRecord
from trainui.domain.states import ENDED
from trainui.store.db import protocol
from trainui.store.read import views
from trainui.text import harmless
from trainui.tui.curves.model import Compare, CurvesWanted
from trainui.tui.runs.column_stats import differing, shown_value
from trainui.tui.runs.filter import params_of

MOST_LINES = 12
"""Lines of a plot; more would hide each other."""


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """A series that may be a line."""

    owner: str
    label: str
    """What tells it from the others; harmless."""
    index: int
    """Its place among all that could be compared: its colour and mark follow from it."""
    attempt: int | None = None
    """Only what was read in this one; None: all attempts, stitched."""
    own: bool = False
    """Whether it is the stage whose plot it is."""
    live: bool = False
    """Whether points may still come."""


def sources(
    connection: protocol.Connection,
    stage: StageRecord,
    stages: Sequence[StageRecord],
    wanted: CurvesWanted,
    drawn: Collection[str] = (),
) -> list[PlottedSeries]:
    """Return what is drawn, the stage itself first.

    Args:
        connection: on the store.
        stage: whose curves.
        stages: all stages of its run.
        wanted: what it is compared with.
        drawn: ids of the members of its matrix that are drawn with it; none: the first ones.
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
    """Return what there is to compare with.

    Args:
        connection: on the store.
        stage: whose curves.
        stages: all stages of its run.
        wanted: what of them.
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
    """Return the members of the stage's matrix, itself too."""
    if stage.definition.matrix is None:
        return [stage]
    return [one for one in stages if one.definition.group == stage.definition.group]


def _member(stage: StageRecord) -> str:
    """Return what tells a member of a matrix from the others."""
    name = stage.name
    inside = name[name.find("[") + 1 : -1] if name.endswith("]") else name
    return harmless(inside)


def _in_runs(
    connection: protocol.Connection, stage: StageRecord, wanted: CurvesWanted, attempt: int | None
) -> list[PlottedSeries]:
    """Return the same stage in the newest runs of its pipeline; colours by age.

    Of runs that were chosen it need not be the same stage: where a run has none of that name, it is
    the last one that has the metric.
    """
    runs = wanted.runs
    names = (wanted.names if runs else None) or ("",)
    among = f"runs.id IN ({_marks(runs)})"
    same = "runs.pipeline = (SELECT pipeline FROM runs WHERE id = ?)"
    found = connection.execute(
        "SELECT runs.id, stages.id, runs.name, stages.name, stages.status, runs.params_json"
        " FROM runs JOIN stages ON stages.run_id = runs.id"
        f" WHERE {among if runs else same}"
        " AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id"
        f" AND (stages.name = ? OR series.name IN ({_marks(names)})))"
        " ORDER BY runs.created_at DESC, runs.id, stages.name = ? DESC, stages.started_at DESC",
        (*(runs or (stage.run_id,)), stage.name, *names, stage.name),
    )
    first: dict[str, tuple[str, ...]] = {}
    for run_id, *row in found:
        first.setdefault(run_id, tuple(row))
        if len(first) == MOST_LINES:
            break
    labels = _labels({run_id: (name, params) for run_id, (_, name, _, _, params) in first.items()})
    return [
        PlottedSeries(
            owner,
            harmless(labels[run_id] if name == stage.name else f"{labels[run_id]} › {name}"),
            len(first) - 1 - at,
            attempt if owner == stage.id else None,
            own=owner == stage.id,
            live=status not in ENDED,
        )
        for at, (run_id, (owner, _, name, status, _)) in enumerate(first.items())
    ]


def _labels(runs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return what tells runs apart: their names, else parameters that differ, else their ids.

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


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
