"""Reads the members of sweeps and their values, and the trials of searches: plain SQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from trainui.model.definition import Search
from trainui.model.records import PruningReason, StageRecord
from trainui.model.states import Status
from trainui.pipeline import masking
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.statements import IS_EXTERNAL, batches, placeholders
from trainui.store.read import views

ASKED = "asked"
"""The state of a trial whose outcome is not in the study yet."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial that was asked for."""

    stage: StageRecord
    number: int
    state: str
    """`asked`, `complete`, `pruned` or `fail`."""
    value: float | None
    step: float | None
    reason: str | None
    """Why it counts as failed."""
    pruning: PruningReason | None
    """Why its stage's last attempt was asked to end by a pruner; None: it was not."""
    has_pruning_off: bool
    """True if an earlier attempt of its stage was pruned."""


def members_of(
    connection: statements.Connection, run_id: str, search: str, number: int
) -> list[StageRecord]:
    """Return the stages of a trial: one, or one for each seed, of which the first stands for all.

    Empty if the search has no such trial.
    """
    trial = f"{search}[trial={number}"
    # by the index first: a trial with no seeds is one stage, and the other query reads all of a run
    for condition, values in (("name = ?", (f"{trial}]",)), (STARTS_WITH, prefix(f"{trial},"))):
        found = connection.execute(
            f"SELECT * FROM stages WHERE run_id = ? AND {condition} ORDER BY position",
            (run_id, *values),
        )
        stages = views.records(found, views.stage_record)
        if members := [one for one in stages if not one.removed]:
            return members
    return []


def with_seeds(connection: statements.Connection, stage: StageRecord) -> list[StageRecord]:
    """Return the stages of the trial that a stage stands for: itself, or one for each seed."""
    one = stage.definition
    if one.trial is None or one.over is None:
        return [stage]
    return members_of(connection, stage.run_id, one.group, one.trial)


STARTS_WITH = "substr(name, 1, ?) = ?"
"""The condition on a stage's name for a `prefix`; SQLite's `LIKE` takes `A` for `a`."""


def prefix(text: str) -> tuple[int, str]:
    """Return the parameters of `STARTS_WITH`."""
    return len(text), text


_TRIALS = (
    "FROM trials JOIN stages ON stages.id = trials.stage_id LEFT JOIN attempts "
    "ON attempts.stage_id = stages.id AND attempts.number = stages.attempt"
)
"""Trials with their stages and the last attempts of those."""

_WAS_PRUNED = (
    "stages.attempt > 1 AND EXISTS (SELECT 1 FROM attempts AS earlier WHERE earlier.stage_id = "
    "stages.id AND earlier.number < stages.attempt AND earlier.pruning_json IS NOT NULL)"
)


def trials_of(
    connection: statements.Connection, run_id: str, search: str, *, begun: bool = False
) -> list[TrialRecord]:
    """Return a search's trials in the order of their numbers.

    With `begun` only those without an outcome whose stages have an attempt.
    """
    found = connection.execute(
        "SELECT trials.number, trials.state, trials.value, trials.step, trials.reason AS why, "
        f"pruning_json, {_WAS_PRUNED} AS was_pruned, stages.* {_TRIALS} "
        "WHERE trials.run_id = ? AND trials.search = ? "
        f"{'AND trials.state = ? AND stages.attempt > 0 ' * begun}ORDER BY trials.number",
        (run_id, search, *[ASKED] * begun),
    )
    return list(views.records(found, _record))


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """The state of a trial, without its stage."""

    stage: str
    """The stage's full name."""
    number: int
    state: str
    """`asked`, `complete`, `pruned` or `fail`."""
    value: float | None
    step: float | None
    reason: str | None
    """Why it counts as failed."""
    pruning: PruningReason | None
    """Why its last attempt was pruned."""


def summaries(connection: statements.Connection, run_id: str, search: str) -> list[TrialSummary]:
    """Return the states of a search's trials, in the order of their numbers."""
    found = connection.execute(
        "SELECT stages.name, trials.number, state, value, step, trials.reason, pruning_json "
        f"{_TRIALS} WHERE trials.run_id = ? AND search = ? ORDER BY trials.number",
        (run_id, search),
    )
    return [
        TrialSummary(stage, number, state, value, step, reason, _pruning(text))
        for stage, number, state, value, step, reason, text in found
    ]


def _pruning(text: str | None) -> PruningReason | None:
    return PruningReason.from_json(json.loads(text)) if text else None


def importance(connection: statements.Connection, run_id: str, search: str) -> dict[str, float]:
    """Return the importance of a search's parameters, most important first; empty if unknown."""
    query = "SELECT importance_json FROM searches WHERE run_id = ? AND name = ?"
    found = connection.execute(query, (run_id, search)).fetchone()
    return json.loads(found[0]) if found and found[0] else {}


def _record(row: views.StoredRow) -> TrialRecord:
    return TrialRecord(
        stage=views.stage_record(row),
        number=row["number"],
        state=row["state"],
        value=row["value"],
        step=row["step"],
        reason=row["why"],
        pruning=_pruning(row["pruning_json"]),
        has_pruning_off=bool(row["was_pruned"]),
    )


