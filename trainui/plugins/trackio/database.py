"""Trackio's database: a row for each call of `log`, its metrics as JSON; and its printed lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from trainui.plugin import Printed, TrackedRun
from trainui.plugin.reading import (
    MOST_ROWS,
    Decoded,
    SparseRows,
    columns,
    dotted_leaves,
    dotted_numbers,
)

_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all runs; Trackio has no states."""
    found = connection.execute(f"SELECT {_id_in(connection, 'configs')}, config FROM configs")
    configs = {run: _load(config) for run, config in found}
    project = "max(project)" if "project" in columns(connection, "metrics") else "''"
    rows = connection.execute(
        f"SELECT {_id_in(connection, 'metrics')} AS run, run_name, min(timestamp), max(timestamp), "
        f"{project} "
        "FROM metrics GROUP BY run ORDER BY min(id)"
    ).fetchall()
    return [
        TrackedRun(
            id=run,
            name=name,
            params={
                key: value for key, value in configs.get(run, {}).items() if not key.startswith("_")
            },
            started=_micros(configs.get(run, {}).get("_Created") or first) / 1e6,
            ended=_micros(last) / 1e6,
            database=database,
        )
        for run, name, first, last, database in rows
    ]


def _id_in(connection: Connection, table: str) -> str:
    """Return the expression for a run's id: its name, where it has no other one."""
    known = columns(connection, table)
    return f"COALESCE({', '.join(one for one in ('run_id', 'run_name') if one in known)}, NULL)"


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a run after some rows, and the rows read last."""
    rows = connection.execute(
        "SELECT id, step, timestamp, metrics FROM metrics "
        f"WHERE {_id_in(connection, 'metrics')} = ? AND id > ? ORDER BY id LIMIT ?",
        (run, after.get("metrics", 0), MOST_ROWS),
    ).fetchall()
    found = SparseRows()
    for _id, step, time, metrics in rows:
        found.add(step, _numbers(_load(metrics)), _micros(time))
    return found.decoded(), {"metrics": rows[-1][0]} if rows else dict(after)


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in dotted_leaves("", row):
        is_number = isinstance(value, str) and value in _NOT_FINITE
        yield from dotted_numbers(name, float(value) if is_number else value)


def _load(text: str | bytes) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _micros(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1e6)


def home(environment: Mapping[str, str]) -> Path:
    """Return the directory of the databases."""
    variables = {**os.environ, **environment}
    cache = variables.get("HF_HOME") or "~/.cache/huggingface"
    return Path(variables.get("TRACKIO_DIR") or f"{cache}/trackio").expanduser()


_LINES = re.compile(
    rb"\* Trackio project initialized: (?P<project>[^\r\n]+)"
    rb"|\* Trackio metrics logged to: (?P<place>[^\r\n]+)"
    rb"|\* (?:Created new|Resumed existing) run: (?P<run>[^\r\n]+)"
)

_NOT_IN_A_FILE_NAME = re.compile(r"[^\w-]")

_NO_PROJECT = "?"
"""No database has this name."""


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield what some output says; a run's database is the one that was named last."""
    for found in _LINES.finditer(text):
        name = found[found.lastgroup or 0].decode("utf-8", "replace")
        if found.lastgroup == "project":
            memory["database"] = _NOT_IN_A_FILE_NAME.sub("", name) or "default"
        elif found.lastgroup == "place":
            yield Printed(place=name.rstrip())
        else:
            yield Printed(run=name.rstrip(), database=memory.get("database", _NO_PROJECT))
