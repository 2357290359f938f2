"""Which series are drawn into one plot: a stage's own, and what it is compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from trainui.domain.records import StageRecord
from trainui.domain.states import ENDED
from trainui.store import driver, views
from trainui.text import harmless
from trainui.tui.curve_data import Compare, CurvesWanted

MOST_LINES = 12
"""Lines of a plot; more would hide each other."""


@dataclass(frozen=True, slots=True)
class Source:
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
    connection: driver.Connection,
    stage: StageRecord,
    stages: Sequence[StageRecord],
    wanted: CurvesWanted,
    drawn: Collection[str] = (),
) -> list[Source]:
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
    own = Source(stage.id, harmless(stage.name), 0, looked_at, own=True, live=live)
    if compare == Compare.ATTEMPTS:
        numbers = [n.number for n in views.attempts_of_stage(connection, stage.id)]
        looked_at = looked_at or numbers[-1]
        return _own_first(
            Source(stage.id, f"attempt {n}", n - 1, n, own=n == looked_at, live=live)
            for n in numbers
        )
    if compare == Compare.STAGES:
        found = [
            Source(
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
        found = _in_runs(connection, stage, wanted.runs, looked_at)
    else:
        return [own]
    return _own_first(found) or [own]


def comparisons(
    connection: driver.Connection,
    stage: StageRecord,
    stages: Sequence[StageRecord],
    runs: Sequence[str],
) -> tuple[Compare, ...]:
    """Return what there is to compare with.

    Args:
        connection: on the store.
        stage: whose curves.
        stages: all stages of its run.
        runs: ids of those that were chosen; none: all of its pipeline.
    """
    found = [Compare.NOTHING]
    if stage.attempt > 1:
        found.append(Compare.ATTEMPTS)
    if len(siblings(stage, stages)) > 1:
        found.append(Compare.STAGES)
    if len(_in_runs(connection, stage, runs, None)) > 1:
        found.append(Compare.RUNS)
    return tuple(found)


def _own_first(sources: Iterable[Source]) -> list[Source]:
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
    connection: driver.Connection, stage: StageRecord, runs: Sequence[str], attempt: int | None
) -> list[Source]:
    """Return the same stage in these runs, or in the newest of its pipeline; colours by age."""
    among = f"runs.id IN ({', '.join('?' * len(runs))})"
    same = "runs.pipeline = (SELECT pipeline FROM runs WHERE id = ?)"
    found = connection.execute(
        "SELECT stages.id, runs.name, runs.id, stages.status, runs.pipeline FROM runs"
        " JOIN stages ON stages.run_id = runs.id AND stages.name = ?"
        f" WHERE {among if runs else same}"
        " AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id)"
        " ORDER BY runs.created_at DESC, runs.id LIMIT ?",
        (stage.name, *(runs or (stage.run_id,)), MOST_LINES),
    ).fetchall()
    names = [row[1] for row in found]
    return [
        Source(
            row[0],
            harmless(row[1] if names.count(row[1]) == 1 else f"{row[1]} {row[2][:8]}"),
            len(found) - 1 - at,
            attempt if row[0] == stage.id else None,
            own=row[0] == stage.id,
            live=row[3] not in ENDED,
        )
        for at, row in enumerate(found)
    ]
