"""Optuna's database, and what a program that writes one prints.

A study is a run, and so is each of its trials.

A study has a series `trial N` of intermediate values for each trial, and their values in `value`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from math import inf, nan
from sqlite3 import Connection
from typing import Any

from trainui.plugin import Printed, TrackedRun
from trainui.plugin.reading import MOST_ROWS, Decoded, SparseRows, columns
from trainui.plugin.records import TRIAL, study_of

_STATES = {
    "COMPLETE": "completed",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "running",
}

_OBJECTIVES: dict[tuple[str, ...], tuple[str, str]] = {
    (goal,): ("value", goal) for goal in ("minimize", "maximize")
}
"""Of a study with one goal; of several goals no trial is the best."""

_TYPES = {"INF_POS": inf, "INF_NEG": -inf, "NAN": nan}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all studies; one runs as long as a trial does."""
    rows = connection.execute(
        "SELECT study_name, min(datetime_start), max(datetime_complete), "
        "sum(state = 'RUNNING') FROM studies LEFT JOIN trials USING (study_id) "
        "GROUP BY study_id ORDER BY study_id"
    ).fetchall()
    return [
        TrackedRun(
            id=name,
            name=name,
            status="running" if running else None,
            started=first and datetime.fromisoformat(first).timestamp(),
            ended=last and datetime.fromisoformat(last).timestamp(),
        )
        for name, first, last, running in rows
    ]


def jobs(connection: Connection) -> list[TrackedRun]:
    """Return all trials, with their parameters."""
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial, name, value, distribution in connection.execute(
        "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
    ):
        params[trial][name] = _parameter(value, json.loads(distribution))
    goals: dict[str, list[str]] = defaultdict(list)
    for study, goal in connection.execute(
        "SELECT study_name, direction FROM study_directions JOIN studies USING (study_id)"
    ):
        goals[study].append(str(goal).lower())
    rows = connection.execute(
        "SELECT trial_id, study_name, number, state, datetime_start, datetime_complete "
        "FROM trials JOIN studies USING (study_id) ORDER BY trial_id"
    ).fetchall()
    return [
        TrackedRun(
            id=f"{study}{TRIAL}{number}",
            name=f"trial {number}",
            params=params[trial],
            status=_STATES.get(state),
            started=begun and datetime.fromisoformat(begun).timestamp(),
            ended=ended and datetime.fromisoformat(ended).timestamp(),
            objective=_OBJECTIVES.get(tuple(goals[study])),
        )
        for trial, study, number, state, begun, ended in rows
    ]


def _parameter(value: float, distribution: Mapping[str, Any]) -> Any:
    """Return a parameter's value, which is stored as a number."""
    if "choices" in distribution["attributes"]:
        return distribution["attributes"]["choices"][int(value)]
    return int(value) if distribution["name"].startswith("Int") else value


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a study, or of one of its trials, after some rows, and the last rows."""
    kinds = {
        table: kind if kind in columns(connection, table) else "NULL"  # since version 3
        for table, kind in (
            ("trial_intermediate_values", "intermediate_value_type"),
            ("trial_values", "value_type"),
        )
    }
    study = study_of(run)
    _, is_trial, only = run.rpartition(TRIAL)
    found = SparseRows()
    position = dict(after)
    which = "study_name = ? AND number = ?" if is_trial else "study_name = ? AND ? = ''"
    for id_, number, step, value, kind in connection.execute(
        "SELECT trial_intermediate_value_id, number, step, intermediate_value, "
        f"{kinds['trial_intermediate_values']} "
        "FROM trial_intermediate_values JOIN trials USING (trial_id) "
        f"JOIN studies USING (study_id) WHERE {which} "
        "AND trial_intermediate_value_id > ? ORDER BY 1 LIMIT ?",
        (study, is_trial and only, after.get("trial_intermediate_values", 0), MOST_ROWS),
    ).fetchall():
        name = "intermediate value" if is_trial else f"trial {number}"
        found.add(step, [(name, _number(kind, value))])
        position["trial_intermediate_values"] = id_
    for id_, number, objective, value, kind, state, goals in connection.execute(
        f"SELECT trial_value_id, number, objective, value, {kinds['trial_values']}, state, "
        "(SELECT count(*) "
        "FROM study_directions AS goals WHERE goals.study_id = studies.study_id) "
        "FROM trial_values JOIN trials USING (trial_id) JOIN studies USING (study_id) "
        f"WHERE {which} AND trial_value_id > ? ORDER BY 1 LIMIT ?",
        (study, is_trial and only, after.get("trial_values", 0), MOST_ROWS),
    ).fetchall():
        if state == "COMPLETE":
            name = "value" if goals == 1 else f"value {objective}"
            found.add(0 if is_trial else number, [(name, _number(kind, value))])
        position["trial_values"] = id_
    return found.decoded(), position


def _number(kind: str | None, value: float | None) -> float:
    return _TYPES.get(kind or "", nan if value is None else value)


_CREATED = re.compile(rb"A new study created in (?:RDB|Journal) with name: ([^\r\n]+)")


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield the studies that some output says were created."""
    del memory
    for found in _CREATED.finditer(text):
        yield Printed(run=found[1].decode("utf-8", "replace").rstrip())
