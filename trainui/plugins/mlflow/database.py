"""MLflow's database: a row for each point; infinity is the largest float."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from sqlite3 import Connection

import numpy as np

from trainui.plugin import TrackedRun
from trainui.plugin.reading import MOST_ROWS, Decoded, Points

_STATUS = {
    "FINISHED": "completed",
    "FAILED": "failed",
    "KILLED": "failed",
    "RUNNING": "running",
    "SCHEDULED": "running",
}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all runs that are not deleted."""
    params, tags = (_by_run(connection, table) for table in ("params", "tags"))
    rows = connection.execute(
        "SELECT run_uuid, name, status, start_time, end_time FROM runs "
        "WHERE lifecycle_stage = 'active' ORDER BY start_time"
    )
    return [
        TrackedRun(
            id=run,
            name=name or tags[run].get("mlflow.runName", run),
            params=params[run],
            status=_STATUS.get(status),
            started=start and start / 1000,
            ended=end and end / 1000,
            parent=tags[run].get("mlflow.parentRunId"),
            tags=tags[run],
        )
        for run, name, status, start, end in rows.fetchall()
    ]


def _by_run(connection: Connection, table: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for run, key, value in connection.execute(f"SELECT run_uuid, key, value FROM {table}"):
        found[run][key] = value
    return found


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a run after some rows, and the rows read last."""
    rows = connection.execute(
        "SELECT rowid, key, step, CASE WHEN is_nan THEN NULL ELSE value END, timestamp "
        "FROM metrics WHERE run_uuid = ? AND rowid > ? ORDER BY rowid LIMIT ?",
        (run, after.get("metrics", 0), MOST_ROWS),
    ).fetchall()
    if not rows:
        return Decoded(), dict(after)
    ids, names, steps, values, times = zip(*rows, strict=True)
    numbers = np.array(values, np.float64)
    largest = np.abs(numbers) == sys.float_info.max
    numbers[largest] *= np.inf
    whole = Points(
        np.arange(len(rows)), np.array(steps, np.int64), numbers, np.array(times, np.int64) * 1000
    )
    of_name = np.array(names, object)
    series = {name: whole[of_name == name] for name in dict.fromkeys(names)}
    return Decoded(series, len(rows)), {"metrics": ids[-1]}
