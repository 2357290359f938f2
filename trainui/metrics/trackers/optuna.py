"""Optuna's database: a study is a run, with a series `trial N` a trial and its value in `value`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import inf, nan
from sqlite3 import Connection

from trainui.metrics.formats.rows import SparseRows
from trainui.metrics.formats.table import Decoded
from trainui.metrics.trackers import MOST_ROWS, TrackedRun

NAME = "optuna"
TABLES = ("trial_intermediate_values", "trial_values", "trials", "studies", "study_directions")

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


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a study after some rows, and the rows read last."""
    found = SparseRows()
    position = dict(after)
    for id_, number, step, value, kind in connection.execute(
        "SELECT trial_intermediate_value_id, number, step, intermediate_value, "
        "intermediate_value_type FROM trial_intermediate_values JOIN trials USING (trial_id) "
        "JOIN studies USING (study_id) "
        "WHERE study_name = ? AND trial_intermediate_value_id > ? ORDER BY 1 LIMIT ?",
        (run, after.get("trial_intermediate_values", 0), MOST_ROWS),
    ).fetchall():
        found.add(step, [(trial_name(number), _TYPES.get(kind, value))])
        position["trial_intermediate_values"] = id_
    for id_, number, objective, value, kind, state, goals in connection.execute(
        "SELECT trial_value_id, number, objective, value, value_type, state, (SELECT count(*) "
        "FROM study_directions AS goals WHERE goals.study_id = studies.study_id) "
        "FROM trial_values JOIN trials USING (trial_id) JOIN studies USING (study_id) "
        "WHERE study_name = ? AND trial_value_id > ? ORDER BY 1 LIMIT ?",
        (run, after.get("trial_values", 0), MOST_ROWS),
    ).fetchall():
        if state == "COMPLETE":
            found.add(number, [(value_name(objective, goals), _TYPES.get(kind, value))])
        position["trial_values"] = id_
    return found.decoded(), position


def trial_name(number: int) -> str:
    """Return the name of the series of a trial's intermediate values."""
    return f"trial {number}"


def value_name(objective: int, count: int) -> str:
    """Return the name of the series of the trials' values for one of some objectives."""
    return "value" if count == 1 else f"value {objective}"
