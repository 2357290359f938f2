"""Metric values for the lists of runs and of sweep members, read for many stages at once.

Plain SQL on a read-only driver connection. A cached value is valid while its owner's version is
unchanged: the version grows with each stored point, also after the end of a stage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from trainui.model.definition import Search
from trainui.model.records import StageRecord
from trainui.store.db import statements
from trainui.store.db.statements import batches, placeholders

MOST_SEARCHED = 2000
"""Most runs of other pipelines that are searched for a common metric, the newest ones."""


class HeadlineStage(NamedTuple):
    """A stage whose metrics may stand for its run."""

    id: str
    name: str
    status: str
    names: tuple[str, ...]
    """Its metrics."""
    search: Search | None = None
    """The search that the stage is a member of."""


def versions(connection: statements.Connection, owners: Collection[str]) -> dict[str, int]:
    """Return the version by owner, for owners with points; it grows with each stored point."""
    return _versions(connection, "owner", "sources", owners)


def run_versions(connection: statements.Connection, run_ids: Collection[str]) -> dict[str, int]:
    """Return the version by run; it grows with each stored point of the run's stages."""
    return _versions(connection, "run_id", "stages JOIN sources ON owner = stages.id", run_ids)


def _versions(
    connection: statements.Connection, key: str, tables: str, of: Collection[str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in batches(of):
        found |= connection.execute(
            f"SELECT {key}, SUM(version) FROM {tables} "
            f"WHERE {key} IN ({placeholders(part)}) GROUP BY {key}",
            part,
        ).fetchall()
    return found


class MetricOwner(NamedTuple):
    """A stage with a metric."""

    id: str
    name: str
    version: int
    """It grows with each stored point of the stage."""
    status: str


def compared_stages(
    connection: statements.Connection, metric: str, run_id: str | None = None
) -> dict[str, list[MetricOwner]]:
    """Return by run the stages with a metric that have started; without `run_id`, of all runs.

    Running ones come first, then those that started last.
    """
    found: dict[str, list[MetricOwner]] = {}
    for owner, *stage in connection.execute(
        "SELECT run_id, stages.id, stages.name, "
        "(SELECT SUM(version) FROM sources WHERE owner = stages.id), status "
        "FROM series JOIN stages ON stages.id = series.owner "
        f"WHERE series.name = ? {'AND run_id = ? ' if run_id is not None else ''}"
        f"AND started_at IS NOT NULL ORDER BY {_RUNNING_FIRST}",
        (metric, run_id) if run_id is not None else (metric,),
    ):
        found.setdefault(owner, []).append(MetricOwner(*stage))
    return found


_RUNNING_FIRST = (
    "status = 'running' DESC, CASE status WHEN 'running' THEN position ELSE -started_at END"
)


def names_of(connection: statements.Connection, owner: str) -> tuple[str, ...]:
    """Return the names of an owner's series, in the order in which they were first seen."""
    found = connection.execute("SELECT name FROM series WHERE owner = ? ORDER BY id", (owner,))
    return tuple(str(name) for (name,) in found)


def last_series(connection: statements.Connection) -> int:
    """Return a number that grows with each new metric of a stage."""
    (newest,) = connection.execute("SELECT max(id) FROM series").fetchone()
    return newest or 0


def all_names(connection: statements.Connection) -> tuple[str, ...]:
    """Return the names of all metrics, each once."""
    return tuple(str(name) for (name,) in connection.execute("SELECT DISTINCT name FROM series"))


def names_in_run(connection: statements.Connection, run_id: str) -> frozenset[str]:
    """Return the names of the metrics of a run's stages."""
    found = connection.execute(
        "SELECT DISTINCT series.name FROM stages JOIN series ON owner = stages.id WHERE run_id = ?",
        (run_id,),
    )
    return frozenset(str(name) for (name,) in found)


def has_series(connection: statements.Connection, owner: str) -> bool:
    """Return True if an owner has a series."""
    found = connection.execute("SELECT 1 FROM series WHERE owner = ? LIMIT 1", (owner,))
    return found.fetchone() is not None


def running_stage(connection: statements.Connection, run_id: str) -> HeadlineStage | None:
    """Return the first running stage with metrics."""
    found = connection.execute(
        "SELECT id, name, status FROM stages WHERE run_id = ? AND status = 'running' "
        "AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id) ORDER BY position LIMIT 1",
        (run_id,),
    ).fetchone()
    if found is None:
        return None
    stage_id, name, status = found
    return HeadlineStage(stage_id, name, status, names_of(connection, stage_id))


def headline_stages(connection: statements.Connection, run_id: str) -> list[HeadlineStage]:
    """Return the stages of a run with metrics, one for each sweep, in the order of the file.

    Of a sweep it is a completed member, if there is one: others may not have all metrics yet, or
    have diverged before their first evaluation.
    """
    shown: dict[str, tuple[str, str, str]] = {}
    first: dict[str, int] = {}
    for stage_id, name, status, position in connection.execute(
        "SELECT id, name, status, position FROM stages WHERE run_id = ? AND started_at IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id) "
        f"ORDER BY {_RUNNING_FIRST}",
        (run_id,),
    ):
        key = _beginning(name) or name
        first[key] = min(position, first.get(key, position))
        if key not in shown or (status == "completed" and shown[key][2] != "completed"):
            shown[key] = stage_id, name, status
    return [
        HeadlineStage(own, name, status, names_of(connection, own), search_of(connection, own))
        for own, name, status in (shown[key] for key in sorted(shown, key=first.__getitem__))
    ]


def longest_member(connection: statements.Connection, run_id: str, name: str) -> int:
    """Return how many characters in brackets a sweep's names have at most.

    0 if `name` has none, or if the run has just been deleted.
    """
    if not (begin := _beginning(name)):
        return 0
    (longest,) = connection.execute(
        "SELECT max(length(name)) FROM stages WHERE run_id = ? AND substr(name, 1, ?) = ?",
        (run_id, len(begin), begin),
    ).fetchone()
    return 0 if longest is None else int(longest) - len(begin) - len("]")


def _beginning(name: str) -> str:
    """Return how the names of a stage's sweep begin, e.g. `train[`; empty: it is in no sweep."""
    group, bracket, _ = name.partition("[")
    return group + bracket if bracket else ""


def search_of(connection: statements.Connection, stage_id: str) -> Search | None:
    """Return the search that a stage is a member of; None if it is not, or if nothing has begun."""
    found = connection.execute(
        "SELECT definition_json FROM stages WHERE id = ? "
        "AND EXISTS (SELECT 1 FROM trials WHERE trials.run_id = stages.run_id)",
        (stage_id,),
    ).fetchone()
    data = json.loads(found[0]).get("search") if found is not None else None
    return None if data is None else Search.from_json(data)


class ComparableStage(NamedTuple):
    """A stage of a run whose curves are compared with another run's."""

    run_id: str
    id: str
    run_name: str
    name: str
    status: str
    params_json: str
    """The run's parameters as stored."""


def comparable(
    connection: statements.Connection,
    stage: StageRecord,
    run_ids: Sequence[str],
    metrics: Sequence[str],
    *,
    most: int,
) -> list[ComparableStage]:
    """Return one stage with series per run, of the newest runs, newest first.

    A stage with one of the metrics is preferred to others, then one with the same name; one with
    another name needs one of the metrics. Without `run_ids`, all runs of the stage's pipeline are
    searched.
    """
    chosen = f"runs.id IN ({placeholders(run_ids)})"
    same = "runs.pipeline = (SELECT pipeline FROM runs WHERE id = ?)"
    known = f"series.name IN ({placeholders(metrics)})"
    found = connection.execute(
        f"SELECT {_COMPARABLE} FROM runs JOIN stages ON stages.run_id = runs.id"
        f" WHERE {chosen if run_ids else same}"
        " AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id"
        f" AND (stages.name = ? OR {known}))"
        " ORDER BY runs.created_at DESC, runs.id,"
        f" EXISTS (SELECT 1 FROM series WHERE owner = stages.id AND {known}) DESC,"
        " stages.name = ? DESC, stages.started_at DESC",
        (*(run_ids or (stage.run_id,)), stage.name, *metrics, *metrics, stage.name),
    )
    return _one_per_run(found, most)


def comparable_elsewhere(
    connection: statements.Connection,
    stage: StageRecord,
    metrics: Sequence[str],
    words: Sequence[str],
    *,
    most: int,
) -> list[ComparableStage]:
    """Return one stage with one of the metrics per run of other pipelines, newest first.

    With words, of those runs of all pipelines in whose name, pipeline or id each of them is.
    """
    text = "lower(name || ' ' || pipeline || ' ' || id)"
    where = " AND ".join(f"{text} LIKE ? ESCAPE '!'" for _ in words)
    escaped = [re.sub("([!%_])", r"!\1", word.lower()) for word in words]
    values = [f"%{word}%" for word in escaped] or [stage.run_id]
    found = connection.execute(
        f"SELECT {_COMPARABLE} FROM (SELECT id, name, params_json, created_at FROM runs"
        f" WHERE {where or 'pipeline <> (SELECT pipeline FROM runs WHERE id = ?)'}"
        f" ORDER BY created_at DESC LIMIT {MOST_SEARCHED}) AS runs"
        " CROSS JOIN stages WHERE stages.run_id = runs.id"
        " AND EXISTS (SELECT 1 FROM series WHERE owner = stages.id"
        f" AND series.name IN ({placeholders(metrics)}))"
        " ORDER BY runs.created_at DESC, runs.id, stages.name = ? DESC, stages.started_at DESC",
        (*values, *metrics, stage.name),
    )
    return _one_per_run(found, most)


_COMPARABLE = "runs.id, stages.id, runs.name, stages.name, stages.status, runs.params_json"


def _one_per_run(found: Iterable[Sequence[Any]], most: int) -> list[ComparableStage]:
    """Return the first stage of each run."""
    by_run: dict[str, ComparableStage] = {}
    for row in found:
        by_run.setdefault(row[0], ComparableStage(*row))
        if len(by_run) == most:
            break
    return list(by_run.values())