def outcomes(connection: statements.Connection, run_id: str) -> dict[str, str]:
    """Return the trials of a run whose outcome is in their study: stage id -> state."""
    found = connection.execute(
        "SELECT stage_id, state FROM trials WHERE run_id = ? AND state <> ?", (run_id, ASKED)
    )
    return dict(found.fetchall())


def is_any_unreported(connection: statements.Connection, run_ids: Sequence[str]) -> bool:
    """Return True if a trial of some runs has ended, and its outcome is not in its study yet."""
    ended = (Status.COMPLETED, Status.FAILED, Status.PRUNED)
    found = connection.execute(
        "SELECT 1 FROM trials JOIN stages ON stages.id = stage_id WHERE trials.state = ? "
        f"AND trials.run_id IN ({placeholders(run_ids)}) AND status IN ({placeholders(ended)}) "
        "LIMIT 1",
        (ASKED, *run_ids, *ended),
    )
    return found.fetchone() is not None


def counted(
    connection: statements.Connection, run_id: str, stages: Iterable[StageRecord]
) -> frozenset[str]:
    """Return the names of those stages of a run whose search has counted their trial.

    No resume runs them again. A trial with seeds counts with all of its stages.
    """
    ended = outcomes(connection, run_id)
    trials = [(_trial(one), one) for one in stages if one.definition.trial is not None]
    known = {trial for trial, one in trials if one.id in ended}
    return frozenset(one.name for trial, one in trials if trial in known)


def has_completed(connection: statements.Connection, run_id: str, search: str) -> bool:
    """Return True if a trial of a search has completed."""
    found = connection.execute(
        "SELECT 1 FROM stages WHERE run_id = ? AND status = ? AND NOT removed "
        f"AND {STARTS_WITH} LIMIT 1",
        (run_id, Status.COMPLETED, *prefix(f"{search}[")),
    )
    return found.fetchone() is not None


def _trial(stage: StageRecord) -> tuple[str, int | None]:
    """Return the search and the number of a trial, which all its seeds have in common."""
    return stage.definition.group, stage.definition.trial


def searches(connection: statements.Connection, run_id: str) -> list[str]:
    """Return the names of a run's searches that have a trial."""
    found = connection.execute(
        "SELECT DISTINCT search FROM trials WHERE run_id = ? ORDER BY search", (run_id,)
    )
    return [str(name) for (name,) in found]


_MEMBER = "%[%"
"""The pattern of members' names."""


def with_sweeps(connection: statements.Connection, run_ids: Collection[str]) -> set[str]:
    """Return those of some runs that have a sweep, or are external with several stages."""
    found: set[str] = set()
    for part in batches(run_ids):
        names = connection.execute(
            "SELECT DISTINCT run_id FROM stages JOIN runs ON runs.id = run_id "
            f"WHERE run_id IN ({placeholders(part)}) "
            f"AND (stages.name LIKE ? OR stages.position > 0 AND {IS_EXTERNAL})",
            (*part, _MEMBER),
        )
        found.update(run_id for (run_id,) in names)
    return found


def sweeps_of_run(connection: statements.Connection, run_id: str) -> str:
    """Return a run's sweeps as JSON: the different values of each parameter, and its searches.

    `{"values": {"lr": ["0.1", "0.01"]}, "searches": ["train"]}`; the values are those of a matrix,
    of the trials that were asked for, and of an external run's stages, as text in the file's order,
    secrets masked.
    """
    found = connection.execute(
        f"SELECT definition_json, {IS_EXTERNAL} FROM stages JOIN runs ON runs.id = run_id "
        f"WHERE run_id = ? AND (stages.name LIKE ? OR {IS_EXTERNAL}) AND NOT removed "
        "ORDER BY stages.position",
        (run_id, _MEMBER),
    )
    return views.dump(_sweeps((json.loads(text), bool(external)) for text, external in found))


def _sweeps(definitions: Iterable[tuple[dict[str, Any], bool]]) -> dict[str, Any]:
    """Return the values and searches of stages, each given with True if its run is external."""
    values: dict[str, dict[str, None]] = {}
    searches: dict[str, Search] = {}
    for one, is_external in definitions:
        own = dict(one.get("matrix") or {})
        if is_external:
            params = one.get("params") or {}
            own |= {
                key: of if isinstance(of, str) else json.dumps(of) for key, of in params.items()
            }
        if one.get("search") is not None:
            own |= _search(one, searches).texts(one.get("trial_params") or {})
        for name, value in masking.mask(own).items():
            values.setdefault(name, {})[str(value)] = None
    return {"values": {name: list(of) for name, of in values.items()}, "searches": list(searches)}


def _search(definition: dict[str, Any], known: dict[str, Search]) -> Search:
    """Return the search of a trial; it is read once for all trials."""
    name = definition["group"]
    if name not in known:
        known[name] = Search.from_json(definition["search"])
    return known[name]
